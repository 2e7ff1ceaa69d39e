//! What will be done, before anything is: for each component the cheapest way that is sure to work.
//!
//! A delta counts only if its source is what runs, byte for byte: that is read and hashed, not believed from the
//! state, since somebody may have written to a slot that is mounted. What the bundle does not bring is carried over
//! from the slot that runs, so that the other one is whole when it is started. Neighbours: `install` carries it out.

use super::state::{Deployment, Part, Set};
use super::{Item, Moved, Plan, Terms, Watcher, Way};
use crate::boot::Name;
use crate::bundle::read::Bundle;
use crate::bundle::tree::{self, HASH};
use crate::bundle::{Component, Payload};
use crate::device::Updater;
use crate::fault::Fault;
use crate::hex::Hex;
use crate::image::{self, Image, Prefix};

/// What a plan is made from.
pub(super) struct Planner<'a> {
    pub(super) updater: &'a Updater,
    pub(super) terms: &'a Terms,
    /// The slot that runs, and what is known to be in it.
    pub(super) running: Name,
    pub(super) there: Option<Set>,
    /// What is known to be in the other one.
    pub(super) target: Option<Set>,
    /// An earlier attempt at the same deployment, and the components of it that were removed since.
    pub(super) earlier: Option<&'a Deployment>,
    pub(super) gone: &'a [String],
}

impl Planner<'_> {
    /// The plan for a bundle that is believed and fits.
    pub(super) fn plan(&self, bundle: &Bundle<'_>, watcher: &mut dyn Watcher) -> Result<Plan, Fault> {
        let manifest = &bundle.manifest;
        let wanted = |name: &String| self.terms.components.is_empty() || self.terms.components.contains(name);
        for name in &self.terms.components {
            bundle.component(name)?;
        }
        let components = &self.updater.config.component;
        if let Some(unknown) =
            manifest.component.keys().find(|name| wanted(name) && !components.contains_key(*name))
        {
            return Err(Fault::Unfit(
                format!("'{}' has a component '{unknown}', and this device has none", bundle.head.place),
                "describe it in ota.toml, as 'edgekit config example ota' shows, or choose others with --component",
            ));
        }
        let mut items = Vec::new();
        for name in components.keys() {
            let item = match manifest.component.get(name).filter(|_| wanted(name)) {
                Some(component) => Some(self.brought(name, component, watcher)?),
                None => self.carried(name, watcher)?,
            };
            items.extend(item);
        }
        let (name, version) = (manifest.name.clone(), manifest.version.clone());
        Ok(Plan { id: bundle.id(), name, version, slot: self.running.other(), items })
    }

    fn item(&self, name: &str, way: Way, digest: Hex, size: u64) -> Result<Item, Fault> {
        let place = self.updater.slot(name, self.running.other())?.place();
        let (name, is_gone) = (name.to_owned(), self.gone.iter().any(|gone| gone == name));
        Ok(Item { name, place, way, size, digest, fetch: 0, durable: 0, is_gone, fallback: None })
    }

    /// What an earlier attempt has of this image.
    fn earlier(&self, name: &str, digest: Hex) -> Option<&Part> {
        self.earlier?.parts.get(name).filter(|part| part.digest == digest)
    }

    /// The other slot has it already, as far as is known; what is read back will show.
    fn is_there(&self, name: &str, digest: Hex) -> bool {
        self.target
            .as_ref()
            .is_some_and(|set| set.images.get(name).is_some_and(|(known, _)| *known == digest))
    }

    /// What runs is this image still, whatever the state says.
    fn runs(&self, name: &str, digest: Hex, size: u64, watcher: &mut dyn Watcher) -> Result<bool, Fault> {
        let image = match self.updater.slot(name, self.running)?.image() {
            Ok(image) => image,
            Err(Fault::Absent(..)) => return Ok(false),
            Err(other) => return Err(other),
        };
        match Prefix::of(&*image, size) {
            Some(image) => Ok(digest_of(&image, watcher)? == digest),
            None => Ok(false),
        }
    }

    fn brought(&self, name: &str, component: &Component, watcher: &mut dyn Watcher) -> Result<Item, Fault> {
        let digest = component.digest;
        if let Some(part) = self.earlier(name, digest).filter(|part| is_of(&part.way, component)) {
            let mut item = self.item(name, part.way.clone(), digest, component.size)?;
            item.durable = if part.is_done { component.pages() } else { part.durable.pages };
            item.fetch = left(component, &part.way, item.durable);
            return Ok(item);
        }
        if self.is_there(name, digest) {
            return self.item(name, Way::There, digest, component.size);
        }
        if self.there.as_ref().is_some_and(|set| set.images.get(name) == Some(&(digest, component.size)))
            && self.runs(name, digest, component.size, watcher)?
        {
            return self.item(name, Way::Copied, digest, component.size);
        }
        let (way, fallback) = self.choose(name, component, watcher)?;
        let mut item = self.item(name, way, digest, component.size)?;
        item.fetch = left(component, &item.way, 0);
        item.fallback = fallback;
        Ok(item)
    }

    /// The payload with the fewest bytes, and why it is no delta although there is one.
    fn choose(
        &self,
        name: &str,
        component: &Component,
        watcher: &mut dyn Watcher,
    ) -> Result<(Way, Option<String>), Fault> {
        let payloads = &component.payload;
        let full = payloads.iter().find(|(_, payload)| payload.source.is_none());
        let delta = self.delta(name, component, full.map_or(u64::MAX, |(_, full)| full.stored), watcher)?;
        let why = match delta {
            Ok(Some(payload)) => return Ok((Way::Delta(payload), None)),
            Ok(None) => None,
            Err(why) => Some(why),
        };
        let Some((payload, _)) = full else {
            let why = why.unwrap_or_else(|| "nothing runs it could be made from".to_owned());
            return Err(Fault::Unfit(
                format!("'{name}' comes as deltas only, and none can be used: {why}"),
                "ask for a bundle with the full image, or with a delta against what runs",
            ));
        };
        if !self.terms.full_fallback {
            let why = why.unwrap_or_else(|| "the bundle has no delta".to_owned());
            return Err(Fault::Refused(
                format!("'{name}' would be fetched as a full image: {why}"),
                "leave out --no-full-fallback, set download.full_fallback, or ask for a bundle with that delta",
            ));
        }
        Ok((Way::Full(payload.clone()), why))
    }

    /// The smallest delta against what runs; none if the full image is smaller, or why none can be used.
    #[allow(clippy::type_complexity, reason = "either a payload, none, or a reason")]
    fn delta(
        &self,
        name: &str,
        component: &Component,
        limit: u64,
        watcher: &mut dyn Watcher,
    ) -> Result<Result<Option<String>, String>, Fault> {
        let mut deltas: Vec<(&String, &Payload, u64, Hex)> = Vec::new();
        for (payload_name, payload) in &component.payload {
            if let (Some(source), Some(size)) = (payload.source, payload.source_size) {
                deltas.push((payload_name, payload, size, source));
            }
        }
        if deltas.is_empty() {
            return Ok(Ok(None));
        }
        edgekit_core::sort::by_key(&mut deltas, |(_, payload, ..)| payload.stored);
        let old = match self.updater.slot(name, self.running)?.image() {
            Ok(old) => old,
            Err(Fault::Absent(what, _)) => return Ok(Err(what)),
            Err(other) => return Err(other),
        };
        // Usually one; a device has a prefix for each size, and is read once for each.
        let mut known: Vec<(u64, Hex)> = Vec::new();
        for (payload_name, payload, size, source) in deltas {
            let Some(prefix) = Prefix::of(&*old, size) else { continue };
            let digest = match known.iter().find(|(of, _)| *of == size) {
                Some((_, digest)) => *digest,
                None => {
                    let digest = digest_of(&prefix, watcher)?;
                    known.push((size, digest));
                    digest
                }
            };
            if digest == source {
                return Ok(Ok((payload.stored < limit).then(|| payload_name.clone())));
            }
        }
        let place = self.updater.slot(name, self.running)?.place();
        Ok(Err(match known.first() {
            Some((_, digest)) => format!("no delta is against what is in '{place}' ({digest})"),
            None => format!("no delta is against something as small as '{place}'"),
        }))
    }

    /// What the bundle does not bring.
    fn carried(&self, name: &str, watcher: &mut dyn Watcher) -> Result<Option<Item>, Fault> {
        if let Some(earlier) = self.earlier
            && let Some(part) = earlier.parts.get(name)
        {
            let mut item = self.item(name, part.way.clone(), part.digest, part.size)?;
            item.durable = if part.is_done { tree::pages_of(part.size) } else { part.durable.pages };
            return Ok(Some(item));
        }
        let known = self.there.as_ref().and_then(|set| set.images.get(name).copied());
        let (digest, size) = match known {
            Some(known) => known,
            None => {
                // From the factory: the whole place is the image.
                let image = match self.updater.slot(name, self.running)?.image() {
                    Ok(image) => image,
                    Err(Fault::Absent(..)) => return Ok(None),
                    Err(other) => return Err(other),
                };
                (digest_of(&*image, watcher)?, image.size())
            }
        };
        let way = if self.is_there(name, digest) { Way::There } else { Way::Copied };
        self.item(name, way, digest, size).map(Some)
    }
}

