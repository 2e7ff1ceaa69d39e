//! What a bundle says of itself: TOML that a person can read with `head`, and one way to write it.
//!
//! Read strictly, and only once the signatures are good: an unknown key, a second `[table]`, a number out of its
//! range are refused with line and column. Neighbours: `layout` turns sizes into places, `policy` compares with the
//! device, `write` fills it.

use edgekit_core::config::{Named, Value};

use super::seal::TAG;
use super::tree::{self, MAX_PAGES, PAGE};
use crate::delta::MAX_STORED;
use crate::fault::Fault;
use crate::hex::Hex;
use crate::keys::list::read;
use crate::moment::Moment;
use crate::version::Version;

/// Components of a bundle, payloads of a component and patterns of hardware, at most.
pub(crate) const MAX_COMPONENTS: usize = 64;
pub(crate) const MAX_PAYLOADS: usize = 32;
pub(crate) const MAX_PATTERNS: usize = 64;
/// For how many it may be sealed: the manifest has to stay short.
pub(crate) const MAX_RECIPIENTS: usize = 1024;
/// Letters of a name or pattern, at most.
const MAX_NAME: usize = 256;
/// The largest image.
pub(crate) const MAX_SIZE: u64 = MAX_PAGES * PAGE as u64;

edgekit_core::config! {
    /// One way to get a component
    pub struct Payload {
        /// Digest of the old image it is a delta against; without it the payload is the full image
        live source: Option<Hex>, like "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        /// Bytes of the old image
        live source_size: Option<u64>, in 0..=137_438_953_472, like 209715200;
        /// How many blocks it has
        live blocks: u64, in 0..=131_072, like 52;
        /// Bytes of its blocks as they are stored
        live stored: u64, in 0..=274_877_906_944, like 38510000;
        /// BLAKE3 of the list of its blocks
        live index: Hex, like "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    }
}

edgekit_core::config! {
    /// One image
    pub struct Component {
        /// Bytes of the image
        live size: u64, in 0..=137_438_953_472, like 209715200;
        /// BLAKE3 of the image
        live digest: Hex, like "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        /// Ways to get it
        live payload: Named<Payload>;
    }
}

edgekit_core::config! {
    /// One who can read the blocks
    pub struct Recipient {
        /// Its public key
        live to: Hex, like "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        /// The public key made for this one
        live share: Hex, like "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        /// The key of the bundle, wrapped
        live key: String;
    }
}

edgekit_core::config! {
    /// What a bundle is
    pub struct Manifest {
        /// Of this text
        live format: u32, in 1..=1, like 1;
        /// What is updated
        live name: String, like "gateway";
        /// To which version
        live version: Version, like "1.4.0";
        /// Versions below this are refused once it is installed
        live floor: Option<Version>, like "1.2.0";
        /// Devices below this version need another bundle first
        live min_source: Option<Version>, like "1.1.0";
        /// When it is no longer to be installed
        live expires: Option<Moment>, like "2027-01-31";
        /// The hardware it is for, with * and ?; any if there is none
        live compatible: Vec<String> = [];
        /// BLAKE3 of the lists of keys it brings
        live lists: Option<Hex>, like "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        /// For whom its blocks are sealed; nobody's are, if there is none
        live recipient: Named<Recipient>;
        /// Its images
        live component: Named<Component>;
    }
}

impl Component {
    /// Pages of the image.
    pub fn pages(&self) -> u64 {
        tree::pages_of(self.size)
    }
}

impl Manifest {
    /// Bytes of a block, at most.
    pub(crate) fn max_stored(&self) -> usize {
        MAX_STORED + if self.recipient.is_empty() { 0 } else { TAG }
    }

    /// Reads the text; `place` is what the bundle is called in messages.
    pub(crate) fn parse(place: &str, text: &str) -> Result<Manifest, Fault> {
        let manifest: Manifest = read(&format!("{place}:manifest"), text)?;
        match manifest.fault() {
            Some(fault) => Err(Fault::Text(format!("the manifest of '{place}' makes no sense: {fault}"))),
            None => Ok(manifest),
        }
    }

    /// What does not fit together.
    pub(crate) fn fault(&self) -> Option<String> {
        let texts = self.compatible.iter().chain([&self.name]);
        if texts
            .clone()
            .any(|text| text.is_empty() || text.len() > MAX_NAME || text.contains(char::is_control))
        {
            return Some(format!(
                "a name or pattern is empty, longer than {MAX_NAME} bytes or holds control letters"
            ));
        }
        let counts = [
            ("patterns of hardware", self.compatible.len(), 0, MAX_PATTERNS),
            ("components", self.component.len(), 1, MAX_COMPONENTS),
            ("recipients", self.recipient.len(), 0, MAX_RECIPIENTS),
        ];
        for (what, count, least, most) in counts {
            if count < least || count > most {
                return Some(format!("it has {count} {what}, and may have {least} to {most}"));
            }
        }
        if self.floor.as_ref().is_some_and(|floor| floor.order(&self.version).is_gt()) {
            return Some("its own version is below the floor it sets".to_owned());
        }
        let most = self.max_stored();
        self.component.iter().find_map(|(name, component)| {
            component.fault(most).map(|fault| format!("component '{name}': {fault}"))
        })
    }

    /// The text that is signed. The same manifest is always the same text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("format = {}\nname = {}\n", self.format, quoted(&self.name));
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                text.push_str(&format!("{key} = \"{value}\"\n"));
            }
        };
        line("version", Some(self.version.to_string()));
        line("floor", self.floor.as_ref().map(ToString::to_string));
        line("min_source", self.min_source.as_ref().map(ToString::to_string));
        line("expires", self.expires.map(|expires| expires.to_string()));
        line("lists", self.lists.map(|lists| lists.to_string()));
        if !self.compatible.is_empty() {
            let patterns: Vec<String> = self.compatible.iter().map(|pattern| quoted(pattern)).collect();
            text.push_str(&format!("compatible = [{}]\n", patterns.join(", ")));
        }
        for (name, recipient) in &self.recipient {
            let Recipient { to, share, key } = recipient;
            text.push_str(&format!(
                "\n[recipient.{}]\nto = \"{to}\"\nshare = \"{share}\"\nkey = {}\n",
                quoted(name),
                quoted(key)
            ));
        }
        for (name, component) in &self.component {
            let header = format!("component.{}", quoted(name));
            text.push_str(&format!("\n[{header}]\nsize = {}\n", component.size));
            text.push_str(&format!("digest = \"{}\"\n", component.digest));
            for (name, payload) in &component.payload {
                text.push_str(&format!("\n[{header}.payload.{}]\n", quoted(name)));
                if let (Some(source), Some(size)) = (payload.source, payload.source_size) {
                    text.push_str(&format!("source = \"{source}\"\nsource_size = {size}\n"));
                }
                text.push_str(&format!("blocks = {}\nstored = {}\n", payload.blocks, payload.stored));
                text.push_str(&format!("index = \"{}\"\n", payload.index));
            }
        }
        text
    }
}

