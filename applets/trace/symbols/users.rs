//! User names from /etc/passwd. Only the file: a static binary asks no name service.

use std::collections::HashMap;
use std::fs;
use std::rc::Rc;

const PASSWD: &str = "/etc/passwd";

#[derive(Debug, Default)]
pub struct Users {
    names: HashMap<u64, Rc<str>>,
}

impl Users {
    /// The system's; none when the file cannot be read.
    pub fn load() -> Users {
        Users::parse(&fs::read(PASSWD).unwrap_or_default())
    }

    fn parse(bytes: &[u8]) -> Users {
        let mut names = HashMap::new();
        for line in String::from_utf8_lossy(bytes).lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(_), Some(Ok(uid))) =
                (fields.next(), fields.next(), fields.next().map(str::parse))
            {
                names.entry(uid).or_insert_with(|| name.into());
            }
        }
        Users { names }
    }

    pub fn name(&self, uid: u64) -> Option<Rc<str>> {
        self.names.get(&uid).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts() {
        let users =
            Users::parse(b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbad line\nme:x:1000:1000\n");
        assert_eq!(users.name(0).as_deref(), Some("root"));
        assert_eq!(users.name(1000).as_deref(), Some("me"));
        assert_eq!(users.name(7), None);
    }
}
