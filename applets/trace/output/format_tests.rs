//! printf: what each conversion prints, and what no format may do.

use super::*;
use crate::output::event::CompiledFormat;
use crate::output::testing::{Fake, Noise, padded, printf_event};
use crate::plan::EVENT_HEADER;

fn one(format: &str, ty: Ty, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    Format::parse(format).unwrap().write(&mut out, &[Value::new(&ty, bytes)], &Fake);
    String::from_utf8(out).unwrap()
}

fn number(format: &str, value: i64) -> String {
    one(format, Ty::I64, &value.to_ne_bytes())
}

fn string(format: &str, text: &str) -> String {
    one(format, Ty::Str(32), &padded(text, 32))
}

#[test]
fn integers_as_in_c() {
    assert_eq!(number("[%d]", -5), "[-5]");
    assert_eq!(number("%5d|", 42), "   42|");
    assert_eq!(number("%-5d|", 42), "42   |");
    assert_eq!(number("%05d", -42), "-0042");
    assert_eq!(number("%+d", 42), "+42");
    assert_eq!(number("% d", 42), " 42");
    assert_eq!(number("%.4d", -42), "-0042");
    assert_eq!(number("%7.4d|%%", 42), "   0042|%");
    assert_eq!(number("%-05d|", 42), "42   |");
    assert_eq!(number("%#x %%", 255), "0xff %");
    assert_eq!(number("%#06x", 255), "0x00ff");
    assert_eq!(number("%#X", 255), "0XFF");
    assert_eq!(number("%#o", 8), "010");
    assert_eq!(number("%#x", 0), "0");
    assert_eq!(number("%04x", 2), "0002");
    assert_eq!(number("%p", 0x1f), "0x1f");
    assert_eq!(number("%c%c", 65), "A");
    assert_eq!(number("%3c|", 65), "  A|");
}

#[test]
fn length_modifiers_cut() {
    let wide = 0x0012_3456_78ab_cdef;
    assert_eq!(number("%hhx", wide), "ef");
    assert_eq!(number("%hx", wide), "cdef");
    assert_eq!(number("%x", wide), "78abcdef");
    for long in ["%lx", "%llx", "%jx", "%zx", "%tx"] {
        assert_eq!(number(long, wide), "12345678abcdef");
    }
    assert_eq!(number("%d", 5_000_000_000), "705032704");
    assert_eq!(number("%hhd", 200), "-56");
    assert_eq!(number("%u", -1), "4294967295");
    assert_eq!(number("%llu", -1), "18446744073709551615");
    assert_eq!(number("%lld", i64::MIN), "-9223372036854775808");
    assert_eq!(one("%d", Ty::Int(Int::U8), &[200]), "200");
    assert_eq!(one("%d", Ty::Int(Int::I8), &[200]), "-56");
}

#[test]
fn strings_and_buffers() {
    assert_eq!(string("%5s|", "ba"), "   ba|");
    assert_eq!(string("%-5s|", "ba"), "ba   |");
    assert_eq!(string("%.2s|", "bash"), "ba|");
    assert_eq!(string("%-4.2s|", "bash"), "ba  |");
    assert_eq!(string("%s", "longer than the width"), "longer than the width");
    let mut buf = 3u32.to_ne_bytes().to_vec();
    buf.extend(b"hi\n");
    assert_eq!(one("%r", Ty::Buf(8), &buf), "hi\\x0a");
    assert_eq!(one("%rx", Ty::Buf(8), &buf), "\\x68\\x69\\x0a");
    assert_eq!(one("%rh", Ty::Buf(8), &buf), "68 69 0a");
    assert_eq!(one("%s", Ty::Buf(8), &buf), "hi\\x0a");
    assert_eq!(number("%s", -3), "-3");
    assert_eq!(number("%gr", 0xcc0), "GFP_KERNEL");
}

