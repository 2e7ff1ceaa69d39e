//! From a checked table to an applet's struct, and the macros that write both sides at once.

use std::collections::BTreeMap;

use super::describe::{Kind, Section};
use super::value::{Node, Table, Value};

/// A Rust type a key can have.
pub trait Typed: Sized {
    /// What a file may hold for it.
    const KIND: Kind;

    /// True if the key may be left out although it has no default.
    const OPTIONAL: bool = false;

    /// The value of a checked node. `None` only if the node was checked against another kind.
    fn from_node(node: Option<&Node>) -> Option<Self>;
}

/// A struct written by [`config!`](crate::config!).
pub trait Settings: Sized {
    /// Its description.
    const SECTION: &'static Section;

    /// The struct of a table that was checked against [`Settings::SECTION`] and completed.
    fn from_table(table: &Table) -> Option<Self>;
}

/// Tables by name: `[listener.NAME]`.
pub type Named<T> = BTreeMap<String, T>;

impl<T: Settings> Typed for Named<T> {
    const KIND: Kind = Kind::Named(T::SECTION);
    const OPTIONAL: bool = true;

    fn from_node(node: Option<&Node>) -> Option<Named<T>> {
        let Some(Node::Table(tables)) = node else { return None };
        let mut all = Named::new();
        for (name, node) in &tables.entries {
            let Node::Table(table) = node else { return None };
            all.insert(name.clone(), T::from_table(table)?);
        }
        Some(all)
    }
}

impl<T: Typed> Typed for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    fn from_node(node: Option<&Node>) -> Option<Option<T>> {
        match node {
            None => Some(None),
            some => T::from_node(some).map(Some),
        }
    }
}

impl<T: Typed> Typed for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn from_node(node: Option<&Node>) -> Option<Vec<T>> {
        let Some(Node::Value(Value::List(items), origin)) = node else { return None };
        items.iter().map(|item| T::from_node(Some(&Node::Value(item.clone(), origin.clone())))).collect()
    }
}

/// A field's name as a key: `r#type` is written `type`.
pub const fn key_name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', rest @ ..] => match std::str::from_utf8(rest) {
            Ok(name) => name,
            Err(_) => field,
        },
        _ => field,
    }
}

/// Writes a struct and its description.
///
/// ```
/// use std::net::SocketAddr;
/// use std::time::Duration;
/// use edgekit_core::config::Named;
///
/// edgekit_core::config! {
///     /// One place to listen at
///     pub struct Listener {
///         /// Address and port
///         restart address: SocketAddr, like "0.0.0.0:443";
///         /// How long a connection may be idle
///         live idle: Duration = "5m", in "1s"..="1d";
///     }
/// }
/// edgekit_core::config! {
///     /// A proxy
///     pub struct Proxy {
///         /// Threads that carry traffic
///         restart workers: u16 = 1, in 1..=64;
///         /// Where it listens
///         live listener: Named<Listener>;
///     }
/// }
/// ```
///
/// Each field: when a change takes effect (`live` or `restart`; for a section the word of each of its
/// keys counts), its type, the default if it has one, its range, and for a key without a default a
/// value for the example. The first line of the comments is the manual.
#[macro_export]
macro_rules! config {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $struct:ident {
            $(
                $(#[doc = $does:literal])+
                $reload:ident $field:ident: $type:ty $(= $default:expr)?
                $(, in $low:literal ..= $high:literal)? $(, like $like:expr)?;
            )*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $struct {
            $($(#[doc = $does])+ $vis $field: $type,)*
        }

        impl $crate::config::Settings for $struct {
            const SECTION: &'static $crate::config::Section = &$crate::config::Section {
                about: concat!($($about),+).trim_ascii(),
                keys: &[$($crate::config::Key {
                    name: $crate::config::key_name(stringify!($field)),
                    about: concat!($($does),+).trim_ascii(),
                    kind: <$type as $crate::config::Typed>::KIND,
                    default: $crate::config!(@literal $($default)?),
                    like: $crate::config!(@literal $($like)?),
                    range: $crate::config!(@range $($low, $high)?),
                    required: !<$type as $crate::config::Typed>::OPTIONAL
                        && $crate::config!(@literal $($default)?).is_none(),
                    reload: $crate::config!(@reload $reload),
                }),*],
            };

            fn from_table(table: &$crate::config::Table) -> Option<Self> {
                Some($struct {
                    $($field: <$type as $crate::config::Typed>::from_node(
                        table.entries.get($crate::config::key_name(stringify!($field)))
                    )?,)*
                })
            }
        }

        impl $crate::config::Typed for $struct {
            const KIND: $crate::config::Kind =
                $crate::config::Kind::Section(<$struct as $crate::config::Settings>::SECTION);
            const OPTIONAL: bool = true;

            fn from_node(node: Option<&$crate::config::Node>) -> Option<Self> {
                match node {
                    Some($crate::config::Node::Table(table)) => {
                        <$struct as $crate::config::Settings>::from_table(table)
                    }
                    _ => None,
                }
            }
        }
    };
    (@literal) => { None::<&'static str> };
    (@literal $value:expr) => { Some(stringify!($value)) };
    (@range) => { None };
    (@range $low:literal, $high:literal) => { Some((stringify!($low), stringify!($high))) };
    (@reload live) => { $crate::config::Reload::Live };
    (@reload restart) => { $crate::config::Reload::Restart };
}

/// Writes an enum whose variants are words of the configuration.
///
/// ```
/// edgekit_core::words! {
///     /// How to pick an upstream
///     pub enum Balance { RoundRobin = "round-robin", LeastBusy = "least-busy" }
/// }
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[$meta:meta])*
        $vis:vis enum $enum:ident { $($(#[$inner:meta])* $variant:ident = $word:literal),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        $vis enum $enum { $($(#[$inner])* $variant),+ }

        impl $enum {
            /// The word in the configuration.
            $vis const fn word(self) -> &'static str {
                match self { $($enum::$variant => $word),+ }
            }
        }

        impl $crate::config::Typed for $enum {
            const KIND: $crate::config::Kind = $crate::config::Kind::Word(&[$($word),+]);

            fn from_node(node: Option<&$crate::config::Node>) -> Option<Self> {
                match node {
                    Some($crate::config::Node::Value($crate::config::Value::Text(text), _)) => {
                        match text.as_str() { $($word => Some($enum::$variant),)+ _ => None }
                    }
                    _ => None,
                }
            }
        }
    };
}
