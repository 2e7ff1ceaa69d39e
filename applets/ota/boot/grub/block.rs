//! GRUB's environment block as bytes, edited as `grub-editenv` edits it.
//!
//! ```text
//! # GRUB Environment Block\n NAME=VALUE\n … ######## up to the size of the file, 1024 bytes as a rule
//! ```
//! A backslash stands before a backslash or a newline of a value; a line that begins with `#` is none. The block has
//! no checksum, so what a power cut may tear is for `super` to think of; [`Block::repair`] takes away what it left.
//! Sources: GRUB `grub-core/lib/envblk.c`, `util/grub-editenv.c`.

/// The first line.
pub const SIGNATURE: &[u8] = b"# GRUB Environment Block\n";
/// The largest block that is read, in bytes.
pub const MAX_SIZE: usize = 64 << 10;

/// Why a block cannot be read or changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    /// It does not begin as a block does, or has an odd size.
    #[error("is no environment block of GRUB")]
    Signature,
    /// Its last line has no end.
    #[error("is a damaged environment block: its last line has no end")]
    Broken,
    /// There is no room for the variable.
    #[error("is full: the variable does not fit")]
    Full,
    /// A name with other than letters, digits and `_`, or a value with NUL.
    #[error("cannot hold a variable of that name or value")]
    Name,
}

/// A block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    bytes: Vec<u8>,
}

/// A line with a variable: where it begins, where its value does, and its newline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub start: usize,
    pub value: usize,
    pub end: usize,
}

impl Block {
    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// [`Wrong::Signature`].
    pub fn open(bytes: Vec<u8>) -> Result<Block, Wrong> {
        let fits = bytes.starts_with(SIGNATURE) && (SIGNATURE.len() + 1..=MAX_SIZE).contains(&bytes.len());
        fits.then_some(Block { bytes }).ok_or(Wrong::Signature)
    }

    /// An empty block of 1024 bytes, without the warning that newer tools put into it.
    pub fn empty() -> Block {
        let mut bytes = SIGNATURE.to_vec();
        bytes.resize(1024, b'#');
        Block { bytes }
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The byte after a line: past its newline, or past the end.
    fn after(&self, from: usize) -> usize {
        self.value_end(from) + 1
    }

    /// The newline that ends a line, or the end of the block.
    fn value_end(&self, mut at: usize) -> usize {
        while at < self.bytes.len() && self.bytes[at] != b'\n' {
            at += if self.bytes[at] == b'\\' { 2 } else { 1 };
        }
        at
    }

    /// The lines GRUB takes variables from, in order; it stops at the first that is broken.
    pub(super) fn lines(&self) -> Vec<Line> {
        let (mut lines, mut start) = (Vec::new(), SIGNATURE.len());
        while let Some(first) = self.bytes.get(start) {
            let mut next = start;
            if *first != b'#' {
                let Some(name) = self.bytes[start..].iter().position(|byte| *byte == b'=') else { break };
                let value = start + name + 1;
                let end = self.value_end(value);
                if end >= self.bytes.len() {
                    break;
                }
                lines.push(Line { start, value, end });
                next = end;
            }
            start = self.after(next);
        }
        lines
    }

    /// Where the last line ends and free space begins.
    fn space(&self) -> Result<usize, Wrong> {
        let last = self.bytes.iter().rposition(|byte| *byte != b'#').ok_or(Wrong::Broken)?;
        if self.bytes[last] == b'\n' { Ok(last + 1) } else { Err(Wrong::Broken) }
    }

    pub(super) fn name(&self, line: Line) -> &[u8] {
        &self.bytes[line.start..line.value - 1]
    }

    fn value(&self, line: Line) -> String {
        let mut escaped = self.bytes[line.value..line.end].iter();
        let mut value = Vec::new();
        while let Some(byte) = escaped.next() {
            value.push(if *byte == b'\\' { *escaped.next().unwrap_or(byte) } else { *byte });
        }
        String::from_utf8_lossy(&value).into_owned()
    }

    /// Names and values, as GRUB sees them.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let name = |line: Line| String::from_utf8_lossy(self.name(line)).into_owned();
        self.lines().into_iter().map(|line| (name(line), self.value(line))).collect()
    }

    /// The value of a variable; of several the last, which GRUB sets last.
    pub fn get(&self, name: &str) -> Option<String> {
        let line = self.lines().into_iter().rev().find(|line| self.name(*line) == name.as_bytes())?;
        Some(self.value(line))
    }

