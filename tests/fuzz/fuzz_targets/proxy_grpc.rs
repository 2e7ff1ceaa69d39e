//! What a server says to gRPC's health check. Not only without a panic: the last word on the status
//! counts, what is not known is skipped, and what is not a whole message says nothing.
#![no_main]

use edgekit_proxy::health::serves;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let _said = serves(message);
    let framed = |tail: &[u8]| {
        let length = (message.len() + tail.len()) as u32;
        [&[0], &length.to_be_bytes()[..], message, tail].concat()
    };
    let said = serves(&framed(&[]));
    if said.as_ref().is_err_and(|why| why.contains("no message")) {
        return;
    }
    assert_eq!(serves(&framed(&[8, 1])), Ok(()));
    assert_eq!(serves(&framed(&[8, 2])), Err("it says NOT_SERVING".to_owned()));
    assert_eq!(serves(&framed(&[0x50, 7])), said);
    assert_eq!(serves(&framed(&[0x52, 2, 8, 2])), said);
    assert!(serves(&framed(&[8])).is_err());
    let mut other = framed(&[]);
    other[0] = 1;
    assert!(serves(&other).is_err());
    other[0] = 0;
    other.push(0);
    assert!(serves(&other).is_err());
});
