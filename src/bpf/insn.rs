//! Machine instructions: the typed form of the 8-byte words the kernel loads, both ways.
//!
//! It exists so that the numbers of the instruction set (classes, sizes, operation codes, pseudo registers) are
//! written down once. Neighbours: `emit` encodes, `disasm` decodes, `ir` lends the operation names.

use crate::ir::{Alu, Cond, Width};

/// A machine register, r0–r10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct R(pub u8);

impl R {
    /// The frame pointer.
    pub const FP: R = R(10);
}

/// Second operand: a register or a sign-extended immediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    Reg(R),
    Imm(i32),
}

/// What the two-word load puts into its register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wide {
    Const(u64),
    MapFd(i32),
    MapValue {
        fd: i32,
        off: u32,
    },
    /// A function, in words from the next word.
    Func(i32),
}

/// One instruction. Jump offsets count words from the word that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insn {
    Mov {
        w32: bool,
        dst: R,
        src: Operand,
    },
    Alu {
        op: Alu,
        w32: bool,
        dst: R,
        src: Operand,
    },
    Neg {
        w32: bool,
        dst: R,
    },
    /// Reverses the low `width` bytes and clears the rest.
    Swap {
        dst: R,
        width: Width,
    },
    Load {
        dst: R,
        base: R,
        off: i16,
        width: Width,
    },
    /// A 64-bit store of an immediate writes it sign-extended.
    Store {
        base: R,
        off: i16,
        src: Operand,
        width: Width,
    },
    AtomicAdd {
        base: R,
        off: i16,
        src: R,
        width: Width,
    },
    LoadWide {
        dst: R,
        value: Wide,
    },
    Jump {
        off: i16,
    },
    Branch {
        cond: Cond,
        w32: bool,
        lhs: R,
        rhs: Operand,
        off: i16,
    },
    Call {
        helper: i32,
    },
    Exit,
}

const LD: u8 = 0;
const LDX: u8 = 1;
const ST: u8 = 2;
const STX: u8 = 3;
const ALU32: u8 = 4;
const JMP: u8 = 5;
const JMP32: u8 = 6;
const ALU64: u8 = 7;

const MODE_MEM: u8 = 0x60;
const MODE_ATOMIC: u8 = 0xc0;
const SIZE_DW: u8 = 0x18;
/// Set when the second operand is a register.
const SRC_REG: u8 = 8;

const OP_NEG: u8 = 0x80;
const OP_MOV: u8 = 0xb0;
const OP_END: u8 = 0xd0;
const OP_JA: u8 = 0;
const OP_CALL: u8 = 0x80;
const OP_EXIT: u8 = 0x90;

/// The conversion that reverses bytes is the one to the endianness the machine does not have.
const SWAP: u8 = ALU32 | OP_END | if cfg!(target_endian = "little") { 8 } else { 0 };

const ALUS: [Alu; 11] = [
    Alu::Add,
    Alu::Sub,
    Alu::Mul,
    Alu::Div,
    Alu::Or,
    Alu::And,
    Alu::Lsh,
    Alu::Rsh,
    Alu::Mod,
    Alu::Xor,
    Alu::Arsh,
];

const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Gt,
    Cond::Ge,
    Cond::Set,
    Cond::Ne,
    Cond::Sgt,
    Cond::Sge,
    Cond::Lt,
    Cond::Le,
    Cond::Slt,
    Cond::Sle,
];

fn alu_code(op: Alu) -> u8 {
    match op {
        Alu::Add => 0x00,
        Alu::Sub => 0x10,
        Alu::Mul => 0x20,
        Alu::Div => 0x30,
        Alu::Or => 0x40,
        Alu::And => 0x50,
        Alu::Lsh => 0x60,
        Alu::Rsh => 0x70,
        Alu::Mod => 0x90,
        Alu::Xor => 0xa0,
        Alu::Arsh => 0xc0,
    }
}

fn cond_code(cond: Cond) -> u8 {
    match cond {
        Cond::Eq => 0x10,
        Cond::Gt => 0x20,
        Cond::Ge => 0x30,
        Cond::Set => 0x40,
        Cond::Ne => 0x50,
        Cond::Sgt => 0x60,
        Cond::Sge => 0x70,
        Cond::Lt => 0xa0,
        Cond::Le => 0xb0,
        Cond::Slt => 0xc0,
        Cond::Sle => 0xd0,
    }
}

fn size_code(width: Width) -> u8 {
    match width {
        Width::B4 => 0x00,
        Width::B2 => 0x08,
        Width::B1 => 0x10,
        Width::B8 => SIZE_DW,
    }
}

fn size_of(code: u8) -> Width {
    match code & 0x18 {
        0x00 => Width::B4,
        0x08 => Width::B2,
        0x10 => Width::B1,
        _ => Width::B8,
    }
}

/// The fields of one word.
#[derive(Clone, Copy, Default)]
struct Word {
    code: u8,
    dst: u8,
    src: u8,
    off: i16,
    imm: i32,
}

