"""What a machine wrote, in order, and what a power cut would have left of it.

QEMU's `blklogwrites` logs each write and flush when it is done, in the format of the kernel's dm-log-writes
(Documentation/admin-guide/device-mapper/log-writes.rst): a super block, then a sector for each entry with its data
behind it. A write is on the disk for good once a flush after it is; until then a cut may keep it, lose it, or tear it
between sectors. Neighbours: `machine` has it recorded, `cuts` boots what is left.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
MAGIC, VERSION = 0x6A736677736872, 1
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
SUPER, ENTRY = struct.Struct("<QQQI"), struct.Struct("<QQQQ")


@dataclass(frozen=True)
class Entry:
    at: int  # bytes, on the disk
    size: int
    flags: int
    data: int  # where its bytes are in the log


@dataclass
class Cut:
    """What is on the disk after a cut: `entries[:settled]` for certain, and these parts of what came after."""

    place: int  # how many entries there were
    settled: int
    loose: list  # (entry, the sectors of it that are kept)

    def __str__(self):
        whole = sum(len(kept) == entry.size // SECTOR for entry, kept in self.loose)
        lost = sum(not kept for _, kept in self.loose)
        torn = len(self.loose) - whole - lost
        return f"entry {self.place}, not flushed: {whole} kept, {lost} lost, {torn} torn"


class Log:
    def __init__(self, path):
        self.path = Path(path)
        with self.path.open("rb") as file:
            self.entries = list(self._read(file))

    def _read(self, file):
        end = os.fstat(file.fileno()).st_size
        head = file.read(SUPER.size)
        if len(head) < SUPER.size:
            raise ValueError(f"'{self.path}' is no log of writes: it has {len(head)} bytes")
        magic, version, count, sector = SUPER.unpack(head)
        if (magic, version) != (MAGIC, VERSION) or sector != SECTOR:
            raise ValueError(f"'{self.path}' is no log of writes in sectors of {SECTOR} bytes")
        at = SECTOR
        for number in range(count):
            file.seek(at)
            where, sectors, flags, _ = ENTRY.unpack(file.read(ENTRY.size).ljust(ENTRY.size, b"\0"))
            if flags & (DISCARD | ~0xF):
                raise ValueError(f"'{self.path}': entry {number} is none of a disk that cannot forget: flags {flags:#x}")
            data, at = at + SECTOR, at + SECTOR * (1 + sectors)
            if at > end:
                raise ValueError(f"'{self.path}' ends within entry {number} of {count}")
            yield Entry(where * SECTOR, sectors * SECTOR, flags, data)

    @property
    def flushes(self):
        return sum(bool(entry.flags & FLUSH) for entry in self.entries)

    def cut(self, place, chance, lies=0):
        """The power fails after so many entries; `chance` is a `random.Random`. The disk `lies` if it did nothing at
        so many of the last flushes: then the cut need not be survived, which shows that a test can fail."""
        flushed = [i + 1 for i, entry in enumerate(self.entries[:place]) if entry.flags & FLUSH]
        settled = max(flushed[: len(flushed) - lies], default=0)
        loose = []
        for entry in self.entries[settled:place]:
            sectors = range(entry.size // SECTOR)
            fate = "kept" if entry.flags & FUA else chance.choice(("kept", "lost", "torn"))
            kept = {"kept": sectors, "lost": ()}.get(fate) if fate != "torn" else [s for s in sectors if chance.random() < 0.5]
            loose.append((entry, list(kept)))
        return Cut(place, settled, loose)

    def replay(self, cut, disk):
        """Writes onto a disk image what the cut leaves."""
        with self.path.open("rb") as log, open(disk, "r+b") as image:
            for entry in self.entries[: cut.settled]:
                self._copy(log, image, entry.data, entry.at, entry.size)
            for entry, kept in cut.loose:
                for sector in kept:
                    self._copy(log, image, entry.data + sector * SECTOR, entry.at + sector * SECTOR, SECTOR)

    def looks(self, disk, cuts):
        """Each cut as it comes, with the disk image as it is then; one copy of the disk serves all. They come by where
        they are: what is settled is only ever more."""
        done = 0
        with self.path.open("rb") as log, open(disk, "r+b") as image:
            for cut in cuts:
                for entry in self.entries[done : cut.settled]:
                    self._copy(log, image, entry.data, entry.at, entry.size)
                done = max(done, cut.settled)
                before = []
                for entry, kept in cut.loose:
                    image.seek(entry.at)
                    before.append((entry.at, image.read(entry.size)))
                    for sector in kept:
                        self._copy(log, image, entry.data + sector * SECTOR, entry.at + sector * SECTOR, SECTOR)
                image.flush()
                yield cut
                for at, held in reversed(before):
                    image.seek(at)
                    image.write(held)

    @staticmethod
    def _copy(log, image, source, target, size):
        log.seek(source)
        image.seek(target)
        image.write(log.read(size))
