//! The copies of U-Boot's environment on their device: found, read, written so that one is whole at every moment.
//!
//! Two copies: the one that does not count is written and flushed, its flag makes it the newer one; with boolean flags
//! the other is marked obsolete after that. A single copy that is a file of its own is replaced by a new file, as
//! U-Boot finds it by its name. A single copy on a device would be torn by a power cut, and is written only where the
//! configuration says so.
//!
//! Raw flash (`/dev/mtd0`) and UBI volumes need erasing and their own calls, and are refused: `mtdblock` of NOR works,
//! and for the others `kind = "script"` with `fw_setenv`. Neighbours: `config` names the places, `env` knows the bytes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edgekit_store::{Access, File, Fs, Kind, Lock, publish};

use super::config::{self, Location};
use super::env::{self, Env, Flag, Wrong};
use crate::fault::Fault;

/// The largest `fw_env.config`, in bytes.
const MAX_CONFIG: usize = 64 << 10;
/// What libubootenv and U-Boot's own tools lock.
const LOCK: &str = "/var/lock/fw_printenv.lock";
/// How often, and how far apart, is looked whether it is free.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(50);

/// The copies, and who wrote last.
#[derive(Debug)]
pub struct Copies {
    fs: Arc<dyn Fs>,
    copies: Vec<Location>,
    flag: Flag,
    /// One copy may be written where it is, though a power cut tears it.
    may_tear: bool,
}

impl Copies {
    /// Reads `fw_env.config` and looks at what it names.
    ///
    /// # Errors
    /// [`Fault::Config`] for what is no such file, and for places that are refused.
    pub fn open(fs: Arc<dyn Fs>, config: &Path, may_tear: bool) -> Result<Copies, Fault> {
        let text = read(&*fs, &resolved(&*fs, config)?, MAX_CONFIG)?;
        let text = String::from_utf8_lossy(&text);
        let mut copies = config::parse(&text).map_err(|why| {
            Fault::Config(
                format!("'{}' {why}", config.display()),
                "give a line 'DEVICE OFFSET SIZE' for each of the two copies, as fw_setenv takes it"
                    .to_owned(),
            )
        })?;
        let mut flag = Flag::Incremental;
        for copy in &mut copies {
            copy.path = resolved(&*fs, &copy.path)?;
            if let Some(nor) = flash(&*fs, &copy.path)? {
                flag = if nor { Flag::Boolean } else { flag };
            }
        }
        Ok(Copies { fs, copies, flag, may_tear })
    }

    /// For messages.
    pub fn place(&self) -> String {
        self.copies.first().map_or(String::new(), |copy| copy.path.display().to_string())
    }

    fn is_redundant(&self) -> bool {
        self.copies.len() == 2
    }

    /// The environment that U-Boot would take.
    ///
    /// # Errors
    /// [`Fault::Input`] if no copy is whole: U-Boot would take the one that is compiled into it.
    pub fn read(&self) -> Result<Env, Fault> {
        self.current().map(|(env, ..)| env)
    }

    /// The environment, its flag, and which copy it is in.
    fn current(&self) -> Result<(Env, u8, usize), Fault> {
        let mut found = [None, None];
        let mut wrong = None;
        for (slot, copy) in found.iter_mut().zip(&self.copies) {
            let bytes = read_copy(&*self.open_copy(copy, Access::Read)?, copy)?;
            match Env::open(&bytes, self.is_redundant()) {
                Ok(opened) => *slot = Some(opened),
                Err(why) => wrong = Some(why),
            }
        }
        let flags = [0, 1].map(|at: usize| found[at].as_ref().map(|(_, flag)| *flag));
        let at = env::current(flags, self.flag);
        let taken = at.and_then(|at| found[at].take().map(|(env, flag)| (env, flag, at)));
        taken.ok_or_else(|| Fault::Input {
            place: self.place(),
            what: format!(
                "holds no whole environment of U-Boot: {}",
                wrong.as_ref().map_or(String::new(), Wrong::to_string)
            ),
            hint: "write one: 'saveenv' at U-Boot's prompt, or fw_setenv with -f and its default environment",
        })
    }

