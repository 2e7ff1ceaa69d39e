//! A small blob of types: what the verifier wants to know about the functions of a program with callbacks.

use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use super::{HEADER, MAGIC, types::Kind};
use crate::{
    error::{Error, Result},
    sys,
};

/// Who may call a function. Callbacks must be static.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    Static = 0,
    Global = 1,
}

/// A member for [`Builder::composite`].
#[derive(Clone, Copy, Debug)]
pub struct NewMember<'a> {
    pub name: &'a str,
    pub type_id: u32,
    pub bit_offset: u32,
    /// 0 when it is not a bit field.
    pub bitfield_size: u32,
}

/// Writes types; each call returns the id of the type it added. Id 0 is `void`.
#[derive(Clone, Debug)]
pub struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    known: HashMap<String, u32>,
    next: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl Builder {
    pub fn new() -> Builder {
        // Offset 0 is the empty string.
        Builder { types: Vec::new(), strings: vec![0], known: HashMap::new(), next: 1 }
    }

    fn string(&mut self, s: &str) -> u32 {
        if s.is_empty() {
            return 0;
        }
        if let Some(&at) = self.known.get(s) {
            return at;
        }
        let at = self.strings.len() as u32;
        // A zero byte would end the string early.
        self.strings.extend(s.bytes().filter(|&b| b != 0));
        self.strings.push(0);
        self.known.insert(s.to_owned(), at);
        at
    }

    fn put(&mut self, words: &[u32]) {
        for w in words {
            self.types.extend_from_slice(&w.to_ne_bytes());
        }
    }

    fn add(&mut self, name: &str, kind: Kind, flag: bool, vlen: usize, word: u32, tail: &[u32]) -> u32 {
        let name = self.string(name);
        let info = u32::from(flag) << 31 | (kind as u32) << 24 | vlen as u32 & 0xffff;
        self.put(&[name, info, word]);
        self.put(tail);
        self.next += 1;
        self.next - 1
    }

    /// An integer of `size` bytes.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> u32 {
        self.add(name, Kind::Int, false, 0, size, &[(u32::from(signed) << 24) | (size * 8)])
    }

    pub fn ptr(&mut self, to: u32) -> u32 {
        self.add("", Kind::Ptr, false, 0, to, &[])
    }

    pub fn array(&mut self, elem: u32, index: u32, len: u32) -> u32 {
        self.add("", Kind::Array, false, 0, 0, &[elem, index, len])
    }

    pub fn typedef(&mut self, name: &str, of: u32) -> u32 {
        self.add(name, Kind::Typedef, false, 0, of, &[])
    }

    pub fn constant(&mut self, of: u32) -> u32 {
        self.add("", Kind::Const, false, 0, of, &[])
    }

    /// A struct or union of `size` bytes; at most 65,535 members are kept.
    pub fn composite(&mut self, union: bool, name: &str, size: u32, members: &[NewMember<'_>]) -> u32 {
        let members = &members[..members.len().min(0xffff)];
        let bitfields = members.iter().any(|m| m.bitfield_size != 0);
        let mut tail = Vec::with_capacity(members.len() * 3);
        for m in members {
            let offset =
                if bitfields { m.bitfield_size << 24 | m.bit_offset & 0x00ff_ffff } else { m.bit_offset };
            tail.extend([self.string(m.name), m.type_id, offset]);
        }
        let kind = if union { Kind::Union } else { Kind::Struct };
        self.add(name, kind, bitfields, members.len(), size, &tail)
    }

    /// An enum of 4 bytes.
    pub fn enumeration(&mut self, name: &str, signed: bool, values: &[(&str, u32)]) -> u32 {
        let values = &values[..values.len().min(0xffff)];
        let tail: Vec<u32> = values.iter().flat_map(|&(n, v)| [self.string(n), v]).collect();
        self.add(name, Kind::Enum, signed, values.len(), 4, &tail)
    }

    /// An enum of 8 bytes.
    pub fn enumeration64(&mut self, name: &str, signed: bool, values: &[(&str, u64)]) -> u32 {
        let values = &values[..values.len().min(0xffff)];
        let tail: Vec<u32> =
            values.iter().flat_map(|&(n, v)| [self.string(n), v as u32, (v >> 32) as u32]).collect();
        self.add(name, Kind::Enum64, signed, values.len(), 8, &tail)
    }

    pub fn func_proto(&mut self, returns: u32, params: &[(&str, u32)]) -> u32 {
        let params = &params[..params.len().min(0xffff)];
        let tail: Vec<u32> = params.iter().flat_map(|&(n, t)| [self.string(n), t]).collect();
        self.add("", Kind::FuncProto, false, params.len(), returns, &tail)
    }

    pub fn func(&mut self, name: &str, proto: u32, linkage: Linkage) -> u32 {
        self.add(name, Kind::Func, false, linkage as usize, proto, &[])
    }

    /// The finished blob.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut out = Vec::with_capacity(HEADER + self.types.len() + self.strings.len());
        out.extend_from_slice(&MAGIC.to_ne_bytes());
        out.extend_from_slice(&[1, 0]);
        for w in [HEADER as u32, 0, types, types, strings] {
            out.extend_from_slice(&w.to_ne_bytes());
        }
        out.extend_from_slice(&self.types);
        out.extend_from_slice(&self.strings);
        out
    }

    /// Hands the blob to the kernel (4.18), for `prog::ProgSpec::btf`.
    pub fn load(&self) -> Result<Loaded> {
        let fd = sys::btf_load(&self.to_bytes()).map_err(|source| Error::BtfLoad { source })?;
        Ok(Loaded { fd })
    }
}

/// Types that the kernel holds.
#[derive(Debug)]
pub struct Loaded {
    fd: OwnedFd,
}

impl AsFd for Loaded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
