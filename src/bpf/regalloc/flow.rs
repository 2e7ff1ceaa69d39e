//! The order of blocks: jumps threaded, unreachable blocks gone, loops together, likely paths falling through.
//!
//! It exists because the verifier refuses unreachable code and a taken jump costs on every event. Neighbours:
//! `opt` brings blocks as the front end wrote them, `live` numbers what comes out, `emit` turns the order into
//! jump offsets.

use super::mir::{Body, Dst, Inst, Kind, Val};
use crate::ir::{Cond, Origin};

/// A block of the final order: instructions `start..end`, the last of which ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Loops around it.
    pub(crate) depth: u8,
}

/// A function as one run of instructions. Targets of jumps are indices of `spans`; the entry is the first.
#[derive(Debug, Default)]
pub(crate) struct Flat {
    pub(crate) insts: Vec<Inst>,
    pub(crate) spans: Vec<Span>,
    pub(crate) args: Vec<Val>,
    pub(crate) params: Vec<Dst>,
    pub(crate) regs: u32,
}

impl Flat {
    /// The blocks control may go to after block `b`.
    pub(crate) fn successors(&self, b: usize) -> impl Iterator<Item = usize> + use<> {
        targets(&self.insts[self.spans[b].end as usize - 1])
    }
}

fn targets(inst: &Inst) -> impl Iterator<Item = usize> + use<> {
    let (a, b) = match inst.kind {
        Kind::Jump { to } => (Some(to as usize), None),
        Kind::Branch { then, els, .. } => (Some(els as usize), Some(then as usize)),
        _ => (None, None),
    };
    a.into_iter().chain(b)
}

fn tests_for_zero(inst: &Inst) -> bool {
    matches!(inst.kind, Kind::Branch { cond: Cond::Eq, .. }) && inst.b == Val::Imm(0)
}

fn block_targets(body: &Body, b: usize) -> impl Iterator<Item = usize> + use<> {
    body.blocks[b].last().map(targets).into_iter().flatten()
}

/// Lays the blocks of `body` out.
pub(crate) fn layout(mut body: Body) -> Flat {
    thread_jumps(&mut body);
    let depth = loop_depths(&body);
    let mut order = postorder(&body, |b| {
        // What is visited first ends up last: the way out of a loop goes behind the loop, the case of a null
        // pointer behind the other.
        let mut next: Vec<usize> = block_targets(&body, b).collect();
        if body.blocks[b].last().is_some_and(tests_for_zero) {
            next.reverse();
        }
        edgekit_core::sort::by_key(&mut next, |s| depth[*s]);
        next
    });
    order.reverse();
    let mut place = vec![0u32; body.blocks.len()];
    for (i, b) in order.iter().enumerate() {
        place[*b] = i as u32;
    }
    let total = order.iter().map(|b| body.blocks[*b].len()).sum();
    let mut flat = Flat { insts: Vec::with_capacity(total), ..Flat::default() };
    for (i, &b) in order.iter().enumerate() {
        if let (Some(last), Some(next)) = (body.blocks[b].last(), order.get(i + 1))
            && last.kind == Kind::Return
            && let [only] = &body.blocks[*next][..]
            && (only.kind, only.a) == (last.kind, last.a)
        {
            // Falling through returns the same in fewer words.
            let through = jump(*next as u32, last.origin);
            body.blocks[b].pop();
            body.blocks[b].push(through);
        }
        let start = flat.insts.len() as u32;
        flat.insts.append(&mut body.blocks[b]);
        if let Some(last) = flat.insts.last_mut() {
            match &mut last.kind {
                Kind::Jump { to } => *to = place[*to as usize],
                Kind::Branch { then, els, .. } => {
                    *then = place[*then as usize];
                    *els = place[*els as usize];
                }
                _ => {}
            }
        }
        flat.spans.push(Span { start, end: flat.insts.len() as u32, depth: depth[b] });
    }
    Flat { args: body.args, params: body.params, regs: body.regs, ..flat }
}

/// Jumps to a block that only jumps on go to its target; jumps to a block that only returns or branches do so
/// themselves, which takes the jump out of every turn of a loop.
fn thread_jumps(body: &mut Body) {
    let forward: Vec<usize> = (0..body.blocks.len()).map(|b| follow(body, b)).collect();
    for b in 0..body.blocks.len() {
        let Some(mut last) = body.blocks[b].last().copied() else { continue };
        if let Kind::Branch { then, els, .. } = &mut last.kind {
            *then = forward[*then as usize] as u32;
            *els = forward[*els as usize] as u32;
            if then == els {
                last = jump(*then, last.origin);
            }
        }
        if let Kind::Jump { to } = &mut last.kind {
            *to = forward[*to as usize] as u32;
            if let [only] = body.blocks[*to as usize][..]
                && matches!(only.kind, Kind::Return | Kind::Branch { .. })
            {
                last = only;
            }
        }
        if let Some(slot) = body.blocks[b].last_mut() {
            *slot = last;
        }
    }
}

fn jump(to: u32, origin: Origin) -> Inst {
    Inst::new(Kind::Jump { to }, Dst::None, Val::None, Val::None, origin)
}

/// Where control ends up after entering `b`, over blocks that do nothing.
fn follow(body: &Body, mut b: usize) -> usize {
    // An empty endless loop has no end to find; any block of it will do.
    for _ in 0..body.blocks.len().min(64) {
        match body.blocks[b][..] {
            [Inst { kind: Kind::Jump { to }, .. }] => b = to as usize,
            _ => break,
        }
    }
    b
}

/// Depth-first postorder from the entry, successors visited in the order `next` gives.
fn postorder(body: &Body, next: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let mut seen = vec![false; body.blocks.len()];
    seen[body.entry] = true;
    let mut post = Vec::with_capacity(body.blocks.len());
    let mut stack = vec![(body.entry, next(body.entry).into_iter())];
    while let Some((block, rest)) = stack.last_mut() {
        match rest.next() {
            Some(s) if !std::mem::replace(&mut seen[s], true) => stack.push((s, next(s).into_iter())),
            Some(_) => {}
            None => {
                post.push(*block);
                stack.pop();
            }
        }
    }
    post
}

/// How many loops are around each block. A loop is what can reach the jump back to its head without passing the
/// head; jumps back to one head are one loop.
fn loop_depths(body: &Body) -> Vec<u8> {
    let n = body.blocks.len();
    let post = postorder(body, |b| block_targets(body, b).collect());
    let mut number = vec![usize::MAX; n];
    for (i, b) in post.iter().enumerate() {
        number[*b] = i;
    }
    let mut preds: Vec<Vec<usize>> = vec![Vec::new(); n];
    let mut latches: Vec<Vec<usize>> = vec![Vec::new(); n];
    for &b in &post {
        for s in block_targets(body, b) {
            preds[s].push(b);
            // In postorder a block comes after all it leads to, except over a jump back.
            if number[s] >= number[b] {
                latches[s].push(b);
            }
        }
    }
    let mut depth = vec![0u8; n];
    let mut inside = vec![usize::MAX; n];
    for head in 0..n {
        if latches[head].is_empty() {
            continue;
        }
        inside[head] = head;
        depth[head] = depth[head].saturating_add(1);
        let mut work = std::mem::take(&mut latches[head]);
        while let Some(b) = work.pop() {
            if std::mem::replace(&mut inside[b], head) != head {
                depth[b] = depth[b].saturating_add(1);
                work.extend(&preds[b]);
            }
        }
    }
    depth
}
