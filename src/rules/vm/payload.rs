//! An event's data on its way through the rules of one VM: a sealed table as it is, or a value.

use std::rc::Rc;

use mlua::{Table, Value as Lv};

use super::{Inner, convert, fault::Raised};
use crate::{FaultKind, Ref, Value};

/// What an event carries. Rules of one VM hand each other the table itself; to any other it goes as a value.
#[derive(Clone, Debug)]
pub struct Payload(Form);

#[derive(Clone, Debug)]
enum Form {
    Value(Rc<Value>),
    Table { inner: Rc<Inner>, table: Table },
}

impl From<Value> for Payload {
    fn from(value: Value) -> Payload {
        Payload(Form::Value(Rc::new(value)))
    }
}

impl Payload {
    /// A table that the prelude sealed.
    pub(crate) fn sealed(inner: &Rc<Inner>, table: Table) -> Payload {
        Payload(Form::Table { inner: Rc::clone(inner), table })
    }

    /// The data, to be recorded or sent elsewhere.
    ///
    /// # Errors
    /// A table that nests too deep, or holds what is no value.
    pub fn value(&self) -> Result<Value, crate::Fault> {
        match &self.0 {
            Form::Value(value) => Ok((**value).clone()),
            Form::Table { inner, table } => convert::pull(inner, &Lv::Table(table.clone()))
                .map_err(|error| inner.fault_of(&error, None, None)),
        }
    }

    /// The table for a VM.
    pub(crate) fn table(&self, to: &Rc<Inner>) -> mlua::Result<Table> {
        let made = match &self.0 {
            Form::Table { inner, table } if Rc::ptr_eq(inner, to) => return Ok(table.clone()),
            Form::Table { inner, table } => {
                let value = convert::pull(inner, &Lv::Table(table.clone()))?;
                convert::push(to, Ref::Value(&value))?
            }
            Form::Value(value) => convert::push(to, Ref::Value(value))?,
        };
        match made {
            Lv::Table(table) => Ok(table),
            other => {
                let message = format!("an event carries a map, not a {}", other.type_name());
                Err(Raised::error(FaultKind::Type, message))
            }
        }
    }
}