impl Component {
    fn fault(&self, max_stored: usize) -> Option<String> {
        if self.payload.is_empty() || self.payload.len() > MAX_PAYLOADS {
            return Some(format!("it has {} payloads, and may have 1 to {MAX_PAYLOADS}", self.payload.len()));
        }
        self.payload.iter().find_map(|(name, payload)| {
            let fault = if payload.source.is_some() != payload.source_size.is_some() {
                "a source has a digest and a size"
            } else if payload.blocks > self.pages() || (payload.blocks == 0) != (self.size == 0) {
                "it has more blocks than its image has pages, or none"
            } else if payload.stored > payload.blocks * max_stored as u64 {
                "its blocks are larger than blocks may be"
            } else {
                return None;
            };
            Some(format!("payload '{name}': {fault}"))
        })
    }
}

/// As a TOML text.
fn quoted(text: &str) -> String {
    Value::Text(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::sort;

    pub(crate) fn manifest() -> Manifest {
        let payload = |source: bool| Payload {
            source: source.then_some(Hex([7; 32])),
            source_size: source.then_some(5),
            blocks: 2,
            stored: 700,
            index: Hex([9; 32]),
        };
        let payloads = [("full".to_owned(), payload(false)), ("delta-1".to_owned(), payload(true))];
        let component = Component { size: (3 << 20) + 1, digest: Hex([8; 32]), payload: sort::map(payloads) };
        Manifest {
            format: 1,
            name: "gate \"way\" \\ ü".to_owned(),
            version: "1.4.0-rc.1".parse().expect("a version"),
            floor: Some("1.2".parse().expect("a version")),
            min_source: None,
            expires: Some("2027-01-31".parse().expect("a moment")),
            compatible: vec!["gw-*".to_owned(), "x".to_owned()],
            lists: None,
            recipient: Named::new(),
            component: sort::map([("rootfs".to_owned(), component.clone()), ("app.x".to_owned(), component)]),
        }
    }

    #[test]
    fn a_manifest_reads_back() {
        let made = manifest();
        assert_eq!(Manifest::parse("x.ekb", &made.to_text()).expect("it reads"), made);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let good = manifest().to_text();
        for (from, to, why) in [
            ("format = 1", "format = 2", "x.ekb:manifest:1:"),
            ("blocks = 2", "blocks = 5", "more blocks"),
            ("blocks = 2", "blocks = 0", "more blocks"),
            ("stored = 700", "stored = 99999999", "larger than blocks may be"),
            ("stored = 700", "stored = -1", "x.ekb:manifest:"),
            ("source_size = 5\n", "", "digest and a size"),
            ("floor = \"1.2\"", "floor = \"1.4.0\"", "below the floor"),
            ("version = \"1.4.0-rc.1\"\n", "", "version"),
            ("\"rootfs\"", "\"../rootfs\"", "may hold only letters"),
            ("size = 3145729", "size = 99999999999999", "x.ekb:manifest:"),
            ("name = ", "name = \"\" #", "empty"),
            ("name = ", "nam = ", "did you mean 'name'?"),
        ] {
            let wrong = good.replacen(from, to, 1);
            assert_ne!(wrong, good, "{from}");
            let error = Manifest::parse("x.ekb", &wrong).expect_err(to).to_string();
            assert!(error.contains(why), "{to}: {error}");
        }
    }
}
