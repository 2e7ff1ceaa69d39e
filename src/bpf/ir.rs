//! The low-level form: what a tracing compiler lowers its typed tree to, before registers and offsets exist.
//!
//! It exists so that no front end ever thinks about r0–r9, the 512-byte stack, two-operand arithmetic or jump
//! offsets. A [`Program`] is a list of functions (the first is the entry, the others are callbacks for
//! `bpf_loop` and `bpf_for_each_map_elem`); a function is a list of basic blocks over an unlimited number of
//! 64-bit virtual registers. It is not SSA: a register may be written many times, which is what script
//! variables and loops want.
//!
//! Neighbours: `regalloc` gives every [`Reg`] a machine register or a stack slot, `emit` turns the result into
//! `insn` words with relocations, `prog` loads them.

/// A virtual 64-bit register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(pub u32);

/// A basic block of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block(pub u32);

/// A piece of the function's stack, 8-byte aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// A map of the program, by its index in the loader's table; the descriptor is filled in at load time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapRef(pub u32);

/// A function of the program by its index; 0 is the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncRef(pub u32);

/// Where an instruction came from. The front end decides what the number means (`0` = nowhere); it comes back
/// with a verifier rejection.
pub type Origin = u32;

/// Second operand of arithmetic, stores and comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Src {
    Reg(Reg),
    /// Sign-extended to 64 bits by the machine.
    Imm(i32),
}

impl From<Reg> for Src {
    fn from(r: Reg) -> Self {
        Src::Reg(r)
    }
}

impl From<i32> for Src {
    fn from(i: i32) -> Self {
        Src::Imm(i)
    }
}

/// Size of a memory access in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    B1,
    B2,
    B4,
    B8,
}

impl Width {
    pub fn bytes(self) -> u32 {
        match self {
            Width::B1 => 1,
            Width::B2 => 2,
            Width::B4 => 4,
            Width::B8 => 8,
        }
    }

    /// The width of an access of `n` bytes, when there is one.
    pub fn of_bytes(n: u32) -> Option<Width> {
        Some(match n {
            1 => Width::B1,
            2 => Width::B2,
            4 => Width::B4,
            8 => Width::B8,
            _ => return None,
        })
    }
}

/// Arithmetic. Division and modulo are the machine's unsigned ones (x / 0 = 0, x % 0 = x); a signed division
/// is lowered to these by the front end, because the signed instruction needs kernel 6.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alu {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    And,
    Or,
    Xor,
    /// Shift left; the machine masks the amount to the operand's width.
    Lsh,
    /// Logical shift right.
    Rsh,
    /// Arithmetic shift right.
    Arsh,
}

/// Comparison of a branch: unsigned unless it starts with `S`; `Set` is `lhs & rhs != 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cond {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Slt,
    Sle,
    Sgt,
    Sge,
    Set,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Inst {
    Mov {
        dst: Reg,
        src: Src,
    },
    /// Any 64-bit constant.
    Imm64 {
        dst: Reg,
        imm: u64,
    },
    /// dst = lhs op rhs, on 64 bits, or on the low 32 with the upper half cleared when `w32`.
    Alu {
        op: Alu,
        w32: bool,
        dst: Reg,
        lhs: Reg,
        rhs: Src,
    },
    Neg {
        dst: Reg,
        src: Reg,
    },
    /// Reverses the low `width` bytes and clears the rest (machine endianness does not matter).
    Bswap {
        dst: Reg,
        src: Reg,
        width: Width,
    },
    /// dst = *(width *)(base + off), zero-extended.
    Load {
        dst: Reg,
        base: Reg,
        off: i16,
        width: Width,
    },
    Store {
        base: Reg,
        off: i16,
        src: Src,
        width: Width,
    },
    /// *(base + off) += src, atomically; width 4 or 8.
    AtomicAdd {
        base: Reg,
        off: i16,
        src: Reg,
        width: Width,
    },
    /// Address of a byte of a stack slot.
    SlotAddr {
        dst: Reg,
        slot: Slot,
        off: i32,
    },
    /// Pointer to a map, as helpers want it.
    MapPtr {
        dst: Reg,
        map: MapRef,
    },
    /// Address of byte `off` of the first value of an array map (kernel 5.2).
    MapValue {
        dst: Reg,
        map: MapRef,
        off: u32,
    },
    /// Address of a callback.
    FuncAddr {
        dst: Reg,
        func: FuncRef,
    },
    /// Kernel helper by number with up to five arguments.
    Call {
        helper: u32,
        args: Vec<Src>,
        dst: Option<Reg>,
    },
}