    /// Finds `NAME=` at the begin of a line before `limit`.
    fn find(&self, name: &[u8], limit: usize) -> Option<usize> {
        let mut at = SIGNATURE.len();
        while at + name.len() + 1 < limit {
            if self.bytes[at..].starts_with(name) && self.bytes.get(at + name.len()) == Some(&b'=') {
                return Some(at);
            }
            at = self.after(at);
        }
        None
    }

    /// Sets a variable: where it stands, or behind the others.
    ///
    /// # Errors
    /// All of [`Wrong`]; the block is as it was.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        let value = escape(name, value)?;
        let (space, end) = (self.space()?, self.bytes.len());
        let Some(line) = self.find(name.as_bytes(), space) else {
            return self.append(name, &value);
        };
        let start = line + name.len() + 1;
        let stop = self.value_end(start);
        if stop >= end {
            return Err(Wrong::Broken);
        }
        if end - space < value.len().saturating_sub(stop - start) {
            return Err(Wrong::Full);
        }
        self.bytes.splice(start..stop, value);
        self.bytes.resize(end, b'#');
        Ok(())
    }

    /// Writes a variable behind the others, even if it stands before.
    fn append(&mut self, name: &str, escaped: &[u8]) -> Result<(), Wrong> {
        let (space, line) = (self.space()?, [name.as_bytes(), b"=", escaped, b"\n"].concat());
        let room = self.bytes.get_mut(space..space + line.len()).ok_or(Wrong::Full)?;
        room.copy_from_slice(&line);
        Ok(())
    }

    /// Takes a variable away; one that is not there is no error.
    pub fn unset(&mut self, name: &str) {
        let end = self.bytes.len();
        let Some(line) = self.find(name.as_bytes(), end) else { return };
        let stop = self.value_end(line + name.len() + 1);
        if stop < end {
            self.bytes.drain(line..=stop);
            self.bytes.resize(end, b'#');
        }
    }

    /// The block without what a torn write left behind its last whole line; `None` if there is nothing of the kind.
    pub fn repair(&self) -> Option<Block> {
        let mut end = self.lines().last().map_or(SIGNATURE.len(), |line| line.end + 1);
        // Remarks of tools and people stay: they have a space behind their mark.
        while self.bytes[end..].starts_with(b"# ") && self.after(end) <= self.bytes.len() {
            end = self.after(end);
        }
        let torn = self.bytes[end..].iter().any(|byte| *byte != b'#');
        torn.then(|| {
            let mut bytes = self.bytes[..end].to_vec();
            bytes.resize(self.bytes.len(), b'#');
            Block { bytes }
        })
    }

    /// The blocks on the way to a variable's new value, each to be durable before the next. No power cut between or
    /// inside them changes another variable: the value has its old length, or it is the last line, or it is written
    /// anew behind the others, where GRUB reads it last, and the line before becomes a remark.
    ///
    /// # Errors
    /// All of [`Wrong`].
    pub(super) fn steps(&self, name: &str, value: &str) -> Result<Vec<Block>, Wrong> {
        let escaped = escape(name, value)?;
        let (mut steps, mut block) = (Vec::new(), self.clone());
        if let Some(whole) = block.repair() {
            block = whole;
            steps.push(block.clone());
        }
        let all = block.lines();
        let mut lines: Vec<Line> =
            all.iter().copied().filter(|line| block.name(*line) == name.as_bytes()).collect();
        let last = lines.pop();
        let is_so = last.is_some_and(|line| block.bytes[line.value..line.end] == escaped);
        if !is_so {
            let fits = last.filter(|line| {
                line.end - line.value == escaped.len()
                    || (Some(line) == all.last() && line.end + 1 == block.space().unwrap_or(0))
            });
            match fits {
                Some(line) => {
                    let size = block.bytes.len();
                    let grown = escaped.len().saturating_sub(line.end - line.value);
                    if size - block.space()? < grown {
                        return Err(Wrong::Full);
                    }
                    block.bytes.splice(line.value..line.end, escaped);
                    block.bytes.resize(size, b'#');
                }
                None => {
                    block.append(name, &escaped)?;
                    lines.extend(last);
                }
            }
            steps.push(block.clone());
        }
        for line in lines {
            block.bytes[line.start] = b'#';
            steps.push(block.clone());
        }
        Ok(steps)
    }
}

