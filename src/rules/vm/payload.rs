//! An event's data on its way through the rules of one VM: a sealed table as it is, or a value.

use std::{borrow::Cow, cell::OnceCell, rc::Rc};

use mlua::{Table, Value as Lv};

use super::{
    Inner,
    convert::{self, Make},
    fault::Raised,
};
use crate::{Fault, FaultKind, Ref, Value};

/// What an event carries. Rules of one VM hand each other the table itself; to any other it goes as a value, and
/// is made only once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Payload(Rc<Forms>);

#[derive(Debug, Default)]
struct Forms {
    value: OnceCell<Value>,
    table: OnceCell<(Rc<Inner>, Table)>,
}

impl From<Value> for Payload {
    fn from(value: Value) -> Payload {
        Payload(Rc::new(Forms { value: OnceCell::from(value), table: OnceCell::new() }))
    }
}

impl Payload {
    /// A table that the prelude sealed.
    pub(crate) fn sealed(inner: &Rc<Inner>, table: Table) -> Payload {
        let table = OnceCell::from((Rc::clone(inner), table));
        Payload(Rc::new(Forms { value: OnceCell::new(), table }))
    }

    /// The data, to be recorded or sent elsewhere.
    ///
    /// # Errors
    /// A value that is too large, nests too deep, or is both list and map.
    pub fn value(&self) -> Result<&Value, Fault> {
        if let Some(value) = self.0.value.get() {
            return Ok(value);
        }
        let made = match self.0.table.get() {
            Some((inner, table)) => {
                let pulled = convert::pull(&inner.lua, &inner.state, &Lv::Table(table.clone()));
                pulled.map_err(|error| Fault::raised(&error, None, None))?
            }
            None => Value::Nil,
        };
        Ok(self.0.value.get_or_init(|| made))
    }

    /// The table for a VM.
    pub(crate) fn table(&self, to: &Rc<Inner>) -> mlua::Result<Cow<'_, Table>> {
        let kept = |(inner, _): &&(Rc<Inner>, Table)| Rc::ptr_eq(inner, to);
        if let Some((_, table)) = self.0.table.get().filter(kept) {
            return Ok(Cow::Borrowed(table));
        }
        let value = self.value().map_err(|fault| Raised::error(fault.kind, fault.message))?;
        let made = table_of(to, value)?;
        // The first VM keeps its table; another one makes its own each time.
        match self.0.table.set((Rc::clone(to), made)) {
            Ok(()) => self.table(to),
            Err((_, made)) => Ok(Cow::Owned(made)),
        }
    }
}

/// The sealed table of a value.
pub(crate) fn table_of(inner: &Inner, value: &Value) -> mlua::Result<Table> {
    if let Some(table) = inner.tools.shapes.table(&inner.lua, &inner.state, value)? {
        return Ok(table);
    }
    match convert::push(&inner.lua, &inner.state, Ref::from(value), Make::Sealed)? {
        Lv::Table(table) => Ok(table),
        _ => {
            let message = format!("an event carries a map, not a {}", value.kind());
            Err(Raised::error(FaultKind::Type, message))
        }
    }
}
