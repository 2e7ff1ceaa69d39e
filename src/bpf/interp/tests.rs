//! Random programs, three ways: their meaning, our bytecode in our machine, our bytecode in the kernel.

use super::random::{CTX_WORDS, Rng, Shape, program};
use super::{run, vm};
use crate::emit::{EmitError, emit};
use crate::ir::{Func, Program};
use crate::prog::{ProgKind, ProgSpec, Program as Loaded};
use crate::testing::no_bpf;

fn contexts(seed: u64) -> [[u64; CTX_WORDS]; 3] {
    let mut rng = Rng::new(seed ^ 0xc0ffee);
    let small = std::array::from_fn(|_| rng.next() % 5);
    [[0; CTX_WORDS], small, std::array::from_fn(|_| rng.next())]
}

fn compile(func: &Func) -> Result<Vec<u64>, EmitError> {
    emit(&Program { funcs: vec![func.clone()] }).map(|c| c.insns)
}

#[test]
fn bytecode_means_what_the_program_means() {
    let mut too_big = 0;
    for seed in 0..1000 {
        let shape =
            Shape { vars: 2 + seed as usize % 29, statements: 5 + seed as usize * 7 % 150, real: false };
        let func = program(seed, shape);
        let words = match compile(&func) {
            Ok(words) => words,
            Err(EmitError::Stack { .. }) => {
                too_big += 1;
                continue;
            }
            Err(e) => panic!("seed {seed}: {e}"),
        };
        for ctx in contexts(seed) {
            assert_eq!(run(&func, &ctx), vm::run(&words, &ctx), "seed {seed}");
        }
    }
    assert!(too_big < 10, "{too_big} of 1000 programs need too much stack");
}

#[test]
fn the_kernel_agrees() {
    if no_bpf() {
        return;
    }
    let mut loaded = 0;
    for seed in 0..400 {
        let shape =
            Shape { vars: 2 + seed as usize % 24, statements: 5 + seed as usize * 3 % 60, real: true };
        let func = program(seed, shape);
        let Ok(words) = compile(&func) else { continue };
        let prog = match Loaded::load(&ProgSpec::new("random", ProgKind::RawTracepoint, &words)) {
            Ok(prog) => prog,
            // More paths than the verifier is willing to walk: a property of the program, not of its code.
            Err(e) if e.to_string().contains("too large") || e.errno() == Some(libc::E2BIG) => continue,
            Err(e) => panic!("seed {seed}: {e}"),
        };
        loaded += 1;
        for ctx in contexts(seed) {
            assert_eq!(run(&func, &ctx) as u32, prog.test_run(&ctx).unwrap(), "seed {seed}");
        }
    }
    assert!(loaded > 300, "only {loaded} of 400 programs were accepted");
}
