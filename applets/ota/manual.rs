//! What the long help and the man page say beyond the options.

use edgekit_core::{Example, Manual};

pub(crate) const MANUAL: Manual = Manual {
    paragraph: "Installs updates that a pulled plug cannot break, and makes the bundles they come in. A device has two \
                slots, a and b: what runs is never written to. 'apply' proves a bundle before the first write, writes it \
                to the other slot with checkpoints, so that the same command goes on after a kill or a power cut, reads \
                all of it back, and has it started next; 'commit' keeps it, and without a commit the old slot is \
                started again and the version blocked. Partitions and image files, folders, single files and edgekit \
                itself are components of one update: all of them change or none. 'run' does all this by itself, for a hawkBit server, an \
                offer on a web server or a USB stick, when its windows and shares allow it: edgekit-fleet(7). Bundles are one file with a signed manifest in front, and images behind it, \
                each whole or as a delta against an image that is installed. A bundle can be read from front to back, \
                from a pipe too, and each page of an image is proven before it is written. Deltas are small because \
                they know stretches that are nearly equal, and are applied by reading the old image where it is, in 24 \
                MiB of memory whatever its size. Keys are Ed25519, in the files openssl uses; which of them count, and \
                how many it takes, is said by a list that is signed itself and can be followed by another. The format \
                is described in edgekit-bundle(5); what boot loaders, checks and hooks need is in edgekit-boot(7).",
    examples: &[
        Example {
            command: "edgekit ota status",
            does: "what runs, what is started next, what is blocked and why",
        },
        Example {
            command: "edgekit ota keygen release",
            does: "make a pair of keys: release.key signs, release.pub is for the devices",
        },
        Example {
            command: "seq 90000 > old.img && seq 90009 > new.img && edgekit ota bundle diff old.img new.img",
            does: "see how large a delta between two images would be, by each way to make one",
        },
        Example {
            command: "echo 'component.model.kind = \"file\"' > ota.toml; edgekit ota status --config ota.toml",
            does: "describe a device of one file, and look at it; 'plan' and 'apply' take the same --config",
        },
    ],
    files: &[
        ("/etc/edgekit/ota.toml", "the components of this device and its boot loader: edgekit-config(5)"),
        ("/var/lib/edgekit/ota/state", "what was installed, how far an installation is, what is blocked"),
        (
            "/var/lib/edgekit/ota/sets",
            "folders and files: in a and b, with a link 'current' to the one in use",
        ),
        ("/etc/edgekit/ota/keys.toml", "the list of keys that count where no other is named"),
        ("NAME.key, NAME.pub", "a pair of keys: the first is secret, mode 0600"),
    ],
    environment: &[
        ("CONFIGURATION_DIRECTORY", "where ota.toml and ota/keys.toml are, instead of /etc/edgekit"),
        ("STATE_DIRECTORY", "where ota/state is, instead of /var/lib/edgekit"),
    ],
    exits: &[
        (1, "it was not done: the version is blocked, takes more than was allowed, or waits for a decision"),
        (65, "a bundle, a signature, a key or an old image is not what it should be: the reason was shown"),
        (66, "a file is not there, or a bundle has no such component"),
        (69, "a server has no such bundle, refuses it, or took too long"),
        (
            73,
            "a file is there already, or a slot cannot take the image: mounted, in use, read-only, full, too small",
        ),
        (74, "reading or writing failed"),
        (
            75,
            "there is not enough memory, somebody else works on the device, or it was stopped: run it again",
        ),
        (76, "a server says things that cannot be: other bytes than it was asked for, redirects in a circle"),
        (77, "a file may not be read or written"),
        (78, "what is configured does not fit together"),
        (
            130,
            "^C, or TERM with 143: what was written is kept, and the same command goes on; a second one ends it at once",
        ),
    ],
};
