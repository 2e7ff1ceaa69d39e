# shellcheck shell=bash
# Which compiler builds the static files, and with what around it. Two ways:
#   targets    a toolchain that has (or can be given) rustup's musl targets
#   build-std  a nightly that cannot: the standard library is built from its source
# Both link with zig, so that one machine links for either architecture.
# Neighbours: setup (calls prepare_*), build and smoke/run (call static_cargo).

ARCHES=(x86_64 aarch64)
HOST_TC=''  # what lints and tests on this machine; a stable one where there is one
RUST_TC=''  # rustup's name of the toolchain; empty without rustup
RUST_WAY='' # targets | build-std
STD_SOURCE='' # directory that holds library/, for build-std

triple() { echo "$1-unknown-linux-musl"; }

tc() { # tc PROGRAM ARGS...: that program of the chosen toolchain
    local program=$1
    shift
    "$program" ${RUST_TC:++"$RUST_TC"} "$@"
}

wanted_rust() { sed -nE 's/^rust-version = "(.*)"/\1/p' "$ROOT/Cargo.toml"; }

rust_release() { tc rustc -vV 2>/dev/null | sed -n 's/^release: //p'; }

new_enough() { # new_enough RELEASE
    local want
    want=$(wanted_rust)
    [ "$(printf '%s\n%s\n' "$want" "${1%%-*}" | sort -V | sed -n 1p)" = "$want" ]
}

has_targets() {
    local arch
    for arch in "${ARCHES[@]}"; do
        compgen -G "$(tc rustc --print target-libdir --target "$(triple "$arch")")/libstd-*.rlib" >/dev/null || return 1
    done
}

# try_once NAME COMMAND...: a "no" is remembered for a week, so that it costs its time once.
try_once() {
    local stamp=$CACHE/toolchain/no-$1
    shift
    [ -z "$(find "$stamp" -mtime -7 2>/dev/null)" ] || return 1
    if timeout 600 "$@" >"$(log_file rustup)" 2>&1; then
        return 0
    fi
    mkdir -p "${stamp%/*}"
    touch "$stamp"
    return 1
}

rustup_adds_targets() {
    have rustup || return 1
    local triples=() arch
    for arch in "${ARCHES[@]}"; do triples+=("$(triple "$arch")"); done
    RUSTUP_MAX_RETRIES=1 try_once "targets-$(rust_release)" \
        rustup target add ${RUST_TC:+--toolchain "$RUST_TC"} "${triples[@]}"
}

# The standard library's source for a nightly: rustup's component, Debian's package of the
# same minor version, or an archive that lies beside the clone. The toolchain itself stays
# as it is: the source is handed to cargo by path.
find_std_source() {
    local sysroot release minor suite dir version archive
    sysroot=$(tc rustc --print sysroot)
    release=$(rust_release)
    minor=${release%.*}
    STD_SOURCE=$sysroot/lib/rustlib/src/rust
    [ ! -f "$STD_SOURCE/library/Cargo.lock" ] || return 0
    if have rustup && RUSTUP_MAX_RETRIES=1 try_once "rust-src-$release" \
        rustup component add rust-src --toolchain "$RUST_TC"; then
        return 0
    fi
    for suite in forky sid; do
        if ! have apt-cache || ! debian_lists "$suite" "$(dpkg --print-architecture)"; then break; fi
        version=$(apt_private "$suite" "$(dpkg --print-architecture)" apt-cache show rust-src |
            sed -nE 's/^Version: ([0-9.]+).*/\1/p' | grep -F "$minor." | sed -n 1p) || continue
        dir=$CACHE/std/debian-$version
        debian_unpack "$suite" "$(dpkg --print-architecture)" rust-src "$dir" || continue
        STD_SOURCE=$dir/usr/src/rustc-$version
        [ ! -f "$STD_SOURCE/library/Cargo.lock" ] || return 0
    done
    for archive in "$ROOT"/../shared/toolchain/rust-library-"$minor".*.tar.xz; do
        [ -f "$archive" ] || continue
        dir=$CACHE/std/$(basename "$archive" .tar.xz)
        if [ ! -d "$dir" ]; then
            mkdir -p "$dir.part" && tar -xJf "$archive" -C "$dir.part" && mv "$dir.part" "$dir"
        fi
        STD_SOURCE=$dir
        [ ! -f "$STD_SOURCE/library/Cargo.lock" ] || return 0
    done
    STD_SOURCE=''
    return 1
}