impl Word {
    fn pack(self) -> u64 {
        let regs =
            if cfg!(target_endian = "little") { self.dst | self.src << 4 } else { self.dst << 4 | self.src };
        let [o0, o1] = self.off.to_ne_bytes();
        let [i0, i1, i2, i3] = self.imm.to_ne_bytes();
        u64::from_ne_bytes([self.code, regs, o0, o1, i0, i1, i2, i3])
    }

    fn unpack(word: u64) -> Word {
        let [code, regs, o0, o1, i0, i1, i2, i3] = word.to_ne_bytes();
        let (lo, hi) = (regs & 15, regs >> 4);
        let (dst, src) = if cfg!(target_endian = "little") { (lo, hi) } else { (hi, lo) };
        Word { code, dst, src, off: i16::from_ne_bytes([o0, o1]), imm: i32::from_ne_bytes([i0, i1, i2, i3]) }
    }

    /// The word with a second operand filled in.
    fn operand(self, operand: Operand) -> Word {
        match operand {
            Operand::Reg(r) => Word { code: self.code | SRC_REG, src: r.0, ..self },
            Operand::Imm(imm) => Word { imm, ..self },
        }
    }
}

/// `word` with its jump or memory offset replaced.
pub fn with_off(word: u64, off: i16) -> u64 {
    Word { off, ..Word::unpack(word) }.pack()
}

/// `word` with its immediate replaced.
pub fn with_imm(word: u64, imm: i32) -> u64 {
    Word { imm, ..Word::unpack(word) }.pack()
}

/// The code byte of a word, as listings show it.
pub fn code_of(word: u64) -> u8 {
    Word::unpack(word).code
}

impl Insn {
    /// Appends the one or two words of the instruction.
    pub fn encode(self, out: &mut Vec<u64>) {
        let alu_class = |w32| if w32 { ALU32 } else { ALU64 };
        let none = Word::default();
        let word = match self {
            Insn::Mov { w32, dst, src } => {
                Word { code: alu_class(w32) | OP_MOV, dst: dst.0, ..none }.operand(src)
            }
            Insn::Alu { op, w32, dst, src } => {
                Word { code: alu_class(w32) | alu_code(op), dst: dst.0, ..none }.operand(src)
            }
            Insn::Neg { w32, dst } => Word { code: alu_class(w32) | OP_NEG, dst: dst.0, ..none },
            Insn::Swap { dst, width } => {
                Word { code: SWAP, dst: dst.0, imm: width.bytes() as i32 * 8, ..none }
            }
            Insn::Load { dst, base, off, width } => {
                Word { code: LDX | MODE_MEM | size_code(width), dst: dst.0, src: base.0, off, imm: 0 }
            }
            Insn::Store { base, off, src: Operand::Imm(imm), width } => {
                Word { code: ST | MODE_MEM | size_code(width), dst: base.0, src: 0, off, imm }
            }
            Insn::Store { base, off, src: Operand::Reg(src), width } => {
                Word { code: STX | MODE_MEM | size_code(width), dst: base.0, src: src.0, off, imm: 0 }
            }
            // An atomic whose operation is an addition without fetch is, bit for bit, the old XADD.
            Insn::AtomicAdd { base, off, src, width } => {
                Word { code: STX | MODE_ATOMIC | size_code(width), dst: base.0, src: src.0, off, imm: 0 }
            }
            Insn::LoadWide { dst, value } => {
                let (src, low, high) = match value {
                    Wide::Const(v) => (0, v as i32, (v >> 32) as i32),
                    Wide::MapFd(fd) => (1, fd, 0),
                    Wide::MapValue { fd, off } => (2, fd, off as i32),
                    Wide::Func(rel) => (4, rel, 0),
                };
                out.push(Word { code: LD | SIZE_DW, dst: dst.0, src, off: 0, imm: low }.pack());
                Word { imm: high, ..none }
            }
            Insn::Jump { off } => Word { code: JMP | OP_JA, off, ..none },
            Insn::Branch { cond, w32, lhs, rhs, off } => {
                let class = if w32 { JMP32 } else { JMP };
                Word { code: class | cond_code(cond), dst: lhs.0, off, ..none }.operand(rhs)
            }
            Insn::Call { helper } => Word { code: JMP | OP_CALL, imm: helper, ..none },
            Insn::Exit => Word { code: JMP | OP_EXIT, ..none },
        };
        out.push(word.pack());
    }

