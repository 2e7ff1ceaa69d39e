"""A board in QEMU that U-Boot starts, and what it keeps its environment in.

Software emulation, one processor, no network. It is ended as soon as it said what was waited for: what U-Boot saves is
saved by then. Neighbours: `disk` lays out its slots, `uboot` says what is to hold.
"""

import os
import re
import selectors
import subprocess
import sys
import time
from pathlib import Path

from . import disk

MACHINE = ("qemu-system-aarch64", "-cpu", "cortex-a53", "-accel", "tcg", "-smp", "1", "-m", "256",
           "-nodefaults", "-no-user-config", "-display", "none")
BANNER = re.compile(rb"^U-Boot (SPL )?20\d\d", re.M)
STOPS = re.compile(rb"Hit any key to stop autoboot")
PROMPT = re.compile(rb"^=> ", re.M)
SIZE = 0x4000  # of one copy


class Silent(Exception):
    """It did not say what was waited for. The console's end is in `tail`."""

    def __init__(self, what, console):
        super().__init__(what)
        self.tail = console.decode(errors="replace")[-3000:]


class Console:
    """What a board says while it runs, and what is typed there."""

    def __init__(self, argv, limit, watch):
        self.said, self.asked, self.watch, self.ends = b"", 0, watch, time.monotonic() + limit
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.port = selectors.DefaultSelector()
        self.port.register(self.process.stdout, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.terminate()
        self.process.communicate()
        self.port.close()

    def until(self, pattern, after=0):
        """Reads on until it is said, and gives where it was found."""
        while not (found := pattern.search(self.said, after)):
            left = self.ends - time.monotonic()
            if left <= 0 or not self.port.select(left):
                raise Silent(f"it did not come as far as '{pattern.pattern.decode()}'", self.said)
            said = os.read(self.process.stdout.fileno(), 4096)
            if not said:
                raise Silent(f"it ended before '{pattern.pattern.decode()}'", self.said)
            if self.watch:
                sys.stderr.write(said.decode(errors="replace").replace("\x1b", ""))
            self.said += said.replace(b"\r", b"")
        return found

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()


class Store:
    """Where the environment is. `save`: what the script calls to save it; `load`: what is typed for U-Boot to have it."""

    most, save, load = 2, "saveenv", None

    def __init__(self, folder, image, copies):
        self.folder, self.image, self.copies = folder, image, copies

    def lines(self):
        """Of fw_env.config."""
        raise NotImplementedError

    def fetch(self):
        """What U-Boot saved, to where edgekit finds it."""

    def hand(self):
        """What edgekit wrote, to where U-Boot finds it."""

    def file(self, copy):
        """The file a copy is in, and its first byte there."""
        return self.image, 0

    def read(self, copy):
        path, at = self.file(copy)
        with open(path, "rb") as image:
            image.seek(at)
            return image.read(SIZE)

    def write(self, copy, body):
        path, at = self.file(copy)
        with open(path, "r+b" if path.exists() else "wb") as image:
            image.seek(at)
            image.write(body)


class Disk(Store):
    """Blocks of the disk, for a U-Boot that was built to keep its environment elsewhere: read and checked by its `env
    import -c`, and saved by `env export -c`, which are the bytes `saveenv` writes."""

    name, most, save = "disk", 1, "run save"
    start = 106 * disk.MIB  # the last partition
    _blocks = f"${{kernel_addr_r}} {start // disk.SECTOR:x} {SIZE // disk.SECTOR:x}"
    variables = {"save": f"env export -c -s {SIZE:x} ${{kernel_addr_r}}; virtio write {_blocks}"}
    load = f"virtio read {_blocks}; env import -d -c ${{kernel_addr_r}} {SIZE:x} && run bootcmd"

    def lines(self):
        return [f"{self.image} {self.start:#x} {SIZE:#x}"]

    def file(self, copy):
        return self.image, self.start


class Files(Store):
    """Files of the first partition."""

    name, names, variables = "fat", ("uboot.env", "uboot-redund.env"), {}

    def lines(self):
        return [f"{self.file(copy)[0]} 0 {SIZE:#x}" for copy in range(self.copies)]

    def file(self, copy):
        return self.folder / self.names[copy], 0

    def fetch(self):
        for name in self.names[: self.copies]:
            if body := disk.fat_file(self.image, disk.MIB, name):
                (self.folder / name).write_bytes(body)

    def hand(self):
        for name in self.names[: self.copies]:
            if (self.folder / name).exists():
                disk.tool("mcopy", "-o", "-i", f"{self.image}@@{disk.MIB}", self.folder / name, f"::/{name}")


STORES = {store.name: store for store in (Disk, Files)}


def tree(path):
    """The board's description, as its kernel needs it."""
    disk.tool(MACHINE[0], "-machine", f"virt,dumpdtb={path}", *MACHINE[1:])
    return Path(path)


def console(firmware, image, limit, watch):
    argv = [MACHINE[0], "-machine", "virt", *MACHINE[1:], "-serial", "stdio", "-bios", firmware]
    argv += ["-blockdev", f"driver=file,node-name=disk,filename={image},cache.no-flush=on"]
    return Console([*map(str, argv), "-device", "virtio-blk-pci,drive=disk,discard=off"], limit, watch)
