//! The JSON Schema (draft 2020-12) of an applet's file, for editors that check TOML by one.

use serde_json::{Map, Value as Json, json};

use super::check;
use super::describe::{Key, Kind, MAX_LIST, Section};
use super::value::Value;

/// The schema of `NAME.toml`.
pub fn schema(applet: &str, section: &Section) -> Json {
    let mut schema = table(section);
    if let Json::Object(fields) = &mut schema {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("$id".to_owned(), json!(format!("edgekit.{applet}.config/1")));
        fields.insert("title".to_owned(), json!(format!("{applet}.toml")));
    }
    schema
}

fn table(section: &Section) -> Json {
    let mut properties = Map::new();
    for key in section.keys {
        properties.insert(key.name.to_owned(), property(key));
    }
    let required: Vec<&str> = section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": section.about,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(key: &Key) -> Json {
    let mut schema = of(key, &key.kind);
    schema["description"] = json!(key.about);
    if !matches!(key.kind, Kind::Section(_) | Kind::Named(_)) {
        schema["x-edgekit-reload"] = json!(key.reload.word());
    }
    if let Some(value) = key.default.and_then(|text| check::literal(key, &key.kind, text)) {
        schema["default"] = value.to_json();
    }
    schema
}

fn of(key: &Key, kind: &Kind) -> Json {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => {
            let end =
                |text: Option<&str>, own: i64| match text.and_then(|text| check::literal(key, kind, text)) {
                    Some(Value::Integer(end)) => end,
                    _ => own,
                };
            let (low, high) = (key.range.map(|(low, _)| low), key.range.map(|(_, high)| high));
            json!({ "type": "integer", "minimum": end(low, *min), "maximum": end(high, *max) })
        }
        Kind::Number => {
            let mut schema = json!({ "type": "number" });
            if let Some((low, high)) = key.range {
                for (name, text) in [("minimum", low), ("maximum", high)] {
                    if let Some(value) = check::literal(key, kind, text) {
                        schema[name] = value.to_json();
                    }
                }
            }
            schema
        }
        Kind::Text(format) => {
            let mut schema = json!({ "type": "string" });
            if format.numbers {
                schema["type"] = json!(["string", "integer"]);
                schema["minimum"] = json!(0);
            }
            if !format.pattern.is_empty() {
                schema["pattern"] = json!(format.pattern);
            }
            schema
        }
        Kind::Word(words) => json!({ "enum": words }),
        Kind::List(kind) => json!({ "type": "array", "items": of(key, kind), "maxItems": MAX_LIST }),
        Kind::Section(section) => table(section),
        Kind::Named(section) => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$" },
            "additionalProperties": table(section),
        }),
    }
}
