//! Members by name, through the anonymous structs and unions that C lets one see through.

use super::{index::Index, types::Kind};
use crate::error::{Error, Result};

/// Members looked at for one name. The largest kernel structs have a few hundred; damaged data that nests a
/// type in itself would go on for ever.
const LOOK_MAX: usize = 100_000;
/// Anonymous structs inside each other.
const DEPTH_MAX: usize = 32;

/// Where a member lies in the type that the search began at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundMember {
    pub type_id: u32,
    pub bit_offset: u64,
    /// 0 when it is not a bit field.
    pub bitfield_size: u32,
}

impl FoundMember {
    /// Of the first byte that holds part of the member.
    pub fn byte_offset(&self) -> u64 {
        self.bit_offset / 8
    }
}

impl Index {
    /// A member of a struct or union (or of a typedef of one); `None` when it has no such member.
    pub fn member(&self, id: u32, name: &str) -> Result<Option<FoundMember>> {
        let mut looks = LOOK_MAX;
        self.member_in(id, name, 0, &mut looks)
    }

    fn member_in(&self, id: u32, name: &str, depth: usize, looks: &mut usize) -> Result<Option<FoundMember>> {
        let ty = self.resolve(id)?;
        if !ty.kind().is_composite() || name.is_empty() {
            return Ok(None);
        }
        for m in ty.members() {
            let Some(left) = looks.checked_sub(1) else {
                return Err(Error::BtfData { what: "a type contains itself", at: id as usize });
            };
            *looks = left;
            let bit_offset = u64::from(m.bit_offset);
            if m.name == name {
                let found = FoundMember { type_id: m.type_id, bit_offset, bitfield_size: m.bitfield_size };
                return Ok(Some(found));
            }
            if m.name.is_empty()
                && depth < DEPTH_MAX
                && let Some(mut found) = self.member_in(m.type_id, name, depth + 1, looks)?
            {
                found.bit_offset += bit_offset;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A member of a member, such as `["se", "vruntime"]` of `task_struct`. Pointers are not followed: what
    /// lies behind one has no fixed offset. The error of a wrong name is `Ok(None)`.
    pub fn member_path(&self, id: u32, path: &[&str]) -> Result<Option<FoundMember>> {
        let mut at = FoundMember { type_id: id, bit_offset: 0, bitfield_size: 0 };
        for name in path {
            let Some(next) = self.member(at.type_id, name)? else { return Ok(None) };
            at = FoundMember { bit_offset: at.bit_offset + next.bit_offset, ..next };
        }
        Ok(Some(at))
    }

    /// The type as C writes it, such as `struct task_struct *` or `char [16]`: for listings and messages.
    pub fn type_name(&self, id: u32) -> String {
        let mut suffix = String::new();
        let mut id = id;
        // Bounded: damaged data can chain pointers in a ring.
        for _ in 0..DEPTH_MAX {
            let Ok(ty) = self.get(id) else { break };
            let word = match ty.kind() {
                Kind::Void => "void".to_owned(),
                Kind::Struct => format!("struct {}", or_anonymous(ty.name())),
                Kind::Union => format!("union {}", or_anonymous(ty.name())),
                Kind::Fwd if ty.is_union() => format!("union {}", ty.name()),
                Kind::Fwd => format!("struct {}", ty.name()),
                Kind::Enum | Kind::Enum64 => format!("enum {}", or_anonymous(ty.name())),
                Kind::FuncProto => "void (...)".to_owned(),
                Kind::Ptr => {
                    suffix.insert(0, '*');
                    id = ty.target().unwrap_or(0);
                    continue;
                }
                Kind::Array => {
                    let Some(a) = ty.array() else { break };
                    suffix.push_str(&format!("[{}]", a.len));
                    id = a.elem;
                    continue;
                }
                kind if kind.is_modifier() => {
                    id = ty.target().unwrap_or(0);
                    continue;
                }
                _ => ty.name().to_owned(),
            };
            return if suffix.is_empty() { word } else { format!("{word} {suffix}") };
        }
        "?".to_owned()
    }
}

fn or_anonymous(name: &str) -> &str {
    if name.is_empty() { "(anonymous)" } else { name }
}
