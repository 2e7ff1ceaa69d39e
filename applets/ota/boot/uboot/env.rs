//! The environment of U-Boot as bytes: variables, the seal in front of them, and which of two copies counts.
//!
//! ```text
//! crc32 (little endian) │ flag, only where there are two copies │ NAME=VALUE\0 … \0 │ zeros
//! ```
//! The checksum is over everything behind it but the flag, up to the size that is configured. Variables stand in the
//! order of their bytes and `.flags` comes last, as libubootenv's `fw_setenv` writes them (row 8.6 holds both beside
//! each other); U-Boot's own `saveenv` sorts too. A type or an access that `.flags` gives a variable is obeyed.
//! Sources: U-Boot `env/common.c`, `include/env_flags.h`; libubootenv `src/uboot_env.c`.
//!
//! Neighbours: `copies` knows where the bytes are, `super` what the variables mean.

use std::borrow::Cow;

use crate::boot::crc::crc32;

/// The largest environment that is read, in bytes.
pub const MAX_SIZE: usize = 1 << 20;

/// How two copies say which is the newer one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flag {
    /// A number that goes up with each write, and from 255 to 0: files, block devices, NAND.
    Incremental,
    /// 1 is active, 0 obsolete: NOR, where a bit can be cleared without erasing.
    Boolean,
}

/// Why bytes are no environment, or none that a change fits in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    /// The checksum is another.
    #[error("its checksum is {found:08x}, that of its bytes {real:08x}")]
    Checksum {
        /// Stored.
        found: u32,
        /// Computed.
        real: u32,
    },
    /// It has no end, or no room for one.
    #[error("its variables have no end")]
    Endless,
    /// There is no room for the change.
    #[error("{need} bytes of variables do not fit its {room}")]
    Full {
        /// Bytes of variables, with their end.
        need: usize,
        /// Bytes there are.
        room: usize,
    },
    /// A name that is none.
    #[error("'{0}' is no name of a variable")]
    Name(String),
    /// `.flags` forbids the change.
    #[error("the variable '{0}' {1}")]
    Forbidden(String, &'static str),
}

/// A variable, with what `.flags` says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Variable {
    name: Vec<u8>,
    value: Vec<u8>,
    /// `s`tring, `d`ecimal, he`x`, `b`ool, `i`p address, `m`ac address.
    kind: u8,
    /// `a`ny, `r`ead-only, write-`o`nce, `c`hange of the default.
    access: u8,
}

/// All variables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Env {
    /// By the bytes of their names.
    variables: Vec<Variable>,
}

/// Bytes of the checksum, and of the flag where there is one.
const fn head(redundant: bool) -> usize {
    4 + redundant as usize
}

impl Env {
    /// Reads a copy; gives its flag, 0 where it has none.
    ///
    /// # Errors
    /// [`Wrong::Checksum`], [`Wrong::Endless`].
    pub fn open(bytes: &[u8], redundant: bool) -> Result<(Env, u8), Wrong> {
        let (Some(sum), Some(data)) = (bytes.first_chunk::<4>(), bytes.get(head(redundant)..)) else {
            return Err(Wrong::Endless);
        };
        let (found, real) = (u32::from_le_bytes(*sum), crc32(data));
        if found != real {
            return Err(Wrong::Checksum { found, real });
        }
        Ok((Env::parse(data)?, if redundant { bytes[4] } else { 0 }))
    }

