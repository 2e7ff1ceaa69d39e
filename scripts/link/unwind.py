#!/usr/bin/env python3
"""Tables of unwinding that tell what a panic needs to know, and no more: half a megabyte less in the file.

The compiler describes the stack after every push and pop, as a debugger would want it that stops anywhere. A panic
only asks at calls: the frames above the one that panics all stand in one. So what is told of stretches without a call
is left out, an entry of a function without calls is left out altogether, and what many functions share (which
registers are saved where, once the function has begun) moves to the common entries (CIEs). Where a stretch might hold
a call, the new table says what the old one said: each entry is read again and compared.

Formats: DWARF 5, section 6.4; Linux Standard Base 5.0, "Exception Frames"; System V ABI, "Object Files".
What is not understood stays as it is. Neighbour: `scripts/lib/relink`, which asks for it before it links.

usage: unwind.py OBJECT...      each is changed in place: x86_64 or aarch64, relocatable, little-endian
"""

import re
import struct
import sys
from collections import Counter, namedtuple

X86_64, AARCH64 = 62, 183
SHARED = 8  # as many functions as make a common entry of their own smaller than what they save by it

Section = namedtuple("Section", "name kind flags address offset size link info align entry")
Rela = struct.Struct("<QQq")
# Where the stack pointer of the caller was, (register, offset); registers that are saved, and how; bytes of arguments.
Row = namedtuple("Row", "cfa saved arguments")
NOTHING = Row((None, None), frozenset(), 0)
Cie = namedtuple("Cie", "at head code row")  # `head`: from its version to its instructions; `code`: factor of lengths
Fde = namedtuple("Fde", "at cie size body instructions")  # `body`: from its address to its instructions


class Broken(Exception):
    """Not an object, or not what its format says."""


class Unknown(Broken):
    """An instruction that is not read here."""


def uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def as_uleb(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def rows(code, start, caf, size):
    """[(first byte, first after, row)] that `code` tells of a function of `size` bytes; `start` is its CIE's row."""
    out, at, place = [], 0, 0
    cfa, saved, arguments = start.cfa, dict(start.saved), start.arguments
    kept = []

    def moved(by):
        nonlocal place
        if by:
            out.append((place, place + by, Row(cfa, frozenset(saved.items()), arguments)))
            place += by

    while at < len(code):
        byte = code[at]
        at += 1
        high, low = byte >> 6, byte & 0x3F
        if high == 1:  # DW_CFA_advance_loc
            moved(low * caf)
        elif high == 2:  # DW_CFA_offset
            saved[low], at = uleb(code, at)
        elif high == 3:  # DW_CFA_restore
            restore(saved, low, start)
        elif byte == 0:  # DW_CFA_nop
            pass
        elif byte in (2, 3, 4):  # DW_CFA_advance_loc1, 2, 4
            width = 1 << (byte - 2)
            moved(int.from_bytes(code[at : at + width], "little") * caf)
            at += width
        elif byte == 5:  # DW_CFA_offset_extended
            register, at = uleb(code, at)
            saved[register], at = uleb(code, at)
        elif byte == 6:  # DW_CFA_restore_extended
            register, at = uleb(code, at)
            restore(saved, register, start)
        elif byte == 8:  # DW_CFA_same_value
            register, at = uleb(code, at)
            saved.pop(register, None)
        elif byte == 0x0A:  # DW_CFA_remember_state
            kept.append((cfa, dict(saved)))
        elif byte == 0x0B:  # DW_CFA_restore_state
            cfa, saved = kept.pop()
        elif byte == 0x0C:  # DW_CFA_def_cfa
            register, at = uleb(code, at)
            offset, at = uleb(code, at)
            cfa = (register, offset)
        elif byte == 0x0D:  # DW_CFA_def_cfa_register
            register, at = uleb(code, at)
            cfa = (register, cfa[1])
        elif byte == 0x0E:  # DW_CFA_def_cfa_offset
            offset, at = uleb(code, at)
            cfa = (cfa[0], offset)
        elif byte == 0x2E:  # DW_CFA_GNU_args_size
            arguments, at = uleb(code, at)
        else:
            raise Unknown(f"instruction {byte:#x}")
    if place > size:
        raise Unknown("a table longer than its function")
    moved(size - place)
    return out


def restore(saved, register, start):
    saved.pop(register, None)
    initial = dict(start.saved).get(register)
    if initial is not None:
        saved[register] = initial


def told(old, new):
    """Instructions that make the row `new` of the row `old`."""
    out = bytearray()
    if old.cfa[0] == new.cfa[0]:
        if old.cfa[1] != new.cfa[1]:
            out += b"\x0e" + as_uleb(new.cfa[1])
    elif old.cfa[1] == new.cfa[1]:
        out += b"\x0d" + as_uleb(new.cfa[0])
    else:
        out += b"\x0c" + as_uleb(new.cfa[0]) + as_uleb(new.cfa[1])
    before, after = dict(old.saved), dict(new.saved)
    for register in sorted(before.keys() - after.keys()):
        out += b"\x08" + as_uleb(register)
    for register in sorted(after):
        if before.get(register) != after[register]:
            out += bytes([0x80 | register]) if register < 64 else b"\x05" + as_uleb(register)
            out += as_uleb(after[register])
    if old.arguments != new.arguments:
        out += b"\x2e" + as_uleb(new.arguments)
    return bytes(out)


def step(by, caf):
    by //= caf
    if by < 0x40:
        return bytes([0x40 | by])
    width = 1 if by < 1 << 8 else 2 if by < 1 << 16 else 4
    return bytes([{1: 2, 2: 3, 4: 4}[width]]) + by.to_bytes(width, "little")


def encoded(stretches, first, caf):
    """Instructions of a function whose CIE says `first`; `stretches` are (first byte, row)."""
    out, row, place = bytearray(), first, 0
    for index, (at, new) in enumerate(stretches):
        if new != row:
            # Before the first stretch nothing asks.
            if index:
                out += step(at - place, caf)
                place = at
            out += told(row, new)
            row = new
    return bytes(out)


# x86_64, one instruction each: push, pop, sub and add of rsp, lea rsp, moves between registers and of constants, xor,
# jumps, ret, ud2, int3, nop.
PLAIN = re.compile(
    rb"(?:\x41?[\x50-\x5f]|\x6a.|\x68.{4}"
    rb"|\x48\x83[\xe4\xec\xc4].|\x48\x81[\xe4\xec\xc4].{4}|\x48\x8d\x65.|\x48\x8d\xa5.{4}"
    rb"|[\x48\x49\x4c\x4d]?\x89[\xc0-\xff]|[\x41\x44\x45]?\x31[\xc0-\xff]|\x41?[\xb8-\xbf].{4}"
    rb"|\xeb.|\xe9.{4}|\xc3|\x0f\x0b|\xcc|\x66?\x90)*",
    re.DOTALL,
)
# E8, and FF with 2 or 3 in the middle of its next byte: no call is without one of them.
CALL = re.compile(rb"\xe8|\xff[\x10-\x1f\x50-\x5f\x90-\x9f\xd0-\xdf]", re.DOTALL)


def may_call(machine, text):
    """Whether a call may be among these instructions, which begin with a whole one. In doubt, yes."""
    if machine == AARCH64:
        words = struct.unpack(f"<{len(text) // 4}I", text[: len(text) // 4 * 4])
        # BL; BLR and BLRA*.
        return len(text) % 4 != 0 or any(w >> 26 == 0x25 or w & 0xFEFF0000 == 0xD63F0000 for w in words)
    return bool(CALL.search(text)) and not PLAIN.fullmatch(text)


class Object:
    """An ELF file that is not linked yet."""

    def __init__(self, data):
        self.data = data
        if data[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", data, 16)[0] != 1:
            raise Broken("not a relocatable ELF file of 64 bits")
        self.machine = struct.unpack_from("<H", data, 18)[0]
        if self.machine not in (X86_64, AARCH64):
            raise Broken(f"machine {self.machine} is not known here")
        self.table = struct.unpack_from("<Q", data, 40)[0]
        count, names = struct.unpack_from("<HH", data, 60)
        first = self.header(0)
        self.sections = [self.header(i) for i in range(count or first.size)]
        names = self.sections[names if names != 0xFFFF else first.link]
        self.names = []
        for section in self.sections:
            at = names.offset + section.name
            self.names.append(bytes(data[at : data.index(b"\0", at)]))
        symbols = next(i for i, s in enumerate(self.sections) if s.kind == 2)
        self.symbols = self.sections[symbols]
        self.strings = self.sections[self.symbols.link]
        self.wide = next((s for s in self.sections if s.kind == 18 and s.link == symbols), None)

    def header(self, index):
        return Section(*struct.unpack_from("<IIQQQQIIQQ", self.data, self.table + 64 * index))

    def symbol(self, index):
        """(section, offset) of a symbol."""
        section, value = struct.unpack_from("<HQ", self.data, self.symbols.offset + 24 * index + 6)
        if section == 0xFFFF:
            section = struct.unpack_from("<I", self.data, self.wide.offset + 4 * index)[0]
        return section, value

    def called(self, index):
        """A symbol's name."""
        at = self.strings.offset + struct.unpack_from("<I", self.data, self.symbols.offset + 24 * index)[0]
        return bytes(self.data[at : self.data.index(b"\0", at)])

    def content(self, index):
        section = self.sections[index]
        return bytes(self.data[section.offset : section.offset + section.size])

    def free(self, index, flag):
        """Takes a flag of a section away, and its link to another."""
        at = self.table + 64 * index
        struct.pack_into("<Q", self.data, at + 8, self.sections[index].flags & ~flag)
        struct.pack_into("<I", self.data, at + 40, 0)
        struct.pack_into("<Q", self.data, at + 48, 1)

    def replace(self, index, content):
        """New bytes of a section, behind all others."""
        self.data += bytes(-len(self.data) % 8)
        struct.pack_into("<QQ", self.data, self.table + 64 * index + 24, len(self.data), len(content))
        self.data += content


class Tables:
    """`.eh_frame` of an object, read; and how it is written anew."""

    def __init__(self, made):
        self.made = made
        self.index = made.names.index(b".eh_frame")
        self.data = made.content(self.index)
        self.rela = next(i for i, s in enumerate(made.sections) if s.kind == 4 and s.info == self.index)
        rela = made.sections[self.rela]
        self.relocations = {}
        for at in range(rela.offset, rela.offset + rela.size, Rela.size):
            offset, info, addend = Rela.unpack_from(made.data, at)
            self.relocations.setdefault(offset, []).append((info, addend))
        self.cies, self.fdes = {}, []
        at = 0
        while at + 4 <= len(self.data):
            length = struct.unpack_from("<I", self.data, at)[0]
            if length == 0xFFFFFFFF:
                raise Broken("a table of 64 bits")
            if length:
                self.entry(at, at + 4 + length)
            at += 4 + length

    def entry(self, at, end):
        data = self.data
        pointer = struct.unpack_from("<I", data, at + 4)[0]
        if pointer:
            cie = self.cies[at + 4 - pointer]
            size = struct.unpack_from("<I", data, at + 12)[0]
            length, code = uleb(data, at + 16)
            self.fdes.append(Fde(at, cie, size, data[at + 8 : code + length], data[code + length : end]))
            return
        stop = data.index(b"\0", at + 9)
        letters = data[at + 9 : stop]
        code, place = uleb(data, stop + 1)
        _, place = uleb(data, place)
        _, place = uleb(data, place)
        length, place = uleb(data, place)
        # z: augmentation, as long as said; R: addresses are four bytes, from where they stand.
        if data[at + 8] != 1 or letters not in (b"zR", b"zPLR") or data[place + length - 1] != 0x1B:
            raise Broken(f"a CIE of the kind {letters}")
        start = rows(data[place + length : end], NOTHING, code, 1)[0][2]
        self.cies[at] = Cie(at, data[at + 8 : place + length], code, start)

    def text(self, fde):
        """The function's bytes."""
        [(info, addend)] = self.relocations[fde.at + 8]
        section, value = self.made.symbol(info >> 32)
        start = self.made.sections[section].offset + value + addend
        return bytes(self.made.data[start : start + fde.size])

    def asked(self, fde):
        """[(first byte, row)] of what a panic may ask for, or None where the entry is not understood."""
        try:
            told_now = rows(fde.instructions, fde.cie.row, fde.cie.code, fde.size)
        except Unknown:
            return None
        text = self.text(fde)
        if not may_call(self.made.machine, text):
            return []
        return [(a, row) for a, b, row in told_now if may_call(self.made.machine, text[a:b])]

    def shrink(self):
        """The new section and its relocations."""
        kept = []
        for fde in self.fdes:
            stretches = self.asked(fde)
            if stretches is None or stretches:
                kept.append((fde, stretches))
        uses = Counter((fde.cie.at, shared(fde, stretches)) for fde, stretches in kept if stretches)
        out, relocations, places = bytearray(), [], {}
        for fde, stretches in kept:
            row = fde.cie.row
            if stretches and uses[fde.cie.at, shared(fde, stretches)] >= SHARED:
                row = shared(fde, stretches)
            if (fde.cie.at, row) not in places:
                places[fde.cie.at, row] = len(out)
                code = told(NOTHING, row)
                self.put(out, relocations, fde.cie.at + 8, 0, fde.cie.head, code)
            code = fde.instructions
            if stretches is not None:
                code = encoded(stretches, row, fde.cie.code)
                self.proved(fde, stretches, row, code)
            pointer = len(out) + 4 - places[fde.cie.at, row]
            self.put(out, relocations, fde.at + 8, pointer, fde.body, code)
        return bytes(out), b"".join(Rela.pack(*entry) for entry in relocations)

    def put(self, out, relocations, old, pointer, head, code):
        """An entry whose bytes after the pointer were at `old`, with their relocations."""
        content = head + code
        content += bytes(-len(content) % 4)
        new = len(out) + 8
        out += struct.pack("<II", 4 + len(content), pointer) + content
        for offset in range(len(head)):
            for info, addend in self.relocations.get(old + offset, ()):
                relocations.append((new + offset, info, addend))

    def proved(self, fde, stretches, row, code):
        """The new instructions say the same, wherever they may be asked."""
        new = rows(code, row, fde.cie.code, fde.size)
        for at, wanted in stretches:
            if next(r for a, b, r in new if a <= at < b) != wanted:
                raise Broken(f"the entry at {fde.at:#x} came out wrong")


def shared(fde, stretches):
    """What a common entry can say of this function: all but the size of its frame, where the stack pointer finds it."""
    row, start = stretches[0][1], fde.cie.row
    if row.arguments:
        return start
    return row if row.cfa[0] != start.cfa[0] else Row(start.cfa, row.saved, 0)


class Pads:
    """Where a panic goes on in functions that have something to clean up: `.gcc_except_table`, as Rust reads it.

    Equal tables become one. All of them move to one section, which does not go when one of their functions does.
    """

    POINTER = 17  # of an entry of `.eh_frame`: where it names the table
    GROUP, LINK_ORDER = 0x200, 0x80

    def __init__(self, tables):
        self.tables, self.made = tables, tables.made

    def ours(self, cie):
        """Whether the tables are read by Rust, and named in four bytes from where their names stand."""
        readers = [r for at in range(len(cie.head)) for r in self.tables.relocations.get(cie.at + 8 + at, ())]
        names = [self.made.called(info >> 32) for info, _ in readers]
        return len(names) == 1 and names[0].endswith(b"rust_eh_personality") and cie.head[-2] == 0x1B

    def shrink(self):
        """Moves the tables, and has the entries of `.eh_frame` name their new places."""
        users, found = Counter(), {}
        ours = {at for at, cie in self.tables.cies.items() if self.ours(cie)}
        for fde in self.tables.fdes:
            at = fde.at + self.POINTER
            for info, addend in self.tables.relocations.get(at, ()):
                section, value = self.made.symbol(info >> 32)
                users[section] += 1
                plain = value + addend == 0 and not self.made.sections[section].flags & self.GROUP
                if plain and fde.cie.at in ours:
                    found[at] = (info, value, section)
        moved = {}
        for at, (info, value, section) in found.items():
            table = smaller(self.made.content(section)) if users[section] == 1 else None
            if table is not None:
                moved[at] = (info, value, section, table)
        if not moved:
            return
        home, base, container, _ = next(iter(moved.values()))
        out, places = bytearray(), {}
        for at, (_, _, _, table) in moved.items():
            if table not in places:
                places[table] = len(out)
                out += table
            self.tables.relocations[at] = [(home, places[table] - base)]
        left = {section for _, _, section, _ in moved.values()}
        for index, section in enumerate(self.made.sections):
            if index in left or section.kind == 4 and section.info in left:
                self.made.replace(index, b"")
        self.made.replace(container, bytes(out))
        self.made.free(container, self.LINK_ORDER)


def calls(table):
    """(begin, length, landing pad or None, what is done there) of each call: 0 to clean up, 1 to catch, -1 to end."""
    if table[0] == 0xFF:
        base, at = 0, 1
    elif table[0] == 0x41:
        base, at = uleb(table, 1)
    else:
        return None
    if table[at] != 0xFF:
        _, at = uleb(table, at + 1)
    else:
        at += 1
    if table[at] != 1:
        return None
    length, at = uleb(table, at + 1)
    end, out = at + length, []
    while at < end:
        begin, at = uleb(table, at)
        size, at = uleb(table, at)
        pad, at = uleb(table, at)
        action, at = uleb(table, at)
        # Signed, and its sign is in the byte that ends it.
        kind = 0
        if action:
            last = end + action - 1
            while table[last] & 0x80:
                last += 1
            kind = -1 if table[last] & 0x40 else int(table[end + action - 1] != 0)
        out.append((begin, size, base + pad if pad else None, kind))
    return out


def smaller(table):
    """The same for Rust, which reads no types, and of a call's actions the sign of the first; None if unknown."""
    entries = calls(table)
    if entries is None:
        return None
    kinds = sorted({kind for *_, kind in entries if kind})
    base = min((pad for _, _, pad, _ in entries if pad is not None), default=1) - 1
    made = []
    for head, base in ((b"\xff", 0), (b"\x41" + as_uleb(base), base)):
        body = bytearray()
        for begin, size, pad, kind in entries:
            action = 2 * kinds.index(kind) + 1 if kind else 0
            body += b"".join(map(as_uleb, (begin, size, 0 if pad is None else pad - base, action)))
        actions = b"".join(bytes([kind & 0x7F, 0]) for kind in kinds)
        made.append(head + b"\xff\x01" + as_uleb(len(body)) + body + actions)
    table = min(made, key=len)
    if calls(table) != entries:
        raise Broken("a table of landing pads came out wrong")
    return table



def main(paths):
    for path in paths:
        with open(path, "r+b") as file:
            made = Object(bytearray(file.read()))
            if b".eh_frame" not in made.names:
                continue
            tables = Tables(made)
            Pads(tables).shrink()
            content, relocations = tables.shrink()
            made.replace(tables.index, content)
            made.replace(tables.rela, relocations)
            file.seek(0)
            file.write(made.data)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Broken, OSError) as why:
        sys.exit(f"unwind.py: {why}")
