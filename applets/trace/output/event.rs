//! Events from the ring: where each argument lies, and printf straight from a record to the output buffer.
//!
//! [`CompiledFormat`] is the hot path of the tracer: everything that a format and the types of its arguments
//! decide is decided when it is made, so that a record costs a few loads and copies and no allocation. Formats of
//! numbers and strings, which is nearly all, go through a [`Cursor`]; the others are appended piece by piece.

use super::cursor::{Cursor, MAX_PAD, SLACK};
use super::format::{Format, Kind, Segment, Spec};
use super::value::{Resolver, TRUNCATED, Value, load, write_str};
use crate::plan::Event;
use crate::ty::{Int, Ty};

/// The `index`-th argument in a record of `event`, header included.
pub fn argument<'a>(event: &'a Event, index: usize, record: &'a [u8]) -> Option<Value<'a>> {
    let (ty, offset) = (event.def.args.get(index)?, *event.offsets.get(index)?);
    Some(Value::new(ty, slice(record, offset, ty.size())))
}

/// A format bound to the layout of an event.
#[derive(Clone, Debug)]
pub struct CompiledFormat {
    /// Literals in blocks, each beginning with a new one.
    blocks: Vec<[u8; 16]>,
    steps: Vec<Step>,
    /// Longest line of an empty record, when all steps are such as a cursor takes.
    room: Option<usize>,
}

#[derive(Clone, Debug)]
enum Step {
    /// So many bytes of the blocks from `first` to `end`.
    Literal {
        first: u32,
        end: u32,
        length: u32,
    },
    Number {
        at: u32,
        int: Int,
        spec: Spec,
    },
    /// `%c` without a width.
    Byte {
        at: u32,
    },
    /// `%s` of a string.
    Text {
        at: u32,
        size: u32,
        spec: Spec,
    },
    /// What is neither number nor string.
    Value {
        at: u32,
        ty: Ty,
        spec: Spec,
    },
}

impl CompiledFormat {
    /// Binds `format` to the arguments of `event`; it has been checked against their types.
    pub fn new(format: &Format, event: &Event) -> CompiledFormat {
        let mut blocks: Vec<[u8; 16]> = Vec::new();
        let mut steps = Vec::new();
        let mut arguments = event.def.args.iter().zip(&event.offsets);
        for segment in format.segments() {
            match segment {
                Segment::Literal(range) => {
                    let text = format.literals().get(range.clone()).unwrap_or(&[]);
                    let first = blocks.len() as u32;
                    for chunk in text.chunks(16) {
                        let mut block = [0; 16];
                        block[..chunk.len()].copy_from_slice(chunk);
                        blocks.push(block);
                    }
                    steps.push(Step::Literal { first, end: blocks.len() as u32, length: text.len() as u32 });
                }
                Segment::Spec(spec) => {
                    steps.extend(arguments.next().map(|(ty, at)| Step::new(*spec, ty, *at)));
                }
            }
        }
        let room = steps.iter().map(Step::room).sum();
        CompiledFormat { blocks, steps, room }
    }

    /// Appends the text of one record, header included.
    #[inline]
    pub fn write(&self, record: &[u8], out: &mut Vec<u8>, resolver: &dyn Resolver) {
        match self.room {
            Some(room) => self.write_at_once(record, room, out),
            None => self.write_in_pieces(record, out, resolver),
        }
    }

    fn write_at_once(&self, record: &[u8], room: usize, out: &mut Vec<u8>) {
        let start = out.len();
        // All strings together are no longer than the record they are from.
        out.resize(start + room + record.len() + SLACK, 0);
        let mut cursor = Cursor::new(&mut out[start..]);
        for step in &self.steps {
            match step {
                Step::Literal { first, end, length } => {
                    let blocks = self.blocks.get(*first as usize..*end as usize).unwrap_or(&[]);
                    cursor.literal(blocks, *length as usize);
                }
                Step::Number { at, int, spec } => cursor.number(spec, load(record, *at as usize, *int)),
                Step::Byte { at } => cursor.byte(record.get(*at as usize).copied().unwrap_or(0)),
                Step::Text { at, size, spec } => {
                    let begun = cursor.len();
                    if !cursor.text(record, *at as usize, *size as usize) {
                        TRUNCATED.iter().for_each(|byte| cursor.byte(*byte));
                    }
                    cursor.pad(begun, spec.width as usize, spec.left);
                }
                // Has no room, see `Step::room`.
                Step::Value { .. } => {}
            }
        }
        let length = cursor.len();
        out.truncate(start + length);
    }

    fn write_in_pieces(&self, record: &[u8], out: &mut Vec<u8>, resolver: &dyn Resolver) {
        for step in &self.steps {
            match step {
                Step::Literal { first, end, length } => {
                    let blocks = self.blocks.get(*first as usize..*end as usize).unwrap_or(&[]);
                    let bytes = blocks.as_flattened();
                    out.extend_from_slice(bytes.get(..*length as usize).unwrap_or(bytes));
                }
                Step::Number { at, int, spec } => spec.write_int(out, load(record, *at as usize, *int)),
                Step::Byte { at } => out.push(record.get(*at as usize).copied().unwrap_or(0)),
                Step::Text { at, size, spec } => {
                    spec.pad(out, |out| write_str(slice(record, *at, *size), *size, out));
                }
                Step::Value { at, ty, spec } => {
                    spec.write(out, &Value::new(ty, slice(record, *at, ty.size())), resolver);
                }
            }
        }
    }
}

impl Step {
    fn new(spec: Spec, ty: &Ty, at: u32) -> Step {
        match (spec.kind, ty, ty.as_int()) {
            (Kind::Text, Ty::Str(size), _) => Step::Text { at, size: *size, spec },
            (Kind::Text | Kind::Buf(_) | Kind::Unsupported(_), ..) | (_, _, None) => {
                Step::Value { at, ty: ty.clone(), spec }
            }
            // Little-endian: the first byte is the lowest.
            (Kind::Char, ..) if spec.is_plain() => Step::Byte { at },
            (_, _, Some(int)) => Step::Number { at, int, spec },
        }
    }

    /// The most it writes, strings of the record not counted; `None` when a cursor cannot do it.
    fn room(&self) -> Option<usize> {
        let width = |spec: &Spec| {
            let narrow = spec.precision.is_none() && spec.width as usize <= MAX_PAD;
            narrow.then_some(spec.width as usize)
        };
        match self {
            Step::Literal { length, .. } => Some(*length as usize),
            Step::Byte { .. } => Some(1),
            Step::Text { spec, .. } => Some(width(spec)? + TRUNCATED.len()),
            Step::Number { spec, .. } => match spec.kind {
                Kind::Signed | Kind::Unsigned | Kind::Hex | Kind::HexUpper | Kind::Pointer => {
                    width(spec).map(|_| MAX_PAD)
                }
                _ => None,
            },
            Step::Value { .. } => None,
        }
    }
}

/// The bytes of an argument; the record may end inside it or before it.
#[inline]
fn slice(record: &[u8], at: u32, size: u32) -> &[u8] {
    let rest = record.get(at as usize..).unwrap_or(&[]);
    &rest[..(size as usize).min(rest.len())]
}