    /// Reads variables up to the empty one. Of several of one name the last counts; what has no `=` is passed over.
    ///
    /// # Errors
    /// [`Wrong::Endless`].
    pub fn parse(mut data: &[u8]) -> Result<Env, Wrong> {
        let mut env = Env::default();
        let mut flags = Vec::new();
        loop {
            let end = data.iter().position(|byte| *byte == 0).ok_or(Wrong::Endless)?;
            let (line, rest) = (&data[..end], &data[end + 1..]);
            if line.is_empty() {
                break;
            }
            data = rest;
            match line.iter().position(|byte| *byte == b'=') {
                None | Some(0) => {}
                Some(at) if &line[..at] == b".flags" => flags = line[at + 1..].to_vec(),
                Some(at) => env.place(&line[..at]).value = line[at + 1..].to_vec(),
            }
        }
        for flag in flags.split(|byte| *byte == b',') {
            let Some(at) = flag.iter().position(|byte| *byte == b':') else { continue };
            if let Ok(found) = env.find(&flag[..at]) {
                let variable = &mut env.variables[found];
                for attribute in &flag[at + 1..] {
                    match attribute {
                        b's' | b'd' | b'x' | b'b' | b'i' | b'm' => variable.kind = *attribute,
                        b'a' | b'r' | b'o' | b'c' => variable.access = *attribute,
                        _ => {}
                    }
                }
            }
        }
        Ok(env)
    }

    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.variables.binary_search_by(|variable| variable.name.as_slice().cmp(name))
    }

    /// The variable of a name, made if it is not there.
    fn place(&mut self, name: &[u8]) -> &mut Variable {
        let at = self.find(name).unwrap_or_else(|at| {
            let new = Variable { name: name.to_vec(), value: Vec::new(), kind: b's', access: b'a' };
            self.variables.insert(at, new);
            at
        });
        &mut self.variables[at]
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let at = self.find(name.as_bytes()).ok()?;
        Some(String::from_utf8_lossy(&self.variables[at].value))
    }

    /// Names and values, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.variables.iter().map(|variable| (&*variable.name, &*variable.value))
    }

    /// Sets a variable, or takes it away.
    ///
    /// # Errors
    /// [`Wrong::Name`] for an empty name or one with `=` or NUL, [`Wrong::Forbidden`] where `.flags` has it
    /// read-only, write-once or of another type.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Wrong> {
        let is_name = !name.is_empty() && name != ".flags" && !name.contains(['=', '\0']);
        if !is_name || value.is_some_and(|value| value.contains('\0')) {
            return Err(Wrong::Name(name.to_owned()));
        }
        let found = self.find(name.as_bytes());
        if let Ok(at) = found
            && let Some(why) = self.variables[at].forbids(value)
        {
            return Err(Wrong::Forbidden(name.to_owned(), why));
        }
        match (value, found) {
            (Some(value), _) => self.place(name.as_bytes()).value = value.as_bytes().to_vec(),
            (None, Ok(at)) => drop(self.variables.remove(at)),
            (None, Err(_)) => {}
        }
        Ok(())
    }

    /// A copy of `size` bytes, with a flag where there are two.
    ///
    /// # Errors
    /// [`Wrong::Full`].
    pub fn seal(&self, size: usize, flag: Option<u8>) -> Result<Vec<u8>, Wrong> {
        let start = head(flag.is_some());
        let mut bytes = vec![0; start];
        for Variable { name, value, .. } in &self.variables {
            bytes.extend([name, &b"="[..], value, b"\0"].concat());
        }
        let flags: Vec<Vec<u8>> = self.variables.iter().filter_map(Variable::flags).collect();
        if !flags.is_empty() {
            bytes.extend([&b".flags="[..], &flags.join(&b','), b"\0"].concat());
        }
        bytes.push(0);
        if bytes.len() > size {
            return Err(Wrong::Full { need: bytes.len() - start, room: size.saturating_sub(start) });
        }
        bytes.resize(size, 0);
        let sum = crc32(&bytes[start..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
        if let Some(flag) = flag {
            bytes[4] = flag;
        }
        Ok(bytes)
    }
}

impl Variable {
    fn flags(&self) -> Option<Vec<u8>> {
        let plain = self.kind == b's' && self.access == b'a';
        (!plain).then(|| [&self.name, &[b':', self.kind, self.access][..]].concat())
    }

    /// Why a new value is not allowed.
    fn forbids(&self, value: Option<&str>) -> Option<&'static str> {
        let digits = |value: &str, is: fn(&u8) -> bool| value.bytes().all(|byte| is(&byte));
        match (self.access, self.kind, value) {
            (b'r', ..) => Some("is read-only"),
            (b'o', ..) => Some("can be set only once"),
            (_, b'd', Some(value)) if !digits(value, u8::is_ascii_digit) => Some("is a decimal number"),
            (_, b'x', Some(value)) => {
                let bare = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")).unwrap_or("");
                (bare.is_empty() || !digits(bare, u8::is_ascii_hexdigit)).then_some("is a number with 0x")
            }
            _ => None,
        }
    }
}

/// Which of two copies counts, of those that are whole: U-Boot's `env_check_redund`, and `env_flash_init` for NOR.
pub fn current(flags: [Option<u8>; 2], kind: Flag) -> Option<usize> {
    match flags {
        [None, None] => None,
        [Some(_), None] => Some(0),
        [None, Some(_)] => Some(1),
        [Some(first), Some(second)] => Some(match (first, second, kind) {
            (255, 0, Flag::Incremental) => 1,
            (0, 255, Flag::Incremental) => 0,
            (_, _, Flag::Incremental) => usize::from(second > first),
            // Erased flash reads 255: a copy whose flag was never written. Any other pair is one of flipped bits.
            (0, 1, Flag::Boolean) => 1,
            (..=254, 255, Flag::Boolean) => 1,
            (_, _, Flag::Boolean) => 0,
        }),
    }
}

