# shellcheck shell=bash
# Packages of another Debian suite or architecture, without touching the system's apt:
# private lists under the cache, the mirror's address read from this machine's own sources.
# Neighbours: toolchain.sh (the standard library's source), vm (kernels, busybox).

# The first Debian mirror this machine is set up with, or $EDGEKIT_DEBIAN_MIRROR.
debian_mirror() {
    if [ -n "${EDGEKIT_DEBIAN_MIRROR:-}" ]; then
        echo "$EDGEKIT_DEBIAN_MIRROR"
        return
    fi
    local uri
    uri=$(
        shopt -s nullglob
        for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [ -r "$file" ] && sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p' "$file"
        done | grep -E '/debian/?$' | sed -n 1p
    )
    [ -n "$uri" ] || return 1
    echo "${uri%/}"
}

# apt_private SUITE ARCH TOOL ARGS...: apt-get or apt-cache on that suite only.
apt_private() {
    local suite=$1 arch=$2 tool=$3 dir
    dir=$CACHE/apt/$suite-$arch
    shift 3
    "$tool" -qq \
        -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State="$dir/state" -o Dir::State::Lists="$dir/lists" -o Dir::State::status=/dev/null \
        -o Dir::Cache="$dir/cache" -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
        -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=false -o Acquire::Languages=none "$@"
}

# Fetches the suite's package list, at most once a day.
debian_lists() {
    local suite=$1 arch=$2 dir mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    dir=$CACHE/apt/$suite-$arch
    [ -z "$(find "$dir/fresh" -mmin -1440 2>/dev/null)" ] || return 0
    mirror=$(debian_mirror) || {
        say "no Debian mirror in this machine's apt sources; EDGEKIT_DEBIAN_MIRROR=URL names one"
        return 1
    }
    [ -r "$keyring" ] || {
        say "missing $keyring; install debian-archive-keyring"
        return 1
    }
    mkdir -p "$dir"/{state,lists/partial,cache/archives/partial}
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$dir/sources.list"
    apt_private "$suite" "$arch" apt-get update >"$(log_file "apt-$suite-$arch")" 2>&1 || {
        say "cannot read the package list of Debian $suite $arch: see $(log_file "apt-$suite-$arch")"
        return 1
    }
    touch "$dir/fresh"
}

# debian_unpack SUITE ARCH PACKAGE DIR: the package's files in DIR, complete or not at all.
debian_unpack() {
    local suite=$1 arch=$2 package=$3 dir=$4 work
    [ ! -d "$dir" ] || return 0
    debian_lists "$suite" "$arch" || return 1
    mkdir -p "$(dirname "$dir")"
    work=$(mktemp -d "$dir.XXXXXX")
    if (cd "$work" && apt_private "$suite" "$arch" apt-get download "$package") >"$(log_file download)" 2>&1 &&
        dpkg -x "$work"/*.deb "$work/root"; then
        [ -d "$dir" ] || mv "$work/root" "$dir"
        rm -rf "$work"
    else
        rm -rf "$work"
        say "cannot fetch $package from Debian $suite $arch: see $(log_file download)"
        return 1
    fi
}
