//! The shapes of messages: place, excerpt, row of tildes, macro chain.

use super::*;

fn map(text: &str) -> SourceMap {
    let mut sources = SourceMap::new();
    sources.add("stdin", text).expect("fits");
    sources
}

#[test]
fn one_line_with_tabs() {
    let sources = map("i:s:1\t\t\t$a");
    let text = render(&Diagnostic::error(Span::new(8, 10), "syntax: expected '{'"), &sources, false);
    assert_eq!(text, "stdin:1:9-11: ERROR: syntax: expected '{'\ni:s:1            $a\n                 ~~\n");
}

#[test]
fn several_lines_have_no_carets() {
    let sources = map("a\nbc\nd");
    let text =
        render(&Diagnostic::warning(Span::new(2, 6), "m").with_hint("do this\nor that"), &sources, false);
    assert_eq!(text, "stdin:2-3: WARNING: m\nbc\nd\nHINT: do this\n      or that\n");
}

#[test]
fn end_of_text_is_inside_its_source() {
    let mut sources = map("k:a");
    sources.add("other.bt", "x").expect("fits");
    let location = sources.locate(Span::new(3, 3)).expect("inside");
    assert_eq!((location.name, location.column, location.end_column), ("stdin", 4, 4));
    assert_eq!(sources.locate(Span::new(4, 5)).expect("inside").name, "other.bt");
    assert_eq!(sources.snippet(Span::new(4, 5)), "x");
}

#[test]
fn expansion_chain_is_noted() {
    let text = "macro bad() { errorf(\"Something bad\"); } begin { bad(); }";
    let mut sources = map(text);
    let id = sources.add_expansion("bad", Span::new(49, 54));
    let span = Span::new(14, 37).in_expansion(id);
    let shown = render(&Diagnostic::error(span, "Something bad"), &sources, false);
    let heads: Vec<&str> = shown.lines().filter(|l| l.starts_with("stdin")).collect();
    assert_eq!(heads, ["stdin:1:15-38: ERROR: Something bad", "stdin:1:50-55: ERROR: expanded from"]);
}

#[test]
fn long_lines_are_windowed_and_control_characters_hidden() {
    let sources = map(&format!("{}\x1b[31m{}", "a".repeat(5000), "b".repeat(5000)));
    let shown = render(&Diagnostic::error(Span::new(5000, 5001), "m"), &sources, false);
    assert!(shown.len() < 2000, "{}", shown.len());
    assert!(!shown.contains('\x1b'));
    let lines: Vec<Vec<char>> = shown.lines().map(|l| l.chars().collect()).collect();
    let caret = lines[2].iter().position(|&c| c == '~').expect("a caret");
    assert_eq!(lines[1][caret], '\u{FFFD}');
}

#[test]
fn the_cap_counts_what_it_drops() {
    let sources = map("x");
    let mut diags = Diagnostics::with_cap(2);
    for _ in 0..5 {
        diags.error(Span::new(0, 1), "e");
    }
    assert_eq!(diags.error_count(), 5);
    assert!(diags.render(&sources, false).ends_with("… and 3 more\n"));
}
