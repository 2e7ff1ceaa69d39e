//! Any bytes as the archive of a folder, in pieces: refused, or a folder whose archive is the same bytes.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use edgekit_ota::image::Image;
use edgekit_ota::slot::archive::unpack::Unpacker;
use edgekit_ota::slot::archive::walk::Archive;
use edgekit_store::Fs;
use edgekit_store::proof::Recorder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&piece, data)) = data.split_first() else { return };
    let fs: Arc<dyn Fs> = Arc::new(Recorder::new(1));
    let folder = Path::new("/folder");
    let mut unpacker = Unpacker::new(fs.clone(), folder);
    for piece in data.chunks(usize::from(piece) * 8 + 1) {
        if unpacker.feed(piece).is_err() {
            return;
        }
        let Ok(resumed) = Unpacker::resume(fs.clone(), folder, &unpacker.memo()) else { panic!("its own memo") };
        unpacker = resumed;
    }
    if unpacker.finish().is_err() {
        return;
    }
    let Ok(archive) = Archive::of(fs, folder) else { panic!("what was unpacked cannot be packed") };
    let mut bytes = vec![0; data.len()];
    assert_eq!(archive.size(), data.len() as u64);
    if archive.read(0, &mut bytes).is_err() {
        panic!("what was unpacked cannot be read");
    }
    assert_eq!(bytes, data);
});