#[test]
fn plain_percent_signs() {
    let text = |format: &str| {
        let mut out = Vec::new();
        Format::parse(format).unwrap().write(&mut out, &[], &Fake);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(text("100%"), "100%");
    assert_eq!(text("%%d %y 5%!"), "%d %y 5%!");
    assert_eq!(text(""), "");
    assert_eq!(Format::parse("a%%b").unwrap().segments().len(), 1);
}

#[test]
fn conversions_are_checked_against_types() {
    let check = |format: &str, args: &[Ty]| {
        Format::parse(format).and_then(|f| f.check(args, |_| "string".to_owned())).map_err(|e| e.to_string())
    };
    assert_eq!(check("%d %s", &[Ty::I64, Ty::Str(4)]), Ok(()));
    assert_eq!(check("%s %c", &[Ty::Mac, Ty::Bool]), Ok(()));
    assert_eq!(
        check("%d %d", &[Ty::I64]).unwrap_err(),
        "not enough arguments for format string (1 supplied, 2 expected)"
    );
    assert_eq!(
        check("hi", &[Ty::I64]).unwrap_err(),
        "too many arguments for format string (1 supplied, 0 expected)"
    );
    assert_eq!(check("%d", &[Ty::Str(4)]).unwrap_err(), "unsupported format specifier for type 'string': d");
    assert_eq!(check("%r", &[Ty::U64]).unwrap_err(), "unsupported format specifier for type 'string': r");
    assert_eq!(check("%5.2f", &[Ty::U64]).unwrap_err(), "unsupported format specifier: f");
    assert_eq!(check("%s", &[Ty::Void]).unwrap_err(), "unable to print none type for specifier: s");
    let too_wide = Format::parse("ab %99999d").unwrap_err();
    assert_eq!(too_wide, FormatError::TooWide { width: 99999, at: 3 });
}

#[test]
fn a_record_goes_straight_to_text() {
    let format = "%-6d %-16s %4llu %s%%\n";
    let event = printf_event(format, vec![Ty::I32, Ty::Str(16), Ty::U64, Ty::Str(64)]);
    let compiled = CompiledFormat::new(&Format::parse(format).unwrap(), &event);
    let mut record = vec![0; event.size as usize];
    let put = |record: &mut Vec<u8>, index: usize, bytes: &[u8]| {
        let at = event.offsets[index] as usize;
        record[at..at + bytes.len()].copy_from_slice(bytes);
    };
    put(&mut record, 0, &(-12i32).to_ne_bytes());
    put(&mut record, 1, b"cat");
    put(&mut record, 2, &7u64.to_ne_bytes());
    put(&mut record, 3, b"/etc/passwd");
    let written = |record: &[u8]| {
        let mut out = Vec::new();
        compiled.write(record, &mut out, &Fake);
        String::from_utf8(out).unwrap()
    };
    let expected = "-12    cat                 7 /etc/passwd%\n";
    assert_eq!(written(&record), expected);
    // The tail is sent without its zero bytes, NUL included.
    let tail = event.offsets[3] as usize;
    assert_eq!(written(&record[..tail + 11]), expected);
    assert_eq!(written(&record[..tail]), "-12    cat                 7 %\n");
}

/// The two ways to apply a format agree, and no format and no bytes make either panic.
#[test]
fn any_format_with_any_bytes() {
    const PIECES: [&str; 28] = [
        "%", "-", "+", " ", "#", "0", "1", "9", "12", ".", "*", "h", "l", "j", "z", "d", "i", "u", "x", "X",
        "o", "c", "s", "p", "r", "rh", "gr", "é",
    ];
    let types = [Ty::I64, Ty::Int(Int::U8), Ty::Bool, Ty::Str(40), Ty::Str(8), Ty::Buf(8), Ty::Mac, Ty::KSym];
    let mut noise = Noise(2463534242);
    for _ in 0..20_000 {
        let count = noise.below(12);
        let text: String = (0..count).map(|_| PIECES[noise.below(28) as usize]).collect();
        let Ok(format) = Format::parse(&text) else { continue };
        let args: Vec<Ty> = format.specs().map(|_| types[noise.below(8) as usize].clone()).collect();
        let event = printf_event(&text, args.clone());
        let length = noise.below(u64::from(event.size) + 1) as usize;
        let record = noise.bytes(length.max(EVENT_HEADER as usize));
        let compiled = CompiledFormat::new(&format, &event);
        let (mut fast, mut slow) = (b"kept".to_vec(), b"kept".to_vec());
        compiled.write(&record, &mut fast, &Fake);
        let values: Vec<Value<'_>> =
            (0..args.len()).filter_map(|i| crate::output::event::argument(&event, i, &record)).collect();
        format.write(&mut slow, &values, &Fake);
        assert_eq!(fast, slow, "{text:?}");
        assert!(fast.starts_with(b"kept"));
    }
}
