//! Statements: assignments, branches, loops.
//!
//! A `while` becomes a loop in the program, which the verifier must be able to follow to its end; `for` becomes
//! a callback of `bpf_loop` or `bpf_for_each_map_elem`, which it need not.

use edgekit_bpf::ir::{Alu, Cond, Inst, Reg, Src, Width};

use super::expr::width;
use super::r#gen::{Gen, Loop, Place};
use super::memory::Mem;
use super::{Result, helper};
use crate::tree::{Expr, ExprKind, MapId, Probe, Stmt, VarId};
use crate::ty::Ty;

impl Gen<'_> {
    pub(super) fn stmts(&mut self, stmts: &[Stmt]) -> Result<()> {
        for s in stmts {
            if self.f.b.ended() {
                return Ok(());
            }
            let mark = self.mark();
            self.stmt(s)?;
            self.release(mark);
        }
        Ok(())
    }

    fn stmt(&mut self, s: &Stmt) -> Result<()> {
        match s {
            Stmt::Expr(e) => {
                self.at(e.span);
                self.effect(e)
            }
            Stmt::SetVar { var, value } => {
                self.at(value.span);
                self.set_var(*var, value)
            }
            Stmt::ZeroVar { var } => {
                let size = self.tree.vars[var.0 as usize].ty.size();
                match self.place(*var) {
                    Place::Reg(r) => self.f.b.mov(r, 0),
                    Place::Mem(m) => self.zero(m, size),
                }
                Ok(())
            }
            Stmt::SetMap { map, key, value } => {
                self.at(value.span);
                self.set_map(*map, key.as_ref(), value)
            }
            Stmt::Feed { map, key, value } => {
                if let Some(k) = key {
                    self.at(k.span);
                }
                self.feed(*map, key.as_ref(), value)
            }
            Stmt::If { cond, then, els } => {
                self.at(cond.span);
                self.either(cond, |g| g.stmts(then), |g| g.stmts(els))
            }
            Stmt::While { cond, body } => self.while_loop(cond, body),
            Stmt::Unroll { times, body } => self.unroll(*times, body),
            Stmt::ForRange { var, start, end, body } => self.for_range(*var, start, end, body),
            Stmt::ForMap { var, map, body } => self.for_map(*var, *map, body),
            Stmt::Break => {
                match self.f.loops.last() {
                    Some(l) => self.f.b.jump(l.break_to),
                    None => self.f.b.ret(1),
                }
                Ok(())
            }
            Stmt::Continue => {
                match self.f.loops.last() {
                    Some(l) => self.f.b.jump(l.continue_to),
                    None => self.f.b.ret(0),
                }
                Ok(())
            }
            Stmt::Return => {
                if self.f.returned.is_some() {
                    self.set_returned();
                    self.f.b.ret(1);
                } else {
                    self.f.b.ret(0);
                }
                Ok(())
            }
        }
    }

    /// Where a variable lives, decided when it is first set.
    fn place(&mut self, var: VarId) -> Place {
        if let Some(p) = self.vars.get(&var) {
            return *p;
        }
        let def = &self.tree.vars[var.0 as usize];
        let place = if def.in_memory || !def.ty.is_scalar() {
            Place::Mem(self.keep_alloc(def.ty.size()))
        } else {
            Place::Reg(self.f.b.reg())
        };
        self.vars.insert(var, place);
        place
    }

    fn set_var(&mut self, var: VarId, value: &Expr) -> Result<()> {
        let ty = &self.tree.vars[var.0 as usize].ty;
        if ty.is_scalar() && value.ty.is_scalar() {
            let v = self.scalar(value)?;
            match self.place(var) {
                Place::Reg(r) => self.f.b.mov(r, v),
                Place::Mem(m) => self.store_at(m, v, width(ty)),
            }
            return Ok(());
        }
        // The new value may be made from the old one: into a temporary first, unless nothing reads the variable.
        if self.vars.contains_key(&var) && !matches!(value.kind, ExprKind::Str(_)) {
            let m = self.alloc(ty.size());
            self.store(value, m, ty)?;
            if let Place::Mem(dst) = self.place(var) {
                self.copy(dst, m, ty.size());
            }
            return Ok(());
        }
        match self.place(var) {
            Place::Mem(m) => self.store(value, m, ty),
            Place::Reg(r) => self.scalar_into(value, r),
        }
    }

    fn while_loop(&mut self, cond: &Expr, body: &[Stmt]) -> Result<()> {
        let (head, run, out) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.f.b.jump(head);
        self.f.b.switch(head);
        self.at(cond.span);
        let mark = self.mark();
        self.cond(cond, run, out)?;
        self.release(mark);
        self.f.b.switch(run);
        self.f.loops.push(Loop { break_to: out, continue_to: head });
        let done = self.stmts(body);
        self.f.loops.pop();
        done?;
        self.f.b.jump(head);
        self.f.b.switch(out);
        Ok(())
    }

    fn unroll(&mut self, times: u32, body: &[Stmt]) -> Result<()> {
        let out = self.f.b.block();
        for _ in 0..times {
            let next = self.f.b.block();
            self.f.loops.push(Loop { break_to: out, continue_to: next });
            let done = self.stmts(body);
            self.f.loops.pop();
            done?;
            self.f.b.jump(next);
            self.f.b.switch(next);
        }
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(())
    }

    fn for_range(&mut self, var: VarId, start: &Expr, end: &Expr, body: &[Stmt]) -> Result<()> {
        self.at(start.span);
        self.needs_kernel("for ($i : a..b)", 5, 17)?;
        let first = self.scalar(start)?;
        let last = self.scalar(end)?;
        // The callback knows only how often it was called: the start waits in the frame.
        let base = self.frame_alloc(8);
        self.store_at(base, first, Width::B8);
        let n = self.f.b.alu(Alu::Sub, last, first);
        let arg = self.context_arg();
        let (func, returned) = self.callback(2, 1, |g| {
            let index = g.f.b.param(0);
            let first = g.load_at(base, Width::B8);
            let v = g.f.b.alu(Alu::Add, first, index);
            g.bind(var, v);
            g.stmts(body)
        })?;
        let (some, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Sle, n, 0, out, some);
        self.f.b.switch(some);
        // More rounds than the kernel accepts are cut to its limit, not refused.
        let rounds = self.f.b.copy(n);
        let (cut, go) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Gt, rounds, helper::BPF_MAX_LOOPS, cut, go);
        self.f.b.switch(cut);
        self.f.b.mov(rounds, helper::BPF_MAX_LOOPS);
        self.f.b.jump(go);
        self.f.b.switch(go);
        let f = self.func_addr(func);
        self.f.b.call_void(helper::LOOP, &[rounds.into(), f.into(), arg.into(), 0.into()]);
        self.f.b.jump(out);
        self.f.b.switch(out);
        self.pass_return_on(returned);
        Ok(())
    }

    fn for_map(&mut self, var: VarId, map: MapId, body: &[Stmt]) -> Result<()> {
        self.needs_kernel("for ($kv : @map)", 5, 13)?;
        let arg = self.context_arg();
        let (func, returned) = self.callback(4, 3, |g| {
            let (key, value) = (g.f.b.param(1), g.f.b.param(2));
            g.bind_entry(var, map, key, value)?;
            g.stmts(body)
        })?;
        let f = self.func_addr(func);
        let r = self.map_ref(map);
        let m = self.f.b.map_ptr(r);
        self.f.b.call_void(helper::FOR_EACH_MAP_ELEM, &[m.into(), f.into(), arg.into(), 0.into()]);
        self.pass_return_on(returned);
        Ok(())
    }

    /// Gives a loop variable its value.
    fn bind(&mut self, var: VarId, v: Reg) {
        let ty = &self.tree.vars[var.0 as usize].ty;
        match self.place(var) {
            Place::Reg(r) => self.f.b.mov(r, v),
            Place::Mem(m) => self.store_at(m, v, width(ty)),
        }
    }

    /// Copies an entry handed to a callback into its `(key, value)` variable.
    fn bind_entry(&mut self, var: VarId, map: MapId, key: Reg, value: Reg) -> Result<()> {
        let def = self.map_def(map);
        let Ty::Tuple(pair) = &self.tree.vars[var.0 as usize].ty else {
            return Ok(());
        };
        let (Place::Mem(m), [k, v], Some(key_ty)) = (self.place(var), &pair.fields[..], &def.key) else {
            return Ok(());
        };
        // Parameters are read once, before anything can call a helper.
        let key = self.f.b.copy(key);
        let value = self.f.b.copy(value);
        self.convert(Mem::at(key), key_ty, m.plus(k.offset), &k.ty);
        if matches!(def.value, Ty::Agg(_)) {
            let n = self.agg_total(map, key)?;
            self.store_at(m.plus(v.offset), n, width(&v.ty));
        } else {
            self.convert(Mem::at(value), &def.value, m.plus(v.offset), &v.ty);
        }
        Ok(())
    }

    /// After a loop whose body may have returned: leave too.
    fn pass_return_on(&mut self, returned: Option<Mem>) {
        let Some(m) = returned else {
            return;
        };
        let flag = self.load_at(m, Width::B8);
        let (leave, stay) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Ne, flag, 0, leave, stay);
        self.f.b.switch(leave);
        if self.f.returned.is_some() {
            self.f.uses_return = true;
            self.f.b.ret(1);
        } else {
            self.f.b.ret(0);
        }
        self.f.b.switch(stay);
    }

    /// dst += n, for counters of the compiler's own loops.
    pub(super) fn add_in_place(&mut self, dst: Reg, n: impl Into<Src>) {
        self.f.b.push(Inst::Alu { op: Alu::Add, w32: false, dst, lhs: dst, rhs: n.into() });
    }
}

/// True when the probe has a `for` loop: its stack is shared with callbacks.
pub(super) fn has_for(probe: &Probe) -> bool {
    fn any(stmts: &[Stmt]) -> bool {
        stmts.iter().any(|s| match s {
            Stmt::ForRange { .. } | Stmt::ForMap { .. } => true,
            Stmt::If { then, els, .. } => any(then) || any(els),
            Stmt::While { body, .. } | Stmt::Unroll { body, .. } => any(body),
            _ => false,
        })
    }
    any(&probe.body)
}
