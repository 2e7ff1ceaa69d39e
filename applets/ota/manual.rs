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
            command: "edgekit ota keygen release && seq 200000 > new.img && edgekit ota bundle create gw.ekb --name gw \
                      --version 1.1 --component rootfs=new.img --sign-with release.key && edgekit ota bundle verify \
                      gw.ekb --key release.pub",
            does: "make a key, a bundle of one image, signed, and check it",
        },
        Example {
            command: "edgekit ota keygen k && seq 90000 > old.img && seq 90009 > new.img && edgekit ota bundle diff \
                      old.img new.img && edgekit ota bundle create gw.ekb --name gw --version 1.2 --component \
                      app=new.img --source app=old.img --sign-with k.key && edgekit ota bundle extract gw.ekb --key \
                      k.pub --source old.img -o app.img && cmp app.img new.img",
            does: "see how large a delta is, make a bundle with it, and apply it to a file",
        },
        Example {
            command: "edgekit ota keygen a && edgekit ota keygen b && edgekit ota keys create keys.toml --key a.pub --key \
                      b.pub --threshold 2 --sign-with a.key --sign-with b.key",
            does: "make a list of two keys that both must sign",
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
