//! Types built here and read back, damaged blobs, and the running kernel's own.

use super::*;
use crate::Error;
use std::sync::Arc;

fn sample() -> (Builder, u32) {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let char = b.int("char", 1, false);
    let comm = b.array(char, int, 16);
    let m = |name, type_id, bit_offset| NewMember { name, type_id, bit_offset, bitfield_size: 0 };
    let inner = b.composite(true, "", 8, &[m("a", int, 0), m("b", int, 0)]);
    let flags = b.composite(
        false,
        "flags",
        4,
        &[
            NewMember { name: "low", type_id: int, bit_offset: 0, bitfield_size: 3 },
            NewMember { name: "high", type_id: int, bit_offset: 3, bitfield_size: 5 },
        ],
    );
    let task = b.composite(
        false,
        "task",
        40,
        &[m("pid", int, 0), m("comm", comm, 32), m("", inner, 192), m("flags", flags, 256)],
    );
    let c = b.constant(task);
    b.typedef("task_t", c);
    b.enumeration("state", true, &[("RUNNING", 0), ("LOST", u32::MAX)]);
    b.enumeration64("wide", false, &[("BIG", 1 << 40)]);
    let ptr = b.ptr(task);
    let proto = b.func_proto(int, &[("task", ptr), ("size", int)]);
    b.func("look", proto, Linkage::Static);
    (b, task)
}

#[test]
fn what_was_built_is_found() {
    let (b, task) = sample();
    let index = Index::parse(b.to_bytes()).unwrap();
    let ty = index.struct_named("task").unwrap();
    assert_eq!((ty.id(), ty.len(), ty.size()), (task, 4, Some(40)));
    let at = |path: &[&str]| index.member_path(task, path).unwrap().map(|m| (m.bit_offset, m.bitfield_size));
    assert_eq!(at(&["pid"]), Some((0, 0)));
    assert_eq!(at(&["b"]), Some((192, 0)), "through the anonymous union");
    assert_eq!(at(&["flags", "high"]), Some((259, 5)));
    assert_eq!(at(&["flags", "none"]), None);
    assert_eq!(at(&["pid", "x"]), None, "an integer has no members");
    let comm = index.member(task, "comm").unwrap().unwrap();
    assert_eq!(index.size_of(comm.type_id).unwrap(), 16);
    assert_eq!(index.type_name(comm.type_id), "char [16]");
    let t = index.typedef_named("task_t").unwrap();
    assert_eq!(index.resolve(t.id()).unwrap().id(), task);
    assert_eq!(index.size_of(t.id()).unwrap(), 40);
    assert_eq!(index.strip(t.id()).unwrap().kind(), Kind::Typedef);
    assert_eq!(index.constant("LOST").map(|(v, _)| v as i64), Some(-1));
    assert_eq!(index.constant("BIG").map(|(v, _)| v), Some(1 << 40));
    assert!(index.constant("SMALL").is_none());
    let proto = index.proto_of(index.func_named("look").unwrap().id()).unwrap().unwrap();
    let params: Vec<_> = proto.params().map(|p| (p.name, index.type_name(p.type_id))).collect();
    assert_eq!(params, [("task", "struct task *".to_owned()), ("size", "int".to_owned())]);
    let names: Vec<_> = index.iter_names(Kind::Struct).map(|(_, n)| n).collect();
    assert_eq!(names, ["flags", "task"]);
    let found = index.find_all(&[(Kind::Struct, "flags"), (Kind::Func, "task"), (Kind::Int, "int")]);
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    assert!(index.size_of(0).is_err(), "void has no size");
}

#[test]
fn ids_between_marks() {
    let mut b = Builder::new();
    for i in 0..100u32 {
        b.int(&format!("i{i}"), 4, i % 2 == 0);
    }
    let index = Index::parse(b.to_bytes()).unwrap();
    for i in 0..100u32 {
        assert_eq!(index.get(i + 1).unwrap().name(), format!("i{i}"));
        assert_eq!(index.get(i + 1).unwrap().is_signed(), i % 2 == 0);
    }
    assert!(index.get(101).is_err() && index.get(u32::MAX).is_err());
    assert_eq!(index.get(0).unwrap().kind(), Kind::Void);
}

