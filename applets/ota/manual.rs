//! What the long help and the man page say beyond the options.

use edgekit_core::{Example, Manual};

pub(crate) const MANUAL: Manual = Manual {
    paragraph: "Makes, signs and checks update bundles: one file with a signed manifest in front, and images behind it, \
                each whole or as a delta against an image that is installed. A bundle can be read from front to back, \
                from a pipe too, and each page of an image is proven before it is written. Deltas are small because \
                they know stretches that are nearly equal, and are applied by reading the old image where it is, in 24 \
                MiB of memory whatever its size. Keys are Ed25519, in the files openssl uses; which of them count, and \
                how many it takes, is said by a list that is signed itself and can be followed by another. The format \
                is described in edgekit-bundle(5).",
    examples: &[
        Example {
            command: "edgekit ota keygen release",
            does: "make a pair of keys: release.key signs, release.pub is for the devices",
        },
        Example {
            command: "seq 90000 > old.img && seq 90009 > new.img && edgekit ota bundle diff old.img new.img",
            does: "see how large a delta between two images would be, by each way to make one",
        },
        Example {
            command: "edgekit ota keygen k; edgekit ota bundle create b --name gw --version 1 --component a=k.pub --sign-with k.key",
            does: "make a key, and with it a signed bundle of one image",
        },
    ],
    files: &[
        ("/etc/edgekit/ota/keys.toml", "the list of keys that count where no other is named"),
        ("NAME.key, NAME.pub", "a pair of keys: the first is secret, mode 0600"),
    ],
    environment: &[("CONFIGURATION_DIRECTORY", "where ota/keys.toml is, instead of /etc/edgekit")],
    exits: &[
        (65, "a bundle, a signature, a key or an old image is not what it should be: the reason was shown"),
        (66, "a file is not there, or a bundle has no such component"),
        (73, "a file is there already, or cannot be made"),
        (74, "reading or writing failed"),
        (75, "there is not enough memory"),
        (77, "a file may not be read or written"),
    ],
};
