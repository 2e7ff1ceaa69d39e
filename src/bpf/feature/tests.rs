//! What the running kernel is found to be able to do.

use super::*;
use crate::testing::no_bpf;

/// Every feature gives an answer, and one that fails says why.
#[test]
fn every_feature_answers() {
    for &feature in Feature::ALL {
        let support = feature.probe();
        println!("{:8} {:24} {} {}", feature.group().name(), feature.name(), support.works, support.why);
        assert!(support.works || !support.why.is_empty(), "{feature:?}");
    }
}

#[test]
fn what_the_other_tests_use_works() {
    if no_bpf() {
        return;
    }
    use Feature as F;
    for feature in [F::RawTracepoint, F::PerfSoftware, F::RingBuf, F::PerCpuHash, F::MapShared, F::TestRun] {
        let support = feature.probe();
        assert!(support.works, "{feature:?}: {}", support.why);
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = Feature::ALL.iter().map(|f| f.name()).collect();
    edgekit_core::sort::natural(&mut names);
    names.dedup();
    assert_eq!(names.len(), Feature::ALL.len());
}

#[test]
fn missing_option_is_named() {
    let error =
        Error::Attach { what: "kprobe".into(), source: std::io::Error::from_raw_os_error(libc::ENOENT) };
    if build_option("CONFIG_BPF_SYSCALL").is_none() {
        eprintln!("skipped: no build options to read");
        return;
    }
    assert_eq!(
        reason(&error, &["CONFIG_BPF_SYSCALL", "CONFIG_NO_SUCH_THING"]),
        "the kernel is built without CONFIG_NO_SUCH_THING"
    );
    assert_eq!(reason(&error, &["CONFIG_BPF_SYSCALL"]), "cannot attach: no such file or directory");
}
