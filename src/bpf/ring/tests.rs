//! Records through a ring of the running kernel.

use super::*;
use crate::{
    insn::{Insn, Operand, R},
    ir::{Alu, Cond, Width},
    map::MapSpec,
    prog::{ProgKind, Program},
    testing::{copy, load, map_fd, mov, no_bpf},
};

const OUTPUT: i32 = 130;
const RESERVE: i32 = 131;
const DISCARD_CALL: i32 = 133;

/// Writes its first argument as a record of `len` bytes; returns the helper's result.
fn writer(map: &Map, len: i32) -> Program {
    let store = |off| Insn::Store { base: R::FP, off, src: Operand::Reg(R(6)), width: Width::B8 };
    let mut insns = vec![Insn::Load { dst: R(6), base: R(1), off: 0, width: Width::B8 }];
    insns.extend((1..=(len as i16 + 7) / 8).map(|i| store(-8 * i)));
    insns.extend([
        map_fd(1, map),
        copy(2, 10),
        Insn::Alu { op: Alu::Add, w32: false, dst: R(2), src: Operand::Imm(-(len + 7) / 8 * 8) },
        mov(3, len),
        mov(4, 0),
        Insn::Call { helper: OUTPUT },
        Insn::Exit,
    ]);
    load(ProgKind::RawTracepoint, &insns)
}

fn collect(ring: &mut Ring) -> Vec<u64> {
    let mut seen = Vec::new();
    ring.consume(&mut |r: &[u8]| {
        seen.push(u64::from_ne_bytes(r[..8].try_into().unwrap()));
        ControlFlow::Continue(())
    });
    seen
}

#[test]
fn in_order_around_the_end() {
    if no_bpf() {
        return;
    }
    let map = Map::create(MapSpec::ring("ring", 4096)).unwrap();
    let mut ring = Ring::new(&map, &Clock::system()).unwrap();
    // 28 + 8 bytes a record, so that records straddle the end of the data.
    let prog = writer(&map, 28);
    let mut next = 0;
    for round in 0..50 {
        let burst = round % 90 + 1;
        for i in 0..burst {
            assert_eq!(prog.test_run(&[next + i]).unwrap(), 0);
        }
        assert_eq!(collect(&mut ring), (next..next + burst).collect::<Vec<_>>());
        next += burst;
        assert_eq!(ring.backlog(), 0);
    }
}

#[test]
fn full_ring_refuses_and_recovers() {
    if no_bpf() {
        return;
    }
    let map = Map::create(MapSpec::ring("ring", 4096)).unwrap();
    let mut ring = Ring::new(&map, &Clock::system()).unwrap();
    let prog = writer(&map, 8);
    let fits = (0..1000).take_while(|&i| prog.test_run(&[i]).unwrap() == 0).count();
    assert!((ring.size() / 16 - 1..=ring.size() / 16).contains(&fits), "{fits}");
    assert_eq!(collect(&mut ring).len(), fits);
    assert_eq!(prog.test_run(&[7]).unwrap(), 0);
    assert_eq!(collect(&mut ring), [7]);
}

#[test]
fn breaking_off_keeps_the_rest() {
    if no_bpf() {
        return;
    }
    let map = Map::create(MapSpec::ring("ring", 4096)).unwrap();
    let mut ring = Ring::new(&map, &Clock::system()).unwrap();
    let prog = writer(&map, 8);
    for i in 0..5 {
        prog.test_run(&[i]).unwrap();
    }
    assert_eq!(ring.consume(&mut |_: &[u8]| ControlFlow::Break(())), 1);
    assert_eq!(collect(&mut ring), [1, 2, 3, 4]);
    assert_eq!(collect(&mut ring), [0_u64; 0]);
}

#[test]
fn discarded_records_are_skipped() {
    if no_bpf() {
        return;
    }
    let map = Map::create(MapSpec::ring("ring", 4096)).unwrap();
    let mut ring = Ring::new(&map, &Clock::system()).unwrap();
    let discards = load(
        ProgKind::RawTracepoint,
        &[
            map_fd(1, &map),
            mov(2, 24),
            mov(3, 0),
            Insn::Call { helper: RESERVE },
            Insn::Branch { cond: Cond::Eq, w32: false, lhs: R(0), rhs: Operand::Imm(0), off: 3 },
            copy(1, 0),
            mov(2, 0),
            Insn::Call { helper: DISCARD_CALL },
            mov(0, 0),
            Insn::Exit,
        ],
    );
    let prog = writer(&map, 8);
    prog.test_run(&[1]).unwrap();
    discards.test_run(&[]).unwrap();
    prog.test_run(&[2]).unwrap();
    assert_eq!(collect(&mut ring), [1, 2]);
    assert_eq!(ring.discarded(), 1);
}

#[test]
fn poller_sees_records_and_time() {
    if no_bpf() {
        return;
    }
    let map = Map::create(MapSpec::ring("ring", 4096)).unwrap();
    let mut ring = Ring::new(&map, &Clock::system()).unwrap();
    let mut poller = Poller::new().unwrap();
    poller.add(&ring, 9).unwrap();
    assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap().count(), 0);
    writer(&map, 8).test_run(&[1]).unwrap();
    assert_eq!(poller.wait(Some(Duration::from_secs(5))).unwrap().collect::<Vec<_>>(), [9]);
    assert_eq!(collect(&mut ring), [1]);
    assert_eq!(poller.wait(Some(Duration::from_millis(1))).unwrap().count(), 0);
}

/// A producer and a sleeping consumer at full speed: a wake-up lost between "told" and "asleep" would hang this.
#[test]
fn no_wake_up_is_lost() {
    const N: u64 = 20_000;
    if no_bpf() {
        return;
    }
    let map = Map::create(MapSpec::ring("ring", 1 << 20)).unwrap();
    let mut ring = Ring::new(&map, &Clock::system()).unwrap();
    let mut poller = Poller::new().unwrap();
    poller.add(&ring, 0).unwrap();
    let prog = writer(&map, 8);
    let producer = std::thread::spawn(move || (0..N).filter(|&i| prog.test_run(&[i]).unwrap() == 0).count());
    let mut seen = 0;
    let mut idle = 0;
    while seen < N && idle < 3 {
        match poller.wait(Some(Duration::from_secs(2))).unwrap().count() {
            0 => idle += 1,
            _ => seen += collect(&mut ring).len() as u64,
        }
    }
    assert_eq!(producer.join().unwrap() as u64, N);
    assert_eq!((seen, idle), (N, 0));
}
