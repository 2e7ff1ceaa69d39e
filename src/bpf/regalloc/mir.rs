//! The form between `ir` and machine code: the same instructions with constants folded into their operands.
//!
//! It exists because the allocator wants to see every operand in the same three places (`a`, `b`, call
//! arguments) and wants constants, slot addresses and map pointers to be values that need no register, not
//! registers that happen to hold a constant. Neighbours: `opt` makes it, `flow` puts its blocks in order, `live`
//! and `assign` give its registers places, `emit` prints it.

use crate::ir::{Alu, Cond, FuncRef, MapRef, Origin, Width};

/// An operand. All but `Reg` can be brought into a machine register at any point without having been kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Val {
    None,
    Reg(u32),
    Imm(i32),
    Imm64(u64),
    /// Address of byte `off` of a stack slot.
    Slot(u32, i32),
    Map(MapRef),
    MapValue(MapRef, u32),
    Func(FuncRef),
    /// The home on the stack of a register that did not get a machine register.
    Spill(u32),
}

/// Where a result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dst {
    None,
    Reg(u32),
    Spill(u32),
}

/// What an instruction does with its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nop,
    /// Defines the parameters, once, where the function starts.
    Entry,
    /// dst = a
    Mov,
    /// dst = a op b
    Alu {
        op: Alu,
        w32: bool,
    },
    /// dst = -a
    Neg,
    /// dst = bytes of a reversed
    Swap(Width),
    /// dst = *(a + off)
    Load {
        off: i16,
        width: Width,
    },
    /// *(a + off) = b
    Store {
        off: i16,
        width: Width,
    },
    /// *(a + off) += b
    AtomicAdd {
        off: i16,
        width: Width,
    },
    /// dst = helper(args)
    Call {
        helper: u32,
    },
    Jump {
        to: u32,
    },
    Branch {
        cond: Cond,
        w32: bool,
        then: u32,
        els: u32,
    },
    /// return a
    Return,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Inst {
    pub(crate) kind: Kind,
    pub(crate) dst: Dst,
    pub(crate) a: Val,
    pub(crate) b: Val,
    /// First argument in the body's pool, and how many.
    pub(crate) args: (u32, u8),
    pub(crate) origin: Origin,
}

/// One function in this form.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) blocks: Vec<Vec<Inst>>,
    pub(crate) entry: usize,
    /// Arguments of all calls.
    pub(crate) args: Vec<Val>,
    pub(crate) params: Vec<Dst>,
    pub(crate) regs: u32,
}

pub(crate) fn commutes(op: Alu) -> bool {
    matches!(op, Alu::Add | Alu::Mul | Alu::And | Alu::Or | Alu::Xor)
}

impl Val {
    pub(crate) fn is_reg(self) -> bool {
        matches!(self, Val::Reg(_))
    }
}

impl Inst {
    pub(crate) fn new(kind: Kind, dst: Dst, a: Val, b: Val, origin: Origin) -> Inst {
        Inst { kind, dst, a, b, args: (0, 0), origin }
    }

    pub(crate) fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Call { .. })
    }

    pub(crate) fn arg_range(&self) -> std::ops::Range<usize> {
        let start = self.args.0 as usize;
        start..start + usize::from(self.args.1)
    }

    /// True when the instruction may be dropped if nobody reads its result.
    pub(crate) fn is_pure(&self) -> bool {
        matches!(self.kind, Kind::Mov | Kind::Alu { .. } | Kind::Neg | Kind::Swap(_) | Kind::Load { .. })
    }

    /// True when `b` is read after `dst` has been written: the machine has two operands, so `a` is first
    /// moved to `dst`. A commuting operation whose operands are both registers can be turned around instead.
    pub(crate) fn b_is_late(&self) -> bool {
        match self.kind {
            Kind::Alu { op, .. } => self.a != self.b && !(commutes(op) && self.a.is_reg()),
            _ => false,
        }
    }

    /// True when `a` may be something else than a register without needing one on the way.
    pub(crate) fn a_folds(&self) -> bool {
        match self.kind {
            Kind::Mov => matches!(self.dst, Dst::Reg(_)),
            Kind::Alu { .. } => self.b_is_late() || !self.b.is_reg(),
            Kind::Neg | Kind::Swap(_) | Kind::Return => true,
            _ => false,
        }
    }

    /// True when the result may go to the stack without a register on the way.
    pub(crate) fn dst_folds(&self) -> bool {
        match self.kind {
            Kind::Mov => self.a.is_reg(),
            Kind::Call { .. } => true,
            _ => false,
        }
    }

    /// The register that would save a move by sharing its machine register with `dst`.
    pub(crate) fn tie(&self) -> Option<(u32, u32)> {
        match (self.kind, self.dst, self.a) {
            (Kind::Mov | Kind::Alu { .. } | Kind::Neg | Kind::Swap(_), Dst::Reg(d), Val::Reg(a)) => {
                Some((d, a))
            }
            _ => None,
        }
    }

    /// Calls `f` with every register read, and whether it is read late.
    pub(crate) fn each_use(&self, args: &[Val], mut f: impl FnMut(u32, bool)) {
        if let Val::Reg(r) = self.a {
            f(r, false);
        }
        if let Val::Reg(r) = self.b {
            f(r, self.b_is_late());
        }
        for arg in &args[self.arg_range()] {
            if let Val::Reg(r) = arg {
                f(*r, false);
            }
        }
    }
}
