//! Maps of the running kernel: every access, every kind.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::*;
use crate::testing::no_bpf;

fn word(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes[..8].try_into().unwrap())
}

fn keyed(map: &Map, n: u64) {
    let cpus = map.stride() / 8;
    for k in 0..n {
        let value: Vec<u8> = (0..cpus as u64).flat_map(|cpu| (k * 10 + cpu).to_ne_bytes()).collect();
        map.update(&k.to_ne_bytes(), &value).unwrap();
    }
}

fn as_table(entries: &Entries) -> BTreeMap<u64, u64> {
    entries.iter().map(|(k, v)| (word(k), word(v))).collect()
}

#[test]
fn one_element_at_a_time() {
    if no_bpf() {
        return;
    }
    let map = Map::create(MapSpec::hash("@x[1]", MapKind::Hash, 8, 8, 4)).unwrap();
    let key = 7u64.to_ne_bytes();
    assert_eq!(map.lookup(&key).unwrap(), None);
    assert!(!map.replace(&key, &key).unwrap(), "replacing must not add");
    map.update(&key, &9u64.to_ne_bytes()).unwrap();
    assert_eq!(word(&map.lookup(&key).unwrap().unwrap()), 9);
    assert_eq!(map.get_next_key(None).unwrap().unwrap(), key);
    assert_eq!(map.get_next_key(Some(&key)).unwrap(), None);
    assert!(map.delete(&key).unwrap());
    assert!(!map.delete(&key).unwrap());
    let error = map.lookup(&[1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "map \"@x[1]\": key of 2 bytes where 8 are needed");
    for k in 0..4u64 {
        map.update(&k.to_ne_bytes(), &key).unwrap();
    }
    assert_eq!(map.update(&9u64.to_ne_bytes(), &key).unwrap_err().errno(), Some(libc::E2BIG));
    assert!(map.memory().unwrap() > 0);
}

#[test]
fn whole_tables_of_every_hash() {
    if no_bpf() {
        return;
    }
    for kind in [MapKind::Hash, MapKind::LruHash, MapKind::PerCpuHash, MapKind::LruPerCpuHash] {
        // More than one batch; an LRU map of this size keeps all of these.
        let map = Map::create(MapSpec::hash("t", kind, 8, 8, 40_000)).unwrap();
        keyed(&map, 10_000);
        let want: BTreeMap<u64, u64> = (0..10_000).map(|k| (k, k * 10)).collect();
        let entries = map.entries().unwrap();
        assert_eq!(entries.len(), 10_000, "{kind:?}");
        assert_eq!(as_table(&entries), want, "{kind:?}");
        assert_eq!(as_table(&map.walk().unwrap()), want, "{kind:?} key by key");
        if kind.per_cpu() {
            let (k, v) = entries.get(3).unwrap();
            assert_eq!(v.len(), 8 * possible_cpus().unwrap());
            assert_eq!(word(&v[v.len() - 8..]), word(k) * 10 + possible_cpus().unwrap() as u64 - 1);
        }
        map.zero().unwrap();
        assert!(map.entries().unwrap().iter().all(|(_, v)| v.iter().all(|&b| b == 0)));
        keyed(&map, 10_000);
        assert_eq!(as_table(&map.drain().unwrap()), want, "{kind:?} drained");
        assert!(map.entries().unwrap().is_empty());
        keyed(&map, 100);
        assert_eq!(map.walk_out().unwrap().len(), 100, "{kind:?} drained key by key");
        keyed(&map, 100);
        map.clear().unwrap();
        assert!(map.entries().unwrap().is_empty());
    }
}

#[test]
fn crowded_small_hash() {
    if no_bpf() {
        return;
    }
    // Full maps put many keys into one bucket, which has to fit into one batch.
    for n in [1u32, 2, 3, 17, 64] {
        let map = Map::create(MapSpec::hash("t", MapKind::Hash, 8, 8, n)).unwrap();
        keyed(&map, u64::from(n));
        assert_eq!(map.entries().unwrap().len(), n as usize);
        assert_eq!(map.drain().unwrap().len(), n as usize);
    }
}

#[test]
fn arrays_drain_to_zero() {
    if no_bpf() {
        return;
    }
    for kind in [MapKind::Array, MapKind::PerCpuArray] {
        let map = Map::create(MapSpec::array("a", kind, 12, 5000)).unwrap();
        let value = vec![1; map.stride()];
        map.update(&4999u32.to_ne_bytes(), &value).unwrap();
        let entries = map.drain().unwrap();
        assert_eq!(entries.len(), 5000, "{kind:?}");
        // The kernel zeroes the padding between per-CPU values.
        assert_eq!(entries.get(4999).unwrap().1[..12], value[..12]);
        assert!(map.entries().unwrap().iter().all(|(_, v)| v.iter().all(|&b| b == 0)));
    }
}

#[test]
fn shared_array_is_the_map() {
    if no_bpf() {
        return;
    }
    let spec = MapSpec { flags: F_MMAPABLE, ..MapSpec::array("flags", MapKind::Array, 8, 3) };
    let map = Map::create(spec).unwrap();
    let shared = map.share().unwrap();
    assert_eq!(shared.words().len(), 3);
    shared.word(16).unwrap().store(77, Ordering::Relaxed);
    assert_eq!(word(&map.lookup(&2u32.to_ne_bytes()).unwrap().unwrap()), 77);
    map.update(&0u32.to_ne_bytes(), &5u64.to_ne_bytes()).unwrap();
    assert_eq!(shared.words()[0].load(Ordering::Relaxed), 5);
    assert!(shared.word(4).is_none() && shared.word(24).is_none());
    let plain = Map::create(MapSpec::array("plain", MapKind::Array, 8, 3)).unwrap();
    assert!(plain.share().is_err());
    plain.freeze().unwrap();
    assert_eq!(plain.update(&0u32.to_ne_bytes(), &[0; 8]).unwrap_err().errno(), Some(libc::EPERM));
}

#[test]
fn names_and_sizes() {
    assert_eq!(kernel_name("@opens by-pid, longer than the kernel takes"), "opens_by_pid__l");
    let page = sys::mapping::page_size() as u32;
    assert_eq!(ring_bytes(1), page);
    assert_eq!(ring_bytes(page + 1), page * 2);
    assert_eq!(ring_bytes(u32::MAX), 1 << 31);
}