/// How a block ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    Jump(Block),
    Branch { cond: Cond, w32: bool, lhs: Reg, rhs: Src, then: Block, els: Block },
    Return(Src),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockData {
    pub insts: Vec<(Inst, Origin)>,
    pub term: Option<(Term, Origin)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Func {
    pub name: String,
    /// Registers holding the arguments on entry, at most five; the entry function has one, the context.
    pub params: Vec<Reg>,
    pub regs: u32,
    /// Size of each slot in bytes; `regalloc` lays them out, 8-byte aligned.
    pub slots: Vec<u32>,
    /// Block 0 is the entry.
    pub blocks: Vec<BlockData>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    pub funcs: Vec<Func>,
}

/// Builds one function block by block. Instructions go to the current block; a block that already ended
/// swallows what follows (code after `return`), so that a front end need not track reachability.
#[derive(Debug)]
pub struct Builder {
    func: Func,
    cur: Block,
    origin: Origin,
}

impl Builder {
    pub fn new(name: &str, params: u32) -> Self {
        let func = Func {
            name: name.to_string(),
            params: (0..params).map(Reg).collect(),
            regs: params,
            slots: Vec::new(),
            blocks: vec![BlockData::default()],
        };
        Builder { func, cur: Block(0), origin: 0 }
    }

    pub fn param(&self, i: usize) -> Reg {
        self.func.params[i]
    }

    pub fn reg(&mut self) -> Reg {
        self.func.regs += 1;
        Reg(self.func.regs - 1)
    }

    pub fn slot(&mut self, bytes: u32) -> Slot {
        self.func.slots.push(bytes);
        Slot(self.func.slots.len() as u32 - 1)
    }

    /// Bytes of stack asked for so far, as laid out.
    pub fn stack_bytes(&self) -> u32 {
        self.func.slots.iter().map(|s| s.next_multiple_of(8)).sum()
    }

    pub fn block(&mut self) -> Block {
        self.func.blocks.push(BlockData::default());
        Block(self.func.blocks.len() as u32 - 1)
    }

    pub fn current(&self) -> Block {
        self.cur
    }

    /// True when the current block has ended and further instructions would be unreachable.
    pub fn ended(&self) -> bool {
        self.func.blocks[self.cur.0 as usize].term.is_some()
    }

    /// Goes on in `b`; the block left behind must have ended.
    pub fn switch(&mut self, b: Block) {
        self.cur = b;
    }

    /// Instructions from here on come from `o`.
    pub fn set_origin(&mut self, o: Origin) -> Origin {
        std::mem::replace(&mut self.origin, o)
    }

    pub fn push(&mut self, inst: Inst) {
        let origin = self.origin;
        let b = &mut self.func.blocks[self.cur.0 as usize];
        if b.term.is_none() {
            b.insts.push((inst, origin));
        }
    }

    fn end(&mut self, term: Term) {
        let origin = self.origin;
        let b = &mut self.func.blocks[self.cur.0 as usize];
        if b.term.is_none() {
            b.term = Some((term, origin));
        }
    }

    pub fn mov(&mut self, dst: Reg, src: impl Into<Src>) {
        self.push(Inst::Mov { dst, src: src.into() });
    }

    pub fn copy(&mut self, src: impl Into<Src>) -> Reg {
        let dst = self.reg();
        self.mov(dst, src);
        dst
    }

    /// A register holding `v`.
    pub fn imm(&mut self, v: i64) -> Reg {
        let dst = self.reg();
        match i32::try_from(v) {
            Ok(i) => self.mov(dst, i),
            Err(_) => self.push(Inst::Imm64 { dst, imm: v as u64 }),
        }
        dst
    }

    pub fn alu(&mut self, op: Alu, lhs: Reg, rhs: impl Into<Src>) -> Reg {
        let dst = self.reg();
        self.push(Inst::Alu { op, w32: false, dst, lhs, rhs: rhs.into() });
        dst
    }

    pub fn load(&mut self, base: Reg, off: i16, width: Width) -> Reg {
        let dst = self.reg();
        self.push(Inst::Load { dst, base, off, width });
        dst
    }

    pub fn store(&mut self, base: Reg, off: i16, src: impl Into<Src>, width: Width) {
        self.push(Inst::Store { base, off, src: src.into(), width });
    }

    pub fn slot_addr(&mut self, slot: Slot, off: i32) -> Reg {
        let dst = self.reg();
        self.push(Inst::SlotAddr { dst, slot, off });
        dst
    }

    pub fn map_ptr(&mut self, map: MapRef) -> Reg {
        let dst = self.reg();
        self.push(Inst::MapPtr { dst, map });
        dst
    }

    pub fn call(&mut self, helper: u32, args: &[Src]) -> Reg {
        let dst = self.reg();
        self.push(Inst::Call { helper, args: args.to_vec(), dst: Some(dst) });
        dst
    }

    /// A call whose result nobody reads.
    pub fn call_void(&mut self, helper: u32, args: &[Src]) {
        self.push(Inst::Call { helper, args: args.to_vec(), dst: None });
    }

    pub fn jump(&mut self, to: Block) {
        self.end(Term::Jump(to));
    }

    pub fn branch(&mut self, cond: Cond, lhs: Reg, rhs: impl Into<Src>, then: Block, els: Block) {
        self.end(Term::Branch { cond, w32: false, lhs, rhs: rhs.into(), then, els });
    }

    /// Like [`Builder::branch`], comparing only the low 32 bits when `w32`.
    pub fn branch_w(
        &mut self,
        cond: Cond,
        w32: bool,
        lhs: Reg,
        rhs: impl Into<Src>,
        then: Block,
        els: Block,
    ) {
        self.end(Term::Branch { cond, w32, lhs, rhs: rhs.into(), then, els });
    }

    pub fn ret(&mut self, v: impl Into<Src>) {
        self.end(Term::Return(v.into()));
    }

    /// The finished function. A block that never ended returns 0, so that every path is closed.
    pub fn finish(mut self) -> Func {
        for b in &mut self.func.blocks {
            if b.term.is_none() {
                b.term = Some((Term::Return(Src::Imm(0)), 0));
            }
        }
        self.func
    }
}