try_build_std() {
    RUST_TC=${1:-nightly}
    rustc "+$RUST_TC" -vV >/dev/null 2>&1 || return 1
    RUST_WAY=build-std
    find_std_source
}

# Sets RUST_TC, RUST_WAY and STD_SOURCE. EDGEKIT_TOOLCHAIN names a toolchain to use as it is.
pick_toolchain() {
    local force=${EDGEKIT_TOOLCHAIN:-}
    RUST_TC=$force RUST_WAY=targets
    if [ -z "$force" ] && have rustup && ! new_enough "$(rust_release)"; then
        RUST_TC=$(wanted_rust)
        rustc "+$RUST_TC" -vV >/dev/null 2>&1 ||
            rustup toolchain install "$RUST_TC" --profile minimal -c rustfmt -c clippy >"$(log_file rustup)" 2>&1 ||
            die "edgekit needs Rust $(wanted_rust) or newer, and rustup could not install it" \
                "its output is in $(log_file rustup)"
    fi
    new_enough "$(rust_release)" ||
        die "edgekit needs Rust $(wanted_rust) or newer, this is ${RUST_TC:-rustc} $(rust_release)"
    HOST_TC=$RUST_TC
    if [[ $force != nightly* ]]; then
        has_targets && return 0
        rustup_adds_targets && has_targets && return 0
    fi
    if try_build_std "${force:-nightly}"; then
        return 0
    fi
    die "no compiler here can build for musl: rustup cannot add the musl targets, and no nightly with the standard library's source was found" \
        "rustup target add $(triple x86_64) $(triple aarch64)   (or: rustup toolchain install nightly -c rust-src)"
}

# The directory of the pinned tools' programs; filled by prepare_tools.
tools_bin() { echo "$CACHE/tools/$(sha256sum <"$ROOT/scripts/lib/tools.txt" | cut -c1-12)/bin"; }

# By content: what builds the product, and one program.
PINNED=(--require-hashes --no-deps --only-binary :all:)

prepare_tools() { pinned_tools tools "zig and cargo tools" "${PINNED[@]}"; }

# What benches compare with; a machine without them measures the other rows.
prepare_deltas() { pinned_tools deltas "makers of deltas for the benches" "${PINNED[@]}"; }

# Servers and suites of other people (frame/origins.py knows where they are), by version: pip finds what they need.
prepare_peers() { pinned_tools peers "peers of the benches"; }

# A server that speaks hawkBit's interface, for tests/ota/fleet and row 8.8, by version.
prepare_goose() { pinned_tools goose "hawkBit-like server of the updater's tests"; }

# pinned_tools LIST WHAT OPTIONS...: the programs named in scripts/lib/LIST.txt, in a folder of the cache named by its
# content; OPTIONS are pip's.
pinned_tools() {
    local name=$1 what=$2 list=$ROOT/scripts/lib/$1.txt dir
    shift 2
    dir=$CACHE/$name/$(sha256sum <"$list" | cut -c1-12)
    [ ! -e "$dir/complete" ] || return 0
    say "fetching the $what, named in scripts/lib/$name.txt"
    rm -rf "$dir"
    mkdir -p "${dir%/*}"
    if ! {
        python3 -m venv "$dir" &&
            "$dir/bin/pip" install -q --disable-pip-version-check "$@" -r "$list"
    } >"$(log_file pip)" 2>&1; then
        die "pip could not fetch the $what" "its output is in $(log_file pip)"
    fi
    touch "$dir/complete"
}

# Build products of static files, by compiler and way; cargo sorts targets and profiles itself.
static_target_dir() { echo "$CACHE/target/$(rust_release)-$RUST_WAY"; }

