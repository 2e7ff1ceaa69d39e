//! The examples of RFC 7541, Appendix C, and what is written can be read.

use proptest::prelude::*;

use super::*;

type Fields = Vec<(String, String)>;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, Malformed> {
    let mut fields = Fields::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    decoder
        .decode(block, &mut Vec::new(), |name, value| fields.push((text(name), text(value))))
        .map(|()| fields)
}

fn check(limit: usize, blocks: &[(&str, &str)]) {
    let mut decoder = Decoder::new(limit);
    for (block, wanted) in blocks {
        let found = read(&mut decoder, &bytes(block)).unwrap();
        let found: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(found.join("|"), *wanted);
    }
}

const REQUESTS: [&str; 3] = [
    ":method=GET|:scheme=http|:path=/|:authority=www.example.com",
    ":method=GET|:scheme=http|:path=/|:authority=www.example.com|cache-control=no-cache",
    ":method=GET|:scheme=https|:path=/index.html|:authority=www.example.com|custom-key=custom-value",
];

#[test]
fn single_fields() {
    check(
        4096,
        &[
            ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key=custom-header"),
            ("040c 2f73 616d 706c 652f 7061 7468", ":path=/sample/path"),
            ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password=secret"),
            ("82", ":method=GET"),
        ],
    );
}

#[test]
fn requests_plain_and_coded() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, coded] {
        let all: Vec<(&str, &str)> = blocks.into_iter().zip(REQUESTS).collect();
        check(4096, &all);
    }
}

#[test]
fn answers_with_a_small_table() {
    let date = "date=Mon, 21 Oct 2013 20:13:21 GMT";
    let place = "location=https://www.example.com";
    let cookie = "set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    let wanted = [
        format!(":status=302|cache-control=private|{date}|{place}"),
        format!(":status=307|cache-control=private|{date}|{place}"),
        format!(
            ":status=200|cache-control=private|date=Mon, 21 Oct 2013 20:13:22 GMT|{place}|content-encoding=gzip|{cookie}"
        ),
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
         1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
         e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    let all: Vec<(&str, &str)> = coded.into_iter().zip(wanted.iter().map(String::as_str)).collect();
    check(256, &all);
}

#[test]
fn what_is_no_block_is_refused() {
    for wrong in [
        "80",                         // index 0
        "be",                         // nothing there
        "ff ff ff ff ff 0f",          // an endless number
        "00 05 61",                   // cut
        "40 01 61 85 ff ff ff ff ff", // the end of text as text
        "82 20",                      // a size after a field
        "3f e2 1f",                   // a size of 4097
    ] {
        assert_eq!(read(&mut Decoder::new(4096), &bytes(wrong)), Err(Malformed), "{wrong}");
    }
    assert_eq!(read(&mut Decoder::new(4096), &bytes("3f e1 1f")), Ok(Vec::new()));
}

#[test]
fn what_repeats_becomes_one_byte() {
    let (mut encoder, mut lengths) = (Encoder::default(), Vec::new());
    for path in 0..5 {
        let mut block = Vec::new();
        encoder.begin(&mut block);
        encoder.field(&mut block, b"server", b"nginx");
        encoder.field(&mut block, b"x-id", format!("{path}").as_bytes());
        lengths.push(block.len());
    }
    assert!(lengths[1] <= lengths[0] && lengths[2] + 5 == lengths[1], "{lengths:?}");
    assert_eq!(lengths[2..], [lengths[2]; 3]);
}

proptest! {
    /// Whatever is written is read the same, whatever the other side allows meanwhile.
    #[test]
    fn there_and_back(
        blocks in proptest::collection::vec(
            (proptest::collection::vec((0_usize..12, 0_usize..6, 0_usize..300), 0..12), 0_usize..5000, any::<bool>()),
            1..30,
        ),
    ) {
        let names = [
            "server", "date", ":status", ":path", "cookie", "x-a", "x-b", "authorization", "content-length", "accept",
            "x-a-name-that-is-rather-long", "etag",
        ];
        let values = ["", "200", "/", "a", "Mon, 21 Oct 2013 20:13:21 GMT", "gzip, deflate"];
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new(4096));
        for (fields, size, resizes) in blocks {
            if resizes {
                encoder.allow(size);
            }
            let mut block = Vec::new();
            encoder.begin(&mut block);
            let fields: Fields = fields
                .into_iter()
                .map(|(name, value, more)| {
                    let long = if more > 250 { "\u{7f}".repeat(more) } else { String::new() };
                    (names[name].to_owned(), format!("{}{long}", values[value]))
                })
                .collect();
            for (name, value) in &fields {
                encoder.field(&mut block, name.as_bytes(), value.as_bytes());
            }
            prop_assert_eq!(read(&mut decoder, &block), Ok(fields));
        }
    }

    /// Nothing makes the decoder panic, or keep more than it may.
    #[test]
    fn any_bytes(blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..20)) {
        let mut decoder = Decoder::new(4096);
        for block in blocks {
            if read(&mut decoder, &block).is_err() {
                break;
            }
        }
    }
}
