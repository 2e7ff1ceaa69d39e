//! What is refused and how it is named; what is dropped; maps filled in and used by the kernel.

use super::*;
use crate::ir::{Block, Builder, Inst as Ir, Reg, Src};
use crate::map::{Map, MapKind, MapSpec};
use crate::prog::{ProgKind, ProgSpec, Program as Loaded};
use crate::testing::no_bpf;

fn compile(funcs: Vec<Func>) -> Result<Code, EmitError> {
    emit(&Program { funcs })
}

#[test]
fn a_read_before_any_write_is_named() {
    let mut b = Builder::new("f", 1);
    let (then, join) = (b.block(), b.block());
    let maybe = b.reg();
    b.branch(Cond::Eq, b.param(0), 0, then, join);
    b.switch(then);
    b.call_void(5, &[]);
    b.push(Ir::Load { dst: maybe, base: b.param(0), off: 0, width: Width::B8 });
    b.jump(join);
    b.switch(join);
    b.set_origin(77);
    b.ret(maybe);
    let want = EmitError::Undefined { func: "f".into(), reg: maybe.0, origin: 77 };
    assert_eq!(compile(vec![b.finish()]), Err(want));
}

/// A function that writes to a slot of `bytes`, and hands a callback to `bpf_loop`.
fn framed(name: &str, bytes: u32, callback: Option<u32>) -> Func {
    let mut b = Builder::new(name, 2);
    let slot = b.slot(bytes);
    let at = b.slot_addr(slot, 0);
    b.store(at, 0, 1, Width::B1);
    if let Some(f) = callback {
        let func = b.reg();
        b.push(Ir::FuncAddr { dst: func, func: FuncRef(f) });
        b.call_void(181, &[Src::Imm(3), func.into(), at.into(), Src::Imm(0)]);
    }
    b.ret(0);
    b.finish()
}

#[test]
fn the_stack_has_an_end() {
    assert_eq!(compile(vec![framed("f", 509, None)]).map(|c| c.stack), Ok(vec![512]));
    let refused = |funcs, n| {
        let want = EmitError::Stack { func: "f".into(), needed: n, limit: 512 };
        assert_eq!(compile(funcs), Err(want));
    };
    refused(vec![framed("f", 513, None)], 520);
    refused(vec![framed("f", u32::MAX, None)], u32::MAX);
    // A callback runs on top of its caller.
    let chain = |bytes| vec![framed("f", 256, Some(1)), framed("g", bytes, None)];
    assert_eq!(compile(chain(250)).map(|c| c.stack), Ok(vec![256, 256]));
    refused(chain(257), 256 + 288);
    // Calling oneself never ends.
    assert!(matches!(compile(vec![framed("f", 8, Some(0))]), Err(EmitError::Stack { .. })));
}

#[test]
fn a_slip_of_the_front_end_is_an_error() {
    let refused = |f: Func, part: &str| {
        let text = compile(vec![f]).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    };
    let mut b = Builder::new("f", 1);
    b.ret(Reg(9));
    refused(b.finish(), "the end of block 0");
    let mut b = Builder::new("f", 1);
    b.mov(Reg(0), Reg(12));
    refused(b.finish(), "names register 12");
    let mut b = Builder::new("f", 1);
    b.jump(Block(4));
    refused(b.finish(), "the end of block 0");
    refused(Builder::new("f", 6).finish(), "6 parameters");
    refused(framed("f", 8, Some(3)), "names function 3");
    let mut f = Builder::new("f", 1).finish();
    f.blocks[0].term = None;
    refused(f, "does not end");
}

