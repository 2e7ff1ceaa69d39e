"""What a slot holds: a kernel, and an initramfs that carries a version, the state of its health and the guest's init.

Neighbours: `disk` lays it out, `guest-init` is what runs in it.
"""

import os
import stat
from pathlib import Path

from . import disk
from .parts import STUB

HERE = Path(__file__).resolve().parent
# In the order in which they need each other.
MODULES = (
    "virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
    "fat", "vfat", "nls_cp437", "nls_ascii", "efivarfs",
)
MADE = 1_700_000_000  # when the files of a folder were changed last
NODES = {"dev/console": (5, 1), "dev/null": (1, 3)}


def cpio(entries):
    """An archive of (name, mode, bytes, device), as the kernel reads it: Documentation/driver-api/early-userspace/
    buffer-format.rst."""
    out = bytearray()
    for number, (name, mode, body, device) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))]):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(body), 0, 0, *device, len(path), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        out += bytes(-len(out) % 4) + body
        out += bytes(-len(out) % 4)
    return bytes(out)


def initramfs(parts, version, health):
    """The root of a slot. `health`: "good", "ails" (its check says no), "panics" (its first process dies)."""
    folder, file, node = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755, stat.S_IFCHR | 0o600
    names = ("bin", "dev", "etc", "proc", "sys", "boot", "data", "modules", "tools", "tmp", "run")
    entries = [(name, folder, b"", (0, 0)) for name in names]
    entries += [(name, node, b"", device) for name, device in NODES.items()]
    files = {
        "bin/busybox": parts.busybox.read_bytes(),
        "init": (HERE / "guest-init").read_bytes(),
        "etc/version": f"{version}\n".encode(),
        "etc/health": f"{health}\n".encode(),
        "modules/order": "".join(f"{name}\n" for name in MODULES).encode(),
    }
    files |= {f"modules/{name}.ko": parts.module(name).read_bytes() for name in MODULES}
    entries += [(name, file, body, (0, 0)) for name, body in files.items()]
    return cpio(entries)


def app(version, path):
    """A folder in which each file says its version."""
    body = f"{version}\n".encode()
    for name, content in {"version": body, "etc/version": body, "lib/body": b"%d" % version * 200_000}.items():
        put(path / name, content)


def model(version, path):
    """A single file, which says its version at both ends."""
    put(path, b"%d" % version * 300_000)


def put(path, content):
    """A file with a time that does not change, as it is of its image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)
    os.utime(path, (MADE, MADE))


def unified(initrd, kernel, version, work):
    """One file that the firmware can start: systemd's stub with kernel and initramfs in sections of their own (UAPI specification "Unified Kernel Image"), far enough apart that none overlaps. The command
    line is the boot loader's to give: the same image runs from either slot."""
    work.mkdir(parents=True, exist_ok=True)
    sections = {
        ".osrel": (0x20000, f"ID=edgekit-test\nVERSION_ID={version}\n".encode()),
        ".linux": (0x2000000, kernel.read_bytes()),
        ".initrd": (0x4000000, initrd),
    }
    argv = ["objcopy"]
    for name, (place, body) in sections.items():
        (work / name[1:]).write_bytes(body)
        argv += ["--add-section", f"{name}={work / name[1:]}", "--change-section-vma", f"{name}={place:#x}"]
    disk.tool(*argv, STUB, work / "image")
    return (work / "image").read_bytes()
