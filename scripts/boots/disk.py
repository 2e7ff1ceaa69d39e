"""A disk image: a partition table by hand, file systems by their own tools, no mount and no loop device.

Neighbours: `slots` says what is on it, `machine` boots it.
"""

import binascii
import os
import struct
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
MIB = 1 << 20
# Types of partitions, UEFI 2.10 section 5.3.3 and the Discoverable Partitions Specification.
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
ENTRIES, ENTRY_SIZE = 128, 128


@dataclass
class Partition:
    name: str
    kind: uuid.UUID
    size: int  # bytes, whole MiB
    image: Path | None = None  # what it holds at first; zeros without
    start: int = 0  # bytes, given by `write`


def tool(*argv, **more):
    """Runs a tool; what it says is shown only where it fails."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, **more)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {(done.stderr + done.stdout).strip()[-400:]}")
    return done.stdout


def write(path, partitions):
    """The disk, with GUIDs that follow from the names, so that the same parts make the same bytes."""
    at = MIB
    for part in partitions:
        part.start, at = at, at + part.size
    sectors = at // SECTOR + 2048
    table = b"".join(entry(part) for part in partitions).ljust(ENTRIES * ENTRY_SIZE, b"\0")
    back = sectors - 1 - len(table) // SECTOR
    with open(path, "wb") as disk:
        disk.truncate(sectors * SECTOR)
        disk.write(protective(sectors))
        disk.write(header(1, sectors - 1, 2, sectors, table))
        disk.write(table)
        disk.seek(back * SECTOR)
        disk.write(table)
        disk.write(header(sectors - 1, 1, back, sectors, table))
        for part in partitions:
            if part.image:
                copy(part.image, disk, part.start, part.size)


def copy(image, disk, start, size):
    """Without its zeros, so that the disk stays sparse."""
    if os.path.getsize(image) > size:
        raise RuntimeError(f"'{image}' has {os.path.getsize(image)} bytes, its partition {size}")
    with open(image, "rb") as source:
        while piece := source.read(65536):
            if piece.strip(b"\0"):
                disk.seek(start)
                disk.write(piece)
            start += len(piece)


def guid(name):
    return uuid.uuid5(uuid.NAMESPACE_URL, f"edgekit:vm-ota:{name}")


def entry(part):
    """UEFI 2.10, table 5-8."""
    first, last = part.start // SECTOR, (part.start + part.size) // SECTOR - 1
    name = part.name.encode("utf-16-le").ljust(72, b"\0")
    return part.kind.bytes_le + guid(part.name).bytes_le + struct.pack("<QQQ", first, last, 0) + name


def header(here, other, table_at, sectors, table):
    """UEFI 2.10, table 5-5; its checksum is taken with zeros in its own place."""
    usable = 2 + len(table) // SECTOR
    fields = (b"EFI PART", 0x10000, 92, 0, 0, here, other, usable, sectors - usable, guid("disk").bytes_le)
    rest = (table_at, ENTRIES, ENTRY_SIZE, binascii.crc32(table))
    plain = struct.pack("<8sIIIIQQQQ16sQIII", *fields, *rest)
    return (plain[:16] + struct.pack("<I", binascii.crc32(plain)) + plain[20:]).ljust(SECTOR, b"\0")


def protective(sectors):
    """The old table that says: all of this is taken. UEFI 2.10, table 5-4."""
    whole = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(sectors - 1, 0xFFFFFFFF))
    return bytes(446) + whole + bytes(48) + b"\x55\xaa"


def fat(path, size, tree, label):
    """A FAT file system with the files of a folder."""
    make_sparse(path, size)
    tool("mkfs.vfat", "-i", "ED6E1417", "-n", label, "--invariant", path)
    for entry in sorted(os.listdir(tree)):
        tool("mcopy", "-s", "-p", "-m", "-i", path, Path(tree) / entry, "::/")


def fat_file(path, start, name):
    """The bytes of a file in the FAT file system that begins at a byte of a disk."""
    done = subprocess.run(["mtype", "-i", f"{path}@@{start}", f"::/{name}"], capture_output=True)
    return done.stdout


def fat_list(path, start, folder):
    """The names in a folder there."""
    done = subprocess.run(["mdir", "-b", "-i", f"{path}@@{start}", f"::/{folder}"], capture_output=True, text=True)
    return [line.rsplit("/", 1)[1] for line in done.stdout.splitlines() if "/" in line]


def fat_remove(path, start, name):
    """Takes the names away there that fit a pattern; an error if there is none."""
    tool("mdel", "-i", f"{path}@@{start}", f"::/{name}")


def ext(path, size, tree, kind, blocks):
    """An ext2 or ext4 file system with the files of a folder, of blocks of so many bytes.

    Without checksums of metadata: the super block is two sectors, and is written past the journal. Torn between them it
    is refused for its checksum and for nothing else, which is between ext4 and the disk."""
    make_sparse(path, size)
    options = f"hash_seed={guid('hash')},lazy_itable_init=0,root_owner=0:0"
    argv = ["mke2fs", "-q", "-F", "-t", kind, "-O", "^metadata_csum", "-b", blocks, "-U", guid(kind), "-E", options, "-d", tree, path]
    tool(*argv, env=dict(os.environ, E2FSPROGS_FAKE_TIME="1700000000"))


def make_sparse(path, size):
    with open(path, "wb") as image:
        image.truncate(size)