/// A value as it is stored.
fn escape(name: &str, value: &str) -> Result<Vec<u8>, Wrong> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || value.contains('\0') {
        return Err(Wrong::Name);
    }
    let mut escaped = Vec::new();
    for byte in value.bytes() {
        if matches!(byte, b'\\' | b'\n') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_are_edited_where_they_stand() {
        let mut block = Block::empty();
        block.set("ORDER", "a b").expect("it fits");
        block.set("x", "back\\slash\nand line").expect("it fits");
        block.set("ORDER", "b").expect("it fits");
        let text = b"ORDER=b\nx=back\\\\slash\\\nand line\n##";
        assert!(block.bytes()[SIGNATURE.len()..].starts_with(text));
        assert_eq!(block.get("x").as_deref(), Some("back\\slash\nand line"));
        block.unset("ORDER");
        block.unset("ORDER");
        assert_eq!((block.pairs().len(), block.bytes().len()), (1, 1024));
        assert_eq!(block.set("a=b", "1"), Err(Wrong::Name));
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut block = Block::empty();
        let room = 1024 - SIGNATURE.len() - "a=\n".len();
        block.set("a", &"1".repeat(room)).expect("to the last byte");
        let before = block.clone();
        assert_eq!(block.set("a", &"1".repeat(room + 1)), Err(Wrong::Full));
        assert_eq!(block.set("b", ""), Err(Wrong::Full));
        assert_eq!(block, before);
        assert_eq!(Block::open(b"# GRUB".to_vec()), Err(Wrong::Signature));
    }

    #[test]
    fn what_was_torn_is_taken_away_and_nothing_else() {
        let mut block = Block::empty();
        block.set("a", "1").expect("it fits");
        assert_eq!(block.repair(), None);
        for torn in [&b"b_OK"[..], b"b=12", b"#####x=1\n", b"rest\n", b"b=1\\"] {
            let mut bad = block.clone();
            let space = bad.space().expect("whole");
            bad.bytes[space..space + torn.len()].copy_from_slice(torn);
            assert_eq!(bad.repair().as_ref(), Some(&block), "{torn:?}");
        }
        let mut noted = SIGNATURE.to_vec();
        noted.extend(b"# WARNING: Do not edit\n");
        noted.resize(1024, b'#');
        assert_eq!(Block::open(noted).expect("a block").repair(), None);
    }

    #[test]
    fn a_value_of_another_length_moves_no_other() {
        let mut block = Block::empty();
        for (name, value) in [("next_entry", ""), ("saved_entry", "old")] {
            block.set(name, value).expect("it fits");
        }
        let steps = block.steps("next_entry", "edgekit-b").expect("it fits");
        let last = steps.last().expect("steps");
        assert!(
            last.bytes()[SIGNATURE.len()..]
                .starts_with(b"#ext_entry=\nsaved_entry=old\nnext_entry=edgekit-b\n#")
        );
        assert_eq!((steps.len(), last.get("saved_entry").as_deref()), (2, Some("old")));
        assert_eq!(last.steps("next_entry", "").expect("it fits").len(), 1, "it is the last now");
        assert!(last.steps("next_entry", "edgekit-b").expect("it fits").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_set_reads_back(pairs in proptest::collection::vec(("[a-z_]{1,4}", "[ -~\n]{0,20}"), 0..20)) {
            let (mut block, mut model) = (Block::empty(), Vec::<(String, String)>::new());
            for (name, value) in pairs {
                block.set(&name, &value).expect("it fits");
                match model.iter_mut().find(|(known, _)| *known == name) {
                    Some(known) => known.1 = value,
                    None => model.push((name, value)),
                }
                prop_assert_eq!(block.pairs(), model.clone());
                prop_assert_eq!(block.repair(), None);
            }
        }

        #[test]
        fn any_bytes_are_borne(data in proptest::collection::vec(any::<u8>(), 0..300), name in "[a-c]{1}") {
            let mut bytes = SIGNATURE.to_vec();
            bytes.extend(data);
            bytes.push(b'#');
            let mut block = Block::open(bytes).expect("a block");
            let size = block.bytes().len();
            let before = block.clone();
            if let Some(whole) = block.repair() {
                prop_assert_eq!(whole.pairs(), block.pairs());
            }
            match block.set(&name, "value") {
                Ok(()) => block.unset(&name),
                Err(_) => prop_assert_eq!(&block, &before),
            }
            prop_assert_eq!(block.bytes().len(), size);
        }
    }
}
