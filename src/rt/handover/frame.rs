//! How the two processes of a hand-over speak: frames with descriptors, over a pair of Unix sockets.
//!
//! A frame is the length of its body (32 bits), its kind and the number of its descriptors (16 bits each,
//! all in the order of the machine, as both ends run on it), then the body. The descriptors come with the first
//! byte (SCM_RIGHTS, unix(7)). This layer never changes: a kind that is not known is passed over, and its
//! descriptors are closed. What a body holds beside names begins with a number of its format.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Descriptors a frame carries at most; the kernel allows 253.
pub(super) const MOST_DESCRIPTORS: usize = 64;
const HEAD: usize = 8;
/// Longest body.
const MOST_BYTES: usize = 16 << 20;

/// What is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub(crate) enum Kind {
    /// Listening TCP sockets; the body is their name.
    Tcp = 1,
    /// UDP sockets, the same.
    Udp = 2,
    /// Any other descriptor that is kept, the same.
    Other = 3,
    /// The control socket and the file that is locked for it; the body is its path.
    Control = 4,
    /// What a service hands over: format, length of its name (8 bits), name, and what only it reads.
    State = 5,
    /// The end of what the new process needs to start.
    Whole = 6,
    /// The new process serves; said again, it has taken over.
    Ready = 7,
    /// The old process is about to stop; with its standard error.
    Go = 8,
    /// What the old process has counted so far.
    Counts = 9,
    /// The way to the first process of a container, which outlives all others; see `minder.rs`.
    Line = 10,
    /// The process that serves now, told over that way: its number as text.
    Main = 11,
}

/// One message as it came; the kind may be one of a later release.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Frame {
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind == kind as u16
    }
}

/// Collects what comes until it is whole.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Reader {
    /// Reads once from `socket`; gives how many bytes came, none at its end.
    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let got = rustix::io::retry_on_intr(|| {
            recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.bytes.extend_from_slice(&bytes[..got.bytes]);
        Ok(got.bytes)
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    /// Something that is no frame.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
        let [a, b, c, d, e, f, g, h] = *head;
        let length = usize::try_from(u32::from_ne_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let count = usize::from(u16::from_ne_bytes([g, h]));
        if length > MOST_BYTES || count > MOST_DESCRIPTORS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        if self.descriptors.len() < count {
            // They come with the first byte: what is missing now was lost, as where no more may be open.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "descriptors are missing"));
        }
        let frame = Frame {
            kind: u16::from_ne_bytes([e, f]),
            body: body.to_vec(),
            descriptors: self.descriptors.drain(..count).collect(),
        };
        self.bytes.drain(..HEAD + length);
        Ok(Some(frame))
    }

    /// The next frame; waits for it. None at the end.
    pub(crate) async fn wait(&mut self, socket: &UnixStream) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.next()? {
                return Ok(Some(frame));
            }
            if socket.async_io(Interest::READABLE, || self.fill(socket.as_fd())).await? == 0 {
                return Ok(None);
            }
        }
    }
}

fn head(kind: Kind, length: usize, count: usize) -> io::Result<[u8; HEAD]> {
    let (length, count) = match (u32::try_from(length), u16::try_from(count)) {
        (Ok(length), Ok(count)) if count as usize <= MOST_DESCRIPTORS && length as usize <= MOST_BYTES => {
            (length, count)
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let ([a, b, c, d], [e, f], [g, h]) =
        (length.to_ne_bytes(), (kind as u16).to_ne_bytes(), count.to_ne_bytes());
    Ok([a, b, c, d, e, f, g, h])
}

/// Sends one frame.
pub(crate) async fn send(
    socket: &UnixStream,
    kind: Kind,
    body: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = [&head(kind, body.len(), descriptors.len())?, body].concat();
    let mut at = 0;
    while at < bytes.len() {
        at += socket
            .async_io(Interest::WRITABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                if at == 0 && !descriptors.is_empty() {
                    ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
                }
                let parts = [IoSlice::new(&bytes[at..])];
                Ok(sendmsg(socket, &parts, &mut ancillary, SendFlags::NOSIGNAL)?)
            })
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    fn pipes(count: usize) -> (Vec<OwnedFd>, Vec<File>) {
        (0..count).map(|_| std::io::pipe().unwrap()).map(|(r, w)| (r.into(), OwnedFd::from(w).into())).unzip()
    }

    #[tokio::test]
    async fn frames_keep_their_descriptors_and_unknown_ones_are_passed_over() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (readers, mut writers) = pipes(3);
        let borrowed: Vec<BorrowedFd<'_>> = readers.iter().map(AsFd::as_fd).collect();
        let big = vec![7; 300_000];
        let sending = async {
            send(&ours, Kind::Tcp, b"web", &borrowed[..2]).await.unwrap();
            send(&ours, Kind::State, &big, &[]).await.unwrap();
            send(&ours, Kind::Other, b"", &borrowed[2..]).await.unwrap();
            // Of a later release.
            ours.async_io(Interest::WRITABLE, || {
                Ok(rustix::io::write(&ours, &[1, 0, 0, 0, 99, 9, 0, 0, 5])?)
            })
            .await
            .unwrap();
        };
        let mut reader = Reader::default();
        let receiving = async {
            let mut frames = Vec::new();
            for _ in 0..4 {
                frames.push(reader.wait(&theirs).await.unwrap().unwrap());
            }
            frames
        };
        let ((), frames) = tokio::join!(sending, receiving);
        assert!(frames[0].is(Kind::Tcp) && frames[0].body == b"web" && frames[0].descriptors.len() == 2);
        assert!(frames[1].is(Kind::State) && frames[1].body == big);
        assert_eq!((frames[3].kind, frames[3].body.as_slice()), (9 * 256 + 99, &[5][..]));
        writers[2].write_all(b"x").unwrap();
        drop(writers);
        let mut text = String::new();
        File::from(frames[2].descriptors[0].try_clone().unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        drop(ours);
        assert!(reader.wait(&theirs).await.unwrap().is_none());
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let mut reader = Reader { bytes: vec![255; 8], ..Reader::default() };
        assert!(reader.next().is_err());
        let mut reader = Reader { bytes: vec![0, 0, 0, 0, 1, 0, 1, 0], ..Reader::default() };
        assert!(reader.next().is_err(), "its descriptor is missing");
    }
}
