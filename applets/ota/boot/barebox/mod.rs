//! barebox: the state its bootchooser reads, in three copies.
//!
//! `bootstate.system0.priority` and `.remaining_attempts` say which system is started: of those with both above 0 the
//! one with the highest priority, and each start takes an attempt. A system that is good gets so many that they do
//! not end. Where they lie is read from the device tree; the device is named in the configuration, since a tree names
//! it in a way only barebox resolves. The first copy that is whole counts, and all are written in order, each durable
//! before the next.
//!
//! Refused, with the way out: a state in the form of a device tree (`backend-type = "dtb"`), with a signature
//! (`algo`), or on flash that has to be erased. Neighbours: `state` knows the bytes.

pub mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Access, File, Fs, Kind};

use self::state::State;
use super::running::Running;
use super::uboot::copies::{read, resolved};
use super::{Boot, Name, Next, Pair};
use crate::fault::Fault;

/// The node of the state in the running tree.
pub const TREE: &str = "/sys/firmware/devicetree/base/state";
/// Copies.
const COPIES: u64 = 3;
/// More than a box is ever started: barebox takes one away each time, and has no word for "do not count".
const ENOUGH: u32 = 1_000_000_000;
/// From here on attempts are not those of a trial.
const UNCOUNTED: u32 = 1_000_000;
/// The largest property of the tree that is read, in bytes.
const MAX_PROPERTY: usize = 4096;
/// How deep nodes of variables may lie.
const MAX_DEPTH: usize = 8;

/// A device started by barebox.
#[derive(Debug)]
pub struct Barebox {
    fs: Arc<dyn Fs>,
    device: PathBuf,
    offset: u64,
    stride: u64,
    magic: u32,
    /// Where `priority` and `remaining_attempts` of each system lie.
    places: Pair<Places>,
    running: Running,
}

#[derive(Clone, Copy, Default, Debug)]
struct Places {
    priority: usize,
    attempts: usize,
}

fn refused(what: impl Into<String>) -> Fault {
    Fault::Config(what.into(), "say boot.kind = \"script\" with a script that calls barebox-state".to_owned())
}

impl Barebox {
    /// A loader with the state on that device, as that node of a tree describes it.
    ///
    /// # Errors
    /// [`Fault::Config`] for what is missing in the tree, and for states that are refused.
    pub fn new(
        fs: Arc<dyn Fs>,
        tree: &Path,
        (device, offset): (&Path, u64),
        names: &Pair<String>,
        running: Running,
    ) -> Result<Barebox, Fault> {
        let text = |name: &str| -> Result<Option<String>, Fault> {
            let value = property(&*fs, tree, name)?;
            Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()))
        };
        let (kind, storage) = (text("backend-type")?, text("backend-storage-type")?);
        if kind.as_deref().is_some_and(|kind| kind != "raw") || text("algo")?.is_some() {
            return Err(refused("barebox's state is not raw, or it is signed"));
        }
        if storage.as_deref().is_some_and(|storage| storage != "direct") || device.starts_with("/dev/mtd") {
            return Err(refused("barebox's state is on flash that has to be erased"));
        }
        let number = |name: &str| -> Result<Option<u32>, Fault> {
            Ok(property(&*fs, tree, name)?.as_deref().and_then(|bytes| numbers(bytes).next()))
        };
        let missing = |what: &str| {
            Fault::Config(
                format!("'{}' has no {what}", tree.display()),
                "the device tree has to describe barebox's state: see its binding barebox,state".to_owned(),
            )
        };
        let stride = number("backend-stridesize")?.filter(|stride| (32..=65536).contains(stride));
        let stride = stride.ok_or_else(|| missing("backend-stridesize between 32 and 65536"))?;
        let mut variables = Vec::new();
        walk(&*fs, tree, "", 0, &mut variables)?;
        let find = |slot: Name, what: &str| {
            let name = format!("bootstate.{}.{what}", names.of(slot));
            let found = variables.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
            found.ok_or_else(|| missing(&format!("variable {name} of type uint32")))
        };
        let places = |slot: Name| -> Result<Places, Fault> {
            Ok(Places { priority: find(slot, "priority")?, attempts: find(slot, "remaining_attempts")? })
        };
        Ok(Barebox {
            device: resolved(&*fs, device)?,
            offset,
            stride: stride.into(),
            magic: number("magic")?.unwrap_or(0),
            places: Pair { a: places(Name::A)?, b: places(Name::B)? },
            running,
            fs,
        })
    }

    fn open(&self, access: Access) -> Result<Box<dyn File>, Fault> {
        self.fs.open(&self.device, access).map_err(Fault::io("open", &self.device))
    }

    /// The state that barebox would take, and whether every copy is the same.
    fn read(&self) -> Result<(State, bool), Fault> {
        let file = self.open(Access::Read)?;
        let (mut found, mut same) = (None::<State>, true);
        for copy in 0..COPIES {
            let mut bytes = vec![0; self.stride as usize];
            let place = self.offset + copy * self.stride;
            let mut done = 0;
            while done < bytes.len() {
                match file
                    .read_at(place + done as u64, &mut bytes[done..])
                    .map_err(Fault::io("read", &self.device))?
                {
                    0 => break,
                    n => done += n,
                }
            }
            let state = State::open(&bytes[..done], self.magic);
            same &= state.is_some() && (found.is_none() || state == found);
            found = found.or(state);
        }
        let state = found.ok_or_else(|| Fault::Input {
            place: self.device.display().to_string(),
            what: "holds no whole copy of barebox's state".to_owned(),
            hint: "look at boot.place and boot.offset; 'state -s' in barebox writes one",
        })?;
        Ok((state, same))
    }

    fn write(&self, state: &State) -> Result<(), Fault> {
        let (now, same) = self.read()?;
        if same && now == *state {
            return Ok(());
        }
        let bytes = state.seal();
        if bytes.len() as u64 > self.stride {
            return Err(refused("barebox's state is larger than its copies may be"));
        }
        let file = self.open(Access::Change)?;
        for copy in 0..COPIES {
            file.write_at(self.offset + copy * self.stride, &bytes)
                .map_err(Fault::io("write", &self.device))?;
            file.sync().map_err(Fault::io("flush", &self.device))?;
        }
        Ok(())
    }

    /// Priority and attempts of a system.
    fn of(&self, state: &State, slot: Name) -> (u32, u32) {
        let places = self.places.of(slot);
        (state.get(places.priority).unwrap_or(0), state.get(places.attempts).unwrap_or(0))
    }

    fn set(&self, state: &mut State, slot: Name, (priority, attempts): (u32, u32)) -> Result<(), Fault> {
        let places = self.places.of(slot);
        match state.set(places.priority, priority) && state.set(places.attempts, attempts) {
            true => Ok(()),
            false => Err(refused("barebox's state ends before the variables its tree names")),
        }
    }
}

