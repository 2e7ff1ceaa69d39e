//! Maps: what their uses say of key and value, reads, stores, and feeding aggregations.
//!
//! Neighbours: `env` keeps what is learned, `calls::maps` has the functions that take whole maps.

use super::Sema;
use super::infer::{Typed, agg_int, agg_name, type_name};
use super::stmts::feed_stmt;
use super::value::{Value, cast};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast;
use crate::tree::{Expr, ExprKind, Feed, MapId, MapKind, Stmt};
use crate::ty::{Agg, Fold, Ty};

const FEEDS: &[&str] = &["count", "sum", "min", "max", "avg", "stats", "hist", "lhist", "tseries"];
const MAX_HIST_BITS: i128 = 5;
const MAX_LHIST_BUCKETS: i128 = 1000;
/// A per-CPU value may have 32 KiB.
const MAX_TSERIES_BUCKETS: i128 = 1000;

const KINDS: &[(&str, MapKind)] = &[
    ("hash", MapKind::Hash),
    ("lruhash", MapKind::LruHash),
    ("percpuhash", MapKind::PerCpuHash),
    ("percpulruhash", MapKind::LruPerCpuHash),
];

/// As a declaration names it.
pub(super) fn kind_name(kind: MapKind) -> &'static str {
    KINDS.iter().find(|(_, k)| *k == kind).map_or("hash", |(name, _)| name)
}

/// True for functions that only feed maps.
pub(super) fn is_feed(name: &str) -> bool {
    FEEDS.contains(&name)
}

