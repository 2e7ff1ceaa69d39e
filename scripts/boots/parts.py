"""What a machine is made of, found on this one: QEMU, firmware, boot loaders, a kernel, busybox, edgekit.

Neighbours: `scripts/lib/guest.sh` fetches kernel and busybox into the cache, `scripts/setup test` installs the rest.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FIRMWARE, VARIABLES = Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
SYSTEMD_BOOT = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
STUB = SYSTEMD_BOOT.with_name("linuxx64.efi.stub")
GRUB = Path("/usr/lib/grub/x86_64-efi")
# What has to be there, and Debian's package of it.
NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86", "mkfs.vfat": "dosfstools", "mcopy": "mtools", "mke2fs": "e2fsprogs",
    "objcopy": "binutils", "grub-mkimage": "grub-common", "grub-editenv": "grub-common", "dpkg": "dpkg",
    FIRMWARE: "ovmf", SYSTEMD_BOOT: "systemd-boot-efi", GRUB / "kernel.img": "grub-efi-amd64-bin",
}


class Missing(Exception):
    """Something that this machine does not have and the test cannot do without."""


def missing():
    """Debian's names of what is not there."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = path
    there = lambda thing: thing.exists() if isinstance(thing, Path) else shutil.which(thing)  # noqa: E731
    return sorted({package for thing, package in NEEDED.items() if not there(thing)})


class Parts:
    def __init__(self, binary):
        if lacking := missing():
            raise Missing(f"not on this machine: {', '.join(lacking)} (Debian's names; scripts/setup test installs them)")
        self.binary = Path(binary)
        if not self.binary.exists():
            raise Missing(f"no edgekit at '{binary}'; make it with scripts/build")
        kernel = Path(fetched("guest_whole_kernel x86_64"))
        self.busybox = Path(fetched("guest_busybox x86_64"))
        self.kernel = next((kernel / "boot").glob("vmlinuz-*"))
        self.modules = {path.name.removesuffix(".ko"): path for path in kernel.rglob("*.ko")}

    def module(self, name):
        return self.modules[name]


def fetched(function):
    """What one of the shell's functions says, once it has fetched it."""
    rooms = "".join(f". scripts/lib/{room}.sh; " for room in ("common", "debian", "guest"))
    done = subprocess.run(["bash", "-c", f"set -eu; {rooms}{function}"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Missing(done.stderr.strip() or f"{function} failed")
    return done.stdout.strip()
