//! The state of one program being lowered, and its outermost shape.
//!
//! A program is an entry function and a callback for each `for` loop. [`Gen`] is what they share (variables,
//! frame, tables); [`Fun`] is the function being built at the moment. See `memory` for where values go.

use std::collections::HashMap;

use edgekit_bpf::ir::{self, Builder, Cond, FuncRef, MapRef, Reg, Slot, Src};

use super::helper;
use super::memory::{Area, Mem};
use super::tables::Tables;
use super::{Error, Result, Target, control};
use crate::diag::Span;
use crate::plan::{Event, LOSS_CAUSES, Loss};
use crate::tree::{Attach, MapDef, MapId, Probe, Tree, VarId};

/// Stack the entry function may give to values; the rest of the 512 bytes is for spills and callbacks.
const ENTRY_STACK: u32 = 192;
const CALLBACK_STACK: u32 = 64;

#[derive(Clone, Copy)]
pub(super) enum Place {
    Reg(Reg),
    Mem(Mem),
}

/// How `break`, `continue` and `return` leave the construct they are in.
#[derive(Clone, Copy)]
pub(super) struct Loop {
    pub(super) break_to: ir::Block,
    pub(super) continue_to: ir::Block,
}

pub(super) struct Fun {
    pub(super) b: Builder,
    /// The program's context.
    pub(super) ctx: Reg,
    /// The per-CPU frame, set in the prologue when `uses_frame`.
    frame: Reg,
    uses_frame: bool,
    /// The slot all stack values share, and how much of it is taken.
    pub(super) slot: Slot,
    pub(super) stack: Area,
    pub(super) loops: Vec<Loop>,
    /// In a callback: the frame word that tells the caller the probe has returned.
    pub(super) returned: Option<Mem>,
    pub(super) uses_return: bool,
    body: ir::Block,
}

pub(super) struct Gen<'a> {
    pub(super) tree: &'a Tree,
    pub(super) events: &'a [Event],
    pub(super) tables: &'a mut Tables,
    pub(super) target: &'a Target,
    pub(super) index: u32,
    pub(super) attach: Option<&'a Attach>,
    pub(super) f: Fun,
    funcs: Vec<Option<ir::Func>>,
    origins: Vec<Span>,
    pub(super) span: Span,
    pub(super) frame: Area,
    pub(super) vars: HashMap<VarId, Place>,
    frame_map: Option<MapRef>,
}

impl Fun {
    fn new(name: &str, params: u32, stack: u32) -> Fun {
        let mut b = Builder::new(name, params);
        let ctx = if params == 1 { b.param(0) } else { b.reg() };
        let frame = b.reg();
        let slot = b.slot(0);
        let body = b.block();
        b.switch(body);
        Fun {
            b,
            ctx,
            frame,
            uses_frame: false,
            slot,
            stack: Area::new(stack),
            loops: Vec::new(),
            returned: None,
            uses_return: false,
            body,
        }
    }
}

