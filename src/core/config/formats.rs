//! Texts with a shape, and the Rust types they become.
//!
//! A type of one applet only is written there: a [`Format`] and a [`Typed`] made by
//! [`text_type!`](crate::text_type!).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::describe::{Format, Kind, Reading};
use super::secret::SecretFile;
use super::typed::Typed;
use super::value::{Node, Value};
use crate::units::{ByteRate, Rate, Size, parse_duration, show_duration};

/// Makes a Rust type the type of a key: `text_type!(Type, &FORMAT, |text| parse(text).ok())`.
#[macro_export]
macro_rules! text_type {
    ($type:ty, $format:expr, $parse:expr) => {
        impl $crate::config::Typed for $type {
            const KIND: $crate::config::Kind = $crate::config::Kind::Text($format);
            fn from_node(node: Option<&$crate::config::Node>) -> Option<Self> {
                let parse: fn(&str) -> Option<$type> = $parse;
                match node {
                    Some($crate::config::Node::Value($crate::config::Value::Text(text), _)) => parse(text),
                    _ => None,
                }
            }
        }
    };
}

fn plain(text: &str) -> Reading {
    Reading { canonical: text.to_owned(), measure: None }
}

/// Any text without a NUL.
pub static TEXT: Format = Format {
    name: "a text",
    shape: "any text",
    pattern: "",
    numbers: false,
    read: |text| match text.contains('\0') {
        true => Err("it holds a NUL".to_owned()),
        false => Ok(plain(text)),
    },
};

/// `10s`, `5m`, `1h30m`.
pub static DURATION: Format = Format {
    name: "a duration",
    shape: "10s, 5m or 1h30m",
    pattern: "^(0|([0-9]+(ns|us|ms|s|m|h|d|w))+)$",
    numbers: false,
    read: |text| {
        let duration = parse_duration(text).map_err(|error| error.to_string())?;
        Ok(Reading { canonical: show_duration(duration), measure: Some(duration.as_nanos()) })
    },
};

/// `4096`, `64K`, `10MiB`.
pub static SIZE: Format = Format {
    name: "a size",
    shape: "4096, 64K or 10MiB",
    pattern: "^[0-9]+(B|[kKMGT]|[KMGT]iB|[kMGT]B)?$",
    numbers: true,
    read: |text| {
        let size: Size = text.parse().map_err(|error: crate::units::NotAUnit| error.to_string())?;
        Ok(Reading { canonical: size.to_string(), measure: Some(u128::from(size.0)) })
    },
};

/// `100/s`, `6/m`.
pub static RATE: Format = Format {
    name: "a rate",
    shape: "100/s, 6/m or 20/h",
    pattern: "^[0-9]+/[smhd]$",
    numbers: false,
    read: |text| {
        let rate: Rate = text.parse().map_err(|error: crate::units::NotAUnit| error.to_string())?;
        Ok(Reading { canonical: rate.to_string(), measure: Some(rate.per_day()) })
    },
};

/// `2MiB/s`.
pub static BYTE_RATE: Format = Format {
    name: "a rate of bytes",
    shape: "64K/s or 2MiB/s",
    pattern: "^[0-9]+(B|[kKMGT]|[KMGT]iB|[kMGT]B)?/s$",
    numbers: false,
    read: |text| {
        let rate: ByteRate = text.parse().map_err(|error: crate::units::NotAUnit| error.to_string())?;
        Ok(Reading { canonical: rate.to_string(), measure: Some(u128::from(rate.0.0)) })
    },
};

/// An absolute path: a daemon's working directory is nobody's business.
pub static PATH: Format = Format {
    name: "an absolute path",
    shape: "/etc/edgekit/ca.pem",
    pattern: "^/",
    numbers: false,
    read: |text| match text {
        _ if text.contains('\0') => Err("it holds a NUL".to_owned()),
        _ if !text.starts_with('/') => Err(format!("'{text}' does not start with '/'")),
        _ => Ok(plain(text)),
    },
};

/// An address with its port: `0.0.0.0:443`, `[::]:443`.
pub static SOCKET: Format = Format {
    name: "an address with a port",
    shape: "0.0.0.0:443 or [::]:443",
    pattern: "^(\\[[0-9A-Fa-f:.%]+\\]|[0-9.]+):[0-9]{1,5}$",
    numbers: false,
    read: |text| match text.parse::<SocketAddr>() {
        Ok(address) => Ok(plain(&address.to_string())),
        Err(_) => Err(format!("'{text}' is not an address with a port")),
    },
};

/// An address: `192.0.2.1`, `2001:db8::1`.
pub static ADDRESS: Format = Format {
    name: "an address",
    shape: "192.0.2.1 or 2001:db8::1",
    pattern: "^[0-9A-Fa-f:.]+$",
    numbers: false,
    read: |text| match text.parse::<IpAddr>() {
        Ok(address) => Ok(plain(&address.to_string())),
        Err(_) => Err(format!("'{text}' is not an address")),
    },
};

/// Where a secret is: an absolute path, or the name of a credential.
pub static SECRET: Format = Format {
    name: "the file of a secret",
    shape: "/etc/edgekit/key.pem, or the bare name of a credential",
    pattern: "^(/|[A-Za-z0-9_][A-Za-z0-9_.-]*$)",
    numbers: false,
    read: |text| {
        let name = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        match text {
            _ if text.starts_with('/') && !text.contains('\0') => Ok(plain(text)),
            "" => Err("it is empty".to_owned()),
            _ if text.chars().all(name) && !text.starts_with(['.', '-']) => Ok(plain(text)),
            _ => Err(format!("'{text}' is neither an absolute path nor the name of a credential")),
        }
    },
};

text_type!(String, &TEXT, |text| Some(text.to_owned()));
text_type!(Duration, &DURATION, |text| parse_duration(text).ok());
text_type!(Size, &SIZE, |text| text.parse().ok());
text_type!(Rate, &RATE, |text| text.parse().ok());
text_type!(ByteRate, &BYTE_RATE, |text| text.parse().ok());
text_type!(PathBuf, &PATH, |text| Some(PathBuf::from(text)));
text_type!(SocketAddr, &SOCKET, |text| text.parse().ok());
text_type!(IpAddr, &ADDRESS, |text| text.parse().ok());
text_type!(SecretFile, &SECRET, |text| Some(SecretFile::new(text)));

impl Typed for bool {
    const KIND: Kind = Kind::Bool;
    fn from_node(node: Option<&Node>) -> Option<bool> {
        match node {
            Some(Node::Value(Value::Bool(value), _)) => Some(*value),
            _ => None,
        }
    }
}

impl Typed for f64 {
    const KIND: Kind = Kind::Number;
    fn from_node(node: Option<&Node>) -> Option<f64> {
        match node {
            Some(Node::Value(Value::Number(value), _)) => Some(*value),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($type:ty: $min:expr, $max:expr;)+) => {$(
        impl Typed for $type {
            const KIND: Kind = Kind::Integer { min: $min, max: $max };
            fn from_node(node: Option<&Node>) -> Option<$type> {
                match node {
                    Some(Node::Value(Value::Integer(value), _)) => <$type>::try_from(*value).ok(),
                    _ => None,
                }
            }
        }
    )+};
}

integers! {
    u8: 0, 0xff;
    u16: 0, 0xffff;
    u32: 0, 0xffff_ffff;
    u64: 0, i64::MAX;
    i32: -0x8000_0000, 0x7fff_ffff;
    i64: i64::MIN, i64::MAX;
}
