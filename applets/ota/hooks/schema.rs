//! The points where hooks of updates are asked: what they are told, in which order, and what they may decide.
//!
//! The fields are those of `judge`'s facts, by name. Neighbours: `mod.rs` asks, edgekit-boot(7) describes them.

use edgekit_rules::{Field, Kind, Schema, Verdicts};

use crate::judge::Point;

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

const ID: Field = field("id", Kind::Str, "digest of the signed manifest");
const NAME: Field = field("name", Kind::Str, "what is updated");
const VERSION: Field = field("version", Kind::Str, "to which version");
const INSTALLED: Field = field("installed", Kind::Str, "the version that runs; nil if it is not known");
const SLOT: Field = field("slot", Kind::Str, "into which slot: a or b");
const FETCH: Field = field("fetch_bytes", Kind::Int, "what is fetched");
const IMAGE: Field = field("image_bytes", Kind::Int, "what is written");
const COMPONENTS: Field =
    field("components", Kind::List, "a map each: name, place, way, digest, image_bytes, fetch_bytes");

/// Before anything is written.
pub(super) static DECIDE: Schema = Schema {
    name: "ota.decide",
    about: "An update that is planned, before anything is written: whether it is installed, and when",
    fields: &[ID, NAME, VERSION, INSTALLED, SLOT, FETCH, IMAGE, COMPONENTS],
    verdicts: Verdicts { drop: true, change: &["defer", "reason"] },
};

/// Before the switch.
pub(super) static PRE: Schema = Schema {
    name: "ota.pre",
    about: "An update that is written and proven, before it is switched to",
    fields: &[ID, NAME, VERSION, INSTALLED, SLOT, FETCH, IMAGE, COMPONENTS],
    verdicts: Verdicts { drop: true, change: &["defer", "reason"] },
};

/// Afterwards.
pub(super) static POST: Schema = Schema {
    name: "ota.post",
    about: "An update that was switched to, or was not",
    fields: &[
        ID,
        NAME,
        VERSION,
        INSTALLED,
        SLOT,
        FETCH,
        IMAGE,
        COMPONENTS,
        field("outcome", Kind::Str, "reboot, in-use, runs or failed"),
        field("why", Kind::Str, "why it failed"),
    ],
    verdicts: Verdicts { drop: false, change: &[] },
};

/// While the new version runs.
pub(super) static HEALTH: Schema = Schema {
    name: "ota.health",
    about: "A new version that runs and is not committed: whether it is good; asked by a check of kind rule",
    fields: &[
        field("check", Kind::Str, "the check that asks"),
        field("uptime", Kind::Num, "seconds since the machine was started"),
        field("load", Kind::Num, "load of the last minute"),
        field("memory", Kind::Int, "bytes of memory that are available"),
        field(
            "files",
            Kind::Map,
            "what the files of the check hold, by their paths; nil for one that cannot be read",
        ),
    ],
    verdicts: Verdicts { drop: true, change: &["reason"] },
};

/// All of them.
pub(super) static SCHEMAS: [&Schema; 4] = [&DECIDE, &PRE, &POST, &HEALTH];

/// That of a point.
pub(super) fn of(point: Point) -> &'static Schema {
    match point {
        Point::Decide => &DECIDE,
        Point::Pre => &PRE,
        Point::Post => &POST,
        Point::Health => &HEALTH,
    }
}
