# shellcheck shell=bash
# What a virtual machine is made of: a Debian kernel, busybox, and the tree it boots into.
# Neighbours: debian.sh (fetches), vm, vm-ota and vm-uboot (boot it).

debian_arch() { case $1 in x86_64) echo amd64 ;; aarch64) echo arm64 ;; esac }

# guest_kernel ARCH VERSION: the path of a kernel image, fetched once.
guest_kernel() {
    local arch=$1 version=$2 deb suite name dir image part
    deb=$(debian_arch "$arch")
    case $version in
    5.10) suite=bullseye ;;
    6.1) suite=bookworm ;;
    6.12) suite=trixie ;;
    7.2) suite=forky ;;
    *) die "unknown kernel \"$version\"" "5.10, 6.1, 6.12 or 7.2" ;;
    esac
    dir=$CACHE/vm/kernel-$arch-$version
    if ! compgen -G "$dir/vmlinuz-*" >/dev/null; then
        debian_lists "$suite" "$deb" || return 1
        name=$(apt_private "$suite" "$deb" apt-cache depends "linux-image-cloud-$deb" |
            sed -nE 's/.*Depends: (linux-image-[0-9].*)/\1/p')
        [[ $name == linux-image-$version.* ]] || {
            say "Debian $suite holds ${name:-no cloud kernel} now, not $version"
            return 1
        }
        say "fetching $name"
        mkdir -p "$dir"
        # Newer suites keep the image itself in a package of its own.
        for part in "${name/linux-image/linux-binary}" "$name"; do
            apt_private "$suite" "$deb" apt-cache show "$part" >/dev/null 2>&1 || continue
            debian_unpack "$suite" "$deb" "$part" "$dir/$part" || return 1
            image=$(find "$dir/$part" -type f -name 'vmlinuz*' | sed -n 1p)
            [ -z "$image" ] || mv "$image" "$dir/vmlinuz-${name#linux-image-}"
            rm -rf "${dir:?}/$part"
            [ -z "$image" ] || break
        done
    fi
    image=$(compgen -G "$dir/vmlinuz-*") || {
        say "no kernel image in Debian's package for $version $deb"
        return 1
    }
    echo "$image"
}

# guest_whole_kernel ARCH: the folder of Debian 12's kernel with its modules, for machines that boot from disks of
# their own (vm-ota).
guest_whole_kernel() {
    local arch=$1 deb name dir
    deb=$(debian_arch "$arch")
    dir=$CACHE/vm/whole-kernel-$arch
    if [ ! -d "$dir" ]; then
        debian_lists bookworm "$deb" || return 1
        name=$(apt_private bookworm "$deb" apt-cache depends "linux-image-cloud-$deb" |
            sed -nE 's/.*Depends: (linux-image-[0-9].*)/\1/p')
        [ -n "$name" ] || {
            say "Debian bookworm holds no cloud kernel for $deb"
            return 1
        }
        say "fetching $name with its modules"
        debian_unpack bookworm "$deb" "$name" "$dir" || return 1
    fi
    echo "$dir"
}

guest_busybox() {
    local arch=$1 dir=$CACHE/vm/busybox-$1
    debian_unpack bookworm "$(debian_arch "$arch")" busybox-static "$dir" || return 1
    find "$dir" -type f -path '*/bin/busybox' | sed -n 1p
}

# guest_uboot: the path of U-Boot for QEMU's arm64 board, fetched once.
guest_uboot() {
    local dir=$CACHE/vm/u-boot
    debian_unpack bookworm amd64 u-boot-qemu "$dir" || return 1
    echo "$dir/usr/lib/u-boot/qemu_arm64/u-boot.bin"
}

quoted() { # as one word of any POSIX shell
    local quote="'\\''"
    printf "'%s' " "${1//\'/"$quote"}"
}

# guest_tree DIR BUSYBOX BINARY ROOT-KIND READ-ONLY USER COMMAND...
guest_tree() {
    local dir=$1 busybox=$2 binary=$3 kind=$4 read_only=$5 user=$6 word
    shift 6
    mkdir -p "$dir"/{bin,etc,usr/bin,proc,sys,dev,tmp,run,root,empty,vm}
    chmod 1777 "$dir/tmp"
    install -m 755 "$busybox" "$dir/bin/busybox"
    install -m 755 "$binary" "$dir/usr/bin/edgekit"
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$dir/etc/passwd"
    printf 'root:x:0:\n' >"$dir/etc/group"
    if [ -n "$user" ] && [ "$user" != 0 ]; then
        printf 'user:x:%s:%s:user:/tmp:/bin/sh\n' "$user" "$user" >>"$dir/etc/passwd"
        printf 'user:x:%s:\n' "$user" >>"$dir/etc/group"
    fi
    {
        [ "$kind" = full ] || printf 'chroot /empty '
        for word in "$@"; do quoted "$word"; done
        echo
    } >"$dir/vm/command"
    printf 'kind=%s\nread_only=%s\nuser=%s\n' "$kind" "$read_only" "$user" >"$dir/vm/options"
    install -m 755 "$ROOT/scripts/lib/guest-init" "$dir/vm/init"
}