/// The value of a property, or `None` if the node has none of that name.
fn property(fs: &dyn Fs, node: &Path, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let path = node.join(name);
    match fs.stat(&path).map_err(Fault::io("look at", &path))? {
        Some(stat) if stat.kind == Kind::File => read(fs, &path, MAX_PROPERTY).map(Some),
        _ => Ok(None),
    }
}

/// Numbers of a tree are big endian.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The variables of four bytes below a node, with the names barebox gives them.
fn walk(
    fs: &dyn Fs,
    node: &Path,
    prefix: &str,
    depth: usize,
    into: &mut Vec<(String, usize)>,
) -> Result<(), Fault> {
    for child in fs.list(node).map_err(Fault::io("list", node))? {
        let path = node.join(&child);
        let stat = fs.stat(&path).map_err(Fault::io("look at", &path))?;
        if stat.is_none_or(|stat| stat.kind != Kind::Folder) || depth > MAX_DEPTH {
            continue;
        }
        let plain = child.split('@').next().unwrap_or(&child);
        let name = format!("{prefix}{plain}");
        let kind = property(fs, &path, "type")?;
        let reg: Vec<u32> =
            property(fs, &path, "reg")?.map(|reg| numbers(&reg).collect()).unwrap_or_default();
        match (kind.as_deref(), &reg[..]) {
            (Some(b"uint32\0"), [at, 4]) => into.push((name, *at as usize)),
            (Some(_), _) => {}
            (None, _) => walk(fs, &path, &format!("{name}."), depth + 1, into)?,
        }
    }
    Ok(())
}

impl Boot for Barebox {
    fn place(&self) -> String {
        format!("barebox's state in '{}'", self.device.display())
    }

    fn running(&self) -> Result<Name, Fault> {
        self.running.slot()
    }