    /// The instruction `words` starts with and the words it takes; nothing when it is not one of ours.
    pub fn decode(words: &[u64]) -> Option<(Insn, usize)> {
        let w = Word::unpack(*words.first()?);
        let (dst, src, off, imm) = (R(w.dst), R(w.src), w.off, w.imm);
        let operand = if w.code & SRC_REG != 0 { Operand::Reg(src) } else { Operand::Imm(imm) };
        let width = size_of(w.code);
        let insn = match (w.code & 7, w.code & 0xf0) {
            _ if w.code == SWAP => Insn::Swap { dst, width: Width::of_bytes(u32::try_from(imm / 8).ok()?)? },
            (LD, _) if w.code == LD | SIZE_DW => {
                let high = Word::unpack(*words.get(1)?).imm;
                let value = match w.src {
                    0 => Wide::Const(u64::from(imm as u32) | u64::from(high as u32) << 32),
                    1 => Wide::MapFd(imm),
                    2 => Wide::MapValue { fd: imm, off: high as u32 },
                    4 => Wide::Func(imm),
                    _ => return None,
                };
                return Some((Insn::LoadWide { dst, value }, 2));
            }
            (LDX, _) if w.code & 0xe0 == MODE_MEM => Insn::Load { dst, base: src, off, width },
            (ST, _) if w.code & 0xe0 == MODE_MEM => {
                Insn::Store { base: dst, off, src: Operand::Imm(imm), width }
            }
            (STX, _) if w.code & 0xe0 == MODE_MEM => {
                Insn::Store { base: dst, off, src: Operand::Reg(src), width }
            }
            (STX, _) if w.code & 0xe0 == MODE_ATOMIC && imm == 0 => {
                Insn::AtomicAdd { base: dst, off, src, width }
            }
            (class @ (ALU32 | ALU64), OP_MOV) => Insn::Mov { w32: class == ALU32, dst, src: operand },
            (class @ (ALU32 | ALU64), OP_NEG) => Insn::Neg { w32: class == ALU32, dst },
            (class @ (ALU32 | ALU64), op) => {
                let op = *ALUS.iter().find(|a| alu_code(**a) == op)?;
                Insn::Alu { op, w32: class == ALU32, dst, src: operand }
            }
            (JMP, OP_JA) => Insn::Jump { off },
            (JMP, OP_CALL) if w.src == 0 => Insn::Call { helper: imm },
            (JMP, OP_EXIT) => Insn::Exit,
            (class @ (JMP | JMP32), op) => {
                let cond = *CONDS.iter().find(|c| cond_code(**c) == op)?;
                Insn::Branch { cond, w32: class == JMP32, lhs: dst, rhs: operand, off }
            }
            _ => return None,
        };
        Some((insn, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(insn: Insn) -> Vec<u64> {
        let mut out = Vec::new();
        insn.encode(&mut out);
        out
    }

    /// Bytes as printed in the kernel's own documentation and selftests.
    #[test]
    #[cfg(target_endian = "little")]
    fn known_bytes() {
        let bytes = |i| words(i).iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
        let mov = Insn::Mov { w32: false, dst: R(6), src: Operand::Reg(R(1)) };
        assert_eq!(bytes(mov), [0xbf, 0x16, 0, 0, 0, 0, 0, 0]);
        let ld = Insn::Load { dst: R(1), base: R(1), off: 24, width: Width::B8 };
        assert_eq!(bytes(ld), [0x79, 0x11, 0x18, 0, 0, 0, 0, 0]);
        let xadd = Insn::AtomicAdd { base: R(0), off: 0, src: R(1), width: Width::B8 };
        assert_eq!(bytes(xadd), [0xdb, 0x10, 0, 0, 0, 0, 0, 0]);
        let map = Insn::LoadWide { dst: R(1), value: Wide::MapFd(5) };
        assert_eq!(bytes(map), [0x18, 0x11, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(Insn::Call { helper: 1 }), [0x85, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes(Insn::Exit), [0x95, 0, 0, 0, 0, 0, 0, 0]);
        let jlt = Insn::Branch { cond: Cond::Lt, w32: true, lhs: R(2), rhs: Operand::Imm(7), off: -3 };
        assert_eq!(bytes(jlt), [0xa6, 0x02, 0xfd, 0xff, 7, 0, 0, 0]);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut all = Vec::new();
        for src in [Operand::Reg(R(9)), Operand::Imm(-5)] {
            for w32 in [false, true] {
                all.push(Insn::Mov { w32, dst: R(3), src });
                all.push(Insn::Neg { w32, dst: R(3) });
                all.extend(ALUS.map(|op| Insn::Alu { op, w32, dst: R(3), src }));
                all.extend(CONDS.map(|cond| Insn::Branch { cond, w32, lhs: R(3), rhs: src, off: -9 }));
            }
            for width in [Width::B1, Width::B2, Width::B4, Width::B8] {
                all.push(Insn::Load { dst: R(1), base: R::FP, off: -8, width });
                all.push(Insn::Store { base: R(1), off: -8, src, width });
            }
        }
        for width in [Width::B4, Width::B8] {
            all.push(Insn::AtomicAdd { base: R(1), off: 16, src: R(2), width });
            all.push(Insn::Swap { dst: R(4), width });
        }
        for value in [
            Wide::Const(0xfedc_ba98_7654_3210),
            Wide::MapFd(3),
            Wide::MapValue { fd: 4, off: 0x8000_0000 },
            Wide::Func(-7),
        ] {
            all.push(Insn::LoadWide { dst: R(5), value });
        }
        all.extend([Insn::Jump { off: 77 }, Insn::Call { helper: 113 }, Insn::Exit]);
        for insn in all {
            let w = words(insn);
            assert_eq!(Insn::decode(&w), Some((insn, w.len())));
        }
    }
}
