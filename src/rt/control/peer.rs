//! Who is at the other end of a Unix socket, by the kernel's word, and whether they may come in.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::GROUP;
use crate::{caps, sys};

/// A caller, as it was when it connected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Peer {
    /// 0 for one of a PID namespace that has no number in ours.
    pub(super) pid: i32,
    pub(super) user: u32,
    /// Its group and its supplementary groups.
    pub(super) groups: Vec<u32>,
}

impl Peer {
    pub(super) fn of(socket: &impl AsFd) -> io::Result<Peer> {
        let socket = socket.as_fd().as_raw_fd();
        let found = sys::peer_credentials(socket)?;
        let mut groups = sys::peer_groups(socket)?;
        groups.push(found.gid);
        Ok(Peer { pid: found.pid, user: found.uid, groups })
    }

    /// Root, our own user, or a member of `group`.
    pub(super) fn may_enter(&self, group: Option<u32>) -> bool {
        self.user == 0
            || self.user == caps::effective_user()
            || group.is_some_and(|group| self.groups.contains(&group))
    }
}

/// The number of the group [`GROUP`], if this machine has one in `/etc/group`.
pub(super) fn group() -> Option<u32> {
    number_in(&fs::read_to_string("/etc/group").ok()?, GROUP)
}

fn number_in(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut words = line.split(':');
        let found = words.next() == Some(name);
        words.nth(1).filter(|_| found)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_kernel_knows_us() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(&one).unwrap();
        assert_eq!(peer.pid, std::process::id().cast_signed());
        assert!(peer.may_enter(None));
    }

    #[test]
    fn strangers_stay_out_and_members_come_in() {
        let stranger = Peer { pid: 1, user: caps::effective_user() + 4711, groups: vec![7, 8] };
        assert!(!stranger.may_enter(None));
        assert!(!stranger.may_enter(Some(9)));
        assert!(stranger.may_enter(Some(8)));
    }

    #[test]
    fn groups_by_name() {
        assert_eq!(number_in("root:x:0:\nedgekit:x:812:a,b\n", "edgekit"), Some(812));
        assert_eq!(number_in("edgekit2:x:812:\nedgekit:x", "edgekit"), None);
    }
}
