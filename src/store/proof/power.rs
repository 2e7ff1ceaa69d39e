//! What a power cut can leave: made from a record, one disk after the other.
//!
//! The rules are harsher than those of the file systems we run on: each sector that was not flushed may be there or
//! not, whatever its neighbours do, or be torn inside; each change of names that was not flushed may be there or not,
//! whatever came before it. Only a file's length is, as an inode is, one of those it had.
//!
//! On FAT ([`Recorder::fat`]) a name is where the file is said to be, and a move is several writes ([`Move`]): before
//! the moved file is flushed its new name is empty, or that of the file it replaces, whose room may be free by then.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
};

use super::{
    Dice, Op, Recorder, Step,
    recorder::{Id, Made, Names, Node, What},
};

/// What storage writes as a whole, or tears.
const SECTOR: usize = 512;
/// Random disks at each flush, beside those with all and with none of what was not flushed.
const AT_FLUSH: u64 = 64;
/// The same at each other operation.
const BETWEEN: u64 = 4;

/// A deliberate mistake of the program under test: the proof must find it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// The flushes of this name are left out.
    Dropped(String),
    /// An operation of the first name that is followed by one of the second is done after it.
    Swapped(String, String),
}

/// A moment at which the power fails.
#[derive(Debug)]
pub struct Cut {
    /// The disk as it is found.
    pub disk: Recorder,
    /// Changes of the test that it was told are durable.
    pub told: u64,
    /// Changes that were handed over.
    pub handed: u64,
    /// The operation before which the power failed, for the report.
    pub step: usize,
}

/// The kind of a step and its name, or nothing for marks.
fn label(step: &Step) -> Option<String> {
    let kind = match &step.op {
        Op::Write(..) => "write",
        Op::Flush(_) => "flush",
        Op::Names(..) => "names",
        Op::FlushFolder(_) => "flush folder",
        Op::FlushAll => "flush all",
        Op::Dress(..) => "dress",
        Op::Free(_) => "free",
        Op::Made(_) | Op::Grow(..) | Op::Handed(_) | Op::Told(_) => return None,
    };
    Some(format!("{kind} {}", step.name))
}

/// True for a name that is moved; one that is made stands for nothing yet, and may be early.
fn moves(step: &Step) -> bool {
    matches!(&step.op, Op::Names(_, names) if names.len() > 1)
}

/// Every fault that can be put into a record: each flush left out, each flush swapped with its neighbours.
pub fn faults(steps: &[Step]) -> BTreeSet<Fault> {
    let labels: Vec<(usize, String)> =
        steps.iter().enumerate().filter_map(|(at, step)| Some((at, label(step)?))).collect();
    let is_flush = |at: usize| matches!(steps[at].op, Op::Flush(_) | Op::FlushFolder(_) | Op::FlushAll);
    let mut faults: BTreeSet<Fault> = labels
        .iter()
        .filter(|(at, _)| is_flush(*at))
        .map(|(_, label)| Fault::Dropped(label.clone()))
        .collect();
    for pair in labels.windows(2) {
        // Neighbours with a word to the test between them are of two calls, and no order of one place of the code.
        let told =
            steps[pair[0].0..pair[1].0].iter().any(|step| matches!(step.op, Op::Told(_) | Op::Handed(_)));
        if !told && is_flush(pair[1].0) && !is_flush(pair[0].0) {
            faults.insert(Fault::Swapped(pair[0].1.clone(), pair[1].1.clone()));
        }
        if !told && is_flush(pair[0].0) && moves(&steps[pair[1].0]) {
            faults.insert(Fault::Swapped(pair[0].1.clone(), pair[1].1.clone()));
        }
    }
    faults
}

/// The record of a program with that fault.
pub fn with_fault(steps: &[Step], fault: &Fault) -> Vec<Step> {
    match fault {
        Fault::Dropped(name) => {
            steps.iter().filter(|step| label(step).as_ref() != Some(name)).cloned().collect()
        }
        Fault::Swapped(first, second) => {
            let mut out = steps.to_vec();
            let mut at = 0;
            while at + 1 < out.len() {
                if label(&out[at]).as_ref() == Some(first) && label(&out[at + 1]).as_ref() == Some(second) {
                    out.swap(at, at + 1);
                    at += 1;
                }
                at += 1;
            }
            out
        }
    }
}