    /// Changes variables, all or none; what is so already is not written.
    ///
    /// # Errors
    /// Those of reading and writing; [`Fault::Input`] where the change does not fit or is forbidden.
    pub fn change(&self, changes: &[(String, Option<String>)]) -> Result<(), Fault> {
        let _held = self.lock()?;
        let (mut env, flag, at) = self.current()?;
        let before = env.clone();
        let wrong = |why: Wrong| Fault::Input {
            place: self.place(),
            what: format!("cannot be changed: {why}"),
            hint: "look at it with fw_printenv",
        };
        for (name, value) in changes {
            if env.get(name).as_deref() != value.as_deref() {
                env.set(name, value.as_deref()).map_err(wrong)?;
            }
        }
        if env == before {
            return Ok(());
        }
        let size = self.copies[at].size;
        if !self.is_redundant() {
            return self.replace(&env.seal(size, None).map_err(wrong)?);
        }
        let other = &self.copies[1 - at];
        let bytes = env.seal(size, Some(env::following(flag, self.flag))).map_err(wrong)?;
        self.write(other, 0, &bytes)?;
        match self.flag {
            Flag::Incremental => Ok(()),
            Flag::Boolean => self.write(&self.copies[at], 4, &[0]),
        }
    }

    /// Writes the only copy.
    fn replace(&self, bytes: &[u8]) -> Result<(), Fault> {
        let copy = &self.copies[0];
        let stat = self.fs.stat(&copy.path).map_err(Fault::io("look at", &copy.path))?;
        match stat {
            Some(stat) if stat.kind == Kind::File && copy.offset == 0 && stat.len == bytes.len() as u64 => {
                Ok(publish::file(&*self.fs, &copy.path, bytes, stat.mode)?)
            }
            _ if self.may_tear => self.write(copy, 0, bytes),
            _ => Err(Fault::Config(
                format!("the only copy of U-Boot's environment, in '{}', cannot be written safely", self.place()),
                "build U-Boot with CONFIG_SYS_REDUNDAND_ENVIRONMENT and name both copies in fw_env.config, or say \
                 boot.single = true: a power cut then leaves the environment that is compiled into U-Boot"
                    .to_owned(),
            )),
        }
    }

    /// Writes into a copy and flushes.
    fn write(&self, copy: &Location, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        let _writable = Unlocked::open(&*self.fs, &copy.path)?;
        let file = self.open_copy(copy, Access::Change)?;
        let start = start_of(&*file, copy)?;
        file.write_at(start + at, bytes).map_err(Fault::io("write", &copy.path))?;
        file.sync().map_err(Fault::io("flush", &copy.path))
    }

    fn open_copy(&self, copy: &Location, access: Access) -> Result<Box<dyn File>, Fault> {
        self.fs.open(&copy.path, access).map_err(Fault::io("open", &copy.path))
    }

    /// Keeps `fw_setenv` out for as long as it is held; one that works just now is waited for.
    fn lock(&self) -> Result<Option<Lock>, Fault> {
        let path = Path::new(LOCK);
        let folder = path.parent().unwrap_or(path);
        if self.fs.stat(folder).map_err(Fault::io("look at", folder))?.is_none() {
            return Ok(None);
        }
        for _ in 1..LOOKS {
            match self.fs.lock(path) {
                Err(edgekit_store::Error::Locked { .. }) => std::thread::sleep(LOOK),
                held => return Ok(Some(held?)),
            }
        }
        Ok(Some(self.fs.lock(path)?))
    }
}

/// The first byte of a copy.
fn start_of(file: &dyn File, copy: &Location) -> Result<u64, Fault> {
    let size = file.size().map_err(Fault::io("measure", &copy.path))?;
    let start = match u64::try_from(copy.offset) {
        Ok(offset) => Some(offset),
        Err(_) => size.checked_sub(copy.offset.unsigned_abs()),
    };
    start.filter(|start| start.checked_add(copy.size as u64).is_some_and(|end| end <= size)).ok_or_else(
        || {
            Fault::Config(
                format!("'{}' ends before the environment at {:#x} does", copy.path.display(), copy.offset),
                "correct offset and size in fw_env.config".to_owned(),
            )
        },
    )
}

