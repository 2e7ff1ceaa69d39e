# shellcheck shell=bash
# What a file that is shipped must be: complete in itself, and the same wherever it was built.
# Neighbours: build (makes it), test (checks it as a stage).

# check_static FILE ARCH: no interpreter, no shared library, no path of the builder's machine.
check_static() {
    local file=$1 arch=$2 headers place
    headers=$(LC_ALL=C readelf -hld --wide "$file") || die "$file is not an ELF file"
    case $arch in
    x86_64) grep -q 'Machine:.*X86-64' <<<"$headers" ;;
    aarch64) grep -q 'Machine:.*AArch64' <<<"$headers" ;;
    esac || die "$file is not for $arch"
    ! grep -q 'INTERP' <<<"$headers" || die "$file asks for an interpreter; it must be static"
    ! grep -q '(NEEDED)' <<<"$headers" || die "$file needs a shared library; it must be static"
    grep -q 'Type: *DYN' <<<"$headers" || die "$file is not position independent (static-pie)"
    ! grep -q 'GNU_STACK.*RWE' <<<"$headers" || die "$file asks for an executable stack"
    for place in "$ROOT/" "$CACHE/" "${CARGO_HOME:-$HOME/.cargo}/"; do
        ! LC_ALL=C grep -qaF "$place" "$file" ||
            die "$file contains the path $place; two machines would build different bytes"
    done
}
