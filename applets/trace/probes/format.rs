//! The record of a tracepoint as its `format` file describes it.
//!
//! The file is the kernel's, but it is read like any input: a line that cannot be understood is an error with
//! its number, never a field left out.

use std::str;

/// Longest file worth reading; the largest of a current kernel has some 20 kB.
const LIMIT: usize = 1 << 20;

/// One tracepoint: what perf knows it by, and its fields in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub id: u64,
    pub fields: Vec<FormatField>,
}

/// One field of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatField {
    pub name: String,
    /// The C type without `__data_loc` and without array brackets: of an array, its element's.
    pub c_type: String,
    pub offset: u32,
    /// Bytes in the record, of an array all of it; of a located one the 4 bytes that locate it.
    pub size: u32,
    pub signed: bool,
    /// Set when the value lies behind the record: its low 16 bits say where, its high 16 how long it is.
    pub data_loc: Option<Loc>,
    /// Elements of an array inside the record; 0 for one without an end (`args[]`). `None`: no array. A located
    /// field is always an array, of a length only the record knows.
    pub array_len: Option<u32>,
}

/// What the place of a located field counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loc {
    /// The start of the record (`__data_loc`).
    Record,
    /// The end of the locating field itself (`__rel_loc`).
    Field,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("it is larger than {LIMIT} bytes")]
    TooLarge,
    #[error("it has no line \"ID:\"")]
    NoId,
    #[error("line {line}: {what}")]
    Line { line: usize, what: &'static str },
}

impl Format {
    /// Reads the text of a format file.
    pub fn parse(text: &[u8]) -> Result<Format, FormatError> {
        if text.len() > LIMIT {
            return Err(FormatError::TooLarge);
        }
        let mut id = None;
        let mut fields = Vec::new();
        for (number, line) in text.split(|b| *b == b'\n').enumerate() {
            let fail = |what| FormatError::Line { line: number + 1, what };
            let line = line.trim_ascii();
            // What follows is a recipe for printing, in C.
            if line.starts_with(b"print fmt:") {
                break;
            }
            if let Some(number) = line.strip_prefix(b"ID:") {
                id = Some(parse_number(number).ok_or_else(|| fail("the id is not a number"))?);
            } else if let Some(field) = line.strip_prefix(b"field:") {
                let field = str::from_utf8(field).map_err(|_| fail("it is not text"))?;
                fields.push(parse_field(field).map_err(fail)?);
            }
        }
        Ok(Format { id: id.ok_or(FormatError::NoId)?, fields })
    }

    /// The fields a script sees as `args`: all but the ones every record starts with.
    pub fn arguments(&self) -> impl Iterator<Item = &FormatField> {
        self.fields.iter().filter(|f| !f.name.starts_with("common_"))
    }

    pub fn field(&self, name: &str) -> Option<&FormatField> {
        self.fields.iter().find(|f| f.name == name)
    }
}

impl FormatField {
    /// The type as C writes it.
    pub fn declared_type(&self) -> String {
        match (self.data_loc, self.array_len) {
            (Some(Loc::Record), _) => format!("__data_loc {}[]", self.c_type),
            (Some(Loc::Field), _) => format!("__rel_loc {}[]", self.c_type),
            (None, Some(0)) => format!("{}[]", self.c_type),
            (None, Some(n)) => format!("{}[{n}]", self.c_type),
            (None, None) => self.c_type.clone(),
        }
    }
}

/// `char comm[16]; offset:8; size:16; signed:0;`, with tabs between.
fn parse_field(text: &str) -> Result<FormatField, &'static str> {
    let (declaration, attributes) = text.split_once(';').ok_or("the field has no \";\"")?;
    let (mut offset, mut size, mut signed) = (None, None, false);
    for attribute in attributes.split(';').map(str::trim).filter(|a| !a.is_empty()) {
        let (name, value) = attribute.split_once(':').ok_or("an attribute has no value")?;
        match name {
            "offset" => offset = Some(attribute_value(value)?),
            "size" => size = Some(attribute_value(value)?),
            "signed" => signed = attribute_value(value)? != 0,
            // A later kernel may say more; nothing it says moves the field.
            _ => {}
        }
    }
    let offset = offset.ok_or("the field has no offset")?;
    let size = size.ok_or("the field has no size")?;
    offset.checked_add(size).ok_or("the field lies beyond any record")?;
    declaration_of(declaration.trim(), offset, size, signed)
}

fn declaration_of(text: &str, offset: u32, size: u32, signed: bool) -> Result<FormatField, &'static str> {
    let (data_loc, text) = if let Some(rest) = text.strip_prefix("__data_loc ") {
        (Some(Loc::Record), rest.trim())
    } else if let Some(rest) = text.strip_prefix("__rel_loc ") {
        (Some(Loc::Field), rest.trim())
    } else {
        (None, text)
    };
    // `char name[16]`, or `char[] name` when located.
    let (text, length) = match text.strip_suffix(']') {
        Some(rest) => {
            let (text, length) = rest.rsplit_once('[').ok_or("a \"]\" has no \"[\"")?;
            (text.trim_end(), Some(length.trim()))
        }
        None => (text, None),
    };
    let name_at = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    let (c_type, name) = text.split_at_checked(name_at).ok_or("the field has no name")?;
    if name.is_empty() {
        return Err("the field has no name");
    }
    let c_type = c_type.trim();
    let (c_type, brackets) = match c_type.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        Some((element, _)) => (element.trim_end(), true),
        None => (c_type, false),
    };
    if c_type.is_empty() {
        return Err("the field has no type");
    }
    if data_loc.is_some() && size < 4 {
        return Err("a located field is shorter than its place");
    }
    let mut c_type = c_type.to_owned();
    let array_len = match (data_loc, length) {
        (Some(_), _) => None,
        (None, Some("")) => Some(0),
        (None, Some(digits)) => Some(match digits.parse() {
            Ok(n) => n,
            // A length by name (`[TASK_COMM_LEN]`): the size tells, where the element is a byte; else bytes it is.
            Err(_) => {
                if !matches!(c_type.as_str(), "char" | "unsigned char" | "signed char" | "u8" | "__u8" | "s8")
                {
                    "u8".clone_into(&mut c_type);
                }
                size
            }
        }),
        (None, None) if brackets => Some(0),
        (None, None) => None,
    };
    Ok(FormatField { name: name.to_owned(), c_type, offset, size, signed, data_loc, array_len })
}

fn attribute_value(text: &str) -> Result<u32, &'static str> {
    text.trim().parse().map_err(|_| "an attribute is not a number")
}

fn parse_number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.trim().parse().ok()
}