impl Sema<'_> {
    /// `let @a = lruhash(10);`
    pub(super) fn declare_maps(&mut self) {
        for decl in &self.script.map_decls {
            let written = decl.kind.name.as_str();
            let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == written) else {
                let kinds: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
                self.report(
                    Diagnostic::error(decl.kind.span, format!("Invalid map type: {written}"))
                        .with_hint(format!("Valid map types: {}", kinds.join(", "))),
                );
                continue;
            };
            let kind = *kind;
            let max = u32::try_from(decl.max_entries).ok().filter(|n| *n > 0);
            let Some(max) = max else {
                self.error(decl.span, "a map's max entries must be between 1 and 4294967295");
                continue;
            };
            let id = self.env.map(&decl.name.name, decl.name.span);
            if self.env.entry(id).declared.is_some() {
                self.error(decl.span, format!("Redeclaration of existing map: @{}", decl.name.name));
            }
            self.env.entry_mut(id).declared = Some((kind, max));
        }
    }

    /// A map that an expression reads, writes or names, noting whether it has keys.
    fn use_map(&mut self, map: &ast::MapRef, span: Span) -> Option<MapId> {
        let id = self.env.map(&map.name, span);
        let keyed = map.key.is_some();
        let entry = self.env.entry_mut(id);
        entry.used = true;
        match entry.keyed {
            Some((before, place)) if before != keyed => {
                let (now, then) = if keyed { ("with", "without") } else { ("without", "with") };
                self.report(
                    Diagnostic::error(
                        span,
                        format!(
                            "@{} used as a map {now} an explicit key, previously used {then} one",
                            map.name
                        ),
                    )
                    .with_note(place, "its use before"),
                );
                None
            }
            Some(_) => Some(id),
            None => {
                entry.keyed = Some((keyed, span));
                if keyed && entry.declared.is_none() && entry.span != span {
                    entry.span = span;
                }
                self.env.touch();
                Some(id)
            }
        }
    }

    /// A map as a whole, as in `clear(@a)`.
    pub(super) fn whole_map(&mut self, map: &ast::MapRef, span: Span, what: &str) -> Option<MapId> {
        if map.key.is_some() {
            return self.fail(span, format!("{what} expects a map, not a value of one: @{}", map.name));
        }
        let id = self.env.map(&map.name, span);
        self.env.entry_mut(id).used = true;
        Some(id)
    }

    /// The key of an access, as it is stored.
    fn map_key(&mut self, id: MapId, key: &[ast::Expr], span: Span) -> Option<Expr> {
        let value = match key {
            [one] => self.expr(one),
            several => self.tuple(several, span),
        };
        self.key_value(id, value?, span)
    }

    /// Learns from and checks a key.
    pub(super) fn key_value(&mut self, id: MapId, value: Value, span: Span) -> Option<Expr> {
        if matches!(value.ty(), Ty::Void | Ty::Agg(_)) {
            let ty = type_name(value.ty());
            return self.fail(value.span(), format!("{ty} cannot be used as a map key"));
        }
        if let Err(have) = self.env.grow_key(id, &value.typed()) {
            let name = self.env.entry(id).name.clone();
            return self.fail(
                span,
                format!(
                    "Argument mismatch for @{name}: trying to access with arguments: '{}' when map expects \
                     arguments: '{}'",
                    type_name(value.ty()),
                    type_name(&have)
                ),
            );
        }
        let target = self.env.entry(id).key.clone()?;
        self.convert(value.expr, &target.ty)
    }

    /// Map and key of an access. The outer `None` is an error that was reported.
    pub(super) fn map_place(&mut self, map: &ast::MapRef, span: Span) -> Option<(MapId, Option<Expr>)> {
        let id = self.use_map(map, span);
        match &map.key {
            None => Some((id?, None)),
            Some(key) => {
                let id = id?;
                let key = self.map_key(id, key, span)?;
                Some((id, Some(key)))
            }
        }
    }

    /// The type a value of the map reads as.
    pub(super) fn map_value_type(&mut self, id: MapId, span: Span) -> Option<Typed> {
        let entry = self.env.entry(id);
        if let Some(agg) = &entry.agg {
            let name = entry.name.clone();
            let what = agg_name(agg);
            return match agg_int(agg) {
                Some(int) => Some(Typed::fixed(Ty::Int(int))),
                None => self.fail_hint(
                    span,
                    format!(
                        "Map value '{what}_t' of @{name} is not a number and cannot be used in an expression"
                    ),
                    format!("print(@{name}) shows it"),
                ),
            };
        }
        let (name, value) = (entry.name.clone(), entry.value.clone());
        match value {
            Some(value) => Some(value),
            None => self.fail(span, format!("Undefined map: @{name}")),
        }
    }

    /// `@a` or `@a[k]` in an expression.
    pub(super) fn read_map(&mut self, map: &ast::MapRef, span: Span) -> Option<Value> {
        let (id, key) = self.map_place(map, span)?;
        let typed = self.map_value_type(id, span)?;
        let mut value = Value::new(ExprKind::MapGet { map: id, key: key.map(Box::new) }, typed.ty, span);
        value.flex = typed.flex;
        Some(value)
    }

    /// Learns from and checks a value stored in a map.
    pub(super) fn store_value(&mut self, id: MapId, value: Value, span: Span) -> Option<Expr> {
        let name = self.env.entry(id).name.clone();
        if matches!(value.ty(), Ty::Void | Ty::Agg(_)) {
            let ty = type_name(value.ty());
            return self.fail(span, format!("Value '{ty}' cannot be assigned to a map."));
        }
        let have = match self.env.entry(id).agg.clone() {
            Some(agg) => Err(Ty::Agg(agg)),
            None => self.env.grow_value(id, &value.typed()),
        };
        if let Err(have) = have {
            return self.fail(span, value_mismatch(&name, &type_name(value.ty()), &type_name(&have)));
        }
        let target = self.env.entry(id).value.clone()?;
        self.convert(value.expr, &target.ty)
    }

    pub(super) fn assign_map(
        &mut self,
        map: &ast::MapRef,
        op: Option<ast::BinaryOp>,
        value: &ast::Expr,
        target_span: Span,
        span: Span,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        let place = std::ptr::from_ref(map).addr();
        let Some(op) = op else {
            let aggregate = self.is_aggregate_read(value);
            let value = self.expr(value);
            let (id, key) = self.map_place(map, target_span)?;
            // `@b = @a` of an aggregation needs to say that the number is meant, unless @b holds numbers.
            if let (Some(from), None) = (aggregate, &self.env.entry(id).value) {
                let name = &map.name;
                return self.fail_hint(
                    span,
                    format!("Map value of @{from} cannot be assigned from one map to another."),
                    format!("add a cast if the number is meant: @{name} = (int64)@{from}"),
                );
            }
            self.env.set_assigned(id);
            let value = self.store_value(id, value?, span)?;
            out.push(Stmt::SetMap { map: id, key, value });
            return Some(());
        };
        let (id, key) = self.map_place(map, target_span)?;
        self.env.set_assigned(id);
        let key = key.map(|key| self.keep(place, "key", key, out));
        let by = self.expr(value);
        let typed = self.map_value_type(id, target_span)?;
        let get = ExprKind::MapGet { map: id, key: key.clone().map(Box::new) };
        let mut current = Value::new(get, typed.ty, target_span);
        current.flex = typed.flex;
        let result = self.binary_values(op, current, by?, span, place)?;
        let value = self.store_value(id, result, span)?;
        out.push(Stmt::SetMap { map: id, key, value });
        Some(())
    }

    /// The map whose aggregation an expression is nothing but a read of.
    fn is_aggregate_read(&mut self, value: &ast::Expr) -> Option<String> {
        let ast::ExprKind::Map(map) = &value.kind else { return None };
        let id = self.env.map(&map.name, value.span);
        self.env.entry(id).agg.as_ref().map(|_| map.name.clone())
    }

    /// `@a = count()` and its like, also behind the statements of a block. False: not such an assignment.
    pub(super) fn feed(
        &mut self,
        map: &ast::MapRef,
        value: &ast::Expr,
        target_span: Span,
        span: Span,
        out: &mut Vec<Stmt>,
    ) -> bool {
        match &value.kind {
            ast::ExprKind::Call(call) if is_feed(&call.name.name) => {
                self.feed_call(map, call, value.span, target_span, span, out);
                true
            }
            ast::ExprKind::Block(block) => {
                let Some(tail) = &block.tail else { return false };
                let feeds = matches!(&tail.kind, ast::ExprKind::Call(c) if is_feed(&c.name.name));
                if feeds {
                    self.push_scope(std::ptr::from_ref(&**block).addr());
                    self.block_stmts(block, out);
                    self.feed(map, tail, target_span, span, out);
                    self.pop_scope();
                }
                feeds
            }
            _ => false,
        }
    }

    fn feed_call(
        &mut self,
        map: &ast::MapRef,
        call: &ast::Call,
        call_span: Span,
        target_span: Span,
        span: Span,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        let name = call.name.name.as_str();
        let place = self.map_place(map, target_span);
        let args: Vec<Option<Value>> = call.args.iter().map(|arg| self.expr(arg)).collect();
        let args: Vec<Value> = args.into_iter().collect::<Option<_>>()?;
        let (id, key) = place?;
        let (low, high) = match name {
            "count" => (0, 0),
            "hist" => (1, 2),
            "lhist" => (4, 4),
            "tseries" => (3, 4),
            _ => (1, 1),
        };
        self.check_arity(name, args.len(), low, high, call_span)?;
        let mut signed = false;
        if let Some(fed) = args.first() {
            if !matches!(fed.ty(), Ty::Int(_) | Ty::Enum(_) | Ty::Bool) {
                let ty = type_name(fed.ty());
                return self
                    .fail(fed.span(), format!("{name}() only supports integer arguments ({ty} provided)"));
            }
            if self.env.grow_fed(id, &fed.typed()).is_err() {
                return self
                    .fail(fed.span(), format!("Type mismatch for {name}: the map is fed another type"));
            }
            signed = self.env.entry(id).fed.as_ref().is_some_and(|t| t.ty.is_signed());
        }
        let agg = self.agg_of(name, &args, signed, call_span)?;
        self.set_agg(id, agg.clone(), span)?;
        let value = match args.into_iter().next() {
            None => Feed::Count,
            Some(fed) => {
                let wide = cast(fed.expr, if signed { Ty::I64 } else { Ty::U64 });
                if matches!(agg, Agg::TSeries { .. }) { Feed::TSeries(wide) } else { Feed::Value(wide) }
            }
        };
        out.push(feed_stmt(id, key, value));
        Some(())
    }

    fn set_agg(&mut self, id: MapId, agg: Agg, span: Span) -> Option<()> {
        let entry = self.env.entry(id);
        let name = entry.name.clone();
        let new = format!("{}_t", agg_name(&agg));
        if let Some(value) = &entry.value {
            let have = type_name(&value.ty);
            return self.fail(span, value_mismatch(&name, &new, &have));
        }
        match &entry.agg {
            Some(have) if agg_name(have) != agg_name(&agg) => {
                let have = format!("{}_t", agg_name(have));
                self.fail(span, value_mismatch(&name, &new, &have))
            }
            Some(have) if !same_shape(have, &agg) => {
                let what = agg_name(&agg);
                self.fail(span, format!("{what}() arguments of @{name} differ from those it had before"))
            }
            _ => {
                self.env.set_agg(id, agg);
                Some(())
            }
        }
    }

    fn agg_of(&mut self, name: &str, args: &[Value], signed: bool, span: Span) -> Option<Agg> {
        Some(match name {
            "count" => Agg::Count,
            "sum" => Agg::Sum { signed },
            "min" => Agg::Min { signed },
            "max" => Agg::Max { signed },
            "avg" => Agg::Avg { signed },
            "stats" => Agg::Stats { signed },
            "hist" => {
                let bits = match args.get(1) {
                    None => 0,
                    Some(bits) => self.literal_arg(name, bits, "bits")?,
                };
                if !(0..=MAX_HIST_BITS).contains(&bits) {
                    return self.fail(span, format!("hist: bits {bits} must be 0..{MAX_HIST_BITS}"));
                }
                Agg::Hist { bits: bits as u32 }
            }
            "lhist" => return self.lhist(args, span),
            _ => return self.tseries(args, signed, span),
        })
    }

    fn lhist(&mut self, args: &[Value], span: Span) -> Option<Agg> {
        let [_, min, max, step] = args else { return None };
        let min = self.literal_arg("lhist", min, "min")?;
        let max = self.literal_arg("lhist", max, "max")?;
        let step = self.literal_arg("lhist", step, "step")?;
        if step <= 0 {
            return self.fail(span, format!("lhist() step must be >= 1 ({step} provided)"));
        }
        if max <= min {
            return self
                .fail(span, format!("lhist() min must be less than max (provided min {min} and max {max})"));
        }
        if max - min < step {
            return self.fail(
                span,
                format!(
                    "lhist() step is too large for the given range (provided step {step} for range {})",
                    max - min
                ),
            );
        }
        if (max - min) / step > MAX_LHIST_BUCKETS {
            return self.fail(
                span,
                format!(
                    "lhist() too many buckets, must be <= {MAX_LHIST_BUCKETS} (would need {})",
                    (max - min) / step
                ),
            );
        }
        match (i64::try_from(min), i64::try_from(max), i64::try_from(step)) {
            (Ok(min), Ok(max), Ok(step)) => Some(Agg::LHist { min, max, step }),
            _ => self.fail(span, "lhist() bounds must fit in 64 signed bits"),
        }
    }

    fn tseries(&mut self, args: &[Value], signed: bool, span: Span) -> Option<Agg> {
        let interval = self.literal_arg("tseries", &args[1], "interval_ns")?;
        let buckets = self.literal_arg("tseries", &args[2], "num_intervals")?;
        if interval <= 0 {
            return self.fail(span, format!("tseries() interval_ns must be >= 1 ({interval} provided)"));
        }
        if !(1..=MAX_TSERIES_BUCKETS).contains(&buckets) {
            return self.fail(
                span,
                format!("tseries() num_intervals must be 1..{MAX_TSERIES_BUCKETS} ({buckets} provided)"),
            );
        }
        let fold = match args.get(3) {
            None => Fold::Last,
            Some(fold) => match fold.literal_text() {
                Some("avg") => Fold::Avg,
                Some("max") => Fold::Max,
                Some("min") => Fold::Min,
                Some("sum") => Fold::Sum,
                Some(other) => {
                    let message = format!(
                        "tseries() expects one of the following aggregation functions: avg, max, min, sum (\"{other}\" provided)"
                    );
                    return self.fail(fold.span(), message);
                }
                None => {
                    return self
                        .fail(fold.span(), "tseries() expects a string literal as its fourth argument");
                }
            },
        };
        let Ok(interval_ns) = u64::try_from(interval) else {
            return self.fail(span, "tseries() interval_ns must fit in 64 bits");
        };
        Some(Agg::TSeries { interval_ns, buckets: buckets as u32, fold, signed })
    }

    fn literal_arg(&mut self, func: &str, arg: &Value, what: &str) -> Option<i128> {
        match arg.literal_number() {
            Some(n) => Some(n),
            None => self.fail(arg.span(), format!("{func}() expects an integer literal for {what}")),
        }
    }
}

/// Equal but for the sign, which grows with what is fed.
fn same_shape(a: &Agg, b: &Agg) -> bool {
    match (a, b) {
        (Agg::Hist { bits: x }, Agg::Hist { bits: y }) => x == y,
        (Agg::LHist { .. }, Agg::LHist { .. }) => a == b,
        (
            Agg::TSeries { interval_ns: i, buckets: n, fold: f, .. },
            Agg::TSeries { interval_ns: j, buckets: m, fold: g, .. },
        ) => i == j && n == m && f == g,
        _ => true,
    }
}

fn value_mismatch(name: &str, new: &str, have: &str) -> String {
    format!(
        "Type mismatch for @{name}: trying to assign value of type '{new}' when map already has a type '{have}'"
    )
}
