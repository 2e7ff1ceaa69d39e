//! The script's maps as user space sees them: read, cleared, zeroed, and printed at the end.
//!
//! A scalar map is an array of one, which cannot say "never written" by itself; what user space did to it is
//! remembered here, so that a cleared map is not printed at the end. Neighbours: `output::map` folds and sorts
//! what is read, `events` asks for it while the program runs.

use std::collections::HashSet;

use edgekit_bpf::map::Map;

use super::load::Maps;
use crate::output::MapDump;
use crate::plan::{Plan, ScriptMap};
use crate::tree::MapId;
use crate::ty::Ty;

type Result<T> = std::result::Result<T, edgekit_bpf::Error>;

/// Access to the maps a script names.
pub(super) struct Tables<'s> {
    plan: &'s Plan,
    maps: &'s Maps,
    /// Scalars that were cleared, so that their zero means nothing.
    cleared: HashSet<u32>,
    /// Scalars that were zeroed, so that their zero means zero.
    zeroed: HashSet<u32>,
}

impl<'s> Tables<'s> {
    pub(super) fn new(plan: &'s Plan, maps: &'s Maps) -> Tables<'s> {
        Tables { plan, maps, cleared: HashSet::new(), zeroed: HashSet::new() }
    }

    fn script(&self, id: MapId) -> Option<(&'s ScriptMap, Option<&'s Map>)> {
        let script = self.plan.script_maps.get(id.0 as usize)?;
        Some((script, self.maps.get(script.map)))
    }

    /// The map's content now; `None` for a number that names no map.
    pub(super) fn dump(&self, id: MapId) -> Result<Option<MapDump<'s>>> {
        let Some((script, map)) = self.script(id) else { return Ok(None) };
        let Some(spec) = self.plan.maps.get(script.map.0 as usize) else { return Ok(None) };
        let mut dump = MapDump::new(script, spec.kind);
        if let Some(map) = map {
            for (key, value) in map.entries()?.iter() {
                dump.push(key, value);
            }
        }
        Ok(Some(dump))
    }

    /// One entry of an aggregation.
    pub(super) fn dump_entry(&self, id: MapId, key: &[u8]) -> Result<Option<MapDump<'s>>> {
        let Some((script, map)) = self.script(id) else { return Ok(None) };
        if script.bucketed() || script.def.key.is_none() {
            let dump = self.dump(id)?;
            return Ok(dump.map(|mut dump| {
                if script.def.key.is_some() {
                    dump.keep(key);
                }
                dump
            }));
        }
        let Some(spec) = self.plan.maps.get(script.map.0 as usize) else { return Ok(None) };
        let mut dump = MapDump::new(script, spec.kind);
        if let Some(map) = map
            && let Some(value) = map.lookup(key)?
        {
            dump.push(key, &value);
        }
        Ok(Some(dump))
    }

    pub(super) fn clear(&mut self, id: MapId) -> Result<()> {
        self.cleared.insert(id.0);
        self.zeroed.remove(&id.0);
        match self.script(id) {
            Some((_, Some(map))) => map.clear(),
            _ => Ok(()),
        }
    }

    pub(super) fn zero(&mut self, id: MapId) -> Result<()> {
        self.zeroed.insert(id.0);
        self.cleared.remove(&id.0);
        match self.script(id) {
            Some((_, Some(map))) => map.zero(),
            _ => Ok(()),
        }
    }

    /// Removes all buckets of one key of a histogram.
    pub(super) fn delete_key(&mut self, id: MapId, key: &[u8]) -> Result<()> {
        let Some((_, Some(map))) = self.script(id) else { return Ok(()) };
        let entries = map.entries()?;
        for (kernel_key, _) in entries.iter().filter(|(k, _)| k.starts_with(key)) {
            map.delete(kernel_key)?;
        }
        Ok(())
    }

    /// The maps to print at the end, by name.
    pub(super) fn at_end(&self) -> impl Iterator<Item = Result<MapDump<'s>>> + '_ {
        let mut ids: Vec<u32> = (0..self.plan.script_maps.len() as u32).collect();
        edgekit_core::sort::by_key(&mut ids, |id| {
            self.plan.script_maps.get(*id as usize).map(|map| map.def.name.as_str())
        });
        ids.into_iter().filter_map(move |id| match self.says_something(MapId(id)) {
            Ok(true) => self.dump(MapId(id)).transpose(),
            Ok(false) => None,
            Err(e) => Some(Err(e)),
        })
    }

    /// False for a scalar whose zero stands for "nothing happened".
    fn says_something(&self, id: MapId) -> Result<bool> {
        let Some((script, Some(map))) = self.script(id) else { return Ok(false) };
        if script.def.key.is_some() || script.bucketed() {
            return Ok(true);
        }
        let zero = map.lookup(&[0; 4])?.is_none_or(|value| value.iter().all(|b| *b == 0));
        let aggregate = matches!(script.def.value, Ty::Agg(_));
        Ok(!zero || self.zeroed.contains(&id.0) || !(aggregate || self.cleared.contains(&id.0)))
    }
}
