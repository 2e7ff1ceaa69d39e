//! Script maps that hold plain values: reading, writing, deleting, counting entries.

use edgekit_bpf::ir::{Cond, Reg, Src, Width};

use super::expr::width;
use super::r#gen::Gen;
use super::memory::Mem;
use super::tables::bucket_key_size;
use super::{Error, Result, helper};
use crate::plan::Loss;
use crate::tree::{Expr, ExprKind, MapId, MapKind};
use crate::ty::{Agg, Int, Ty};

impl Gen<'_> {
    /// The key's bytes in a temporary; of a histogram, with room for the bucket behind it.
    pub(super) fn key(&mut self, map: MapId, key: &Expr) -> Result<Mem> {
        let def = self.map_def(map);
        let Some(ty) = &def.key else {
            return Err(Error::Unsupported { what: "a key on this map", span: key.span });
        };
        let bucketed = matches!(def.value, Ty::Agg(Agg::Hist { .. } | Agg::LHist { .. }));
        let size = if bucketed { bucket_key_size(ty) } else { ty.size() };
        // A value that lies ready, laid out like the key, is its own key.
        if !bucketed && key.ty == *ty && !key.ty.is_scalar() && matches!(key.kind, ExprKind::Var(_)) {
            return self.mem(key);
        }
        let m = self.alloc(size);
        if bucketed {
            let n = ty.size();
            self.zero(m.plus(n), size - n);
        }
        self.store(key, m, ty)?;
        Ok(m)
    }

    /// Pointer to the value of an entry, null when there is none. A scalar map's value is always there.
    pub(super) fn lookup(&mut self, map: MapId, key: Option<&Expr>) -> Result<Reg> {
        let (kind, r) = (self.map_def(map).kind, self.map_ref(map));
        let Some(key) = key else {
            return Ok(match kind {
                MapKind::Array => self.array_value(r, 0),
                _ => self.lookup_index(r, Src::Imm(0)),
            });
        };
        let k = self.key(map, key)?;
        let k = self.addr(k);
        let m = self.f.b.map_ptr(r);
        Ok(self.call(helper::MAP_LOOKUP_ELEM, &[m.into(), k.into()]))
    }

    /// The value of a scalar, or of an aggregation as a number.
    pub(super) fn map_scalar(&mut self, map: MapId, key: Option<&Expr>, ty: &Ty) -> Result<Reg> {
        if self.is_agg(map) {
            return self.agg_value(map, key);
        }
        let p = self.lookup(map, key)?;
        if key.is_none() && self.map_def(map).kind == MapKind::Array {
            return Ok(self.load_scalar(Mem::at(p), ty));
        }
        let dst = self.f.b.copy(0);
        let (some, none, out) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Ne, p, 0, some, none);
        self.f.b.switch(some);
        let v = self.load_scalar(Mem::at(p), ty);
        self.f.b.mov(dst, v);
        self.f.b.jump(out);
        self.f.b.switch(none);
        self.report_failure(helper::MAP_LOOKUP_ELEM, p);
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(dst)
    }

    /// Under `-k` a missing key is reported at the place where the map is read.
    pub(super) fn at_lookup(&mut self, span: crate::diag::Span) {
        if self.tree.config.check_helpers {
            self.at(span);
        }
    }

    /// `@m[key] = value`.
    pub(super) fn set_map(&mut self, map: MapId, key: Option<&Expr>, value: &Expr) -> Result<()> {
        let (ty, kind) = (&self.map_def(map).value, self.map_def(map).kind);
        if key.is_none() && kind == MapKind::Array {
            // Made first, then written in place: the new value may be computed from the old one.
            if value.ty.is_scalar() {
                let v = self.scalar(value)?;
                let p = self.lookup(map, None)?;
                self.store_at(Mem::at(p), v, width(ty));
            } else {
                let m = self.made(value, ty)?;
                let p = self.lookup(map, None)?;
                self.copy(Mem::at(p), m, ty.size());
            }
            return Ok(());
        }
        let v = self.made(value, ty)?;
        let k = match key {
            Some(k) => self.key(map, k)?,
            None => {
                let k = self.alloc(4);
                self.store_imm(k, 0, Width::B4);
                k
            }
        };
        self.update(map, k, v, helper::BPF_ANY);
        Ok(())
    }

    /// The value of `e` as a `ty`, in memory of its own size.
    fn made(&mut self, e: &Expr, ty: &Ty) -> Result<Mem> {
        let whole = ty.size().next_multiple_of(8);
        if e.ty == *ty && !ty.is_scalar() && whole == ty.size() {
            return self.mem(e);
        }
        let m = self.alloc(whole);
        // Map values are stored in whole words; the helper reads them all.
        if whole != ty.size() {
            self.zero(m.plus(ty.size()), whole - ty.size());
        }
        self.store(e, m, ty)?;
        Ok(m)
    }

    /// Writes an entry; a full map is counted.
    pub(super) fn update(&mut self, map: MapId, key: Mem, value: Mem, flags: i32) {
        let ret = self.update_quietly(map, key, value, flags);
        self.check(ret, helper::MAP_UPDATE_ELEM, Loss::MapFull);
    }

    pub(super) fn update_quietly(&mut self, map: MapId, key: Mem, value: Mem, flags: i32) -> Reg {
        let (k, v) = (self.addr(key), self.addr(value));
        let r = self.map_ref(map);
        let m = self.f.b.map_ptr(r);
        self.call(helper::MAP_UPDATE_ELEM, &[m.into(), k.into(), v.into(), flags.into()])
    }

    /// `@m[key]++` and the like; gives the value before. An entry that is not there begins at zero.
    pub(super) fn bump_map(&mut self, map: MapId, key: Option<&Expr>, delta: i64, ty: &Ty) -> Result<Reg> {
        let old = self.f.b.copy(0);
        let p = self.entry(map, key)?;
        let out = self.f.b.block();
        let some = self.f.b.block();
        self.f.b.branch(Cond::Ne, p, 0, some, out);
        self.f.b.switch(some);
        let v = self.load_scalar(Mem::at(p), ty);
        self.f.b.mov(old, v);
        match width(ty) {
            w @ (Width::B4 | Width::B8) => {
                let d = self.f.b.imm(delta);
                self.atomic_add(Mem::at(p), d, w);
            }
            w => {
                let v = self.add_const(v, delta);
                self.store_at(Mem::at(p), v, w);
            }
        }
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(old)
    }

    /// Pointer to an entry that is made, zeroed, when it is not there; null only when the map is full (counted).
    pub(super) fn entry(&mut self, map: MapId, key: Option<&Expr>) -> Result<Reg> {
        let Some(key) = key else {
            return self.lookup(map, None);
        };
        let k = self.key(map, key)?;
        Ok(self.entry_at(map, k))
    }

    pub(super) fn entry_at(&mut self, map: MapId, k: Mem) -> Reg {
        let size = self.map_def(map).value.size().next_multiple_of(8);
        let dst = self.f.b.reg();
        let (ka, r) = (self.addr(k), self.map_ref(map));
        let m = self.f.b.map_ptr(r);
        let p = self.call(helper::MAP_LOOKUP_ELEM, &[m.into(), ka.into()]);
        self.f.b.mov(dst, p);
        let (make, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, p, 0, make, out);
        self.f.b.switch(make);
        let zeros = self.zeros(size);
        // Another CPU may make it first: that is as good, so only a null after this is a full map.
        let made = self.update_quietly(map, k, zeros, helper::BPF_NOEXIST);
        let (ka, m) = (self.addr(k), self.f.b.map_ptr(r));
        let p = self.call(helper::MAP_LOOKUP_ELEM, &[m.into(), ka.into()]);
        self.f.b.mov(dst, p);
        let full = self.f.b.block();
        self.f.b.branch(Cond::Eq, p, 0, full, out);
        self.f.b.switch(full);
        self.count_loss(Loss::MapFull);
        self.report_failure(helper::MAP_UPDATE_ELEM, made);
        self.f.b.jump(out);
        self.f.b.switch(out);
        dst
    }

    pub(super) fn delete(&mut self, map: MapId, key: Option<&Expr>) -> Result<Reg> {
        let (kind, r) = (self.map_def(map).kind, self.map_ref(map));
        let Some(key) = key else {
            // A scalar has no entry to remove: it goes back to zero.
            let size = self.map_def(map).value.size();
            let p = self.lookup(map, None)?;
            if kind == MapKind::Array {
                self.zero(Mem::at(p), size);
            } else {
                let (some, out) = (self.f.b.block(), self.f.b.block());
                self.f.b.branch(Cond::Ne, p, 0, some, out);
                self.f.b.switch(some);
                self.zero(Mem::at(p), size);
                self.f.b.jump(out);
                self.f.b.switch(out);
            }
            return Ok(self.f.b.imm(1));
        };
        let k = self.key(map, key)?;
        let k = self.addr(k);
        let m = self.f.b.map_ptr(r);
        let ret = self.call(helper::MAP_DELETE_ELEM, &[m.into(), k.into()]);
        let ret = self.extend(ret, Int::I32);
        let gone = self.f.b.copy(0);
        let (yes, no, out) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, ret, 0, yes, no);
        self.f.b.switch(yes);
        self.f.b.mov(gone, 1);
        self.f.b.jump(out);
        self.f.b.switch(no);
        self.report_failure(helper::MAP_DELETE_ELEM, ret);
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(gone)
    }

    /// Entries of a map: how often its iterator calls back.
    pub(super) fn map_len(&mut self, map: MapId) -> Result<Reg> {
        self.needs_kernel("len(@map)", 5, 13)?;
        let r = self.map_ref(map);
        let arg = self.context_arg();
        let (func, _) = self.callback(4, 3, |_| Ok(()))?;
        let f = self.func_addr(func);
        let m = self.f.b.map_ptr(r);
        Ok(self.call(helper::FOR_EACH_MAP_ELEM, &[m.into(), f.into(), arg.into(), 0.into()]))
    }
}
