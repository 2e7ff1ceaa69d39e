//! From `ir` to the operand form: constants and copies folded into where they are used, dead code gone.
//!
//! It exists because a front end should be free to ask for a register holding 8 or the address of a slot each
//! time it needs one, and still get the code a person would write. Registers written once are values, so their
//! constants and copies can be followed anywhere; registers written more often are left alone. Neighbours: `ir`
//! comes in, `regalloc::mir` goes out, `regalloc` does the rest.

use crate::emit::EmitError;
use crate::ir::{Alu, Block, Cond, Func, Inst as Ir, Origin, Reg, Src, Term, Width};
use crate::regalloc::mir::{Body, Dst, Inst, Kind, Val, commutes};

/// What a register is known to be: a value, and the register to ask for when the value itself will not do.
#[derive(Clone, Copy)]
struct Fact {
    val: Val,
    root: u32,
}

struct Lowering<'a> {
    func: &'a Func,
    facts: Vec<Fact>,
    body: Body,
    out: Vec<Inst>,
    origin: Origin,
}

/// The operand form of `func`. Blocks keep their numbers; those that cannot be reached are empty.
pub(crate) fn lower(func: &Func) -> Result<Body, EmitError> {
    check(func)?;
    let order = reachable(func);
    let facts = facts(func, &order);
    let body = Body {
        blocks: vec![Vec::new(); func.blocks.len()],
        params: func.params.iter().map(|p| Dst::Reg(p.0)).collect(),
        regs: func.regs,
        ..Body::default()
    };
    let mut lowering = Lowering { func, facts, body, out: Vec::new(), origin: 0 };
    for &b in &order {
        lowering.block(b as usize);
    }
    let mut body = lowering.body;
    body.entry = add_entry(&mut body);
    drop_dead(&mut body);
    Ok(body)
}

/// Everything the passes index by must be in range, so that a front end's slip is a message and not a panic.
fn check(func: &Func) -> Result<(), EmitError> {
    let bad = |what: String| Err(EmitError::Malformed { func: func.name.clone(), what });
    if func.blocks.is_empty() {
        return bad("it has no blocks".into());
    }
    if func.params.len() > 5 {
        return bad(format!("{} parameters, at most 5 fit", func.params.len()));
    }
    if let Some(p) = func.params.iter().find(|p| p.0 >= func.regs) {
        return bad(format!("parameter {} is not a register of the function", p.0));
    }
    for (i, b) in func.blocks.iter().enumerate() {
        for (inst, _) in &b.insts {
            let mut wrong = None;
            operands(inst, |r| wrong = wrong.or((r.0 >= func.regs).then_some(r)));
            if let Some(r) = result(inst).filter(|r| r.0 >= func.regs).or(wrong) {
                return bad(format!("block {i} names register {}, there are {}", r.0, func.regs));
            }
            match inst {
                Ir::SlotAddr { slot, .. } if slot.0 as usize >= func.slots.len() => {
                    return bad(format!("block {i} names slot {}, there are {}", slot.0, func.slots.len()));
                }
                Ir::Call { helper, args, .. } if args.len() > 5 => {
                    return bad(format!("block {i} calls helper {helper} with {} arguments", args.len()));
                }
                Ir::AtomicAdd { width: Width::B1 | Width::B2, .. } => {
                    return bad(format!("block {i} adds atomically to less than 4 bytes"));
                }
                _ => {}
            }
        }
        let reg_ok = |s: &Src| !matches!(s, Src::Reg(r) if r.0 >= func.regs);
        let ok = match &b.term {
            None => return bad(format!("block {i} does not end")),
            Some((Term::Return(v), _)) => reg_ok(v),
            Some((Term::Branch { lhs, rhs, .. }, _)) => reg_ok(&Src::Reg(*lhs)) && reg_ok(rhs),
            Some((Term::Jump(_), _)) => true,
        };
        if !ok || successors(func, i).any(|s| s.0 as usize >= func.blocks.len()) {
            return bad(format!("the end of block {i} names a register or block that does not exist"));
        }
    }
    Ok(())
}

