//! Nothing is kept between two calls in one process: `edgekit run` will hold several applets.

use std::ffi::OsString;

use edgekit_core::{Ctx, Exit};

fn call(words: &[&str]) -> (Exit, Vec<u8>, Vec<u8>) {
    let mut ctx = Ctx::capturing(edgekit::APPLETS);
    let arguments = std::iter::once("edgekit").chain(words.iter().copied()).map(OsString::from).collect();
    let exit = edgekit::run(arguments, &mut ctx);
    let (out, err) = ctx.into_captured();
    (exit, out, err)
}

#[test]
fn the_second_call_is_like_the_first() {
    for words in
        [&["version", "--json"][..], &["list"], &["man", "install"], &["help", "doctor"], &["nonsense"]]
    {
        let first = call(words);
        assert_eq!(call(words), first, "{words:?}");
        assert!(!first.1.is_empty() || !first.2.is_empty(), "{words:?} says nothing");
    }
}

#[test]
fn an_applet_can_be_called_twice_too() {
    for applet in edgekit::APPLETS {
        for words in [&[applet.name, "-h"][..], &[applet.name, "--no-such-option"]] {
            let first = call(words);
            assert_eq!(call(words), first, "{words:?}");
        }
    }
}
