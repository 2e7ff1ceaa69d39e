//! One type as it lies in the blob, read on demand.

use super::index::Index;

/// The kinds of type, numbered as in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Id 0, which has no record.
    Void = 0,
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    /// A struct or union known by name only.
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    Datasec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
}

impl Kind {
    const ALL: [Kind; 20] = [
        Kind::Void,
        Kind::Int,
        Kind::Ptr,
        Kind::Array,
        Kind::Struct,
        Kind::Union,
        Kind::Enum,
        Kind::Fwd,
        Kind::Typedef,
        Kind::Volatile,
        Kind::Const,
        Kind::Restrict,
        Kind::Func,
        Kind::FuncProto,
        Kind::Var,
        Kind::Datasec,
        Kind::Float,
        Kind::DeclTag,
        Kind::TypeTag,
        Kind::Enum64,
    ];

    /// Of a record's `info` word; `None` for kinds invented after this was written.
    pub(crate) fn of_info(info: u32) -> Option<Kind> {
        Kind::ALL.get((info >> 24 & 0x1f) as usize).copied()
    }

    /// Bytes that follow the 12 of every record: a fixed part, and a part for each of `vlen`. A table, because
    /// walking a kernel's types is bound by mispredicted branches.
    pub(crate) fn extra(self) -> (usize, usize) {
        const EXTRA: [(u8, u8); 20] = {
            let mut table = [(0, 0); 20];
            table[Kind::Int as usize] = (4, 0);
            table[Kind::Var as usize] = (4, 0);
            table[Kind::DeclTag as usize] = (4, 0);
            table[Kind::Array as usize] = (12, 0);
            table[Kind::Struct as usize] = (0, 12);
            table[Kind::Union as usize] = (0, 12);
            table[Kind::Datasec as usize] = (0, 12);
            table[Kind::Enum64 as usize] = (0, 12);
            table[Kind::Enum as usize] = (0, 8);
            table[Kind::FuncProto as usize] = (0, 8);
            table
        };
        let (fixed, each) = EXTRA[self as usize];
        (usize::from(fixed), usize::from(each))
    }

    /// `const`, `volatile`, `restrict` and tags: they change nothing about layout.
    pub fn is_modifier(self) -> bool {
        matches!(self, Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag)
    }

    pub fn is_composite(self) -> bool {
        matches!(self, Kind::Struct | Kind::Union)
    }
}

/// A type in an [`Index`].
#[derive(Clone, Copy)]
pub struct Type<'a> {
    pub(crate) owner: &'a Index,
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    pub(crate) name_off: u32,
    pub(crate) info: u32,
    /// Size, or the id of another type, by kind.
    pub(crate) word: u32,
    /// The part after the first 12 bytes, exactly as long as kind and `vlen` say.
    pub(crate) tail: &'a [u8],
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Empty for an anonymous struct or union, whose members count as this type's own.
    pub name: &'a str,
    pub type_id: u32,
    pub bit_offset: u32,
    /// 0 when the member is not a bit field.
    pub bitfield_size: u32,
}

/// A parameter of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    pub name: &'a str,
    /// 0 for the `...` of a variadic function.
    pub type_id: u32,
}

/// A constant of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnumValue<'a> {
    pub name: &'a str,
    /// Sign-extended when the enum is signed ([`Type::is_signed`]).
    pub value: u64,
}

/// Element and length of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    pub elem: u32,
    pub index: u32,
    pub len: u32,
}

/// How an integer's bits lie in its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    pub bits: u32,
    pub bit_offset: u32,
    pub signed: bool,
    pub char: bool,
    pub bool: bool,
}

/// A 32-bit word; zero where there is none, which the callers' lengths rule out.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        Some(b) => u32::from_ne_bytes(*b),
        None => 0,
    }
}

impl<'a> Type<'a> {
    pub fn id(&self) -> u32 {
        self.id
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Empty for what has no name.
    pub fn name(&self) -> &'a str {
        self.owner.string(self.name_off)
    }

