//! Any bytes as type information: alone, and as a module on top of themselves; every view of every type.
#![no_main]

use std::sync::Arc;

use edgekit_bpf::btf::{Index, Kind};
use libfuzzer_sys::fuzz_target;

fn look(index: &Index) {
    for ty in index.iter() {
        let _ = (ty.name(), ty.size(), ty.array(), ty.int(), ty.is_signed());
        let _ = (ty.members().count(), ty.params().count(), ty.values().count());
        let _ = (index.size_of(ty.id()), index.resolve(ty.id()), index.proto_of(ty.id()));
        let _ = (index.type_name(ty.id()), index.member(ty.id(), "x"));
    }
    let _ = (index.iter_names(Kind::Func).count(), index.constant("x"), index.struct_named("x"));
}

fuzz_target!(|data: &[u8]| {
    let Ok(index) = Index::parse(data.to_vec()) else { return };
    look(&index);
    if let Ok(module) = Index::parse_split(Arc::new(index), data.to_vec()) {
        look(&module);
    }
});