#[test]
fn what_has_no_effect_is_dropped() {
    let mut b = Builder::new("f", 1);
    let (dead, on) = (b.block(), b.block());
    let unused = b.slot(400);
    b.slot_addr(unused, 0);
    b.load(b.param(0), 0, Width::B8);
    // A variable that only feeds itself.
    let i = b.copy(0);
    b.push(Ir::Alu { op: Alu::Add, w32: false, dst: i, lhs: i, rhs: Src::Imm(1) });
    let zero = b.imm(0);
    b.branch(Cond::Ne, zero, 0, dead, on);
    b.switch(dead);
    b.call_void(6, &[]);
    b.jump(on);
    b.switch(on);
    b.ret(5);
    let code = compile(vec![b.finish()]).unwrap();
    assert_eq!((code.insns.len(), &code.stack[..]), (2, &[0][..]));
}

#[test]
fn a_jump_has_a_reach() {
    let long = |n: i32| {
        let mut b = Builder::new("f", 1);
        let (body, out) = (b.block(), b.block());
        b.set_origin(3);
        b.branch(Cond::Eq, b.param(0), 1, body, out);
        b.switch(body);
        b.set_origin(4);
        for _ in 0..n {
            b.call_void(5, &[]);
        }
        b.call_void(5, &[]);
        b.jump(out);
        b.switch(out);
        b.call_void(5, &[]);
        b.ret(0);
        compile(vec![b.finish()])
    };
    assert!(long(32_766).is_ok());
    assert_eq!(long(32_767), Err(EmitError::TooFar { func: "f".into(), origin: 3 }));
}

#[test]
fn origins_follow_the_words() {
    let mut b = Builder::new("f", 1);
    b.set_origin(10);
    let map = b.map_ptr(MapRef(0));
    b.set_origin(20);
    b.call_void(1, &[map.into(), b.param(0).into()]);
    b.set_origin(30);
    b.ret(0);
    let code = compile(vec![b.finish()]).unwrap();
    // The first word moves the parameter out of the way, which nobody asked for.
    assert_eq!(code.origins, [0, 20, 20, 20, 30, 30]);
}

#[test]
fn the_kernel_finds_the_maps() {
    if no_bpf() {
        return;
    }
    let hash = Map::create(MapSpec::hash("counts", MapKind::Hash, 8, 8, 16)).unwrap();
    let array = Map::create(MapSpec::array("cells", MapKind::Array, 32, 1)).unwrap();
    let mut b = Builder::new("count", 1);
    let (ctx, key, value) = (b.param(0), b.slot(8), b.slot(8));
    let (key, value) = (b.slot_addr(key, 0), b.slot_addr(value, 0));
    let (first, more, out) = (b.block(), b.block(), b.block());
    let arg = b.load(ctx, 0, Width::B8);
    let cells = b.reg();
    b.push(Ir::MapValue { dst: cells, map: MapRef(1), off: 8 });
    b.push(Ir::AtomicAdd { base: cells, off: 8, src: arg, width: Width::B8 });
    b.store(key, 0, arg, Width::B8);
    let map = b.map_ptr(MapRef(0));
    let found = b.call(1, &[map.into(), key.into()]);
    b.branch(Cond::Eq, found, 0, first, more);
    b.switch(first);
    let big = b.imm(0x1_0000_0001);
    b.store(value, 0, big, Width::B8);
    b.call_void(2, &[map.into(), key.into(), value.into(), Src::Imm(0)]);
    b.jump(out);
    b.switch(more);
    let one = b.imm(1);
    b.push(Ir::AtomicAdd { base: found, off: 0, src: one, width: Width::B8 });
    b.jump(out);
    b.switch(out);
    b.ret(0);
    let code = compile(vec![b.finish()]).unwrap();
    let words = code.link(|m| [hash.raw_fd(), array.raw_fd()][m.0 as usize]);
    let prog = Loaded::load(&ProgSpec::new("count", ProgKind::RawTracepoint, &words)).unwrap();
    for _ in 0..3 {
        prog.test_run(&[7]).unwrap();
    }
    let count = hash.lookup(&7u64.to_ne_bytes()).unwrap().unwrap();
    assert_eq!(count, 0x1_0000_0003u64.to_ne_bytes());
    let cells = array.lookup(&0u32.to_ne_bytes()).unwrap().unwrap();
    assert_eq!(cells[16..24], 21u64.to_ne_bytes());
}