/// Walks a record that began on the disk `start`, and hands every disk a power cut could leave to `look`, until it
/// says stop. Gives what it stopped with, if it did.
pub fn cuts<B>(
    start: &Recorder,
    steps: &[Step],
    seed: u64,
    mut look: impl FnMut(Cut) -> ControlFlow<B>,
) -> Option<B> {
    let mut disk = Durable { nodes: start.nodes(), fat: start.keeps_fat(), waiting: Vec::new() };
    let mut dice = Dice(seed);
    let (mut told, mut handed) = (0, 0);
    for (at, step) in steps.iter().enumerate() {
        let random = match step.op {
            Op::Flush(_) | Op::FlushFolder(_) | Op::FlushAll => AT_FLUSH,
            Op::Made(_) | Op::Handed(_) | Op::Told(_) => 0,
            _ => BETWEEN,
        };
        let shares = [Share::All, Share::None].into_iter().chain((0..random).map(|_| Share::Some));
        for share in shares.take(if disk.waiting.is_empty() { 1 } else { usize::MAX }) {
            let cut = Cut { disk: disk.cut(share, &mut dice), told, handed, step: at };
            if let ControlFlow::Break(reason) = look(cut) {
                return Some(reason);
            }
        }
        match &step.op {
            Op::Handed(number) => handed = *number,
            Op::Told(number) => told = *number,
            op => disk.does(op),
        }
    }
    None
}

/// How much of what was not flushed is there.
#[derive(Clone, Copy)]
enum Share {
    All,
    None,
    Some,
}

/// What is surely on the disk, and what may be.
struct Durable {
    nodes: Vec<Node>,
    fat: bool,
    waiting: Vec<Waiting>,
}

/// What was done and is not flushed.
#[derive(Clone)]
enum Waiting {
    Op(Op),
    Move(Move),
}

/// A file that is moved on FAT.
#[derive(Clone)]
struct Move {
    folder: Id,
    /// The name it had, until that is surely gone.
    from: Option<String>,
    to: String,
    id: Id,
    /// The new name is there: of the file it replaces, or of nothing.
    taken: bool,
    /// The file was flushed since: a name that was taken has its place and size, a new one has them once it is there.
    flushed: bool,
}

/// What a name stands for that has neither place nor size.
const HOLLOW: Id = usize::MAX;

impl Move {
    fn of(nodes: &[Node], op: &Op) -> Option<Move> {
        let Op::Names(folder, names) = op else { return None };
        let [(from, None), (to, Some(id))] = &names[..] else { return None };
        let What::Folder(entries) = &nodes[*folder].what else { return None };
        let taken = entries.contains_key(to);
        Some(Move {
            folder: *folder,
            from: Some(from.clone()),
            to: to.clone(),
            id: *id,
            taken,
            flushed: false,
        })
    }

    fn set(&self, nodes: &mut [Node], to: bool, from: bool) {
        let What::Folder(entries) = &mut nodes[self.folder].what else { return };
        if to {
            entries.insert(self.to.clone(), self.id);
        }
        if let Some(name) = self.from.as_ref().filter(|_| from) {
            entries.entry(self.to.clone()).or_insert(HOLLOW);
            entries.remove(name);
        }
    }

    /// What is there before anything is flushed: the old name is gone where the new one stood for a file already, and
    /// is beside the new one where that stands for nothing yet. The kernel has no reason to write more by then.
    fn begin(&self, nodes: &mut [Node]) {
        let What::Folder(entries) = &mut nodes[self.folder].what else { return };
        match (&self.from, self.taken) {
            (Some(name), true) => _ = entries.remove(name),
            _ => _ = entries.entry(self.to.clone()).or_insert(HOLLOW),
        }
    }

    /// Writes what that flush makes durable; false once nothing waits any more.
    fn waits_after(&mut self, nodes: &mut [Node], op: &Op) -> bool {
        match op {
            Op::Flush(id) if *id == self.id => {
                self.flushed = true;
                self.set(nodes, self.taken, false);
                !(self.taken && self.from.is_none())
            }
            Op::FlushFolder(folder) if *folder == self.folder => {
                self.set(nodes, self.flushed, true);
                (self.from, self.taken) = (None, true);
                !self.flushed
            }
            Op::FlushAll => {
                self.set(nodes, true, true);
                false
            }
            _ => true,
        }
    }

    /// What a cut may leave of it.
    fn cut(&self, nodes: &mut [Node], dice: &mut Dice) {
        match (dice.below(4), self.flushed) {
            (0, _) => {}
            (1, false) => self.begin(nodes),
            (1 | 2, _) => self.set(nodes, true, false),
            _ => self.set(nodes, true, true),
        }
    }
}

impl Durable {
    fn does(&mut self, op: &Op) {
        let flushed = |waiting: &Op| match (op, waiting) {
            (Op::Flush(id), Op::Write(at, ..) | Op::Grow(at, _)) => at == id,
            (Op::FlushFolder(id), Op::Names(at, _)) => at == id,
            (Op::FlushAll, _) | (Op::Flush(_) | Op::FlushFolder(_), Op::Free(_)) => true,
            _ => false,
        };
        match op {
            Op::Flush(_) | Op::FlushFolder(_) | Op::FlushAll => {
                for mut waiting in std::mem::take(&mut self.waiting) {
                    let waits = match &mut waiting {
                        Waiting::Op(done) if flushed(done) => {
                            apply(&mut self.nodes, done);
                            false
                        }
                        Waiting::Op(_) => true,
                        Waiting::Move(moved) => moved.waits_after(&mut self.nodes, op),
                    };
                    if waits {
                        self.waiting.push(waiting);
                    }
                }
            }
            // Nothing to find before a name stands for it.
            Op::Made(made) => self.nodes.push(made.node()),
            op => {
                let moved = if self.fat { Move::of(&self.nodes, op) } else { None };
                self.waiting.push(moved.map_or_else(|| Waiting::Op(op.clone()), Waiting::Move));
            }
        }
    }

