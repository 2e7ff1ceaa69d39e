//! The codec of the proxy: heads and chunks. Not only without a panic: what is passed on reads the
//! same again, pieces make no difference, and a body never reaches into the next message.
#![no_main]

use edgekit_proxy::http1::{BodyKind, Chunked, Field, RequestReader, ResponseReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    heads(data);
    chunks(data);
});

fn heads(data: &[u8]) {
    let bytes = &data[..data.len().min(16 * 1024)];
    // Piece by piece the same is read, and found wrong for the same reason.
    let step = bytes.len().max(1).div_ceil(64);
    let cuts = || (0..bytes.len()).step_by(step).chain([bytes.len()]);
    let mut fields: Vec<Field> = Vec::new();
    let found = |fields: &[Field]| -> Vec<_> { fields.iter().map(|field| (field.name, field.value, field.known)).collect() };
    let mut pieces = RequestReader::default();
    let apart = cuts().find_map(|cut| pieces.read(&bytes[..cut], &mut fields).transpose());
    let first = found(&fields);
    let whole = RequestReader::default().read(bytes, &mut fields);
    assert_eq!(format!("{:?}", apart.transpose()), format!("{whole:?}"));
    if let Ok(Some(head)) = whole {
        assert_eq!(first, found(&fields));
        assert!(bytes[..head.length].ends_with(b"\r\n\r\n"));
        let (target, path) = (head.target.of(bytes), head.path.of(bytes));
        assert!(target.starts_with(path) && !path.contains(&b'?') && !path.is_empty());
        assert!(!head.host.of(bytes).iter().any(u8::is_ascii_whitespace));
        // Nothing of a head can end a line of the one we write.
        for field in &fields {
            let (name, value) = (field.name.of(bytes), field.value.of(bytes));
            assert!(!name.is_empty() && !name.contains(&b':'));
            assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        }
        let lengths = fields.iter().filter(|field| field.name.of(bytes).eq_ignore_ascii_case(b"content-length"));
        let encodings = fields.iter().filter(|field| field.name.of(bytes).eq_ignore_ascii_case(b"transfer-encoding"));
        assert!(lengths.count() + encodings.count() <= 1);
    }
    for to_head in [false, true] {
        let mut pieces = ResponseReader::default();
        let apart = cuts().find_map(|cut| pieces.read(&bytes[..cut], &mut fields, to_head).transpose());
        let whole = ResponseReader::default().read(bytes, &mut fields, to_head);
        assert_eq!(format!("{:?}", apart.transpose()), format!("{whole:?}"));
        if let Ok(Some(head)) = whole {
            assert!(bytes[..head.length].ends_with(b"\r\n\r\n"));
            assert!((100..600).contains(&head.status));
            assert!(!to_head || head.body == BodyKind::Empty);
            assert!(!(head.keep_alive && head.body == BodyKind::UntilEnd));
        }
    }
}

fn chunks(data: &[u8]) {
    let decode = |piece: usize| {
        let (mut chunked, mut payload, mut read) = (Chunked::default(), Vec::new(), 0);
        for bytes in data.chunks(piece) {
            let mut bytes = bytes.to_vec();
            let decoded = chunked.decode(&mut bytes)?;
            assert!(decoded.payload <= decoded.read && decoded.read <= bytes.len());
            payload.extend_from_slice(&bytes[..decoded.payload]);
            read += decoded.read;
            if decoded.end {
                return Ok((payload, read, true));
            }
            assert_eq!(decoded.read, bytes.len());
        }
        Ok::<_, edgekit_proxy::http1::Fault>((payload, read, false))
    };
    let whole = decode(data.len().max(1));
    assert_eq!(whole, decode(usize::from(data.first().copied().unwrap_or(0) % 7) + 1));
    if let Ok((payload, read, true)) = whole {
        // Framed anew it is the same payload, and ends where it says.
        let mut again = format!("{:x}\r\n", payload.len()).into_bytes();
        if !payload.is_empty() {
            again.extend_from_slice(&payload);
            again.extend_from_slice(b"\r\n0\r\n");
        }
        again.extend_from_slice(b"\r\nGET");
        let end = again.len() - 3;
        let decoded = Chunked::default().decode(&mut again).expect("our own chunks are right");
        assert_eq!((decoded.payload, decoded.read, decoded.end), (payload.len(), end, true));
        assert!(read <= data.len());
    }
}
