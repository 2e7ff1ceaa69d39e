//! What small programs compile to, word for word: a change here is a change in code quality.

use super::*;
use crate::emit::emit;
use crate::ir::{Builder, Func, FuncRef, Inst, Program, Src};

fn golden(funcs: Vec<Func>, want: &str) {
    let code = emit(&Program { funcs }).unwrap();
    let got = listing(&code, |m| ["@count", "ring"][m.0 as usize].to_string());
    let trim = |s: &str| s.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(trim(&got), trim(want), "\n{got}");
}

/// `/pid == 42/ { @count[cpu] += arg }`, as a front end would lower it.
fn count_by_key() -> Func {
    let mut b = Builder::new("probe", 1);
    let ctx = b.param(0);
    let (body, miss, add, out) = (b.block(), b.block(), b.block(), b.block());
    let id = b.call(14, &[]);
    let pid = b.alu(Alu::Rsh, id, 32);
    let want = b.imm(42);
    b.branch(Cond::Eq, pid, want, body, out);
    b.switch(body);
    let arg = b.load(ctx, 24, Width::B8);
    let key = b.slot(8);
    let at = b.slot_addr(key, 0);
    let cpu = b.call(8, &[]);
    b.store(at, 0, cpu, Width::B8);
    let map = b.map_ptr(MapRef(0));
    let value = b.call(1, &[map.into(), at.into()]);
    b.branch(Cond::Eq, value, 0, miss, add);
    b.switch(add);
    b.push(Inst::AtomicAdd { base: value, off: 0, src: arg, width: Width::B8 });
    b.jump(out);
    b.switch(miss);
    let init = b.slot(8);
    let init_at = b.slot_addr(init, 0);
    b.store(init_at, 0, arg, Width::B8);
    b.call_void(2, &[map.into(), at.into(), init_at.into(), Src::Imm(0)]);
    b.jump(out);
    b.switch(out);
    b.ret(0);
    b.finish()
}

#[test]
fn a_map_update() {
    golden(
        vec![count_by_key()],
        "probe:
             0: (bf) r6 = r1
             1: (85) call bpf_get_current_pid_tgid#14
             2: (77) r0 >>= 32
             3: (55) if r0 != 0x2a goto pc+21
             4: (79) r6 = *(u64 *)(r6 +24)
             5: (85) call bpf_get_smp_processor_id#8
             6: (7b) *(u64 *)(r10 -8) = r0
             7: (18) r1 = map[@count]
             9: (bf) r2 = r10
             10: (07) r2 += -8
             11: (85) call bpf_map_lookup_elem#1
             12: (15) if r0 == 0x0 goto pc+3
             13: (db) lock *(u64 *)(r0 +0) += r6
             14: (b7) r0 = 0
             15: (95) exit
             16: (7b) *(u64 *)(r10 -16) = r6
             17: (18) r1 = map[@count]
             19: (bf) r2 = r10
             20: (07) r2 += -8
             21: (bf) r3 = r10
             22: (07) r3 += -16
             23: (b7) r4 = 0
             24: (85) call bpf_map_update_elem#2
             25: (b7) r0 = 0
             26: (95) exit",
    );
}

/// Sums the context's words in a loop over a script variable.
fn sum() -> Func {
    let mut b = Builder::new("sum", 1);
    let (head, body, out) = (b.block(), b.block(), b.block());
    let (total, i) = (b.copy(0), b.copy(0));
    b.jump(head);
    b.switch(head);
    b.branch(Cond::Lt, i, 8, body, out);
    b.switch(body);
    let scaled = b.alu(Alu::Lsh, i, 3);
    let at = b.alu(Alu::Add, b.param(0), scaled);
    let word = b.load(at, 0, Width::B8);
    let next = b.alu(Alu::Add, total, word);
    b.mov(total, next);
    let next = b.alu(Alu::Add, i, 1);
    b.mov(i, next);
    b.jump(head);
    b.switch(out);
    b.ret(total);
    b.finish()
}

#[test]
fn a_loop_works_in_place() {
    golden(
        vec![sum()],
        "sum:
             0: (b7) r4 = 0
             1: (b7) r5 = 0
             2: (35) if r5 >= 0x8 goto pc+7
             3: (bf) r0 = r5
             4: (67) r0 <<= 3
             5: (0f) r0 += r1
             6: (79) r0 = *(u64 *)(r0 +0)
             7: (0f) r4 += r0
             8: (07) r5 += 1
             9: (a5) if r5 < 0x8 goto pc-7
             10: (bf) r0 = r4
             11: (95) exit",
    );
}

#[test]
fn a_callback_and_its_caller() {
    let mut entry = Builder::new("entry", 1);
    let (slot, body) = (entry.slot(8), entry.reg());
    let at = entry.slot_addr(slot, 0);
    entry.store(at, 0, 0, Width::B8);
    entry.push(Inst::FuncAddr { dst: body, func: FuncRef(2) });
    entry.call_void(181, &[Src::Imm(10), body.into(), at.into(), Src::Imm(0)]);
    let v = entry.load(at, 0, Width::B8);
    entry.ret(v);
    let unused = Builder::new("unused", 0);
    let mut each = Builder::new("each", 2);
    let (i, ctx) = (each.param(0), each.param(1));
    let ring = each.reg();
    each.push(Inst::MapValue { dst: ring, map: MapRef(1), off: 16 });
    each.store(ring, 0, i, Width::B4);
    each.push(Inst::AtomicAdd { base: ctx, off: 0, src: i, width: Width::B8 });
    each.ret(0);
    golden(
        vec![entry.finish(), unused.finish(), each.finish()],
        "entry:
             0: (7a) *(u64 *)(r10 -8) = 0
             1: (b7) r1 = 10
             2: (18) r2 = func pc+7
             4: (bf) r3 = r10
             5: (07) r3 += -8
             6: (b7) r4 = 0
             7: (85) call bpf_loop#181
             8: (79) r0 = *(u64 *)(r10 -8)
             9: (95) exit
         each:
             10: (18) r0 = map[ring][0]+16
             12: (63) *(u32 *)(r0 +0) = r1
             13: (db) lock *(u64 *)(r2 +0) += r1
             14: (b7) r0 = 0
             15: (95) exit",
    );
}

#[test]
fn more_values_than_registers_survive_a_call() {
    let mut b = Builder::new("many", 1);
    let ctx = b.param(0);
    let values: Vec<_> = (0..6).map(|i| b.load(ctx, 8 * i, Width::B8)).collect();
    let mut sum = b.call(7, &[]);
    for v in values {
        sum = b.alu(Alu::Xor, sum, v);
    }
    b.ret(sum);
    golden(
        vec![b.finish()],
        "many:
             0: (79) r6 = *(u64 *)(r1 +0)
             1: (79) r7 = *(u64 *)(r1 +8)
             2: (79) r8 = *(u64 *)(r1 +16)
             3: (79) r9 = *(u64 *)(r1 +24)
             4: (79) r0 = *(u64 *)(r1 +32)
             5: (7b) *(u64 *)(r10 -8) = r0
             6: (79) r0 = *(u64 *)(r1 +40)
             7: (7b) *(u64 *)(r10 -16) = r0
             8: (85) call bpf_get_prandom_u32#7
             9: (af) r0 ^= r6
             10: (af) r0 ^= r7
             11: (af) r0 ^= r8
             12: (af) r0 ^= r9
             13: (79) r5 = *(u64 *)(r10 -8)
             14: (af) r0 ^= r5
             15: (79) r5 = *(u64 *)(r10 -16)
             16: (af) r0 ^= r5
             17: (95) exit",
    );
}