#[test]
fn a_module_continues_the_kernel() {
    let (b, task) = sample();
    let kernel = Arc::new(Index::parse(b.to_bytes()).unwrap());
    let strings = u32::from_ne_bytes(b.to_bytes()[20..24].try_into().unwrap());
    // A typedef "mod" of the kernel's `task`, with strings and ids that continue.
    let mut blob = Builder::new().to_bytes();
    blob.truncate(24);
    let record: Vec<u8> =
        [strings, (Kind::Typedef as u32) << 24, task].iter().flat_map(|w| w.to_ne_bytes()).collect();
    blob.extend_from_slice(&record);
    blob.extend_from_slice(b"mod\0");
    blob[12..16].copy_from_slice(&12u32.to_ne_bytes());
    blob[16..20].copy_from_slice(&12u32.to_ne_bytes());
    blob[20..24].copy_from_slice(&4u32.to_ne_bytes());
    let module = Index::parse_split(kernel.clone(), blob).unwrap();
    let ty = module.typedef_named("mod").unwrap();
    assert_eq!((ty.id(), ty.name()), (kernel.end_id(), "mod"));
    assert_eq!(module.resolve(ty.id()).unwrap().name(), "task");
    assert!(module.struct_named("task").is_some() && kernel.typedef_named("mod").is_none());
    assert_eq!(module.iter_names(Kind::Typedef).map(|(_, n)| n).collect::<Vec<_>>(), ["task_t", "mod"]);
}

#[test]
fn damage_is_an_error_not_a_hang() {
    let (b, task) = sample();
    let good = b.to_bytes();
    for cut in 0..good.len() {
        poke(good[..cut].to_vec(), task);
    }
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            poke(bad, task);
        }
    }
    let mut swapped = good.clone();
    swapped.swap(0, 1);
    assert!(matches!(Index::parse(swapped), Err(Error::BtfData { at: 0, .. })));
}

#[test]
fn self_reference_ends() {
    let mut b = Builder::new();
    b.typedef("a", 2);
    b.typedef("b", 1);
    // An anonymous struct that holds itself many times over: exponential without a budget.
    let me = NewMember { name: "", type_id: 3, bit_offset: 0, bitfield_size: 0 };
    b.composite(false, "", 8, &[me; 50]);
    b.ptr(4);
    let index = Index::parse(b.to_bytes()).unwrap();
    assert!(index.resolve(1).is_err() && index.size_of(2).is_err());
    assert!(index.member(3, "x").is_err());
    assert_eq!(index.type_name(4), "?");
}

fn poke(bytes: Vec<u8>, id: u32) {
    let Ok(index) = Index::parse(bytes) else { return };
    for ty in index.iter() {
        let _ = (ty.name(), ty.members().count(), ty.params().count(), ty.values().count());
        let _ = (index.size_of(ty.id()), index.type_name(ty.id()), index.proto_of(ty.id()));
    }
    let _ = (index.member_path(id, &["flags", "high"]), index.struct_named("task"), index.constant("BIG"));
}

#[test]
fn the_running_kernel() {
    let index = match Index::vmlinux() {
        Ok(index) => index,
        Err(e) => {
            eprintln!("skipped: {e}");
            return;
        }
    };
    let task = index.struct_named("task_struct").unwrap();
    let pid = index.member(task.id(), "pid").unwrap().unwrap();
    assert!(pid.byte_offset() > 0);
    assert_eq!(index.size_of(pid.type_id).unwrap(), 4);
    assert!(index.member_path(task.id(), &["se", "vruntime"]).unwrap().unwrap().byte_offset() > 0);
    let proto = index.proto_of(index.func_named("vfs_read").unwrap().id()).unwrap().unwrap();
    assert_eq!(proto.params().map(|p| p.name).collect::<Vec<_>>(), ["file", "buf", "count", "pos"]);
    // Every type of a real kernel can be looked at.
    let mut count = 0;
    for ty in index.iter() {
        let _ = (index.type_name(ty.id()), index.size_of(ty.id()).ok());
        count += 1;
    }
    assert_eq!(count + 1, index.end_id());
}
