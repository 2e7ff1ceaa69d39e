//! What is being done about an offer, and what is still to be reported: two small records that outlive the program.
//!
//! The device's own state says how far a deployment is; a job says whose it is. Comparing the two ([`Job::next`])
//! tells what to do, after a crash, a reboot or a rollback just as in between. Pure; neighbour: `follow` keeps and
//! carries out.

use serde_json::{Value, json};

use super::machine::{Stage, Standing};
use super::origin::News;
use crate::hex::{Hex, decode};
use crate::version::Version;

/// The number of the format of both records.
const FORMAT: u64 = 1;

/// An offer that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Job {
    /// Whose it is.
    pub(crate) origin: String,
    /// What the origin calls it; empty where it keeps no account.
    pub(crate) action: String,
    /// Digest of the signed manifest.
    pub(crate) id: Hex,
    /// What it is.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
    /// Where it is, and which of those it was.
    pub(crate) place: String,
    pub(crate) mark: String,
    /// When it was taken, in seconds since 1970.
    pub(crate) offered: u64,
    /// How often it was begun and did not come through.
    pub(crate) attempts: u32,
    /// It was switched to: what became of it is the device's to tell.
    pub(crate) is_switched: bool,
}

/// The end of an action that its origin has not heard of yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Report {
    /// Who is to hear it.
    pub(crate) origin: String,
    /// Of which action.
    pub(crate) action: String,
    /// What runs now, for the origin to know.
    pub(crate) runs: Option<Hex>,
    /// Whether it is good, the code, and in words.
    pub(crate) is_good: bool,
    pub(crate) code: i32,
    pub(crate) details: Vec<String>,
}

/// What is to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Fetch and write, or go on with that.
    Write,
    /// It is written: switch to it.
    Switch,
    /// It starts with the device.
    Restart,
    /// It is bad, and the other slot starts with the device.
    Leave,
    /// It runs: see whether it is good.
    Judge,
    /// It is over: good or not, and in words.
    Close(bool, Vec<String>),
}

impl Job {
    /// What is to be done next, as the device stands.
    pub(crate) fn next(&self, standing: &Standing) -> Next {
        if let Some(runs) = standing.runs.as_ref().filter(|runs| runs.id == self.id) {
            let mut details = vec![format!("{} {} runs in slot {}", runs.name, runs.version, standing.slot)];
            details.extend(runs.digests.iter().map(|(name, digest)| format!("{name} blake3:{digest}")));
            return Next::Close(true, details);
        }
        match standing.deployment.as_ref().filter(|deployment| deployment.id == self.id) {
            Some(deployment) => match deployment.stage {
                Stage::Writing => Next::Write,
                Stage::Written => Next::Switch,
                Stage::Switched => Next::Restart,
                Stage::Trying => Next::Judge,
                Stage::Leaving => Next::Leave,
                // Committed once, and something else runs: it was sent back later.
                Stage::Committed | Stage::Returned => {
                    let mut details =
                        vec![format!("{} {} was sent back: {}", self.name, self.version, deployment.why)];
                    details.extend(standing.runs.as_ref().map(|runs| {
                        format!("{} {} runs in slot {}", runs.name, runs.version, standing.slot)
                    }));
                    Next::Close(false, details)
                }
            },
            None if self.is_switched => {
                Next::Close(false, vec!["another deployment took its place".to_owned()])
            }
            None => Next::Write,
        }
    }

    /// As a record.
    pub(crate) fn record(&self) -> Vec<u8> {
        let Job { origin, action, name, place, mark, offered, attempts, is_switched, .. } = self;
        let (id, version) = (self.id.to_string(), self.version.to_string());
        json!({
            "format": FORMAT, "origin": origin, "action": action, "id": id, "name": name, "version": version,
            "place": place, "mark": mark, "offered": offered, "attempts": attempts, "switched": is_switched,
        })
        .to_string()
        .into_bytes()
    }

    /// From a record; `None` if it is not one of this format.
    pub(crate) fn read(record: &[u8]) -> Option<Job> {
        let value = parse(record)?;
        Some(Job {
            origin: text(&value, "origin")?,
            action: text(&value, "action")?,
            id: Hex(decode(value.get("id")?.as_str()?)?),
            name: text(&value, "name")?,
            version: value.get("version")?.as_str()?.parse().ok()?,
            place: text(&value, "place")?,
            mark: text(&value, "mark")?,
            offered: value.get("offered")?.as_u64()?,
            attempts: u32::try_from(value.get("attempts")?.as_u64()?).ok()?,
            is_switched: value.get("switched")?.as_bool()?,
        })
    }
}