    fn cut(&self, share: Share, dice: &mut Dice) -> Recorder {
        let mut nodes = self.nodes.clone();
        // The length of a file is one number: one of those it had since its last flush.
        let mut lens: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
        for waiting in &self.waiting {
            let op = match (share, waiting) {
                (_, Waiting::Op(op)) => op,
                (Share::None, Waiting::Move(_)) => continue,
                (Share::All, Waiting::Move(moved)) => {
                    moved.set(&mut nodes, true, true);
                    continue;
                }
                (Share::Some, Waiting::Move(moved)) => {
                    moved.cut(&mut nodes, dice);
                    continue;
                }
            };
            if let Some((id, end)) = end_of(op) {
                let lens = lens.entry(id).or_insert_with(|| vec![len(&self.nodes[id])]);
                lens.push(end.max(lens.last().copied().unwrap_or(0)));
            }
            match (share, op) {
                (Share::None, _) => {}
                (Share::All, op) => apply(&mut nodes, op),
                (Share::Some, Op::Write(id, offset, bytes)) => sectors(&mut nodes, *id, *offset, bytes, dice),
                (Share::Some, op) => {
                    if dice.below(2) == 0 {
                        apply(&mut nodes, op);
                    }
                }
            }
        }
        for (id, lens) in lens {
            if let (Share::Some, What::File(bytes)) = (share, &mut nodes[id].what) {
                let len = lens[dice.below(lens.len() as u64) as usize];
                if bytes.len() != len {
                    Arc::make_mut(bytes).resize(len, 0);
                }
            }
        }
        fill_hollow(&mut nodes);
        Recorder::of(nodes, self.fat, dice.roll())
    }
}

/// Gives each name without a file one of its own, which is empty.
fn fill_hollow(nodes: &mut Vec<Node>) {
    for at in 0..nodes.len() {
        let mut made = nodes.len();
        if let What::Folder(entries) = &mut nodes[at].what {
            for id in entries.values_mut().filter(|id| **id == HOLLOW) {
                *id = made;
                made += 1;
            }
        }
        nodes.resize_with(made, || Made::File.node());
    }
}

/// The file an operation writes to, and the length it has at least then.
fn end_of(op: &Op) -> Option<(Id, usize)> {
    match op {
        Op::Write(id, offset, bytes) => Some((*id, *offset as usize + bytes.len())),
        Op::Grow(id, len) => Some((*id, *len as usize)),
        _ => None,
    }
}

fn len(node: &Node) -> usize {
    match &node.what {
        What::File(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Some sectors of a write, and sometimes a part of one.
fn sectors(nodes: &mut [Node], id: Id, mut offset: u64, mut bytes: &[u8], dice: &mut Dice) {
    while !bytes.is_empty() {
        let (sector, rest) = bytes.split_at((SECTOR - offset as usize % SECTOR).min(bytes.len()));
        let there = match dice.below(16) {
            0..=7 => sector,
            8 => &sector[..dice.below(sector.len() as u64) as usize],
            _ => &[],
        };
        if !there.is_empty() {
            write(nodes, id, offset, there);
        }
        (offset, bytes) = (offset + sector.len() as u64, rest);
    }
}

fn apply(nodes: &mut [Node], op: &Op) {
    match op {
        Op::Write(id, offset, bytes) => write(nodes, *id, *offset, bytes),
        Op::Grow(id, len) => grow(nodes, *id, *len as usize),
        Op::Names(id, names) => {
            if let What::Folder(entries) = &mut nodes[*id].what {
                entries.apply(names);
            }
        }
        Op::Dress(id, dress) => nodes[*id].dress.set(dress),
        Op::Free(id) => {
            if let What::File(bytes) = &mut nodes[*id].what {
                *bytes = Arc::default();
            }
        }
        Op::Made(_) | Op::Flush(_) | Op::FlushFolder(_) | Op::FlushAll | Op::Handed(_) | Op::Told(_) => {}
    }
}

fn write(nodes: &mut [Node], id: Id, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    grow(nodes, id, end);
    if let What::File(file) = &mut nodes[id].what {
        Arc::make_mut(file)[offset as usize..end].copy_from_slice(bytes);
    }
}

fn grow(nodes: &mut [Node], id: Id, len: usize) {
    if let What::File(file) = &mut nodes[id].what
        && file.len() < len
    {
        Arc::make_mut(file).resize(len, 0);
    }
}