fn successors(func: &Func, block: usize) -> impl Iterator<Item = Block> + use<> {
    let (a, b) = match func.blocks[block].term {
        Some((Term::Jump(to), _)) => (Some(to), None),
        Some((Term::Branch { then, els, .. }, _)) => (Some(then), Some(els)),
        _ => (None, None),
    };
    a.into_iter().chain(b)
}

/// Blocks that can be reached, each after everything that dominates it.
fn reachable(func: &Func) -> Vec<u32> {
    let mut seen = vec![false; func.blocks.len()];
    seen[0] = true;
    let mut post = Vec::with_capacity(func.blocks.len());
    let mut stack = vec![(0usize, successors(func, 0))];
    while let Some((block, next)) = stack.last_mut() {
        match next.next() {
            Some(s) if !seen[s.0 as usize] => {
                seen[s.0 as usize] = true;
                stack.push((s.0 as usize, successors(func, s.0 as usize)));
            }
            Some(_) => {}
            None => {
                post.push(*block as u32);
                stack.pop();
            }
        }
    }
    post.reverse();
    post
}

fn result(inst: &Ir) -> Option<Reg> {
    match inst {
        Ir::Mov { dst, .. }
        | Ir::Imm64 { dst, .. }
        | Ir::Alu { dst, .. }
        | Ir::Neg { dst, .. }
        | Ir::Bswap { dst, .. }
        | Ir::Load { dst, .. }
        | Ir::SlotAddr { dst, .. }
        | Ir::MapPtr { dst, .. }
        | Ir::MapValue { dst, .. }
        | Ir::FuncAddr { dst, .. } => Some(*dst),
        Ir::Call { dst, .. } => *dst,
        Ir::Store { .. } | Ir::AtomicAdd { .. } => None,
    }
}

fn operands(inst: &Ir, mut f: impl FnMut(Reg)) {
    let mut src = |s: &Src| {
        if let Src::Reg(r) = s {
            f(*r);
        }
    };
    match inst {
        Ir::Mov { src: s, .. } => src(s),
        Ir::Alu { lhs, rhs, .. } => {
            src(&Src::Reg(*lhs));
            src(rhs);
        }
        Ir::Neg { src: r, .. } | Ir::Bswap { src: r, .. } | Ir::Load { base: r, .. } => f(*r),
        Ir::Store { base, src: s, .. } => {
            src(&Src::Reg(*base));
            src(s);
        }
        Ir::AtomicAdd { base, src: s, .. } => {
            f(*base);
            f(*s);
        }
        Ir::Call { args, .. } => args.iter().for_each(src),
        Ir::Imm64 { .. }
        | Ir::SlotAddr { .. }
        | Ir::MapPtr { .. }
        | Ir::MapValue { .. }
        | Ir::FuncAddr { .. } => {}
    }
}

fn constant(imm: u64) -> Val {
    match i32::try_from(imm as i64) {
        Ok(i) => Val::Imm(i),
        Err(_) => Val::Imm64(imm),
    }
}

/// Facts of the registers written exactly once. `order` puts a definition before what it dominates, which is
/// every use of it in a well-formed function, so one pass suffices.
fn facts(func: &Func, order: &[u32]) -> Vec<Fact> {
    let mut defs = vec![0u8; func.regs as usize];
    let mut count = |r: Reg| defs[r.0 as usize] = defs[r.0 as usize].saturating_add(1);
    func.params.iter().for_each(|p| count(*p));
    for &b in order {
        func.blocks[b as usize].insts.iter().filter_map(|(i, _)| result(i)).for_each(&mut count);
    }
    let mut facts: Vec<Fact> = (0..func.regs).map(|r| Fact { val: Val::Reg(r), root: r }).collect();
    for &b in order {
        for (inst, _) in &func.blocks[b as usize].insts {
            let Some(dst) = result(inst).filter(|d| defs[d.0 as usize] == 1) else { continue };
            let mut root = dst.0;
            let val = match *inst {
                Ir::Mov { src: Src::Imm(i), .. } => Val::Imm(i),
                Ir::Mov { src: Src::Reg(r), .. } if defs[r.0 as usize] == 1 => {
                    root = facts[r.0 as usize].root;
                    facts[r.0 as usize].val
                }
                Ir::Imm64 { imm, .. } => constant(imm),
                Ir::SlotAddr { slot, off, .. } => Val::Slot(slot.0, off),
                Ir::MapPtr { map, .. } => Val::Map(map),
                Ir::MapValue { map, off, .. } => Val::MapValue(map, off),
                Ir::FuncAddr { func, .. } => Val::Func(func),
                Ir::Alu { op: Alu::Add, w32: false, lhs, rhs: Src::Imm(add), .. } => {
                    match facts[lhs.0 as usize].val {
                        Val::Slot(s, off) if off.checked_add(add).is_some() => Val::Slot(s, off + add),
                        _ => continue,
                    }
                }
                _ => continue,
            };
            facts[dst.0 as usize] = Fact { val, root };
        }
    }
    facts
}