/// The flag of the copy that follows one with this flag.
pub const fn following(flag: u8, kind: Flag) -> u8 {
    match kind {
        Flag::Incremental => flag.wrapping_add(1),
        Flag::Boolean => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let mut env = Env::default();
        pairs.iter().for_each(|(name, value)| env.set(name, Some(value)).expect("a name"));
        env
    }

    #[test]
    fn a_copy_is_what_fw_setenv_writes() {
        // Made by fw_setenv 0.3.2 in a copy of 64 bytes, its second write.
        let mut made = vec![0; 64];
        let sealed = env(&[("b", "2"), ("a", "1")]).seal(64, Some(2)).expect("it fits");
        made[4] = 2;
        made[5..13].copy_from_slice(b"a=1\0b=2\0");
        let sum = crc32(&made[5..]);
        made[..4].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(sealed, made);
        assert_eq!(Env::open(&sealed, true).expect("whole"), (env(&[("a", "1"), ("b", "2")]), 2));
        let single = env(&[("a", "1")]).seal(32, None).expect("it fits");
        assert_eq!((&single[4..8], Env::open(&single, false).expect("whole").1), (&b"a=1\0"[..], 0));
    }

    #[test]
    fn one_bit_is_enough_to_refuse_a_copy() {
        let sealed = env(&[("a", "1")]).seal(48, Some(7)).expect("it fits");
        for bit in 0..48 * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // The flag is not under the checksum, in U-Boot as here.
            assert_eq!(Env::open(&bad, true).is_ok(), bit / 8 == 4, "{bit}");
        }
        assert_eq!(Env::open(&[], true), Err(Wrong::Endless));
        assert_eq!(Env::open(&[0; 4], false), Err(Wrong::Endless), "a checksum of nothing");
    }

    #[test]
    fn flags_are_kept_and_obeyed() {
        let data = b"eth=00:11\0n=5\0ro=1\0.flags=eth:mo,ro:sr,n:d,gone:x\0\0";
        let mut read = Env::parse(data).expect("it ends");
        assert_eq!(read.get("eth").as_deref(), Some("00:11"));
        let sealed = read.seal(128, None).expect("it fits");
        let end = 4 + b"eth=00:11\0n=5\0ro=1\0.flags=eth:mo,n:da,ro:sr\0\0".len();
        assert_eq!(&sealed[4..end], b"eth=00:11\0n=5\0ro=1\0.flags=eth:mo,n:da,ro:sr\0\0");
        assert_eq!(read.set("ro", None).unwrap_err().to_string(), "the variable 'ro' is read-only");
        assert!(read.set("eth", Some("1")).is_err() && read.set("n", Some("x")).is_err());
        read.set("n", Some("6")).expect("a number");
        for name in ["", "a=b", ".flags", "a\0"] {
            assert!(matches!(read.set(name, Some("1")), Err(Wrong::Name(_))), "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let wrong = env(&[("a", "1234")]).seal(11, Some(0)).unwrap_err();
        assert_eq!(wrong, Wrong::Full { need: 8, room: 6 });
        env(&[("a", "1234")]).seal(13, Some(0)).expect("to the last byte");
    }

    #[test]
    fn the_newer_copy_counts() {
        use Flag::{Boolean, Incremental};
        for (flags, kind, expected) in [
            ([1, 2], Incremental, 1),
            ([3, 2], Incremental, 0),
            ([255, 0], Incremental, 1),
            ([0, 255], Incremental, 0),
            ([4, 4], Incremental, 0),
            ([1, 0], Boolean, 0),
            ([0, 1], Boolean, 1),
            ([1, 255], Boolean, 1),
            ([0, 255], Boolean, 1),
            ([255, 0], Boolean, 0),
            ([255, 1], Boolean, 0),
            ([255, 255], Boolean, 0),
            ([1, 1], Boolean, 0),
            ([0, 0], Boolean, 0),
            ([2, 7], Boolean, 0),
        ] {
            assert_eq!(current(flags.map(Some), kind), Some(expected), "{flags:?}");
        }
        assert_eq!(current([None, None], Incremental), None);
        assert_eq!((following(255, Incremental), following(0, Boolean)), (0, 1));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            pairs in proptest::collection::vec(("[a-z_.]{1,6}", "[ -~]{0,12}"), 0..20),
            flag in any::<Option<u8>>(),
        ) {
            let mut made = Env::default();
            for (name, value) in pairs.iter().filter(|(name, _)| name != ".flags") {
                made.set(name, Some(value)).expect("a name");
            }
            let sealed = made.seal(1024, flag).expect("it fits");
            prop_assert_eq!(Env::open(&sealed, flag.is_some()), Ok((made, flag.unwrap_or(0))));
        }

        #[test]
        fn any_bytes_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(env) = Env::parse(&data) {
                let sealed = env.seal(4096, None).expect("it fits");
                let (again, _) = Env::open(&sealed, false).expect("ours");
                prop_assert_eq!(again, env);
            }
        }
    }
}
