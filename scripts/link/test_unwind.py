"""What the smaller tables say, on rows made here and on an object the compiler makes."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from link import unwind
from link.unwind import AARCH64, X86_64, Row

# rsp + 8, and where it came from: what the compiler's CIE says on x86_64.
ENTRY = Row((7, 8), frozenset({(16, 1)}), 0)

SOURCE = """
pub struct Left<'a>(&'a dyn Fn());
impl Drop for Left<'_> { fn drop(&mut self) { (self.0)() } }
pub fn deep(n: u64, left: &[u64], f: &dyn Fn() -> u64, g: &dyn Fn()) -> u64 {
    let _left = Left(g);
    let mut sum = 0;
    for (at, value) in left.iter().enumerate() { sum ^= value.rotate_left(at as u32) * f() + n * f() }
    std::panic::catch_unwind(|| 7).unwrap_or(sum) + sum
}
pub fn leaf(a: u64, b: u64) -> u64 { a ^ b.rotate_left(3) }
pub fn mains(a: &dyn Fn(u64), b: u64) { a(b); a(b + 1) }
"""


def row(offset, *saved, register=7, arguments=0):
    return Row((register, offset), ENTRY.saved | set(saved), arguments)


class Rows(unittest.TestCase):
    def test_a_prologue_and_an_epilogue_are_read(self):
        # push rbx at 0, sub rsp at 1, add rsp at 20, pop at 24, ret at 25
        code = bytes.fromhex("41 0e10 44 0e20 8302 4f 0e10 44 0e08")
        read = unwind.rows(code, ENTRY, 1, 26)
        self.assertEqual([(a, b) for a, b, _ in read], [(0, 1), (1, 5), (5, 20), (20, 24), (24, 26)])
        self.assertEqual(read[2][2], row(32, (3, 2)))
        self.assertEqual(read[4][2].cfa, (7, 8))

    def test_what_is_written_is_read_again(self):
        stretches = [
            (0, row(32, (3, 2))),
            (300, row(48, (3, 2), arguments=16)),
            (70000, row(16, (3, 2), (6, 3), register=6)),
            (70010, ENTRY),
        ]
        for first in ENTRY, row(8, (3, 2)), row(16, (6, 2), register=6):
            for factor in 1, 2:
                code = unwind.encoded(stretches, first, factor)
                read = unwind.rows(code, first, factor, 70020)
                self.assertEqual([(a, r) for a, _, r in read], stretches)

    def test_what_is_unknown_is_said(self):
        with self.assertRaises(unwind.Unknown):
            unwind.rows(bytes.fromhex("0f0277 08"), ENTRY, 1, 4)

    def test_calls_are_found(self):
        for code, wanted in (
            ("55 4157 4883ec20", False),  # push, push, sub
            ("e800000000", True),
            ("ffd0", True),
            ("41ff5718", True),
            ("b8e8000000", False),  # a constant that looks like one
            ("488b05e8000000", True),  # and one where it might be
            ("5bc3", False),
        ):
            self.assertEqual(unwind.may_call(X86_64, bytes.fromhex(code)), wanted, code)
        for word, wanted in ((0x94000001, True), (0xD63F0100, True), (0x14000001, False), (0xA9BF7BFD, False)):
            self.assertEqual(unwind.may_call(AARCH64, word.to_bytes(4, "little")), wanted, hex(word))

    def test_landing_pads_stay(self):
        # ten bytes with no pad, five that clean up at 0x180, five that catch at 0x190; types, a second action
        body = "00 0a 00 00  0a 05 8003 00  0f 05 9003 03"
        table = bytes.fromhex(f"ff 9b 1b 01 0e {body} 7f 00 01 7d 0000 00000000")
        small = unwind.smaller(table)
        self.assertEqual(unwind.calls(small), [(0, 10, None, 0), (10, 5, 0x180, 0), (15, 5, 0x190, 1)])
        self.assertLess(len(small), len(table))
        self.assertEqual(unwind.smaller(small), small)
        self.assertIsNone(unwind.smaller(b"\x1b" + bytes(8)))


@unittest.skipUnless(shutil.which("rustc"), "no compiler")
class Objects(unittest.TestCase):
    def test_an_object_says_the_same_at_its_calls(self):
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder) / "a.rs", Path(folder) / "a.o"
            source.write_text(SOURCE)
            options = ["--edition=2024", "--crate-type=lib", "--emit=obj", "-Copt-level=s"]
            subprocess.run(["rustc", *options, "-o", made, source], check=True)
            before = unwind.Tables(unwind.Object(bytearray(made.read_bytes())))
            unwind.main([made])
            after = unwind.Tables(unwind.Object(bytearray(made.read_bytes())))
        # A function by where it begins; the new object has fewer of them, and each is told of as before.
        told = {tuple(t.relocations[f.at + 8]): t.asked(f) for t in [before] for f in t.fdes}
        for fde in after.fdes:
            old = told.pop(tuple(after.relocations[fde.at + 8]))
            new = unwind.rows(fde.instructions, fde.cie.row, fde.cie.code, fde.size)
            for at, wanted in old:
                self.assertEqual(next(r for a, b, r in new if a <= at < b), wanted)
        self.assertTrue(told)
        self.assertFalse(any(told.values()))
        self.assertLess(len(after.data), len(before.data))


if __name__ == "__main__":
    unittest.main()