impl Lowering<'_> {
    fn block(&mut self, b: usize) {
        let func = self.func;
        self.out = Vec::with_capacity(func.blocks[b].insts.len() + 1);
        for (inst, origin) in &func.blocks[b].insts {
            self.origin = *origin;
            self.inst(inst);
        }
        if let Some((term, origin)) = &func.blocks[b].term {
            self.origin = *origin;
            self.term(term);
        }
        self.body.blocks[b] = std::mem::take(&mut self.out);
    }

    fn val(&self, r: Reg) -> Val {
        self.facts[r.0 as usize].val
    }

    fn src(&self, s: Src) -> Val {
        match s {
            Src::Reg(r) => self.val(r),
            Src::Imm(i) => Val::Imm(i),
        }
    }

    fn fresh(&mut self) -> u32 {
        self.body.regs += 1;
        self.body.regs - 1
    }

    fn push(&mut self, kind: Kind, dst: Dst, a: Val, b: Val) {
        self.out.push(Inst::new(kind, dst, a, b, self.origin));
    }

    /// A register holding `val`, which is what `s` was found to be. What costs one word to remake is remade on
    /// the spot; the rest keeps the register it was given.
    fn reg(&mut self, s: Src, val: Val) -> Val {
        match (val, s) {
            (Val::Reg(_), _) => val,
            (Val::Imm64(_) | Val::Map(_) | Val::MapValue(..) | Val::Func(_), Src::Reg(r)) => {
                Val::Reg(self.facts[r.0 as usize].root)
            }
            _ => {
                let t = self.fresh();
                self.push(Kind::Mov, Dst::Reg(t), val, Val::None);
                Val::Reg(t)
            }
        }
    }

    /// A memory operand: a slot's address folds into the offset as long as the sum stays well inside 16 bits.
    fn base(&mut self, base: Reg, off: i16) -> (Val, i16) {
        match self.val(base) {
            Val::Slot(s, at) if (-16_000..16_000).contains(&at) && (-16_000..16_000).contains(&off) => {
                (Val::Slot(s, at + i32::from(off)), 0)
            }
            val => (self.reg(Src::Reg(base), val), off),
        }
    }

    fn inst(&mut self, inst: &Ir) {
        match *inst {
            Ir::Mov { dst, src } => self.push(Kind::Mov, Dst::Reg(dst.0), self.src(src), Val::None),
            Ir::Imm64 { dst, imm } => self.push(Kind::Mov, Dst::Reg(dst.0), constant(imm), Val::None),
            Ir::SlotAddr { dst, slot, off } => {
                self.push(Kind::Mov, Dst::Reg(dst.0), Val::Slot(slot.0, off), Val::None);
            }
            Ir::MapPtr { dst, map } => self.push(Kind::Mov, Dst::Reg(dst.0), Val::Map(map), Val::None),
            Ir::MapValue { dst, map, off } => {
                self.push(Kind::Mov, Dst::Reg(dst.0), Val::MapValue(map, off), Val::None);
            }
            Ir::FuncAddr { dst, func } => self.push(Kind::Mov, Dst::Reg(dst.0), Val::Func(func), Val::None),
            Ir::Alu { op, w32, dst, lhs, rhs } => self.alu(op, w32, dst, lhs, rhs),
            Ir::Neg { dst, src } => self.push(Kind::Neg, Dst::Reg(dst.0), self.val(src), Val::None),
            // One byte reversed is that byte alone.
            Ir::Bswap { dst, src, width: Width::B1 } => self.alu(Alu::And, false, dst, src, Src::Imm(0xff)),
            Ir::Bswap { dst, src, width } => {
                self.push(Kind::Swap(width), Dst::Reg(dst.0), self.val(src), Val::None);
            }
            Ir::Load { dst, base, off, width } => {
                let (a, off) = self.base(base, off);
                self.push(Kind::Load { off, width }, Dst::Reg(dst.0), a, Val::None);
            }
            Ir::Store { base, off, src, width } => {
                let (a, off) = self.base(base, off);
                let b = match self.src(src) {
                    Val::Imm64(i) if width != Width::B8 => Val::Imm(i as i32),
                    val @ Val::Imm(_) => val,
                    val => self.reg(src, val),
                };
                self.push(Kind::Store { off, width }, Dst::None, a, b);
            }
            Ir::AtomicAdd { base, off, src, width } => {
                let (a, off) = self.base(base, off);
                let b = self.reg(Src::Reg(src), self.val(src));
                self.push(Kind::AtomicAdd { off, width }, Dst::None, a, b);
            }
            Ir::Call { helper, ref args, dst } => {
                let start = self.body.args.len() as u32;
                self.body.args.extend(args.iter().map(|a| match *a {
                    Src::Reg(r) => self.facts[r.0 as usize].val,
                    Src::Imm(i) => Val::Imm(i),
                }));
                let dst = dst.map_or(Dst::None, |d| Dst::Reg(d.0));
                let mut call = Inst::new(Kind::Call { helper }, dst, Val::None, Val::None, self.origin);
                call.args = (start, args.len() as u8);
                self.out.push(call);
            }
        }
    }

    fn alu(&mut self, op: Alu, w32: bool, dst: Reg, lhs: Reg, rhs: Src) {
        let (mut a, mut b) = (self.val(lhs), self.src(rhs));
        let mut rhs = rhs;
        if commutes(op) && matches!(a, Val::Imm(_)) && !matches!(b, Val::Imm(_)) {
            std::mem::swap(&mut a, &mut b);
            rhs = Src::Reg(lhs);
        }
        let bits = if w32 { 32 } else { 64 };
        let dst = dst.0;
        b = match (op, b) {
            // The machine masks a shift held in a register; the verifier refuses an immediate that is too large.
            (Alu::Lsh | Alu::Rsh | Alu::Arsh, Val::Imm(n)) => Val::Imm(n & (bits - 1)),
            // Division by a zero in a register is defined; by an immediate it is refused.
            (Alu::Div | Alu::Mod, Val::Imm(0)) => {
                let t = self.fresh();
                self.push(Kind::Mov, Dst::Reg(t), Val::Imm(0), Val::None);
                Val::Reg(t)
            }
            (_, Val::Imm(_)) => b,
            _ => self.reg(rhs, b),
        };
        // `x = y - x`: the machine would overwrite x before reading it.
        if b == Val::Reg(dst) && a != b && !(commutes(op) && a.is_reg()) {
            let t = self.fresh();
            self.push(Kind::Alu { op, w32 }, Dst::Reg(t), a, b);
            self.push(Kind::Mov, Dst::Reg(dst), Val::Reg(t), Val::None);
        } else {
            self.push(Kind::Alu { op, w32 }, Dst::Reg(dst), a, b);
        }
    }

    fn term(&mut self, term: &Term) {
        match *term {
            Term::Jump(to) => self.push(Kind::Jump { to: to.0 }, Dst::None, Val::None, Val::None),
            Term::Return(v) => self.push(Kind::Return, Dst::None, self.src(v), Val::None),
            Term::Branch { cond, w32, lhs, rhs, then, els } => {
                let (then, els) = (then.0, els.0);
                let (mut a, mut b) = (self.val(lhs), self.src(rhs));
                let (mut cond, mut lhs, mut rhs) = (cond, Src::Reg(lhs), rhs);
                if let (Val::Imm(x), Val::Imm(y)) = (a, b) {
                    let to = if holds(cond, w32, x, y) { then } else { els };
                    return self.push(Kind::Jump { to }, Dst::None, Val::None, Val::None);
                }
                if matches!(a, Val::Imm(_)) {
                    std::mem::swap(&mut a, &mut b);
                    std::mem::swap(&mut lhs, &mut rhs);
                    cond = turned(cond);
                }
                let a = self.reg(lhs, a);
                let b = if matches!(b, Val::Imm(_)) { b } else { self.reg(rhs, b) };
                self.push(Kind::Branch { cond, w32, then, els }, Dst::None, a, b);
            }
        }
    }
}

