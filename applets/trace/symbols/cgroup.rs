//! Paths of control groups by their id, which is the inode number of their directory.
//!
//! All mounted hierarchies are looked through, version 2 first (`unified:/…`), then those of version 1 by name
//! (`cpu:/…`), and the paths found are joined with commas.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

const MOUNTS: &str = "/proc/mounts";
/// Directories looked at for one id in one hierarchy: an id that is gone must not cost seconds.
const MAX_LOOKED_AT: usize = 100_000;

#[derive(Debug)]
struct Hierarchy {
    name: String,
    root: PathBuf,
}

#[derive(Debug, Default)]
pub struct Cgroups {
    hierarchies: Option<Vec<Hierarchy>>,
    /// Paths found, and the ids looked for in vain.
    known: HashMap<u64, Option<Rc<str>>>,
}

impl Cgroups {
    /// `unified:/system.slice/ssh.service`; `None` when no hierarchy has the id.
    pub fn path(&mut self, id: u64) -> Option<Rc<str>> {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let hierarchies = self.hierarchies.get_or_insert_with(|| {
            parse_mounts(&String::from_utf8_lossy(&fs::read(MOUNTS).unwrap_or_default()))
        });
        let found = hierarchies.iter().filter_map(|h| Some(format!("{}:{}", h.name, find(&h.root, id)?)));
        let paths = found.collect::<Vec<_>>().join(",");
        let path: Option<Rc<str>> = (!paths.is_empty()).then(|| paths.into());
        self.known.insert(id, path.clone());
        path
    }
}

fn parse_mounts(text: &str) -> Vec<Hierarchy> {
    let mounts = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let root = PathBuf::from(words.nth(1)?.replace("\\040", " "));
        match words.next()? {
            "cgroup2" => Some((false, Hierarchy { name: "unified".to_owned(), root })),
            "cgroup" => {
                let name = root.file_name()?.to_string_lossy().into_owned();
                Some((true, Hierarchy { name, root }))
            }
            _ => None,
        }
    });
    let mut mounts: Vec<(bool, Hierarchy)> = mounts.collect();
    edgekit_core::sort::by(&mut mounts, |(v1, a), (other, b)| {
        v1.cmp(other).then_with(|| a.name.cmp(&b.name))
    });
    mounts.into_iter().map(|(_, hierarchy)| hierarchy).collect()
}

/// Path below `root` of the directory with inode number `id`.
fn find(root: &Path, id: u64) -> Option<String> {
    if fs::metadata(root).ok()?.ino() == id {
        return Some("/".to_owned());
    }
    let mut todo = vec![root.to_path_buf()];
    let mut looked_at = 0;
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            looked_at += 1;
            if entry.ino() == id {
                let path = entry.path();
                return Some(format!("/{}", path.strip_prefix(root).ok()?.display()));
            }
            if looked_at < MAX_LOOKED_AT {
                todo.push(entry.path());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_ordered_with_version_2_first() {
        let text = "cgroup /sys/fs/cgroup/pids cgroup rw 0 0\n\
                    tmpfs /tmp tmpfs rw 0 0\n\
                    cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n\
                    cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let names: Vec<String> = parse_mounts(text).into_iter().map(|h| h.name).collect();
        assert_eq!(names, ["unified", "cpu", "pids"]);
    }

    #[test]
    fn directories_are_found_by_inode() {
        let root = std::env::temp_dir().join(format!("edgekit-cgroup-{}", std::process::id()));
        let inner = root.join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let ino = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(find(&root, ino(&root)).as_deref(), Some("/"));
        assert_eq!(find(&root, ino(&inner)).as_deref(), Some("/a/b"));
        assert_eq!(find(&root, u64::MAX), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
