//! Facts about the machine, asked of the kernel through safe wrappers.

use std::io;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// The magic number of a BPF file system (statfs(2)).
const BPF_FS: u64 = 0xcafe_4a11;

/// The kernel's release and architecture, as `uname -rm` shows them.
pub fn kernel() -> (String, String) {
    let name = rustix::system::uname();
    (name.release().to_string_lossy().into_owned(), name.machine().to_string_lossy().into_owned())
}

/// The limit on locked memory in bytes; `None` is unlimited. Kernels before 5.11 count BPF maps
/// against it.
pub fn locked_memory_limit() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

/// True if a BPF file system is mounted at `path`.
pub fn is_bpf_fs(path: &Path) -> io::Result<bool> {
    let info = rustix::fs::statfs(path)?;
    // The field's type differs between architectures; the number fits each of them.
    Ok(info.f_type as u64 & 0xffff_ffff == BPF_FS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_itself() {
        let (release, machine) = kernel();
        let from_proc = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(release, from_proc.trim());
        assert!(!machine.is_empty());
    }

    #[test]
    fn the_root_is_no_bpf_file_system() {
        assert!(!is_bpf_fs(Path::new("/")).unwrap());
        assert!(is_bpf_fs(Path::new("/nonexistent")).is_err());
    }
}
