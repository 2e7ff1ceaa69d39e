//! This machine, as the analyser asks about it: tracefs through `crate::probes`, kernel types through BTF.
//!
//! Everything is looked up when a program first names it and kept: a program that names no kernel type never opens
//! BTF. Damaged type information counts as missing. Neighbours: `world` says what is asked.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

use edgekit_bpf::btf::{Index, Kind, Type};

use super::world::{Member, World};
use crate::probes::{Error, Format, Probes};
use crate::symbols::ksyms;
use crate::ty::{Bits, EnumDef, Int, Space, Struct, Ty};

/// Pointers and arrays inside each other that are followed; real types stay under 6.
const MAX_DEPTH: usize = 16;
const POSSIBLE_CPUS: &str = "/sys/devices/system/cpu/possible";

type Constant = Option<(Rc<EnumDef>, u64)>;

/// The running kernel.
pub struct KernelWorld<'p> {
    probes: &'p Probes,
    types: OnceCell<Option<Index>>,
    structs: RefCell<HashMap<String, Option<Struct>>>,
    members: RefCell<HashMap<(u32, String), Option<Member>>>,
    constants: RefCell<HashMap<String, Constant>>,
    typedefs: RefCell<HashMap<String, Option<Ty>>>,
    symbols: RefCell<HashMap<String, Option<u64>>>,
}

impl<'p> KernelWorld<'p> {
    pub fn new(probes: &'p Probes) -> KernelWorld<'p> {
        KernelWorld {
            probes,
            types: OnceCell::new(),
            structs: RefCell::default(),
            members: RefCell::default(),
            constants: RefCell::default(),
            typedefs: RefCell::default(),
            symbols: RefCell::default(),
        }
    }

    fn index(&self) -> Option<&Index> {
        self.types.get_or_init(|| Index::vmlinux().ok()).as_ref()
    }

    fn of_id(&self, id: u32, depth: usize) -> Option<Ty> {
        let index = self.index()?;
        let ty = index.resolve(id).ok()?;
        if depth == 0 {
            return Some(Ty::Void);
        }
        Some(match ty.kind() {
            Kind::Void | Kind::FuncProto | Kind::Func => Ty::Void,
            Kind::Int => {
                let int = ty.int()?;
                if int.bool {
                    return Some(Ty::Bool);
                }
                let bytes = u8::try_from(ty.size()?).ok().filter(|b| matches!(b, 1 | 2 | 4 | 8))?;
                // Plain char is signed on x86 and not on arm64; as text it is the same.
                Ty::Int(Int { bytes, signed: int.signed || ty.name() == "char" })
            }
            Kind::Ptr => {
                let to = self.of_id(ty.target()?, depth - 1).unwrap_or(Ty::Void);
                Ty::Ptr(Rc::new(to), Space::Kernel)
            }
            Kind::Array => {
                let array = ty.array()?;
                let of = self.of_id(array.elem, depth - 1)?;
                of.size().checked_mul(array.len)?;
                Ty::Array(Rc::new(of), array.len)
            }
            Kind::Struct | Kind::Union | Kind::Fwd => Ty::Struct(Rc::new(self.of_composite(ty))),
            Kind::Enum | Kind::Enum64 => Ty::Enum(Rc::new(of_enum(ty))),
            _ => return None,
        })
    }

    fn of_composite(&self, ty: Type<'_>) -> Struct {
        let word = if ty.is_union() { "union" } else { "struct" };
        let name = match ty.name() {
            "" => format!("{word} (anonymous {})", ty.id()),
            name => format!("{word} {name}"),
        };
        let size = ty.size().unwrap_or(0);
        let btf_id = (ty.kind() != Kind::Fwd).then_some(ty.id());
        Struct { name, size, align: self.align_of(ty, MAX_DEPTH), fields: Vec::new(), btf_id }
    }

    /// BTF names sizes only; alignment follows from the members, unless the struct is packed.
    fn align_of(&self, ty: Type<'_>, depth: usize) -> u32 {
        let Some(index) = self.index().filter(|_| depth > 0) else { return 1 };
        let align = match ty.kind() {
            Kind::Struct | Kind::Union => {
                let aligns =
                    ty.members().map(|m| index.resolve(m.type_id).map_or(1, |t| self.align_of(t, depth - 1)));
                aligns.max().unwrap_or(1)
            }
            Kind::Array => {
                let of = ty.array().and_then(|a| index.resolve(a.elem).ok());
                return of.map_or(1, |of| self.align_of(of, depth - 1));
            }
            Kind::Ptr => return 8,
            _ => return ty.size().map_or(1, |n| n.clamp(1, 8)),
        };
        if ty.size().is_some_and(|size| size % align == 0) { align } else { 1 }
    }

    fn composite_id(&self, of: &Struct) -> Option<u32> {
        match of.btf_id {
            Some(id) => Some(id),
            None => self.kernel_struct(&of.name)?.btf_id,
        }
    }

    fn find_member(&self, id: u32, name: &str) -> Option<Member> {
        let index = self.index()?;
        let found = index.member(id, name).ok()??;
        let ty = self.of_id(found.type_id, MAX_DEPTH)?;
        if found.bitfield_size == 0 {
            return Some(Member { ty, offset: u32::try_from(found.byte_offset()).ok()?, bits: None });
        }
        let mut int = ty.as_int()?;
        let width = found.bitfield_size;
        let mut unit = u64::from(int.bytes) * 8;
        let mut start = found.bit_offset / unit * unit;
        if found.bit_offset + u64::from(width) > start + unit {
            // Over the end of its unit: load eight bytes from the one it begins in.
            (int.bytes, unit, start) = (8, 64, found.bit_offset / 8 * 8);
        }
        let shift = found.bit_offset - start;
        if shift + u64::from(width) > unit {
            return None;
        }
        let bits = Some(Bits { shift: shift as u8, width: width as u8 });
        Some(Member { ty: Ty::Int(int), offset: u32::try_from(start / 8).ok()?, bits })
    }

    fn collect_names(&self, id: u32, depth: usize, names: &mut Vec<String>) {
        let Some(ty) = self.index().and_then(|index| index.resolve(id).ok()) else { return };
        for member in ty.members() {
            if !member.name.is_empty() {
                names.push(member.name.to_owned());
            } else if depth > 0 {
                self.collect_names(member.type_id, depth - 1, names);
            }
        }
    }
}

impl World for KernelWorld<'_> {
    fn tracepoint(&self, category: &str, event: &str) -> Result<Option<Rc<Format>>, Error> {
        self.probes.format(category, event)
    }

