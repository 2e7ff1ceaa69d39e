//! Events: records for user space, written straight into the ring.
//!
//! A record with only fixed fields is reserved, filled and submitted; one with a long string is made in the
//! frame and copied, so that only the string's own bytes travel. A full ring is counted, and `exit()` is said in
//! the control word as well, so that it cannot be lost.

use edgekit_bpf::helpers;
use edgekit_bpf::ir::{Alu, Cond, Reg, Width};

use super::expr::width;
use super::r#gen::Gen;
use super::memory::Mem;
use super::{Result, helper};
use crate::plan::{EVENT_HEADER, Event, Loss, control};
use crate::tree::{Builtin, EventDef, EventId, EventKind, Expr, ExprKind, Func};
use crate::ty::Ty;

/// An argument on its way into a record.
enum Arg<'e> {
    Value(Reg),
    Lies(Mem),
    /// Made in the record itself: nothing in it can leave the program.
    Late(&'e Expr),
}

impl Gen<'_> {
    pub(super) fn emit(&mut self, id: EventId, args: &[Expr]) -> Result<()> {
        let event = &self.events[id.0 as usize];
        if let EventKind::Exit = event.def.kind {
            self.say_exit(args)?;
        }
        if let EventKind::Join { .. } = event.def.kind {
            return self.emit_join(id, event, args);
        }
        let mark = self.mark();
        match event.tail {
            Some(tail) => self.emit_long(id, event, args, tail)?,
            None => self.emit_fixed(id, event, args)?,
        }
        self.release(mark);
        Ok(())
    }

    fn say_exit(&mut self, args: &[Expr]) -> Result<()> {
        let code = match args.first() {
            Some(c) => self.scalar(c)?,
            None => self.f.b.imm(0),
        };
        let word = self.f.b.alu(Alu::Add, code, 1);
        let p = self.array_value(self.tables.control, control::EXIT * 8);
        self.store_at(Mem::at(p), word, Width::B8);
        Ok(())
    }

    fn header(&mut self, rec: Mem, id: EventId) {
        self.store_imm(rec, u64::from(id.0) | u64::from(self.index) << 32, Width::B8);
    }

    fn emit_fixed(&mut self, id: EventId, event: &Event, args: &[Expr]) -> Result<()> {
        let mut ready = Vec::with_capacity(args.len());
        for a in args {
            ready.push(self.prepare(a)?);
        }
        let ring = self.tables.ring(self.tree.config.ring_bytes);
        let m = self.f.b.map_ptr(ring);
        let p = self.call(helper::RINGBUF_RESERVE, &[m.into(), (event.size as i32).into(), 0.into()]);
        let (some, full, out) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, p, 0, full, some);
        self.f.b.switch(full);
        self.count_loss(Loss::RingFull);
        self.f.b.jump(out);
        self.f.b.switch(some);
        let rec = Mem::at(p);
        self.header(rec, id);
        for ((arg, e), (offset, ty)) in ready.iter().zip(args).zip(event.offsets.iter().zip(&event.def.args))
        {
            self.place_arg(arg, e, rec.plus(*offset), ty)?;
        }
        self.f.b.call_void(helper::RINGBUF_SUBMIT, &[p.into(), 0.into()]);
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(())
    }

    fn emit_long(&mut self, id: EventId, event: &Event, args: &[Expr], tail: usize) -> Result<()> {
        let rec = self.frame_alloc(event.size);
        self.header(rec, id);
        for (i, (e, (offset, ty))) in args.iter().zip(event.offsets.iter().zip(&event.def.args)).enumerate() {
            if i != tail {
                let arg = self.prepare(e)?;
                self.place_arg(&arg, e, rec.plus(*offset), ty)?;
            }
        }
        let (at, size) = (event.offsets[tail], event.def.args[tail].size());
        let len = self.tail_bytes(&args[tail], rec.plus(at), size)?;
        // 0..=size, said so that every kernel's verifier sees it.
        let bytes = self.f.b.copy(0);
        let (some, send) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Gt, len, size as i32, send, some);
        self.f.b.switch(some);
        self.f.b.mov(bytes, len);
        self.f.b.jump(send);
        self.f.b.switch(send);
        let total = self.f.b.alu(Alu::Add, bytes, at as i32);
        self.output(rec, total);
        Ok(())
    }

    /// Puts the long string in its place; gives its bytes, or a negative number.
    fn tail_bytes(&mut self, e: &Expr, dst: Mem, size: u32) -> Result<Reg> {
        if let ExprKind::Call(f @ (Func::StrUser | Func::StrKernel), a) = &e.kind
            && let [addr, rest @ ..] = &a[..]
        {
            self.at(e.span);
            return self.read_str(*f == Func::StrUser, addr, rest.first(), dst, size.min(e.ty.size()), false);
        }
        let m = self.mem(e)?;
        let (to, from) = (self.addr(dst), self.addr(m));
        let n = size.min(e.ty.size());
        Ok(self.call(helper::PROBE_READ_KERNEL_STR, &[to.into(), (n as i32).into(), from.into()]))
    }

    fn output(&mut self, rec: Mem, bytes: Reg) {
        let ring = self.tables.ring(self.tree.config.ring_bytes);
        let (m, p) = (self.f.b.map_ptr(ring), self.addr(rec));
        let ret = self.call(helper::RINGBUF_OUTPUT, &[m.into(), p.into(), bytes.into(), 0.into()]);
        // Only counted, never reported: a report would need the ring that is full.
        self.if_negative(ret, |g| g.count_loss(Loss::RingFull));
    }

    /// Under `-k`: tells user space which helper failed at this place, and how.
    pub(super) fn report_failure(&mut self, helper: u32, code: Reg) {
        if !self.tree.config.check_helpers {
            return;
        }
        let what = helpers::name(helper).unwrap_or("helper").into();
        let kind = EventKind::HelperError { what };
        let def = EventDef { kind, args: vec![Ty::I32], names: Vec::new(), span: self.span };
        let event = Event::new(def.clone());
        let id = EventId((self.events.len() + self.tables.failures.len()) as u32);
        self.tables.failures.push(def);
        let mark = self.mark();
        let rec = self.alloc(event.size);
        self.header(rec, id);
        self.store_at(rec.plus(event.offsets[0]), code, Width::B4);
        let bytes = self.f.b.imm(i64::from(event.size));
        self.output(rec, bytes);
        self.release(mark);
    }

    fn prepare<'e>(&mut self, e: &'e Expr) -> Result<Arg<'e>> {
        Ok(match &e.kind {
            ExprKind::Const(_) | ExprKind::Str(_) | ExprKind::Builtin(Builtin::Comm) => Arg::Late(e),
            _ if e.ty.is_scalar() => Arg::Value(self.scalar(e)?),
            _ => Arg::Lies(self.mem(e)?),
        })
    }

    fn place_arg(&mut self, arg: &Arg, e: &Expr, dst: Mem, ty: &Ty) -> Result<()> {
        match arg {
            Arg::Value(r) => self.store_at(dst, *r, width(ty)),
            Arg::Lies(m) => self.convert(*m, &e.ty, dst, ty),
            Arg::Late(e) => self.store(e, dst, ty)?,
        }
        Ok(())
    }

    /// The strings of a NULL-terminated array, as many as the event has room for.
    fn emit_join(&mut self, id: EventId, event: &Event, args: &[Expr]) -> Result<()> {
        let Some(array) = args.first() else {
            return Ok(());
        };
        let mark = self.mark();
        let user = !matches!(array.ty, Ty::Ptr(_, crate::ty::Space::Kernel));
        let (read, read_str) = if user {
            (helper::PROBE_READ_USER, helper::PROBE_READ_USER_STR)
        } else {
            (helper::PROBE_READ_KERNEL, helper::PROBE_READ_KERNEL_STR)
        };
        let at = self.scalar(array)?;
        let rec = self.frame_alloc(event.size);
        self.header(rec, id);
        let (count, bytes) = (self.f.b.copy(0), self.f.b.copy(EVENT_HEADER as i32 + 8));
        let done = self.f.b.block();
        for (i, (offset, ty)) in event.offsets.iter().zip(&event.def.args).skip(1).enumerate() {
            let word = self.alloc(8);
            self.store_imm(word, 0, Width::B8);
            let from = self.f.b.alu(Alu::Add, at, 8 * i as i32);
            let to = self.addr(word);
            self.f.b.call_void(read, &[to.into(), 8.into(), from.into()]);
            let p = self.load_at(word, Width::B8);
            let next = self.f.b.block();
            self.f.b.branch(Cond::Eq, p, 0, done, next);
            self.f.b.switch(next);
            let to = self.addr(rec.plus(*offset));
            let ret = self.call(read_str, &[to.into(), (ty.size() as i32).into(), p.into()]);
            let got = self.f.b.block();
            self.f.b.branch(Cond::Slt, ret, 0, done, got);
            self.f.b.switch(got);
            self.add_in_place(count, 1);
            self.f.b.mov(bytes, (offset + ty.size()) as i32);
        }
        self.f.b.jump(done);
        self.f.b.switch(done);
        self.store_at(rec.plus(event.offsets[0]), count, Width::B8);
        self.output(rec, bytes);
        self.release(mark);
        Ok(())
    }
}
