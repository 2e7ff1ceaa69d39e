//! Events from the ring: where each argument lies, and printf straight from a record to the output buffer.
//!
//! [`CompiledFormat`] is the hot path of the tracer: everything that a format and the types of its arguments
//! decide is decided when it is made, so that a record costs a few loads and copies and no allocation.

use super::format::{Format, Kind, Segment, Spec};
use super::number::push_i64;
use super::value::{Resolver, Value, load, write_str};
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
    literals: Vec<u8>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    /// A range of the literals.
    Literal { start: u32, end: u32 },
    /// `%d`, `%lld`: a signed number and nothing else.
    Decimal { at: u32, int: Int, spec: Spec },
    /// `%s` of a string.
    Text { at: u32, size: u32 },
    /// An integer with padding or in another base.
    Number { at: u32, int: Int, spec: Spec },
    /// `%-16s` of a string.
    PaddedText { at: u32, size: u32, spec: Spec },
    /// What is neither number nor string.
    Value { at: u32, ty: Ty, spec: Spec },
}

impl CompiledFormat {
    /// Binds `format` to the arguments of `event`; it has been checked against their types.
    pub fn new(format: &Format, event: &Event) -> CompiledFormat {
        let mut arguments = event.def.args.iter().zip(&event.offsets);
        let steps = format.segments().iter().filter_map(|segment| match segment {
            Segment::Literal(range) => {
                Some(Step::Literal { start: range.start as u32, end: range.end as u32 })
            }
            Segment::Spec(spec) => arguments.next().map(|(ty, at)| Step::new(*spec, ty, *at)),
        });
        CompiledFormat { steps: steps.collect(), literals: format.literals().to_vec() }
    }

    /// Appends the text of one record, header included.
    #[inline]
    pub fn write(&self, record: &[u8], out: &mut Vec<u8>, resolver: &dyn Resolver) {
        for step in &self.steps {
            match step {
                Step::Literal { start, end } => {
                    out.extend_from_slice(self.literals.get(*start as usize..*end as usize).unwrap_or(&[]));
                }
                Step::Decimal { at, int, spec } => {
                    push_i64(out, spec.length.signed(load(record, *at as usize, *int)));
                }
                Step::Text { at, size } => write_str(slice(record, *at, *size), *size, out),
                Step::Number { at, int, spec } => spec.write_int(out, load(record, *at as usize, *int)),
                Step::PaddedText { at, size, spec } => {
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
            (Kind::Text, Ty::Str(size), _) if spec.is_plain() => Step::Text { at, size: *size },
            (Kind::Text, Ty::Str(size), _) => Step::PaddedText { at, size: *size, spec },
            (Kind::Text | Kind::Buf(_) | Kind::Unsupported(_), ..) | (_, _, None) => {
                Step::Value { at, ty: ty.clone(), spec }
            }
            (Kind::Signed, _, Some(int)) if spec.is_plain() && !spec.plus && !spec.space => {
                Step::Decimal { at, int, spec }
            }
            (_, _, Some(int)) => Step::Number { at, int, spec },
        }
    }
}

/// The bytes of an argument; the record may end inside it or before it.
#[inline]
fn slice(record: &[u8], at: u32, size: u32) -> &[u8] {
    let rest = record.get(at as usize..).unwrap_or(&[]);
    &rest[..(size as usize).min(rest.len())]
}
