# shellcheck shell=bash
# What every script shares: where the clone and the cache are, and how to speak.
# Sourced, never run. The rooms beside it: toolchain.sh (compilers), debian.sh
# (packages of other suites and architectures), static.sh (what a shipped file must be).

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# Everything slow to fetch or build lives outside the clone, so a second clone is quick.
CACHE=${EDGEKIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/edgekit}
DIST=$ROOT/target/dist
export ROOT CACHE DIST

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die MESSAGE [HINT]: says what is wrong and the next step, then ends with 1.
die() {
    say "$1"
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The comment block at the top of a script is its manual.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

host_arch() {
    case $(uname -m) in
    x86_64 | amd64) echo x86_64 ;;
    aarch64 | arm64) echo aarch64 ;;
    *) die "this machine is $(uname -m); edgekit is built for x86_64 and aarch64" ;;
    esac
}

other_arch() { if [ "$(host_arch)" = x86_64 ]; then echo aarch64; else echo x86_64; fi; }

# with_lock NAME COMMAND...: one at a time over all clones that share the cache.
with_lock() {
    local name=$1
    shift
    mkdir -p "$CACHE/lock"
    (
        exec 9>"$CACHE/lock/$name"
        flock -n 9 || {
            say "waiting for another run that holds \"$name\""
            flock 9
        }
        "$@" 9>&-
    )
}

# need COMMAND:DEBIAN-PACKAGE...: installs what is missing where it can, else names it.
need() {
    local pair missing=()
    for pair in "$@"; do
        have "${pair%%:*}" || [ -e "${pair%%:*}" ] || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! have apt-get; then
        die "missing on this machine: ${missing[*]}" "as root: apt-get install ${missing[*]} (these are Debian's names)"
    fi
    say "installing with apt-get: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$(log_file apt)" 2>&1 ||
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
            >>"$(log_file apt)" 2>&1 ||
        die "apt-get could not install ${missing[*]}" "its output is in $(log_file apt)"
}

log_file() {
    mkdir -p "$CACHE/log"
    echo "$CACHE/log/$1.log"
}