impl<'a> Gen<'a> {
    pub(super) fn new(
        tree: &'a Tree,
        events: &'a [Event],
        tables: &'a mut Tables,
        target: &'a Target,
        index: u32,
        probe: &'a Probe,
    ) -> Gen<'a> {
        Gen {
            tree,
            events,
            tables,
            target,
            index,
            attach: probe.attach.first(),
            f: Fun::new("probe", 1, if control::has_for(probe) { CALLBACK_STACK * 2 } else { ENTRY_STACK }),
            funcs: vec![None],
            origins: Vec::new(),
            span: probe.span,
            frame: Area::new(u32::MAX),
            vars: HashMap::new(),
            frame_map: None,
        }
    }

    /// Lowers the whole probe.
    pub(super) fn probe(mut self, probe: &Probe) -> Result<(ir::Program, Vec<Span>)> {
        self.at(probe.span);
        if let Some(p) = &probe.predicate {
            let (yes, no) = (self.f.b.block(), self.f.b.block());
            self.cond(p, yes, no)?;
            self.f.b.switch(no);
            self.f.b.ret(0);
            self.f.b.switch(yes);
        }
        self.stmts(&probe.body)?;
        self.f.b.ret(0);
        let entry = Fun::new("", 1, 0);
        let entry = std::mem::replace(&mut self.f, entry);
        self.funcs[0] = Some(self.finish(entry));
        if let Some(map) = self.frame_map {
            self.tables.spec(map).value_size = self.frame.high.next_multiple_of(8);
        }
        Ok((ir::Program { funcs: self.funcs.into_iter().flatten().collect() }, self.origins))
    }

    /// Writes the prologue, now that it is known what the body needs, and closes the function.
    fn finish(&mut self, mut f: Fun) -> ir::Func {
        f.b.switch(ir::Block(0));
        if f.uses_frame {
            let map = self.frame_map();
            let key = f.b.slot(8);
            let key = f.b.slot_addr(key, 0);
            f.b.store(key, 0, 0, ir::Width::B4);
            let m = f.b.map_ptr(map);
            let p = f.b.call(helper::MAP_LOOKUP_ELEM, &[m.into(), key.into()]);
            f.b.mov(f.frame, p);
            let out = f.b.block();
            f.b.branch(Cond::Eq, f.frame, 0, out, f.body);
            f.b.switch(out);
            f.b.ret(0);
        } else {
            f.b.jump(f.body);
        }
        let mut func = f.b.finish();
        func.slots[f.slot.0 as usize] = f.stack.high;
        func
    }

    fn frame_map(&mut self) -> MapRef {
        match self.frame_map {
            Some(m) => m,
            None => *self.frame_map.insert(self.tables.frame(self.index, 8)),
        }
    }

    /// The frame's address in the current function.
    pub(super) fn frame_reg(&mut self) -> Reg {
        self.f.uses_frame = true;
        self.f.frame
    }

    /// Builds a callback: `body` runs with the new function current. Parameter `context_param` points to the word
    /// of [`Gen::context_arg`]. Gives the function, and the frame word that is 1 after the call when the body ran
    /// into a `return` (none when it has no such statement).
    pub(super) fn callback(
        &mut self,
        params: u32,
        context_param: usize,
        body: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<(FuncRef, Option<Mem>)> {
        let id = FuncRef(self.funcs.len() as u32);
        self.funcs.push(None);
        let mut inner = Fun::new(&format!("callback{}", id.0), params, CALLBACK_STACK);
        // Callbacks with one parameter do not exist, so `ctx` is a fresh register here.
        let arg = inner.b.param(context_param);
        let ctx = inner.ctx;
        inner.b.push(ir::Inst::Load { dst: ctx, base: arg, off: 0, width: ir::Width::B8 });
        let origin = self.origins.len() as u32;
        inner.b.set_origin(origin);
        let returned = match self.f.returned {
            Some(m) => m,
            None => {
                let m = self.frame_alloc(8);
                self.store_imm(m, 0, ir::Width::B8);
                m
            }
        };
        inner.returned = Some(returned);
        let outer = std::mem::replace(&mut self.f, inner);
        let done = body(self);
        self.f.b.ret(0);
        let inner = std::mem::replace(&mut self.f, outer);
        done?;
        let flag = inner.uses_return.then_some(returned);
        self.funcs[id.0 as usize] = Some(self.finish(inner));
        Ok((id, flag))
    }

    /// Address of a stack word holding the program's context, for a callback.
    pub(super) fn context_arg(&mut self) -> Reg {
        let slot = self.f.b.slot(8);
        let arg = self.f.b.slot_addr(slot, 0);
        let ctx = self.f.ctx;
        self.f.b.store(arg, 0, ctx, ir::Width::B8);
        arg
    }

    /// Instructions from here on belong to this piece of the script.
    pub(super) fn at(&mut self, span: Span) {
        self.span = span;
        if self.origins.last() != Some(&span) {
            self.origins.push(span);
        }
        self.f.b.set_origin(self.origins.len() as u32);
    }

    pub(super) fn map_def(&self, map: MapId) -> &'a MapDef {
        &self.tree.maps[map.0 as usize]
    }

    pub(super) fn map_ref(&self, map: MapId) -> MapRef {
        self.tables.script[map.0 as usize]
    }

    pub(super) fn needs_kernel(&self, what: &'static str, major: u32, minor: u32) -> Result<()> {
        if self.target.kernel < (major, minor) {
            return Err(Error::Kernel { what, major, minor, span: self.span });
        }
        Ok(())
    }

    /// Adds one to the loss ledger's cell of this program and cause.
    pub(super) fn count_loss(&mut self, cause: Loss) {
        let cell = (self.index * LOSS_CAUSES + cause as u32) as i32;
        let p = self.lookup_index(self.tables.loss, cell.into());
        let (some, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Ne, p, 0, some, out);
        self.f.b.switch(some);
        let n = self.f.b.load(p, 0, ir::Width::B8);
        let n = self.f.b.alu(ir::Alu::Add, n, 1);
        self.f.b.store(p, 0, n, ir::Width::B8);
        self.f.b.jump(out);
        self.f.b.switch(out);
    }

    /// Counts a loss, and under `-k` reports it, when a helper's result is negative.
    pub(super) fn check(&mut self, ret: Reg, helper: u32, cause: Loss) {
        self.if_negative(ret, |g| {
            g.count_loss(cause);
            g.report_failure(helper, ret);
        });
    }

    /// Runs `then` when a helper's result is negative, and goes on after it.
    pub(super) fn if_negative(&mut self, ret: Reg, then: impl FnOnce(&mut Self)) {
        let (bad, good) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Slt, ret, 0, bad, good);
        self.f.b.switch(bad);
        then(self);
        self.f.b.jump(good);
        self.f.b.switch(good);
    }

    /// Looks an array map's element up; the result may be null.
    pub(super) fn lookup_index(&mut self, map: MapRef, index: Src) -> Reg {
        let mark = self.mark();
        let key = self.alloc(4);
        self.store_at(key, index, ir::Width::B4);
        let key = self.addr(key);
        let map = self.f.b.map_ptr(map);
        let p = self.f.b.call(helper::MAP_LOOKUP_ELEM, &[map.into(), key.into()]);
        self.release(mark);
        p
    }

    pub(super) fn call(&mut self, helper: u32, args: &[Src]) -> Reg {
        self.f.b.call(helper, args)
    }
}