/// The condition that says the same with the operands exchanged.
fn turned(cond: Cond) -> Cond {
    match cond {
        Cond::Lt => Cond::Gt,
        Cond::Le => Cond::Ge,
        Cond::Gt => Cond::Lt,
        Cond::Ge => Cond::Le,
        Cond::Slt => Cond::Sgt,
        Cond::Sle => Cond::Sge,
        Cond::Sgt => Cond::Slt,
        Cond::Sge => Cond::Sle,
        Cond::Eq | Cond::Ne | Cond::Set => cond,
    }
}

fn holds(cond: Cond, w32: bool, x: i32, y: i32) -> bool {
    let (sx, sy) = (i64::from(x), i64::from(y));
    let (ux, uy) = if w32 { (u64::from(x as u32), u64::from(y as u32)) } else { (sx as u64, sy as u64) };
    match cond {
        Cond::Eq => x == y,
        Cond::Ne => x != y,
        Cond::Lt => ux < uy,
        Cond::Le => ux <= uy,
        Cond::Gt => ux > uy,
        Cond::Ge => ux >= uy,
        Cond::Slt => sx < sy,
        Cond::Sle => sx <= sy,
        Cond::Sgt => sx > sy,
        Cond::Sge => sx >= sy,
        Cond::Set => ux & uy != 0,
    }
}

