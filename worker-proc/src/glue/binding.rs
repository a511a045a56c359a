//! What a folder under `bindings` brings, and a property of `env` before JavaScript makes an object of it.
//!
//! `boot` reads properties from the config, `dispatch` hands them to JavaScript; neither knows one kind of binding from another.

use super::Api;
use crate::service::Outlet;

/// One kind of binding: a folder under `bindings`.
pub struct Binding {
    /// Its name in the schema, a member of `Worker.Binding`.
    pub kind: &'static str,
    /// Its JavaScript and ops. The module of the folder's name exports `bind(value, name)`, which makes the property.
    pub api: Api,
    /// Makes what `bind` takes of what the config says, given the property's name. An error is all that is said of it.
    pub prepare: fn(&str, Value) -> Result<Value, String>,
}

/// For bindings whose `bind` takes what the config says.
pub fn as_given(_: &str, value: Value) -> Result<Value, String> {
    Ok(value)
}

/// What the config says of a binding, or what is made of that.
pub type Value = schema::binding::Value<'static, Reference>;

/// What leads to something else.
pub enum Reference {
    /// JavaScript sees the number of its channel.
    Outlet(Outlet),
    /// A binding within a binding.
    Property(Box<Property>),
}

/// One property of `env`.
pub struct Property {
    pub name: String,
    pub binding: &'static Binding,
    pub value: Value,
}
