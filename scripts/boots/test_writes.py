"""The log reader and the cuts, on logs made here: `python3 -m unittest discover -s scripts -p 'test_*.py'`."""

import random
import tempfile
import unittest
from pathlib import Path

from boots import writes
from boots.writes import ENTRY, FLUSH, FUA, MAGIC, SECTOR, SUPER, VERSION


class Logs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log, self.disk = Path(folder.name) / "log", Path(folder.name) / "disk"
        self.disk.write_bytes(bytes(16 * SECTOR))

    def made(self, *entries, count=None, magic=MAGIC):
        """A log of (sector, bytes, flags)."""
        count = len(entries) if count is None else count
        out = SUPER.pack(magic, VERSION, count, SECTOR).ljust(SECTOR, b"\0")
        for sector, body, flags in entries:
            out += ENTRY.pack(sector, len(body) // SECTOR, flags, 0).ljust(SECTOR, b"\0") + body
        self.log.write_bytes(out)
        return writes.Log(self.log)

    def left(self, log, cut):
        self.disk.write_bytes(bytes(16 * SECTOR))
        log.replay(cut, self.disk)
        image = self.disk.read_bytes()
        return "".join(chr(image[at]) if image[at] else "." for at in range(0, len(image), SECTOR))

    def test_entries_are_read_in_order(self):
        log = self.made((1, b"a" * 1024, 0), (0, b"", FLUSH), (5, b"b" * 512, FUA))
        self.assertEqual([(e.at, e.size, e.flags) for e in log.entries], [(512, 1024, 0), (0, 0, FLUSH), (2560, 512, FUA)])
        self.assertEqual(log.flushes, 1)
        self.assertEqual(self.left(log, log.cut(3, random.Random(1))), ".aa..b..........")

    def test_what_is_no_log_is_refused(self):
        with self.assertRaisesRegex(ValueError, "no log of writes"):
            self.made(magic=1)
        with self.assertRaisesRegex(ValueError, "ends within entry 1 of 2"):
            self.made((1, b"a" * 512, 0), count=2)
        with self.assertRaisesRegex(ValueError, "flags 0x4"):
            self.made((1, b"", writes.DISCARD))
        self.log.write_bytes(b"short")
        with self.assertRaisesRegex(ValueError, "it has 5 bytes"):
            writes.Log(self.log)

    def test_what_was_flushed_is_there_after_every_cut(self):
        log = self.made((1, b"a" * 512, 0), (2, b"b" * 512, 0), (0, b"", FLUSH), (3, b"c" * 512, 0), (1, b"d" * 512, 0))
        seen = set()
        for seed in range(200):
            cut = log.cut(5, random.Random(seed))
            self.assertEqual(cut.settled, 3)
            seen.add(self.left(log, cut)[:5])
        self.assertEqual(seen, {".ab..", ".abc.", ".db..", ".dbc."})

    def test_before_the_first_flush_nothing_is_certain(self):
        log = self.made((0, b"x" * 512 * 3, 0), (0, b"", FLUSH))
        seen = {self.left(log, log.cut(1, random.Random(seed)))[:3] for seed in range(300)}
        self.assertEqual(len(seen), 8, "whole, lost, and torn in each way")
        self.assertEqual(self.left(log, log.cut(0, random.Random(1))), "." * 16)

    def test_a_write_through_the_cache_is_kept_and_says_nothing_of_others(self):
        log = self.made((0, b"x" * 512, 0), (1, b"y" * 512, FUA))
        seen = {self.left(log, log.cut(2, random.Random(seed)))[:2] for seed in range(50)}
        self.assertEqual(seen, {".y", "xy"})

    def test_a_disk_that_lies_may_lose_what_was_flushed(self):
        log = self.made((0, b"a" * 512, 0), (0, b"", FLUSH), (1, b"b" * 512, 0), (0, b"", FLUSH))
        for lies, states in (0, {"ab"}), (1, {"ab", "a."}), (2, {"ab", "a.", ".b", ".."}), (9, {"ab", "a.", ".b", ".."}):
            seen = {self.left(log, log.cut(4, random.Random(seed), lies))[:2] for seed in range(60)}
            self.assertEqual(seen, states, lies)

    def test_one_disk_shows_every_cut(self):
        bodies = [(n % 4, bytes([65 + n]) * 512, 0) for n in range(9)]
        log = self.made(*bodies[:4], (0, b"", FLUSH), *bodies[4:7], (0, b"", FLUSH), *bodies[7:])
        cuts = [log.cut(place, random.Random(f"{place} {seed}")) for place in range(12) for seed in range(4)]
        alone = [self.left(log, cut) for cut in cuts]
        self.disk.write_bytes(bytes(16 * SECTOR))
        shown = []
        for _ in log.looks(self.disk, cuts):
            image = self.disk.read_bytes()
            shown.append("".join(chr(image[at]) if image[at] else "." for at in range(0, len(image), SECTOR)))
        self.assertEqual(shown, alone)

    def test_later_writes_win_and_the_same_chance_gives_the_same_cut(self):
        log = self.made(*((2, bytes([65 + n]) * 512, 0) for n in range(5)), (0, b"", FLUSH))
        self.assertEqual(self.left(log, log.cut(6, random.Random(3)))[2], "E")
        self.assertEqual(log.cut(4, random.Random(9)), log.cut(4, random.Random(9)))


if __name__ == "__main__":
    unittest.main()
