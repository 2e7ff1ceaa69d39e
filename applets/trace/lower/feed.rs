//! Aggregations: feeding them on this CPU without locks, and reading them over all CPUs.
//!
//! Every aggregation is per CPU, so an update is a load, an addition and a store on memory no one else writes.
//! The layouts are `ty::Agg`'s, the bucket numbers `output::hist`'s.

use edgekit_bpf::ir::{Alu, Block, Cond, Reg, Src, Width};

use super::r#gen::Gen;
use super::memory::Mem;
use super::tables::buckets;
use super::{Error, Result, helper};
use crate::tree::{BinOp, Builtin, Expr, Feed, MapId};
use crate::ty::{Agg, Clock, Fold, TSERIES_BUCKET, Ty};

impl Gen<'_> {
    pub(super) fn feed(&mut self, map: MapId, key: Option<&Expr>, feed: &Feed) -> Result<()> {
        let Ty::Agg(agg) = &self.map_def(map).value else {
            return Err(Error::Unsupported { what: "feeding this map", span: self.span });
        };
        let value = match feed {
            Feed::Count => None,
            Feed::Value(v) | Feed::TSeries(v) => Some((self.scalar(v)?, v.ty.is_signed())),
        };
        match (agg, value) {
            (Agg::Hist { .. } | Agg::LHist { .. }, Some((v, signed))) => {
                let bucket = match agg {
                    Agg::LHist { min, max, step } => self.linear_bucket(v, *min, *max, *step),
                    Agg::Hist { bits } => self.log_bucket(v, signed, *bits),
                    _ => v,
                };
                self.feed_bucket(map, key, bucket)
            }
            _ => {
                let p = self.entry(map, key)?;
                let (some, out) = (self.f.b.block(), self.f.b.block());
                self.f.b.branch(Cond::Ne, p, 0, some, out);
                self.f.b.switch(some);
                self.fold(agg, Mem::at(p), value, out)?;
                self.f.b.jump(out);
                self.f.b.switch(out);
                Ok(())
            }
        }
    }

    fn add_to(&mut self, m: Mem, v: impl Into<Src>) {
        let old = self.load_at(m, Width::B8);
        let new = self.f.b.alu(Alu::Add, old, v);
        self.store_at(m, new, Width::B8);
    }

    fn fold(&mut self, agg: &Agg, p: Mem, value: Option<(Reg, bool)>, out: Block) -> Result<()> {
        match (agg, value) {
            (Agg::Count, _) => self.add_to(p, 1),
            (Agg::Sum { .. }, Some((v, _))) => self.add_to(p, v),
            (Agg::Avg { .. } | Agg::Stats { .. }, Some((v, _))) => {
                self.add_to(p, v);
                self.add_to(p.plus(8), 1);
            }
            (Agg::Min { signed }, Some((v, _))) => {
                self.keep_if(p, v, if *signed { Cond::Slt } else { Cond::Lt }, out);
            }
            (Agg::Max { signed }, Some((v, _))) => {
                self.keep_if(p, v, if *signed { Cond::Sgt } else { Cond::Gt }, out);
            }
            (Agg::TSeries { .. }, Some((v, _))) => self.fold_series(agg, p, v, out)?,
            _ => return Err(Error::Unsupported { what: "this aggregation", span: self.span }),
        }
        Ok(())
    }

    /// value, set-flag at `p`: replaced when not set, or when `v` beats it.
    fn keep_if(&mut self, p: Mem, v: Reg, beats: Cond, out: Block) {
        let (check, write) = (self.f.b.block(), self.f.b.block());
        let set = self.load_at(p.plus(8), Width::B8);
        self.f.b.branch(Cond::Eq, set, 0, write, check);
        self.f.b.switch(check);
        let old = self.load_at(p, Width::B8);
        self.f.b.branch(beats, v, old, write, out);
        self.f.b.switch(write);
        self.store_at(p, v, Width::B8);
        self.store_imm(p.plus(8), 1, Width::B8);
    }

    fn fold_series(&mut self, agg: &Agg, p: Mem, v: Reg, out: Block) -> Result<()> {
        let Agg::TSeries { interval_ns, buckets, fold, signed } = *agg else {
            return Ok(());
        };
        let now = self.builtin(Builtin::Nsecs(Clock::Boot))?;
        let interval = self.f.b.imm(interval_ns.max(1) as i64);
        let number = self.f.b.alu(Alu::Div, now, interval);
        let n = self.f.b.imm(i64::from(buckets.max(1)));
        let slot = self.f.b.alu(Alu::Mod, number, n);
        // The verifier does not know what a modulo leaves.
        let inside = self.f.b.block();
        self.f.b.branch(Cond::Ge, slot, buckets as i32, out, inside);
        self.f.b.switch(inside);
        let off = self.f.b.alu(Alu::Mul, slot, TSERIES_BUCKET as i32);
        let base = self.addr(p);
        let cell = Mem::at(self.f.b.alu(Alu::Add, base, off));
        let epoch = self.f.b.alu(Alu::Add, number, 1);
        let have = self.load_at(cell, Width::B8);
        let (fresh, old, last) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Ne, have, epoch, fresh, old);
        self.f.b.switch(fresh);
        self.store_at(cell, epoch, Width::B8);
        self.store_at(cell.plus(8), v, Width::B8);
        self.store_imm(cell.plus(16), 1, Width::B8);
        self.f.b.jump(last);
        self.f.b.switch(old);
        self.add_to(cell.plus(16), 1);
        let write = self.f.b.block();
        let value = self.load_at(cell.plus(8), Width::B8);
        match fold {
            Fold::Last => self.f.b.jump(write),
            Fold::Avg | Fold::Sum => {
                let sum = self.f.b.alu(Alu::Add, value, v);
                self.store_at(cell.plus(8), sum, Width::B8);
                self.f.b.jump(last);
            }
            Fold::Min => self.f.b.branch(if signed { Cond::Slt } else { Cond::Lt }, v, value, write, last),
            Fold::Max => self.f.b.branch(if signed { Cond::Sgt } else { Cond::Gt }, v, value, write, last),
        }
        self.f.b.switch(write);
        self.store_at(cell.plus(8), v, Width::B8);
        self.f.b.jump(last);
        self.f.b.switch(last);
        self.store_at(cell.plus(24), now, Width::B8);
        Ok(())
    }

    /// Adds one to a histogram's bucket.
    fn feed_bucket(&mut self, map: MapId, key: Option<&Expr>, bucket: Reg) -> Result<()> {
        let p = match key {
            None => {
                let r = self.map_ref(map);
                self.lookup_index(r, bucket.into())
            }
            Some(k) => {
                let m = self.key(map, k)?;
                let at = self.map_def(map).key.as_ref().map_or(0, |k| k.size().next_multiple_of(4));
                self.store_at(m.plus(at), bucket, Width::B4);
                self.entry_at(map, m)
            }
        };
        let (some, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Ne, p, 0, some, out);
        self.f.b.switch(some);
        self.add_to(Mem::at(p), 1);
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(())
    }

    /// Bucket of a power-of-two histogram with `bits` sub-buckets' bits; the formula is `output::hist`'s.
    fn log_bucket(&mut self, v: Reg, signed: bool, bits: u32) -> Reg {
        let dst = self.f.b.copy(0);
        let out = self.f.b.block();
        if signed {
            let rest = self.f.b.block();
            self.f.b.branch(Cond::Slt, v, 0, out, rest);
            self.f.b.switch(rest);
        }
        let (small, large) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Lt, v, 1 << bits, small, large);
        self.f.b.switch(small);
        let n = self.f.b.alu(Alu::Add, v, 1);
        self.f.b.mov(dst, n);
        self.f.b.jump(out);
        self.f.b.switch(large);
        let log = self.log2(v);
        let over = self.f.b.alu(Alu::Sub, log, bits as i32);
        let group = self.f.b.alu(Alu::Lsh, over, bits as i32);
        let sub = self.f.b.alu(Alu::Rsh, v, over);
        let sub = self.f.b.alu(Alu::And, sub, (1 << bits) - 1);
        let n = self.f.b.alu(Alu::Add, group, sub);
        let n = self.f.b.alu(Alu::Add, n, 1 + (1 << bits));
        self.f.b.mov(dst, n);
        self.f.b.jump(out);
        self.f.b.switch(out);
        dst
    }

    /// Position of the highest set bit, by halving.
    fn log2(&mut self, v: Reg) -> Reg {
        let rest = self.f.b.copy(v);
        let log = self.f.b.copy(0);
        for step in [32, 16, 8, 4, 2, 1] {
            let (high, next) = (self.f.b.block(), self.f.b.block());
            let top = self.f.b.alu(Alu::Rsh, rest, step);
            self.f.b.branch(Cond::Ne, top, 0, high, next);
            self.f.b.switch(high);
            self.f.b.mov(rest, top);
            self.add_in_place(log, step);
            self.f.b.jump(next);
            self.f.b.switch(next);
        }
        log
    }

    fn linear_bucket(&mut self, v: Reg, min: i64, max: i64, step: i64) -> Reg {
        let dst = self.f.b.copy(0);
        let (out, above_min, below_max, over) =
            (self.f.b.block(), self.f.b.block(), self.f.b.block(), self.f.b.block());
        let lo = self.f.b.imm(min);
        self.f.b.branch(Cond::Slt, v, lo, out, above_min);
        self.f.b.switch(above_min);
        let hi = self.f.b.imm(max);
        self.f.b.branch(Cond::Sge, v, hi, over, below_max);
        self.f.b.switch(over);
        let last = self.f.b.imm(i64::from(buckets(&Agg::LHist { min, max, step })) - 1);
        self.f.b.mov(dst, last);
        self.f.b.jump(out);
        self.f.b.switch(below_max);
        let d = self.f.b.alu(Alu::Sub, v, lo);
        let s = self.f.b.imm(step.max(1));
        let n = self.f.b.alu(Alu::Div, d, s);
        let n = self.f.b.alu(Alu::Add, n, 1);
        self.f.b.mov(dst, n);
        self.f.b.jump(out);
        self.f.b.switch(out);
        dst
    }

    /// An aggregation as a number: count, sum, min, max over all CPUs, avg as their quotient.
    pub(super) fn agg_value(&mut self, map: MapId, key: Option<&Expr>) -> Result<Reg> {
        let mark = self.mark();
        let k = match key {
            Some(k) => self.key(map, k)?,
            None => {
                let m = self.alloc(4);
                self.store_imm(m, 0, Width::B4);
                m
            }
        };
        let k = self.addr(k);
        let v = self.agg_total(map, k)?;
        self.release(mark);
        Ok(v)
    }

    /// The same for a key at an address.
    pub(super) fn agg_total(&mut self, map: MapId, key: Reg) -> Result<Reg> {
        self.needs_kernel("reading an aggregation in a probe", 5, 19)?;
        let Ty::Agg(agg) = &self.map_def(map).value else {
            return Err(Error::Unsupported { what: "reading this map", span: self.span });
        };
        let r = self.map_ref(map);
        let (total, count) = (self.f.b.copy(0), self.f.b.copy(0));
        let cpu = self.f.b.copy(0);
        let (head, next, done) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.f.b.jump(head);
        self.f.b.switch(head);
        let m = self.f.b.map_ptr(r);
        let p = self.call(helper::MAP_LOOKUP_PERCPU_ELEM, &[m.into(), key.into(), cpu.into()]);
        let some = self.f.b.block();
        self.f.b.branch(Cond::Ne, p, 0, some, next);
        self.f.b.switch(some);
        let cell = Mem::at(p);
        let v = self.load_at(cell, Width::B8);
        match agg {
            Agg::Count | Agg::Sum { .. } => self.add_in_place(total, v),
            Agg::Avg { .. } | Agg::Stats { .. } => {
                self.add_in_place(total, v);
                let n = self.load_at(cell.plus(8), Width::B8);
                self.add_in_place(count, n);
            }
            Agg::Min { signed } | Agg::Max { signed } => {
                let max = matches!(agg, Agg::Max { .. });
                let beats = match (max, *signed) {
                    (true, true) => Cond::Sgt,
                    (true, false) => Cond::Gt,
                    (false, true) => Cond::Slt,
                    (false, false) => Cond::Lt,
                };
                let set = self.load_at(cell.plus(8), Width::B8);
                let (is_set, take, compare) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
                self.f.b.branch(Cond::Ne, set, 0, is_set, next);
                self.f.b.switch(is_set);
                self.f.b.branch(Cond::Eq, count, 0, take, compare);
                self.f.b.switch(compare);
                self.f.b.branch(beats, v, total, take, next);
                self.f.b.switch(take);
                self.f.b.mov(total, v);
                self.f.b.mov(count, 1);
            }
            _ => return Err(Error::Unsupported { what: "a histogram as a number", span: self.span }),
        }
        self.f.b.jump(next);
        self.f.b.switch(next);
        self.add_in_place(cpu, 1);
        self.f.b.branch(Cond::Lt, cpu, self.target.cpus.max(1) as i32, head, done);
        self.f.b.switch(done);
        Ok(match agg {
            Agg::Avg { signed: true } | Agg::Stats { signed: true } => {
                self.signed_div(BinOp::Div, total, count)
            }
            Agg::Avg { .. } | Agg::Stats { .. } => self.f.b.alu(Alu::Div, total, count),
            _ => total,
        })
    }
}