fn read_copy(file: &dyn File, copy: &Location) -> Result<Vec<u8>, Fault> {
    let start = start_of(file, copy)?;
    let mut bytes = vec![0; copy.size];
    fill(file, start, &mut bytes).map_err(Fault::io("read", &copy.path))?;
    Ok(bytes)
}

fn fill(file: &dyn File, start: u64, bytes: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(start + done as u64, &mut bytes[done..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => done += n,
        }
    }
    Ok(())
}

/// A path whose last component is no link: `/dev/disk/by-partlabel/env` is one.
pub(in crate::boot) fn resolved(fs: &dyn Fs, path: &Path) -> Result<PathBuf, Fault> {
    let mut path = path.to_path_buf();
    for _ in 0..8 {
        match fs.stat(&path).map_err(Fault::io("look at", &path))? {
            Some(stat) if stat.kind == Kind::Link => {
                let target = fs.read_link(&path).map_err(Fault::io("read the link", &path))?;
                path = path.parent().unwrap_or(Path::new("/")).join(target);
            }
            _ => break,
        }
    }
    Ok(path)
}

/// All of a small file.
pub(in crate::boot) fn read(fs: &dyn Fs, path: &Path, limit: usize) -> Result<Vec<u8>, Fault> {
    let file = fs.open(path, Access::Read).map_err(Fault::io("open", path))?;
    let mut bytes = vec![0; limit + 1];
    let mut done = 0;
    // Sizes of files the kernel makes up are not true, so it is read to its end.
    while done < bytes.len() {
        match file.read_at(done as u64, &mut bytes[done..]).map_err(Fault::io("read", path))? {
            0 => break,
            n => done += n,
        }
    }
    if done > limit {
        return Err(Fault::Input {
            place: path.display().to_string(),
            what: format!("has more than {limit} bytes"),
            hint: "this is not the file it is taken for: look at [boot] of ota.toml",
        });
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// Whether a path is NOR flash by its block device; `None` where it is no flash.
fn flash(fs: &dyn Fs, path: &Path) -> Result<Option<bool>, Fault> {
    let text = path.display().to_string();
    let refused = |what: &str| {
        Err(Fault::Config(
            format!("U-Boot's environment in '{text}' cannot be written: {what}"),
            "say boot.kind = \"script\" with a script that calls fw_setenv".to_owned(),
        ))
    };
    if text.starts_with("/dev/ubi") || text.contains(':') {
        return refused("a UBI volume is changed by its own calls");
    }
    let Some(device) = text.strip_prefix("/dev/mtd") else { return Ok(None) };
    let Some(number) = device.strip_prefix("block") else {
        return refused("raw flash has to be erased, and its bad blocks passed over");
    };
    let place = format!("/sys/class/mtd/mtd{number}/type");
    match read(fs, Path::new(&place), 64)?.trim_ascii() {
        b"nor" => Ok(Some(true)),
        b"ram" | b"absent" => Ok(Some(false)),
        _ => refused("its bad blocks have to be passed over"),
    }
}

/// A boot partition of an eMMC that may be written while this lives.
struct Unlocked<'a> {
    fs: &'a dyn Fs,
    switch: Option<PathBuf>,
}

impl<'a> Unlocked<'a> {
    fn open(fs: &'a dyn Fs, path: &Path) -> Result<Unlocked<'a>, Fault> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let is_boot = name.strip_prefix("mmcblk").is_some_and(|rest| rest.contains("boot"));
        let switch = PathBuf::from(format!("/sys/class/block/{name}/force_ro"));
        let there = is_boot && fs.stat(&switch).map_err(Fault::io("look at", &switch))?.is_some();
        let unlocked = Unlocked { fs, switch: there.then_some(switch) };
        unlocked.set(b"0")?;
        Ok(unlocked)
    }

    fn set(&self, value: &[u8]) -> Result<(), Fault> {
        let Some(switch) = &self.switch else { return Ok(()) };
        let file = self.fs.open(switch, Access::Change).map_err(Fault::io("open", switch))?;
        file.write_at(0, value).map_err(Fault::io("write", switch))
    }
}

impl Drop for Unlocked<'_> {
    fn drop(&mut self) {
        // What was to be written is durable; a partition that stays writable harms nothing and is not worth a failure.
        drop(self.set(b"1"));
    }
}
