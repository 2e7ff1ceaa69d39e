//! Frames (RFC 9113 §4, §6): their heads, and those we write.

/// Bytes before the payload.
pub(super) const HEAD: usize = 9;
/// The longest payload that may be sent to us: the smallest limit there is.
pub(super) const LONGEST: u32 = 16 * 1024;
/// The largest window (RFC 9113 §6.9.1).
pub(super) const LARGEST_WINDOW: u32 = i32::MAX as u32;
/// What a client's connection begins with.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// DATA, HEADERS: the message ends here.
pub(super) const END_STREAM: u8 = 0x1;
/// SETTINGS, PING: an answer.
pub(super) const ACK: u8 = 0x1;
/// HEADERS, CONTINUATION: the block ends here.
pub(super) const END_HEADERS: u8 = 0x4;
/// DATA, HEADERS: padded.
pub(super) const PADDED: u8 = 0x8;
/// HEADERS: with a priority.
pub(super) const PRIORITY: u8 = 0x20;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    Promise,
    Ping,
    GoAway,
    Window,
    Continuation,
    /// To be ignored (§4.1).
    Unknown,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::Data,
        Kind::Headers,
        Kind::Priority,
        Kind::Reset,
        Kind::Settings,
        Kind::Promise,
        Kind::Ping,
        Kind::GoAway,
        Kind::Window,
        Kind::Continuation,
    ];
}

/// What comes before a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) length: u32,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Frame {
    pub(super) fn read(head: &[u8; HEAD]) -> Frame {
        let [a, b, c, kind, flags, stream @ ..] = *head;
        Frame {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: Kind::ALL.get(usize::from(kind)).copied().unwrap_or(Kind::Unknown),
            flags,
            stream: u32::from_be_bytes(stream) & LARGEST_WINDOW,
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends the head of a frame.
pub(super) fn head(out: &mut Vec<u8>, length: usize, kind: Kind, flags: u8, stream: u32) {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind as u8, flags, d, e, f, g]);
}

/// Appends a frame whose payload is one number.
pub(super) fn number(out: &mut Vec<u8>, kind: Kind, stream: u32, number: u32) {
    head(out, 4, kind, 0, stream);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends PING.
pub(super) fn ping(out: &mut Vec<u8>, flags: u8, payload: [u8; 8]) {
    head(out, 8, Kind::Ping, flags, 0);
    out.extend_from_slice(&payload);
}

/// Appends GOAWAY: streams up to `last` are served.
pub(super) fn go_away(out: &mut Vec<u8>, last: u32, code: Code) {
    head(out, 8, Kind::GoAway, 0, 0);
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&(code as u32).to_be_bytes());
}

/// Appends SETTINGS.
pub(super) fn settings(out: &mut Vec<u8>, settings: &[(Setting, u32)]) {
    head(out, settings.len() * 6, Kind::Settings, 0, 0);
    for (setting, value) in settings {
        out.extend_from_slice(&(*setting as u16).to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// What one side tells of itself (RFC 9113 §6.5.2, RFC 8441 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setting {
    TableSize = 1,
    Push = 2,
    Streams = 3,
    Window = 4,
    FrameSize = 5,
    ListSize = 6,
    Connect = 8,
}

impl Setting {
    pub(super) fn of(number: u16) -> Option<Setting> {
        use Setting::*;
        let all = [TableSize, Push, Streams, Window, FrameSize, ListSize, Connect];
        all.into_iter().find(|setting| *setting as u16 == number)
    }
}

/// Why a stream or a connection ends (RFC 9113 §7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    /// Nothing is wrong.
    None = 0,
    /// The other side broke the protocol.
    Protocol = 1,
    /// We cannot go on.
    Internal = 2,
    /// More was sent than the window allowed.
    FlowControl = 3,
    /// SETTINGS was not acknowledged in time.
    SettingsTimeout = 4,
    /// A frame for a stream that has ended.
    StreamClosed = 5,
    /// A frame of the wrong length.
    FrameSize = 6,
    /// Nothing was done with the request.
    Refused = 7,
    /// Nobody wants it any more.
    Cancel = 8,
    /// A head that cannot be read.
    Compression = 9,
    /// The connection of a CONNECT broke.
    Connect = 10,
    /// Too much of what costs us more than the other side.
    Calm = 11,
}

impl Code {
    pub(super) fn of(number: u32) -> Code {
        use Code::*;
        let all = [
            None,
            Protocol,
            Internal,
            FlowControl,
            SettingsTimeout,
            StreamClosed,
            FrameSize,
            Refused,
            Cancel,
            Compression,
            Connect,
            Calm,
        ];
        // What is not known is as if we had failed (§7).
        usize::try_from(number).ok().and_then(|at| all.get(at)).copied().unwrap_or(Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_there_and_back() {
        let mut out = Vec::new();
        head(&mut out, 16_384, Kind::Continuation, END_HEADERS, 0x7fff_ffff);
        let read = Frame::read(&out.try_into().unwrap());
        assert_eq!((read.length, read.kind, read.stream), (16_384, Kind::Continuation, 0x7fff_ffff));
        assert!(read.has(END_HEADERS) && !read.has(PADDED));
        // The reserved bit is ignored, and so is a kind nobody knows.
        let read = Frame::read(&[0, 0, 1, 99, 0, 0x80, 0, 0, 1]);
        assert_eq!((read.kind, read.stream), (Kind::Unknown, 1));
    }

    #[test]
    fn codes_are_their_numbers() {
        for number in 0..12 {
            assert_eq!(Code::of(number) as u32, number);
        }
        assert_eq!(Code::of(77), Code::Internal);
    }
}
