//! Builtins: what the kernel tells a program about the task, the CPU, the clock and the timer it runs for.

use edgekit_bpf::ir::{Alu, Cond, Reg, Width};

use super::r#gen::Gen;
use super::memory::Mem;
use super::{Error, Result, helper};
use crate::plan::control;
use crate::tree::{Attach, Builtin};
use crate::ty::{Clock, Int};

impl Gen<'_> {
    pub(super) fn builtin(&mut self, b: Builtin) -> Result<Reg> {
        Ok(match b {
            Builtin::Pid => {
                let r = self.call(helper::GET_CURRENT_PID_TGID, &[]);
                self.f.b.alu(Alu::Rsh, r, 32)
            }
            Builtin::Tid => {
                let r = self.call(helper::GET_CURRENT_PID_TGID, &[]);
                self.extend(r, Int::U32)
            }
            Builtin::Uid => {
                let r = self.call(helper::GET_CURRENT_UID_GID, &[]);
                self.extend(r, Int::U32)
            }
            Builtin::Gid => {
                let r = self.call(helper::GET_CURRENT_UID_GID, &[]);
                self.f.b.alu(Alu::Rsh, r, 32)
            }
            Builtin::Nsecs(clock) => self.nsecs(clock)?,
            Builtin::Cpu => self.call(helper::GET_SMP_PROCESSOR_ID, &[]),
            Builtin::Curtask => self.call(helper::GET_CURRENT_TASK, &[]),
            Builtin::Cgroup => self.call(helper::GET_CURRENT_CGROUP_ID, &[]),
            Builtin::Rand => {
                let r = self.call(helper::GET_PRANDOM_U32, &[]);
                self.extend(r, Int::U32)
            }
            Builtin::NumaId => self.call(helper::GET_NUMA_NODE_ID, &[]),
            Builtin::Jiffies => {
                self.needs_kernel("jiffies", 5, 9)?;
                self.call(helper::JIFFIES64, &[])
            }
            Builtin::Elapsed => {
                let now = self.nsecs(Clock::Boot)?;
                let start = self.control_word(control::START_NS);
                self.f.b.alu(Alu::Sub, now, start)
            }
            Builtin::Cpid => self.control_word(control::CPID),
            Builtin::Usermode => self.usermode()?,
            Builtin::Comm => return Err(Error::Unsupported { what: "comm as a number", span: self.span }),
        })
    }

    fn control_word(&mut self, word: u32) -> Reg {
        let p = self.array_value(self.tables.control, 0);
        self.load_at(Mem::at(p).plus(word * 8), Width::B8)
    }

    fn nsecs(&mut self, clock: Clock) -> Result<Reg> {
        Ok(match clock {
            Clock::Boot => self.call(helper::KTIME_GET_BOOT_NS, &[]),
            Clock::Monotonic => self.call(helper::KTIME_GET_NS, &[]),
            Clock::Tai => {
                self.needs_kernel("nsecs(tai)", 6, 1)?;
                self.call(helper::KTIME_GET_TAI_NS, &[])
            }
            Clock::Wall => {
                let boot = self.call(helper::KTIME_GET_BOOT_NS, &[]);
                let offset = self.control_word(control::WALL_OFFSET);
                self.f.b.alu(Alu::Add, boot, offset)
            }
        })
    }

    /// From the saved registers of a timer probe: x86 keeps the privilege level in the low bits of cs, arm64 the
    /// exception level in pstate (`struct pt_regs`, `struct user_pt_regs`).
    fn usermode(&mut self) -> Result<Reg> {
        let timer = matches!(
            self.attach,
            Some(
                Attach::Profile(_) | Attach::Interval(_) | Attach::Software { .. } | Attach::Hardware { .. }
            )
        );
        if !timer {
            return Ok(self.f.b.imm(1));
        }
        let ctx = Mem::at(self.f.ctx);
        let level = if cfg!(target_arch = "x86_64") {
            let cs = self.load_at(ctx.plus(17 * 8), Width::B8);
            self.f.b.alu(Alu::And, cs, 3)
        } else {
            let pstate = self.load_at(ctx.plus(33 * 8), Width::B8);
            self.f.b.alu(Alu::And, pstate, 0xf)
        };
        let is_user = if cfg!(target_arch = "x86_64") { 3 } else { 0 };
        let dst = self.f.b.copy(0);
        let (yes, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, level, is_user, yes, out);
        self.f.b.switch(yes);
        self.f.b.mov(dst, 1);
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(dst)
    }
}