    fn tracepoints(&self, category: &str, event: &str) -> Result<Vec<(String, String)>, Error> {
        self.probes.expand(category, event)
    }

    fn near_tracepoints(&self, category: &str, event: &str) -> Vec<String> {
        self.probes.near(category, event)
    }

    fn raw_tracepoints(&self) -> Result<Vec<String>, Error> {
        self.probes.raw()
    }

    fn raw_tracepoint_args(&self, event: &str) -> Option<Vec<(String, Ty)>> {
        let index = self.index()?;
        // The typedef knows the types; only the functions that call the probes know the names as well.
        let named = ["__bpf_trace_", "__traceiter_"].map(|prefix| format!("{prefix}{event}"));
        let named = named.iter().find_map(|function| index.func_named(function));
        let of = match named {
            Some(function) => function,
            None => index.typedef_named(&format!("btf_trace_{event}"))?,
        };
        let proto = index.proto_of(of.id()).ok()??;
        // The first parameter is the tracer's own.
        let params = proto.params().skip(1).enumerate().map(|(i, param)| {
            let name = if param.name.is_empty() { format!("arg{i}") } else { param.name.to_owned() };
            (name, self.of_id(param.type_id, MAX_DEPTH).unwrap_or(Ty::U64))
        });
        Some(params.collect())
    }

    fn has_types(&self) -> bool {
        self.index().is_some()
    }

    fn kernel_struct(&self, name: &str) -> Option<Struct> {
        if let Some(known) = self.structs.borrow().get(name) {
            return known.clone();
        }
        let find = || {
            let (word, bare) = name.split_once(' ')?;
            let kind = if word == "union" { Kind::Union } else { Kind::Struct };
            Some(self.of_composite(self.index()?.find(kind, bare)?))
        };
        let found = find();
        self.structs.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    fn kernel_member(&self, of: &Struct, name: &str) -> Option<Member> {
        let id = self.composite_id(of)?;
        let key = (id, name.to_owned());
        if let Some(known) = self.members.borrow().get(&key) {
            return known.clone();
        }
        let found = self.find_member(id, name);
        self.members.borrow_mut().insert(key, found.clone());
        found
    }

    fn kernel_member_names(&self, of: &Struct) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(id) = self.composite_id(of) {
            self.collect_names(id, MAX_DEPTH, &mut names);
        }
        names
    }

    fn kernel_enum(&self, name: &str) -> Option<Rc<EnumDef>> {
        Some(Rc::new(of_enum(self.index()?.enum_named(name)?)))
    }

    fn kernel_constant(&self, name: &str) -> Option<(Rc<EnumDef>, u64)> {
        if let Some(known) = self.constants.borrow().get(name) {
            return known.clone();
        }
        let found = self.index().and_then(|index| {
            let (value, of) = index.constant(name)?;
            Some((Rc::new(of_enum(of)), value))
        });
        self.constants.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    fn kernel_typedef(&self, name: &str) -> Option<Ty> {
        if let Some(known) = self.typedefs.borrow().get(name) {
            return known.clone();
        }
        let found = self.index().and_then(|index| self.of_id(index.typedef_named(name)?.id(), MAX_DEPTH));
        self.typedefs.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    fn kernel_variable(&self, name: &str) -> Option<Ty> {
        let var = self.index()?.find(Kind::Var, name)?;
        self.of_id(var.target()?, MAX_DEPTH)
    }

    fn kernel_symbol(&self, name: &str) -> Option<u64> {
        if let Some(known) = self.symbols.borrow().get(name) {
            return *known;
        }
        let found = ksyms::address_of(name).ok().flatten();
        self.symbols.borrow_mut().insert(name.to_owned(), found);
        found
    }

    fn possible_cpus(&self) -> u32 {
        // `0-3`, `0`, `0-1,4-7`: ids count from nought, so the last one tells.
        let text = std::fs::read_to_string(POSSIBLE_CPUS).unwrap_or_default();
        let last = text.trim().rsplit([',', '-']).next().and_then(|n| n.parse::<u32>().ok());
        last.map_or(1, |last| last + 1)
    }

    fn cgroup_id(&self, path: &str) -> Option<u64> {
        // Of kernfs on 64-bit machines the inode number is the id.
        std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir).map(|m| m.ino())
    }
}

fn of_enum(ty: Type<'_>) -> EnumDef {
    let bytes =
        ty.size().and_then(|n| u8::try_from(n).ok()).filter(|b| matches!(b, 1 | 2 | 4 | 8)).unwrap_or(4);
    EnumDef {
        name: ty.name().to_owned(),
        int: Int { bytes, signed: ty.is_signed() },
        variants: ty.values().map(|v| (v.name.to_owned(), v.value)).collect(),
    }
}
