//! What is known of maps and script variables while passes run over the program.
//!
//! The analyser walks the program until nothing new is learned; this is what it learns. Entries only ever grow
//! (wider integers, longer strings), so the walk ends. Neighbours: `maps` and `vars` write here, `mod` asks
//! [`Env::changed`] after every pass.

use std::collections::HashMap;

use super::infer::{Typed, join};
use crate::diag::Span;
use crate::tree::{MapId, MapKind, VarId};
use crate::ty::{Agg, Ty};

#[derive(Debug)]
pub(super) struct MapEntry {
    pub(super) name: String,
    /// True with a key, false for one value; set by the first use that shows it.
    pub(super) keyed: Option<(bool, Span)>,
    pub(super) key: Option<Typed>,
    pub(super) value: Option<Typed>,
    /// Set instead of `value` when the map is fed by count() and its like.
    pub(super) agg: Option<Agg>,
    /// Joined type of what sum() and its like are given.
    pub(super) fed: Option<Typed>,
    pub(super) declared: Option<(MapKind, u32)>,
    pub(super) used: bool,
    /// Written somewhere (`@x++`, `@x = @x + 1`), so that it may start as zero when nothing says what it is.
    pub(super) assigned: bool,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct VarEntry {
    pub(super) name: String,
    pub(super) typed: Option<Typed>,
    /// The declaration gives a full type, which assignments must fit.
    pub(super) fixed: bool,
    pub(super) in_memory: bool,
}

/// A variable's identity over passes: program, declaring place (an address in the syntax tree), name.
pub(super) type VarKey = (usize, usize, String);

#[derive(Debug, Default)]
pub(super) struct Env {
    pub(super) maps: Vec<MapEntry>,
    map_names: HashMap<String, MapId>,
    pub(super) vars: Vec<VarEntry>,
    var_keys: HashMap<VarKey, VarId>,
    changed: bool,
}

impl Env {
    pub(super) fn map(&mut self, name: &str, span: Span) -> MapId {
        if let Some(id) = self.map_names.get(name) {
            return *id;
        }
        let id = MapId(self.maps.len() as u32);
        self.maps.push(MapEntry {
            name: name.to_owned(),
            keyed: None,
            key: None,
            value: None,
            agg: None,
            fed: None,
            declared: None,
            used: false,
            assigned: false,
            span,
        });
        self.map_names.insert(name.to_owned(), id);
        self.changed = true;
        id
    }

    pub(super) fn entry(&self, id: MapId) -> &MapEntry {
        &self.maps[id.0 as usize]
    }

    pub(super) fn entry_mut(&mut self, id: MapId) -> &mut MapEntry {
        &mut self.maps[id.0 as usize]
    }

    pub(super) fn var(&mut self, key: VarKey) -> VarId {
        if let Some(id) = self.var_keys.get(&key) {
            return *id;
        }
        let id = VarId(self.vars.len() as u32);
        self.vars.push(VarEntry {
            name: format!("${}", super::vars::shown(&key.2)),
            typed: None,
            fixed: false,
            in_memory: false,
        });
        self.var_keys.insert(key, id);
        self.changed = true;
        id
    }

    pub(super) fn var_entry(&self, id: VarId) -> &VarEntry {
        &self.vars[id.0 as usize]
    }

    pub(super) fn var_entry_mut(&mut self, id: VarId) -> &mut VarEntry {
        &mut self.vars[id.0 as usize]
    }

    pub(super) fn set_in_memory(&mut self, id: VarId) {
        let entry = &mut self.vars[id.0 as usize];
        self.changed |= !entry.in_memory;
        entry.in_memory = true;
    }

    /// Widens a slot by one more use. `Err` holds the type it has when the two do not mix.
    pub(super) fn grow(slot: &mut Option<Typed>, changed: &mut bool, with: &Typed) -> Result<(), Ty> {
        let joined = match slot {
            None => with.clone(),
            Some(have) => join(have, with).ok_or_else(|| have.ty.clone())?,
        };
        if slot.as_ref() != Some(&joined) {
            *slot = Some(joined);
            *changed = true;
        }
        Ok(())
    }

    pub(super) fn grow_key(&mut self, id: MapId, with: &Typed) -> Result<(), Ty> {
        Env::grow(&mut self.maps[id.0 as usize].key, &mut self.changed, with)
    }

    pub(super) fn grow_value(&mut self, id: MapId, with: &Typed) -> Result<(), Ty> {
        Env::grow(&mut self.maps[id.0 as usize].value, &mut self.changed, with)
    }

    pub(super) fn grow_fed(&mut self, id: MapId, with: &Typed) -> Result<(), Ty> {
        Env::grow(&mut self.maps[id.0 as usize].fed, &mut self.changed, with)
    }

    pub(super) fn grow_var(&mut self, id: VarId, with: &Typed) -> Result<(), Ty> {
        Env::grow(&mut self.vars[id.0 as usize].typed, &mut self.changed, with)
    }

    pub(super) fn set_assigned(&mut self, id: MapId) {
        let entry = &mut self.maps[id.0 as usize];
        self.changed |= !entry.assigned;
        entry.assigned = true;
    }

    pub(super) fn set_agg(&mut self, id: MapId, agg: Agg) {
        let entry = &mut self.maps[id.0 as usize];
        if entry.agg.as_ref() != Some(&agg) {
            entry.agg = Some(agg);
            self.changed = true;
        }
    }

    /// Something was learned outside the tables that asks for another pass.
    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    /// True when something was learned since the last call.
    pub(super) fn changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Maps that are only ever made of themselves start as a small zero. True when there was one.
    pub(super) fn default_assigned(&mut self) -> bool {
        let mut any = false;
        for entry in &mut self.maps {
            if entry.assigned && entry.value.is_none() && entry.agg.is_none() {
                entry.value = Some(Typed::fixed(Ty::Int(crate::ty::Int::I8)));
                any = true;
            }
        }
        any
    }
}