/// Puts the definition of the parameters where it runs once, and returns that block: the first one, or one of
/// its own when the first is the head of a loop.
fn add_entry(body: &mut Body) -> usize {
    let start = Inst::new(Kind::Entry, Dst::None, Val::None, Val::None, 0);
    let looped = body.blocks.iter().filter_map(|b| b.last()).any(|i| match i.kind {
        Kind::Jump { to } => to == 0,
        Kind::Branch { then, els, .. } => then == 0 || els == 0,
        _ => false,
    });
    if looped {
        let jump = Inst::new(Kind::Jump { to: 0 }, Dst::None, Val::None, Val::None, 0);
        body.blocks.push(vec![start, jump]);
        body.blocks.len() - 1
    } else {
        body.blocks[0].insert(0, start);
        0
    }
}

/// Removes pure instructions whose result reaches no instruction with an effect.
fn drop_dead(body: &mut Body) {
    let regs = body.regs as usize;
    // Definitions of each register, as a chain through `next`.
    let mut first = vec![u32::MAX; regs];
    let mut next: Vec<u32> = Vec::new();
    let mut at: Vec<(u32, u32)> = Vec::new();
    let mut live = vec![false; regs];
    let mut work = Vec::new();
    for (b, insts) in body.blocks.iter().enumerate() {
        for (i, inst) in insts.iter().enumerate() {
            if let Dst::Reg(d) = inst.dst {
                next.push(first[d as usize]);
                first[d as usize] = at.len() as u32;
                at.push((b as u32, i as u32));
            }
            if !inst.is_pure() {
                inst.each_use(&body.args, |r, _| work.push(r));
            }
        }
    }
    while let Some(r) = work.pop() {
        if std::mem::replace(&mut live[r as usize], true) {
            continue;
        }
        let mut def = first[r as usize];
        while def != u32::MAX {
            let (b, i) = at[def as usize];
            body.blocks[b as usize][i as usize].each_use(&body.args, |r, _| work.push(r));
            def = next[def as usize];
        }
    }
    for insts in &mut body.blocks {
        insts.retain(|i| !i.is_pure() || matches!(i.dst, Dst::Reg(d) if live[d as usize]));
        for inst in insts {
            if matches!(inst.dst, Dst::Reg(d) if !live[d as usize]) {
                inst.dst = Dst::None;
            }
        }
    }
    for param in &mut body.params {
        if matches!(param, Dst::Reg(p) if !live[*p as usize]) {
            *param = Dst::None;
        }
    }
}