    fn next(&self) -> Result<Next, Fault> {
        let (state, _) = self.read()?;
        let [a, b] = Name::BOTH.map(|slot| self.of(&state, slot));
        let may = |(priority, attempts): (u32, u32)| priority > 0 && attempts > 0;
        let slot = match (may(a), may(b)) {
            (false, true) => Name::B,
            (true, true) if b.0 > a.0 => Name::B,
            _ => Name::A,
        };
        let left = self.of(&state, slot).1;
        Ok(Next { slot, tries_left: (left < UNCOUNTED).then_some(left) })
    }

    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault> {
        let (mut state, _) = self.read()?;
        let (_, other) = self.of(&state, slot.other());
        self.set(&mut state, slot, (20, tries))?;
        self.set(&mut state, slot.other(), (10, other))?;
        self.write(&state)
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        let (mut state, _) = self.read()?;
        let (priority, attempts) = self.of(&state, slot.other());
        self.set(&mut state, slot, (20, ENOUGH))?;
        self.set(&mut state, slot.other(), (priority.min(10), attempts))?;
        self.write(&state)
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        let (mut state, _) = self.read()?;
        let (_, attempts) = self.of(&state, slot.other());
        self.set(&mut state, slot, (0, 0))?;
        // What is left must start, were its attempts used up by a boot nobody confirmed.
        self.set(&mut state, slot.other(), (20, attempts.max(1)))?;
        self.write(&state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::proof::{LIFE, Proof, any_life, file};
    use edgekit_store::proof::Recorder;
    use edgekit_store::proof::power::Fault;

    /// A device whose maker's barebox wrote its state: the same three times, behind 4 KiB of something.
    fn device(disk: &Recorder) {
        let node = |name: &str, value: &[u8]| file(disk, &format!("/tree/{name}"), value);
        node("backend-type", b"raw\0");
        node("backend-stridesize", &0x400_u32.to_be_bytes());
        node("magic", &0x4b51_1a3c_u32.to_be_bytes());
        for (at, system) in [(0_u32, "system0"), (8, "system1")] {
            for (offset, variable) in [(0, "remaining_attempts"), (4, "priority")] {
                let path = format!("bootstate/{system}/{variable}@{:x}", at + offset);
                node(&format!("{path}/type"), b"uint32\0");
                node(&format!("{path}/reg"), &[(at + offset).to_be_bytes(), 4_u32.to_be_bytes()].concat());
            }
        }
        node("mac@10/type", b"mac\0");
        node("mac@10/reg", &[16_u32.to_be_bytes(), 6_u32.to_be_bytes()].concat());
        let values: Vec<u8> = [3_u32, 21, 3, 20].iter().flat_map(|value| value.to_ne_bytes()).collect();
        let mut raw = 0x4b51_1a3c_u32.to_ne_bytes().to_vec();
        let data = [&values[..], b"\x02\x00\x00\x00\x00\x01\0\0"].concat();
        raw.extend([0, 0]);
        raw.extend((data.len() as u16).to_ne_bytes());
        raw.extend(crate::boot::crc::crc32(&data).to_ne_bytes());
        raw.extend(crate::boot::crc::crc32(&raw).to_ne_bytes());
        let mut bucket =
            [&0x2354_fdf3_u32.to_ne_bytes()[..], &((16 + data.len()) as u32).to_ne_bytes(), &raw, &data]
                .concat();
        bucket.resize(0x400, 0xff);
        file(disk, "/mmc", &[&[7; 4096], &bucket.repeat(3)[..], &[7; 512]].concat());
    }

    fn names() -> Pair<String> {
        Pair { a: "system0".to_owned(), b: "system1".to_owned() }
    }

    fn open(disk: &Recorder) -> Box<dyn Boot> {
        let running = Running::new(names(), Pair::default());
        let at = (Path::new("/mmc"), 4096);
        Box::new(
            Barebox::new(Arc::new(disk.clone()), Path::new("/tree"), at, &names(), running)
                .expect("described"),
        )
    }

    #[test]
    fn priorities_and_attempts_choose() {
        let disk = Recorder::new(1);
        device(&disk);
        let mut boot = open(&disk);
        assert_eq!(boot.next().expect("known"), Next { slot: Name::A, tries_left: Some(3) });
        boot.attempt(Name::B, 2).expect("tried");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: Some(2) });
        boot.confirm(Name::B).expect("confirmed");
        assert_eq!(boot.next().expect("known"), Next { slot: Name::B, tries_left: None });
        boot.reject(Name::B).expect("rejected");
        assert_eq!(boot.next().expect("known").slot, Name::A);
        let bytes = read(&disk, Path::new("/mmc"), 1 << 20).expect("read");
        assert_eq!((&bytes[..4096], &bytes[4096 + 3 * 0x400..]), (&[7; 4096][..], &[7; 512][..]));
        assert_eq!(&bytes[4096 + 8 + 16 + 16..][..6], b"\x02\x00\x00\x00\x00\x01", "another variable stays");
    }

    #[test]
    fn no_power_cut_breaks_the_copies() {
        let proof =
            Proof { disk: Recorder::new, start: device, open, life: LIFE.to_vec(), sound: |_| Ok(()) };
        assert!(proof.holds(3) > 1500);
        // Each copy is flushed before the next but one is written then, and the first two are durable at the end.
        let swapped = Fault::Swapped("write mmc".to_owned(), "flush mmc".to_owned());
        proof.finds_mistakes(2, &[swapped]);
        assert!(Proof { life: any_life(2, 20), ..proof }.holds(1) > 500);
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for (name, value) in [
            ("backend-type", &b"dtb\0"[..]),
            ("algo", b"hmac(sha256)\0"),
            ("backend-storage-type", b"circular\0"),
        ] {
            let disk = Recorder::new(1);
            file(&disk, &format!("/tree/{name}"), value);
            let running = Running::new(names(), Pair::default());
            let fs: Arc<dyn Fs> = Arc::new(disk);
            let fault =
                Barebox::new(fs, Path::new("/tree"), (Path::new("/mmc"), 0), &names(), running).unwrap_err();
            assert!(fault.to_string().contains("barebox's state is "), "{fault}");
        }
    }
}
