//! What the tests of this room share: a machine with known names, and maps made by hand.

use std::rc::Rc;

use edgekit_bpf::ir::MapRef;

use super::time::{Zone, strftime};
use super::value::{Resolver, Symbol};
use crate::diag::Span;
use crate::plan::{Event, KernelMap, ScriptMap};
use crate::tree::{EventDef, EventKind, MapDef, MapKind, PrintLevel};
use crate::ty::{Clock, Field, Naming, Ty};

/// Kernel text begins at 0xf000, user text at 0x4000; user 0 is root; clocks count from 1970.
pub(super) struct Fake;

impl Resolver for Fake {
    fn kernel_symbol(&self, address: u64) -> Option<Symbol> {
        let offset = address.checked_sub(0xf000)?;
        Some(Symbol { name: "do_thing".into(), offset, module: None })
    }

    fn user_symbol(&self, tgid: u32, address: u64) -> Option<Symbol> {
        let offset = address.checked_sub(0x4000).filter(|_| tgid == 7)?;
        Some(Symbol { name: "main".into(), offset, module: Some("/bin/prog".into()) })
    }

    fn frames(&self, stack: u32) -> Option<Vec<u64>> {
        (stack == 1).then(|| vec![0xf005, 0x10])
    }

    fn user_name(&self, uid: u64) -> Option<Rc<str>> {
        (uid == 0).then(|| "root".into())
    }

    fn cgroup_path(&self, id: u64) -> Option<Rc<str>> {
        (id == 1).then(|| "unified:/".into())
    }

    fn named(&self, naming: Naming, number: u64) -> Option<Rc<str>> {
        (naming == Naming::Signal && number == 2).then(|| "Interrupt".into())
    }

    fn members(&self, btf_id: u32) -> Option<Rc<[Field]>> {
        let field = Field { name: "pid".into(), ty: Ty::I32, offset: 4, bits: None };
        (btf_id == 9).then(|| [field].into())
    }

    fn time(&self, _: Clock, ns: u64, format: &str, out: &mut Vec<u8>) {
        strftime(format, ns.into(), &Zone::utc(), out);
    }

    fn wall_ns(&self, _: Clock, ns: u64) -> i128 {
        ns.into()
    }
}

/// A small generator of numbers that look random (xorshift).
pub(super) struct Noise(pub u64);

impl Noise {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

pub(super) fn printf_event(format: &str, args: Vec<Ty>) -> Event {
    let kind = EventKind::Printf { format: format.into(), level: PrintLevel::Out };
    Event::new(EventDef { kind, args, names: Vec::new(), span: Span::default() })
}

pub(super) fn script_map(name: &str, key: Option<Ty>, value: Ty) -> ScriptMap {
    let def = MapDef {
        name: name.to_owned(),
        key,
        value,
        kind: MapKind::Hash,
        max_entries: 100,
        span: Span::default(),
    };
    ScriptMap { def, map: MapRef(0) }
}

/// How the kernel map of an aggregation is read here: per CPU.
pub(super) const PER_CPU: KernelMap = KernelMap::PerCpuHash;

/// Native bytes of some u64.
pub(super) fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Text zero-filled to `size`.
pub(super) fn padded(text: &str, size: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(size, 0);
    bytes
}