# The flags of every static build. Nothing here names the clone: cargo hands rustc the
# workspace's own files by relative path, and a flag that differs would rebuild the world.
static_rustflags() {
    local target_dir=$1 home=${CARGO_HOME:-$HOME/.cargo} dir flags=()
    for dir in "$home"/registry/src/*/; do
        [ ! -d "$dir" ] || flags+=("--remap-path-prefix=${dir%/}=/crates")
    done
    # zig links a static file at a fixed address unless it is told -pie as well as -static-pie.
    flags+=("--remap-path-prefix=$target_dir=/target" -C link-arg=-pie -C "linker=$CACHE/relink")
    if [ "$RUST_WAY" = build-std ]; then
        flags+=("--remap-path-prefix=$STD_SOURCE=/rust" -C link-self-contained=no)
    fi
    local IFS=$'\x1f'
    echo "${flags[*]}"
}

# A crate's identity to cargo does not hold the clone's path, only file times. So another
# clone on the same cache could be taken for this one: forget our own crates when it changes.
claim_target_dir() { # DIR PROFILE-DIR CLONE
    local dir=$1 profile=$2 clone=$3
    mkdir -p "$dir"
    if [ "$(cat "$dir/clone-$profile" 2>/dev/null)" != "$clone" ]; then
        find "$dir" -type d -path "*/$profile/.fingerprint/*" \( -name 'edgekit*' -o -name 'xtask-*' \) -prune \
            -exec rm -rf {} +
        echo "$clone" >"$dir/clone-$profile"
    fi
}

host_target_dir() { echo "$CACHE/target/$(rustc ${HOST_TC:++"$HOST_TC"} -vV | sed -n 's/^release: //p')-host"; }

# host_cargo ARGS...: for this machine, products in the cache.
host_cargo() {
    CARGO_TARGET_DIR=$(host_target_dir) PATH=$(tools_bin):$PATH cargo ${HOST_TC:++"$HOST_TC"} "$@"
}

# static_cargo WORKSPACE ARCH PROFILE ARGS...: one cargo zigbuild, products in the cache.
static_cargo() {
    local workspace=$1 arch=$2 profile=$3 target_dir args=()
    shift 3
    target_dir=${EDGEKIT_TARGET_DIR:-$(static_target_dir)}
    claim_target_dir "$target_dir" "$profile" "$workspace"
    [ "$RUST_WAY" != build-std ] || args+=("-Zbuild-std=std,panic_unwind")
    (
        cd "$workspace" || exit
        export CARGO_TARGET_DIR=$target_dir CARGO_ZIGBUILD_CACHE_DIR=$CACHE/zigbuild ZIG_GLOBAL_CACHE_DIR=$CACHE/zig
        export CARGO_INCREMENTAL=0 SOURCE_DATE_EPOCH
        # No panic passes through C (Luau is C++, and keeps its tables).
        # Of zstd: one way to decode Huffman and one for sequences, levels 1 and 19 (delta/zstd.rs) and no others, no
        # sentences. No other C knows these words.
        local triple part cflags="-fno-asynchronous-unwind-tables -fno-unwind-tables"
        cflags+=" -DHUF_FORCE_DECOMPRESS_X1=1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT=1 -DZSTD_STRIP_ERROR_STRINGS=1"
        for part in DFAST GREEDY LAZY LAZY2 BTLAZY2 BTOPT; do
            cflags+=" -DZSTD_EXCLUDE_${part}_BLOCK_COMPRESSOR=1"
        done
        triple=$(triple "$arch")
        export "CFLAGS_${triple//-/_}=$cflags"
        SOURCE_DATE_EPOCH=$(git -C "$workspace" log -1 --format=%ct 2>/dev/null || echo 0)
        unset RUSTFLAGS
        [ -z "$STD_SOURCE" ] || export __CARGO_TESTS_ONLY_SRC_ROOT=$STD_SOURCE/library
        # Where they lie is part of the flags, and so not of the clone.
        install -m 755 "$ROOT/scripts/lib/relink" "$ROOT/scripts/link/"{unwind.py,order.txt} "$CACHE"
        # The registry's directory must be there before its path can be remapped.
        tc cargo fetch --locked --target "$(triple "$arch")" -q
        CARGO_ENCODED_RUSTFLAGS=$(static_rustflags "$target_dir")
        export CARGO_ENCODED_RUSTFLAGS
        PATH=$(tools_bin):$PATH tc cargo zigbuild --locked --target "$(triple "$arch")" --profile "$profile" "${args[@]}" "$@"
    )
}