impl Report {
    /// As news.
    pub(crate) fn news(&self) -> News {
        News::Closed { is_good: self.is_good, code: self.code, details: self.details.clone() }
    }

    /// As a record.
    pub(crate) fn record(&self) -> Vec<u8> {
        let Report { origin, action, is_good, code, details, .. } = self;
        let runs = self.runs.map(|id| id.to_string());
        json!({
            "format": FORMAT, "origin": origin, "action": action, "runs": runs, "good": is_good, "code": code,
            "details": details,
        })
        .to_string()
        .into_bytes()
    }

    /// From a record; `None` if it is not one of this format.
    pub(crate) fn read(record: &[u8]) -> Option<Report> {
        let value = parse(record)?;
        let details = value.get("details")?.as_array()?.iter();
        Some(Report {
            origin: text(&value, "origin")?,
            action: text(&value, "action")?,
            runs: value.get("runs")?.as_str().and_then(decode).map(Hex),
            is_good: value.get("good")?.as_bool()?,
            code: i32::try_from(value.get("code")?.as_i64()?).ok()?,
            details: details.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

fn parse(record: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(record).ok()?;
    (value.get("format")?.as_u64() == Some(FORMAT)).then_some(value)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::boot::Name;
    use crate::fleet::machine::{Runs, Underway};

    pub(crate) fn id(byte: u8) -> Hex {
        Hex([byte; 32])
    }

    pub(crate) fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    fn job(is_switched: bool) -> Job {
        Job {
            origin: "hawkbit".to_owned(),
            action: "8".to_owned(),
            id: id(2),
            name: "gw".to_owned(),
            version: version("1.5"),
            place: "http://h/x.ekb".to_owned(),
            mark: "\"e\"".to_owned(),
            offered: 1_800_000_000,
            attempts: 3,
            is_switched,
        }
    }

    fn standing(runs: u8, deployment: Option<(u8, Stage)>) -> Standing {
        let runs = Runs {
            id: id(runs),
            name: "gw".to_owned(),
            version: version("1.4"),
            digests: vec![("app".to_owned(), id(9))],
        };
        let deployment = deployment.map(|(number, stage)| Underway {
            id: id(number),
            name: "gw".to_owned(),
            version: version("1.5"),
            stage,
            why: "it did not answer".to_owned(),
        });
        Standing { slot: Name::A, runs: Some(runs), deployment, hardware: None }
    }

    #[test]
    fn every_state_of_the_device_says_what_is_next() {
        for is_switched in [false, true] {
            let job = job(is_switched);
            for (stage, wanted) in [
                (Stage::Writing, Next::Write),
                (Stage::Written, Next::Switch),
                (Stage::Switched, Next::Restart),
                (Stage::Trying, Next::Judge),
                (Stage::Leaving, Next::Leave),
            ] {
                assert_eq!(job.next(&standing(1, Some((2, stage)))), wanted);
            }
            let Next::Close(false, details) = job.next(&standing(1, Some((2, Stage::Returned)))) else {
                panic!()
            };
            assert_eq!(details, ["gw 1.5 was sent back: it did not answer", "gw 1.4 runs in slot a"]);
            let Next::Close(true, details) = job.next(&standing(2, Some((2, Stage::Committed)))) else {
                panic!()
            };
            assert_eq!(details[1], format!("app blake3:{}", id(9)), "the digest that really runs");
            // It runs, whatever else was begun by hand.
            assert!(matches!(job.next(&standing(2, Some((3, Stage::Writing)))), Next::Close(true, _)));
            // Committed, and gone back to the other slot since.
            assert!(matches!(job.next(&standing(1, Some((2, Stage::Committed)))), Next::Close(false, _)));
        }
        for other in [None, Some((3, Stage::Trying))] {
            assert_eq!(job(false).next(&standing(1, other)), Next::Write);
            assert!(matches!(job(true).next(&standing(1, other)), Next::Close(false, _)));
        }
    }

    #[test]
    fn records_read_back_and_others_are_refused() {
        let job = job(true);
        assert_eq!(Job::read(&job.record()), Some(job.clone()));
        let report = Report {
            origin: "hawkbit".to_owned(),
            action: "8".to_owned(),
            runs: Some(id(7)),
            is_good: false,
            code: 65,
            details: vec!["no".to_owned()],
        };
        assert_eq!(Report::read(&report.record()), Some(report.clone()));
        let newer = String::from_utf8(job.record()).expect("text").replace("\"format\":1", "\"format\":2");
        for record in [newer.as_bytes(), b"", b"{}", &report.record()] {
            assert_eq!(Job::read(record), None);
        }
    }
}
