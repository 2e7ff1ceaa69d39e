//! The Linux capabilities applets ask for, by name and number.
//!
//! Only names: whether the process has one is a question for `edgekit_rt::caps`.

/// One capability (capabilities(7)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Capability {
    /// Read any file.
    DacReadSearch = 2,
    /// Bind ports below 1024.
    NetBindService = 10,
    /// Configure interfaces, attach to sockets and traffic.
    NetAdmin = 12,
    /// Look into other processes.
    SysPtrace = 19,
    /// The old umbrella; on kernels before 5.8 also BPF.
    SysAdmin = 21,
    /// Raise resource limits.
    SysResource = 24,
    /// Read kernel addresses.
    Syslog = 34,
    /// Open performance events.
    Perfmon = 38,
    /// Load BPF programs and maps.
    Bpf = 39,
}

impl Capability {
    /// The bit in the kernel's sets.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name manuals and unit files use.
    pub const fn name(self) -> &'static str {
        match self {
            Capability::DacReadSearch => "CAP_DAC_READ_SEARCH",
            Capability::NetBindService => "CAP_NET_BIND_SERVICE",
            Capability::NetAdmin => "CAP_NET_ADMIN",
            Capability::SysPtrace => "CAP_SYS_PTRACE",
            Capability::SysAdmin => "CAP_SYS_ADMIN",
            Capability::SysResource => "CAP_SYS_RESOURCE",
            Capability::Syslog => "CAP_SYSLOG",
            Capability::Perfmon => "CAP_PERFMON",
            Capability::Bpf => "CAP_BPF",
        }
    }
}
