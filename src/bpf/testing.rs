//! What the tests of the kernel half share: tiny programs, and a way out where bpf(2) is refused.

use crate::{
    insn::{Insn, Operand, R, Wide},
    map::Map,
    prog::{ProgKind, ProgSpec, Program},
};

pub(crate) fn asm(insns: &[Insn]) -> Vec<u64> {
    let mut words = Vec::new();
    for insn in insns {
        insn.encode(&mut words);
    }
    words
}

pub(crate) fn mov(dst: u8, imm: i32) -> Insn {
    Insn::Mov { w32: false, dst: R(dst), src: Operand::Imm(imm) }
}

pub(crate) fn copy(dst: u8, src: u8) -> Insn {
    Insn::Mov { w32: false, dst: R(dst), src: Operand::Reg(R(src)) }
}

pub(crate) fn map_fd(dst: u8, map: &Map) -> Insn {
    Insn::LoadWide { dst: R(dst), value: Wide::MapFd(map.raw_fd()) }
}

pub(crate) fn load(kind: ProgKind, insns: &[Insn]) -> Program {
    Program::load(&ProgSpec::new("test", kind, &asm(insns))).unwrap()
}

/// True, with the reason printed, where this process may not use bpf(2) at all.
pub(crate) fn no_bpf() -> bool {
    let words = asm(&[mov(0, 0), Insn::Exit]);
    match Program::load(&ProgSpec::new("probe", ProgKind::RawTracepoint, &words)) {
        Err(e) if e.is_permission() || e.errno() == Some(libc::ENOSYS) => {
            eprintln!("skipped: {e}");
            true
        }
        _ => false,
    }
}
