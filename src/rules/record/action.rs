//! Actions as JSON: one object each, named by what it does.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::{Action, Str, Value};

/// An action as an object whose `do` is the word of scripts.
pub(super) fn to_json(action: &Action) -> Json {
    match action {
        Action::Log { level, text, fields } => {
            json!({ "do": "log", "level": level.word(), "text": exact(text), "fields": fields.to_json() })
        }
        Action::Metric { kind, name, number, labels } => {
            let number = Value::Num(*number).to_json();
            json!({ "do": "metric", "kind": kind.word(), "name": &**name, "number": number, "labels": pairs(labels) })
        }
        Action::Publish { topic, payload } => {
            json!({ "do": "publish", "topic": &**topic, "payload": payload.to_json() })
        }
        Action::Exec { argv } => {
            json!({ "do": "exec", "argv": argv.iter().map(exact).collect::<Vec<_>>() })
        }
        Action::Http { method, url, headers, body } => json!({
            "do": "http",
            "method": &**method,
            "url": &**url,
            "headers": pairs(headers),
            "body": body.as_ref().map(exact),
        }),
        Action::ShadowSet { path, value } => {
            json!({ "do": "shadow", "path": &**path, "value": value.to_json() })
        }
    }
}

fn exact(text: &Str) -> Json {
    Value::Str(text.clone()).to_json()
}

fn pairs(pairs: &[(Arc<str>, Str)]) -> Json {
    pairs.iter().map(|(name, value)| json!([&**name, exact(value)])).collect()
}
