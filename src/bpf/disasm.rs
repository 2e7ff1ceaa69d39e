//! Bytecode as text, in the notation of the verifier and bpftool.
//!
//! It exists for `-d` and for reading a rejection beside the instruction it is about. Neighbours: `insn` decodes,
//! `helpers` has the names, `emit` knows which words name maps and where each came from.

use std::fmt::Write;

use crate::emit::Code;
use crate::helpers;
use crate::insn::{Insn, Operand, R, Wide, code_of};
use crate::ir::{Alu, Cond, MapRef, Width};

/// The listing of `code`, one instruction a line, functions under their names.
pub fn listing(code: &Code, map_name: impl Fn(MapRef) -> String) -> String {
    let mut out = String::new();
    let mut relocs = code.map_relocs.iter().peekable();
    let mut funcs = code.funcs.iter().peekable();
    let mut at = 0;
    while at < code.insns.len() {
        if let Some((name, _)) = funcs.next_if(|(_, start)| *start <= at) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name}:");
        }
        let map = relocs.next_if(|r| r.word <= at).map(|r| (map_name(r.map), r.value_off));
        let len = line(&mut out, &code.insns[at..], at, map.as_ref());
        at += len;
    }
    out
}

/// One instruction as text, maps by descriptor.
pub fn instruction(words: &[u64]) -> String {
    Insn::decode(words).map_or_else(|| "?".to_string(), |(insn, _)| text(insn, None))
}

fn line(out: &mut String, words: &[u64], at: usize, map: Option<&(String, Option<u32>)>) -> usize {
    let code = words.first().map_or(0, |w| code_of(*w));
    let (text, len) = match Insn::decode(words) {
        Some((insn, len)) => (text(insn, map), len),
        None => ("?".to_string(), 1),
    };
    let _ = writeln!(out, "{at:>4}: ({code:02x}) {text}");
    len
}

fn reg(r: R, w32: bool) -> String {
    format!("{}{}", if w32 { 'w' } else { 'r' }, r.0)
}

fn operand(o: Operand, w32: bool) -> String {
    match o {
        Operand::Reg(r) => reg(r, w32),
        Operand::Imm(i) => i.to_string(),
    }
}

fn memory(base: R, off: i16, width: Width) -> String {
    format!("*(u{} *)(r{} {off:+})", width.bytes() * 8, base.0)
}

fn text(insn: Insn, map: Option<&(String, Option<u32>)>) -> String {
    match insn {
        Insn::Mov { w32, dst, src } => format!("{} = {}", reg(dst, w32), operand(src, w32)),
        Insn::Alu { op, w32, dst, src } => {
            format!("{} {}= {}", reg(dst, w32), alu_sign(op), operand(src, w32))
        }
        Insn::Neg { w32, dst } => format!("{0} = -{0}", reg(dst, w32)),
        Insn::Swap { dst, width } => {
            let to = if cfg!(target_endian = "little") { "be" } else { "le" };
            format!("r{0} = {to}{1} r{0}", dst.0, width.bytes() * 8)
        }
        Insn::Load { dst, base, off, width } => format!("r{} = {}", dst.0, memory(base, off, width)),
        Insn::Store { base, off, src, width } => {
            format!("{} = {}", memory(base, off, width), operand(src, false))
        }
        Insn::AtomicAdd { base, off, src, width } => {
            format!("lock {} += r{}", memory(base, off, width), src.0)
        }
        Insn::LoadWide { dst, value } => format!("r{} = {}", dst.0, wide(value, map)),
        Insn::Jump { off } => format!("goto pc{off:+}"),
        Insn::Branch { cond, w32, lhs, rhs, off } => {
            let rhs = match rhs {
                Operand::Reg(r) => reg(r, w32),
                Operand::Imm(i) => format!("{i:#x}"),
            };
            format!("if {} {} {rhs} goto pc{off:+}", reg(lhs, w32), cond_sign(cond))
        }
        Insn::Call { helper } => match u32::try_from(helper).ok().and_then(helpers::name) {
            Some(name) => format!("call bpf_{name}#{helper}"),
            None => format!("call unknown#{helper}"),
        },
        Insn::Exit => "exit".to_string(),
    }
}

fn wide(value: Wide, map: Option<&(String, Option<u32>)>) -> String {
    match (value, map) {
        (Wide::Const(v), _) => format!("{v:#x}"),
        (_, Some((name, None))) => format!("map[{name}]"),
        (_, Some((name, Some(off)))) => format!("map[{name}][0]+{off}"),
        (Wide::MapFd(fd), None) => format!("map[fd:{fd}]"),
        (Wide::MapValue { fd, off }, None) => format!("map[fd:{fd}][0]+{off}"),
        (Wide::Func(rel), _) => format!("func pc{rel:+}"),
    }
}

fn alu_sign(op: Alu) -> &'static str {
    match op {
        Alu::Add => "+",
        Alu::Sub => "-",
        Alu::Mul => "*",
        Alu::Div => "/",
        Alu::Mod => "%",
        Alu::And => "&",
        Alu::Or => "|",
        Alu::Xor => "^",
        Alu::Lsh => "<<",
        Alu::Rsh => ">>",
        Alu::Arsh => "s>>",
    }
}

fn cond_sign(cond: Cond) -> &'static str {
    match cond {
        Cond::Eq => "==",
        Cond::Ne => "!=",
        Cond::Lt => "<",
        Cond::Le => "<=",
        Cond::Gt => ">",
        Cond::Ge => ">=",
        Cond::Slt => "s<",
        Cond::Sle => "s<=",
        Cond::Sgt => "s>",
        Cond::Sge => "s>=",
        Cond::Set => "&",
    }
}

#[cfg(test)]
mod tests;