/// The digest of an image, read as a whole.
pub(super) fn digest_of(image: &dyn Image, watcher: &mut dyn Watcher) -> Result<Hex, Fault> {
    let pages = image::pages(image, &mut |done| {
        watcher.moved(Moved { done, ..Moved::default() });
        super::stop(watcher)
    })?;
    Ok(Hex(tree::digest(&pages)))
}

/// Whether the bundle at hand still has what an earlier attempt chose.
fn is_of(way: &Way, component: &Component) -> bool {
    match way {
        Way::Full(payload) | Way::Delta(payload) => component.payload.contains_key(payload),
        Way::Copied | Way::There => true,
    }
}

/// Bytes to fetch for the pages that are not durable yet: blocks in proportion, and the lists of hashes.
fn left(component: &Component, way: &Way, durable: u64) -> u64 {
    let (Way::Full(payload) | Way::Delta(payload)) = way else { return 0 };
    let Some(payload) = component.payload.get(payload) else { return 0 };
    let pages = component.pages();
    if pages == 0 || durable >= pages {
        return 0;
    }
    let lists = pages * HASH as u64 + payload.blocks * crate::bundle::ENTRY as u64;
    let share = u128::from(payload.stored) * u128::from(pages - durable) / u128::from(pages);
    lists + u64::try_from(share).unwrap_or(u64::MAX)
}
