//! The proof behind the plan of one static file: each large crate is linked and really called.
//!
//! Prints one line a proof, `ok NAME: what was seen`, `skip` with the reason, or `FAIL`, and ends
//! with 1 where one failed. `scripts/smoke/run` builds it for both targets and runs it here, under
//! qemu-user and in a virtual machine.

#![forbid(unsafe_code)]

mod lua;
mod mqtt;
mod tls;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aya::maps::{HashMap, Map, MapData};
use clap::{Arg, Command};

type Seen = Result<Outcome, Box<dyn Error>>;

/// What a proof found, in words.
enum Outcome {
    Ok(String),
    Skip(String),
}

mod page {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

fn main() -> ExitCode {
    let proofs: [(&str, fn() -> Seen); 9] = [
        ("clap", command_line),
        ("static-files", embedded_page),
        ("unwind", caught_panic),
        ("tokio", timer),
        ("indicatif", progress),
        ("rustls", tls::handshake),
        ("rumqttc", mqtt::round_trip),
        ("mlua", lua::sandbox),
        ("aya", kernel_map),
    ];
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, proof) in proofs {
        match proof() {
            Ok(Outcome::Ok(seen)) => {
                passed += 1;
                println!("ok {name}: {seen}");
            }
            Ok(Outcome::Skip(reason)) => {
                skipped += 1;
                println!("skip {name}: {reason}");
            }
            Err(error) => {
                failed += 1;
                println!("FAIL {name}: {error}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Fails with `what` unless it holds.
fn ensure(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn command_line() -> Seen {
    let command =
        Command::new("smoke").arg(Arg::new("count").long("count").value_parser(clap::value_parser!(u16)));
    let matches = command.clone().try_get_matches_from(["smoke", "--count", "512"])?;
    ensure(matches.get_one::<u16>("count") == Some(&512), "--count was not read")?;
    let refused = command.try_get_matches_from(["smoke", "--count", "many"]);
    ensure(refused.is_err(), "a bad value was taken")?;
    Ok(Outcome::Ok("a value read, a bad one refused".to_owned()))
}

fn embedded_page() -> Seen {
    let pages = page::generate();
    let hello = pages.get("hello.txt").ok_or("hello.txt is not embedded")?;
    ensure(hello.data == include_bytes!("page/hello.txt"), "the embedded bytes differ")?;
    Ok(Outcome::Ok(format!("{} bytes of hello.txt", hello.data.len())))
}

fn caught_panic() -> Seen {
    let caught = quietly(|| {
        let empty: Vec<u8> = std::hint::black_box(Vec::new());
        empty[0]
    });
    ensure(caught.is_err(), "an index out of bounds did not panic")?;
    Ok(Outcome::Ok("a panic unwound and was caught".to_owned()))
}

/// Catches the panic that is expected of `work`, without its message.
fn quietly<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    result
}

fn timer() -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let start = Instant::now();
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
    let waited = start.elapsed();
    ensure(waited >= Duration::from_millis(20), "the timer fired early")?;
    Ok(Outcome::Ok(format!("slept {} ms for 20", waited.as_millis())))
}

fn progress() -> Seen {
    let screen = indicatif::InMemoryTerm::new(4, 60);
    let target = indicatif::ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let bar = indicatif::ProgressBar::with_draw_target(Some(8), target)
        .with_style(indicatif::ProgressStyle::with_template("{wide_bar} {pos}/{len}")?);
    bar.inc(6);
    bar.tick();
    let drawn = screen.contents();
    ensure(drawn.contains("6/8"), "the bar was not drawn")?;
    Ok(Outcome::Ok("a bar drawn at 6/8".to_owned()))
}

/// A map of the kernel: made, written, read back, and its bounds felt.
fn kernel_map() -> Seen {
    let made = new_map();
    let data = match made {
        Err(error) if refused(&error) => {
            return Ok(Outcome::Skip(format!("bpf(2) is refused here: {error}")));
        }
        other => other?,
    };
    let mut map: HashMap<MapData, u32, u64> = HashMap::try_from(Map::HashMap(data))?;
    for key in 0..16_u32 {
        map.insert(key, u64::from(key) << 33, 0)?;
    }
    ensure(map.get(&9, 0)? == 9 << 33, "the value read is not the one written")?;
    ensure(map.insert(99, 1, 0).is_err(), "a 17th entry went into a map of 16")?;
    Ok(Outcome::Ok("16 entries written, read back, a 17th refused".to_owned()))
}

fn new_map() -> Result<MapData, aya::maps::MapError> {
    let kind = aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_HASH as u32;
    let (key, value) = (size_of::<u32>() as u32, size_of::<u64>() as u32);
    MapData::create(aya_obj::Map::new_from_params(kind, key, value, 16, 0), "smoke", None)
}

/// qemu-user has no bpf(2); a box may withhold it.
fn refused(error: &aya::maps::MapError) -> bool {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(one) = cause {
        if let Some(io) = one.downcast_ref::<std::io::Error>() {
            return matches!(io.raw_os_error(), Some(libc::ENOSYS | libc::EPERM | libc::EACCES));
        }
        cause = one.source();
    }
    false
}
