//! Asking as gRPC's health protocol does (`grpc.health.v1.Health/Check`): one call with the name of a
//! service, one answer that says whether it serves.
//!
//! A message of the protocol is five bytes (compressed or not, length) and fields of protocol buffers;
//! both messages have one field. Neighbour: `check.rs`, which has the stream.

/// The answer's status that means well (`ServingStatus.SERVING`).
const SERVING: u64 = 1;
/// What `ServingStatus` has words for.
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/// Bytes before a message.
const PREFIX: usize = 5;

/// What the call begins with, as text of HTTP/1.1 for a stream of HTTP/2, and the message behind it.
pub(super) fn call(host: &str, service: &str) -> (String, Vec<u8>) {
    let head = format!(
        "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/grpc\r\n\
         user-agent: edgekit-check\r\n\r\n"
    );
    let mut message = Vec::with_capacity(service.len() + 4);
    if !service.is_empty() {
        // Field 1, with a length.
        message.push(1 << 3 | 2);
        varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let body = [&[0], &length.to_be_bytes()[..], &message].concat();
    (head, body)
}

/// Whether an answer's body says that the service serves.
///
/// # Errors
/// What it says instead, or why it cannot be read.
pub fn serves(body: &[u8]) -> Result<(), String> {
    let wrong = || "its answer is no message of grpc.health.v1".to_owned();
    let (prefix, message) = body.split_at_checked(PREFIX).ok_or_else(wrong)?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if prefix[0] != 0 || usize::try_from(length) != Ok(message.len()) {
        return Err(wrong());
    }
    match status(message).ok_or_else(wrong)? {
        SERVING => Ok(()),
        status => {
            let word = usize::try_from(status).ok().and_then(|at| STATUSES.get(at));
            Err(format!("it says {}", word.map_or_else(|| format!("status {status}"), ToString::to_string)))
        }
    }
}

/// Field 1 of a `HealthCheckResponse`, the last if there are several; 0 if there is none. Fields that are
/// not known are skipped, as protocol buffers want it.
fn status(mut message: &[u8]) -> Option<u64> {
    let mut found = 0;
    while !message.is_empty() {
        let tag = number(&mut message)?;
        let skipped = match (tag >> 3, tag & 7) {
            (0, _) => return None,
            (1, 0) => {
                found = number(&mut message)?;
                0
            }
            (_, 0) => {
                number(&mut message)?;
                0
            }
            (_, 1) => 8,
            (_, 2) => usize::try_from(number(&mut message)?).ok()?,
            (_, 5) => 4,
            _ => return None,
        };
        message = message.get(skipped..)?;
    }
    Some(found)
}

/// Takes a number of up to ten bytes.
fn number(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let byte = *message.get(at)?;
        number |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte & 0x80 == 0 {
            *message = &message[at + 1..];
            return Some(number);
        }
    }
    None
}

fn varint(into: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    #[test]
    fn calls_name_the_service() {
        assert_eq!(call("a", "").1, [0; 5]);
        assert_eq!(call("a", "shop").1, b"\0\0\0\0\x06\x0a\x04shop");
        let long = "s".repeat(300);
        let (head, body) = call("a:1", &long);
        assert!(head.contains("\r\nhost: a:1\r\n") && head.ends_with("\r\n\r\n"));
        assert_eq!(&body[..8], b"\0\0\0\x01\x2f\x0a\xac\x02");
    }

    #[test]
    fn only_serving_is_well() {
        assert_eq!(serves(&framed(&[8, 1])), Ok(()));
        // Unknown fields of every kind around it.
        assert_eq!(serves(&framed(b"\x10\x05\x19\0\0\0\0\0\0\0\0\x22\x02ab\x2d\0\0\0\0\x08\x01")), Ok(()));
        for (message, said) in [
            (&[8, 2][..], "it says NOT_SERVING"),
            (&[8, 3], "it says SERVICE_UNKNOWN"),
            (&[], "it says UNKNOWN"),
            (&[8, 9], "it says status 9"),
            (&[8], "its answer is no message of grpc.health.v1"),
            (&[0, 1], "its answer is no message of grpc.health.v1"),
            (&[0x22, 9, 1], "its answer is no message of grpc.health.v1"),
            (&[0x80; 12], "its answer is no message of grpc.health.v1"),
        ] {
            assert_eq!(serves(&framed(message)).unwrap_err(), said, "{message:?}");
        }
        for body in [&b""[..], b"\0\0\0\0", b"\x01\0\0\0\x02\x08\x01", b"\0\0\0\0\x03\x08\x01"] {
            assert!(serves(body).is_err(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_too_odd(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _said = serves(&body);
            let _said = serves(&framed(&body));
        }

        #[test]
        fn numbers_come_back(wanted in any::<u64>()) {
            let mut bytes = Vec::new();
            varint(&mut bytes, wanted);
            let mut left = &bytes[..];
            prop_assert_eq!(number(&mut left), Some(wanted));
            prop_assert!(left.is_empty());
        }
    }
}
