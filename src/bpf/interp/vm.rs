//! Test only: runs bytecode, and notices what the kernel's verifier would refuse at run time.

use super::{CTX, Memory, alu, holds, swap};
use crate::insn::{Insn, Operand, R, Wide};
use crate::ir::Width;

const STACK_TOP: u64 = 0x7fff_0000;

/// What the words return for this context. Panics on a read of a register that holds nothing.
pub(crate) fn run(words: &[u64], ctx: &[u64]) -> u64 {
    let mut memory = Memory::new(ctx);
    memory.add(STACK_TOP - 512, 512);
    let mut regs: [Option<u64>; 11] = [None; 11];
    regs[1] = Some(CTX);
    regs[10] = Some(STACK_TOP);
    let mut pc = 0usize;
    for _ in 0..1_000_000 {
        let (insn, len) = Insn::decode(&words[pc..]).unwrap();
        let get = |r: R| regs[usize::from(r.0)].unwrap_or_else(|| panic!("{pc}: r{} holds nothing", r.0));
        let src = |o: Operand| match o {
            Operand::Reg(r) => get(r),
            Operand::Imm(i) => i as i64 as u64,
        };
        let at = |r: R, off: i16| get(r).wrapping_add(off as i64 as u64);
        let mut next = pc + len;
        let mut jump = |off: i16| next = (next as i64 + i64::from(off)) as usize;
        let mut result = None;
        match insn {
            Insn::Mov { w32, dst, src: s } => {
                result = Some((dst, if w32 { src(s) & 0xffff_ffff } else { src(s) }));
            }
            Insn::Alu { op, w32, dst, src: s } => result = Some((dst, alu(op, w32, get(dst), src(s)))),
            Insn::Neg { w32: false, dst } => result = Some((dst, get(dst).wrapping_neg())),
            Insn::Neg { .. } => panic!("not emitted"),
            Insn::Swap { dst, width } => result = Some((dst, swap(get(dst), width))),
            Insn::Load { dst, base, off, width } => result = Some((dst, memory.load(at(base, off), width))),
            Insn::Store { base, off, src: s, width } => memory.store(at(base, off), src(s), width),
            Insn::AtomicAdd { base, off, src, width } => {
                assert!(matches!(width, Width::B4 | Width::B8));
                memory.add_to(at(base, off), get(src), width);
            }
            Insn::LoadWide { dst, value: Wide::Const(v) } => result = Some((dst, v)),
            Insn::LoadWide { .. } => panic!("no maps here"),
            Insn::Jump { off } => jump(off),
            Insn::Branch { cond, w32, lhs, rhs, off } => {
                if holds(cond, w32, get(lhs), src(rhs)) {
                    jump(off);
                }
            }
            Insn::Call { helper } => {
                let args: Vec<u64> = regs[1..6].iter().map_while(|r| *r).collect();
                let value = memory.call(helper as u32, &args);
                regs[1..6].fill(None);
                result = Some((R(0), value));
            }
            Insn::Exit => return get(R(0)),
        }
        if let Some((dst, value)) = result {
            assert!(dst != R::FP, "{pc}: writes the frame pointer");
            regs[usize::from(dst.0)] = Some(value);
        }
        pc = next;
    }
    panic!("endless program");
}