    /// Number of members, parameters or values.
    pub fn len(&self) -> usize {
        (self.info & 0xffff) as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn flag(&self) -> bool {
        self.info >> 31 != 0
    }

    /// Bytes of a type that says so itself; [`Index::size_of`] answers for all.
    pub fn size(&self) -> Option<u32> {
        let sized = matches!(
            self.kind,
            Kind::Int | Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::Float | Kind::Datasec
        );
        sized.then_some(self.word)
    }

    /// What a pointer points to, a typedef or modifier stands for, a variable is of, a prototype returns, and
    /// the prototype of a function.
    pub fn target(&self) -> Option<u32> {
        let refers = matches!(
            self.kind,
            Kind::Ptr | Kind::Typedef | Kind::Func | Kind::FuncProto | Kind::Var | Kind::DeclTag
        );
        (refers || self.kind.is_modifier()).then_some(self.word)
    }

    fn chunks(&self, kinds: &[Kind], size: usize) -> std::slice::ChunksExact<'a, u8> {
        let tail = if kinds.contains(&self.kind) { self.tail } else { &[] };
        tail.chunks_exact(size)
    }

    /// Members of a struct or union; nothing for other kinds.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'a>> + use<'a> {
        let (owner, bitfields) = (self.owner, self.flag());
        self.chunks(&[Kind::Struct, Kind::Union], 12).map(move |c| {
            let offset = word(c, 8);
            let (bit_offset, bitfield_size) =
                if bitfields { (offset & 0x00ff_ffff, offset >> 24) } else { (offset, 0) };
            Member { name: owner.string(word(c, 0)), type_id: word(c, 4), bit_offset, bitfield_size }
        })
    }

    /// Parameters of a prototype; nothing for other kinds ([`Index::proto_of`] finds a function's prototype).
    pub fn params(&self) -> impl ExactSizeIterator<Item = Param<'a>> + use<'a> {
        let owner = self.owner;
        self.chunks(&[Kind::FuncProto], 8)
            .map(move |c| Param { name: owner.string(word(c, 0)), type_id: word(c, 4) })
    }

    /// Constants of an enum; nothing for other kinds.
    pub fn values(&self) -> impl Iterator<Item = EnumValue<'a>> + use<'a> {
        let (owner, signed) = (self.owner, self.flag());
        let narrow = self.chunks(&[Kind::Enum], 8).map(move |c| {
            let v = word(c, 4);
            let value = if signed { v as i32 as u64 } else { u64::from(v) };
            EnumValue { name: owner.string(word(c, 0)), value }
        });
        let wide = self.chunks(&[Kind::Enum64], 12).map(move |c| EnumValue {
            name: owner.string(word(c, 0)),
            value: u64::from(word(c, 8)) << 32 | u64::from(word(c, 4)),
        });
        narrow.chain(wide)
    }

    pub fn array(&self) -> Option<Array> {
        (self.kind == Kind::Array).then(|| Array {
            elem: word(self.tail, 0),
            index: word(self.tail, 4),
            len: word(self.tail, 8),
        })
    }

    pub fn int(&self) -> Option<Int> {
        let w = word(self.tail, 0);
        (self.kind == Kind::Int).then_some(Int {
            bits: w & 0xff,
            bit_offset: w >> 16 & 0xff,
            signed: w >> 24 & 1 != 0,
            char: w >> 24 & 2 != 0,
            bool: w >> 24 & 4 != 0,
        })
    }

    /// Of an integer or enum.
    pub fn is_signed(&self) -> bool {
        match self.kind {
            Kind::Int => self.int().is_some_and(|i| i.signed),
            Kind::Enum | Kind::Enum64 => self.flag(),
            _ => false,
        }
    }

    /// Whether a forward declaration is of a union.
    pub fn is_union(&self) -> bool {
        self.kind == Kind::Union || (self.kind == Kind::Fwd && self.flag())
    }
}

impl std::fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {:?} \"{}\"", self.id, self.kind, self.name())
    }
}
