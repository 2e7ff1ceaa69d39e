//! JSON as every command prints it: one object a line, each naming its shape.

use std::io::{self, Write};

use serde_json::Value;

/// Writes `value` with `"schema": "edgekit.WHAT/1"` on one line. `value` must be an object.
pub fn write_line(out: &mut impl Write, what: &str, mut value: Value) -> io::Result<()> {
    if let Value::Object(fields) = &mut value {
        fields.insert("schema".to_owned(), Value::String(format!("edgekit.{what}/1")));
    }
    serde_json::to_writer(&mut *out, &value).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_shape() {
        let mut out = Vec::new();
        write_line(&mut out, "doctor.host", serde_json::json!({"a": 1})).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a\":1,\"schema\":\"edgekit.doctor.host/1\"}\n");
    }
}
