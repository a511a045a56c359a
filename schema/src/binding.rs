//! A binding of a worker as its members' names and values, whatever kind it is, and the little that the schema cannot say of one.
//!
//! The supervisor's checks and the runtime's reading of the config both walk a binding by [`read`], so that a new kind is a
//! member of `Worker.Binding` in the schema and nothing in them. What may only be used under a condition is a line of [`RULES`].

use std::borrow::Cow;

use capnp::dynamic_struct;
use capnp::dynamic_value::Reader;
use capnp::traits::HasTypeId;

use crate::workerd_capnp::{service_designator, worker};
use worker::binding::{self, durable_object_namespace_designator as namespace};

/// What the config gives a binding. `T` is what its reader makes of a [`Reference`].
#[derive(Clone, Debug)]
pub enum Value<'a, T> {
    /// No value, or a struct that is not there.
    Nothing,
    /// Yes or no.
    Bool(bool),
    /// A number that has no sign.
    Number(u64),
    /// Text, or the name of one of several choices.
    Text(Cow<'a, str>),
    /// Bytes.
    Data(Cow<'a, [u8]>),
    /// Values of one type.
    List(Vec<Self>),
    /// The members of a struct or group with their names; of a union the one that is set.
    Members(Vec<(&'static str, Self)>),
    /// What leads to something else in the config.
    Reference(T),
}

/// What leads to something else in the config.
pub enum Reference<'a> {
    /// A service, or one of its entrypoints.
    Service(service_designator::Reader<'a>),
    /// A namespace of Durable Objects.
    Namespace(namespace::Reader<'a>),
    /// A binding within a binding.
    Binding(binding::Reader<'a>),
    /// A union of a newer schema, by the words for it: `CryptoKey algorithm type`.
    Unknown(String),
}

/// What holds of a kind of binding beyond the types of its members.
pub enum Rule {
    /// It cannot be used, and why.
    Never(&'static str),
    /// It needs `--experimental`; what it is called, of several.
    Experimental(&'static str),
    /// It is for workers in service worker syntax, and what others are told.
    ScriptsOnly(&'static str),
    /// It must have a member, and what is said where it has not.
    Requires(&'static str, &'static str),
    /// Its references to services mean classes of Durable Objects.
    MeansClass,
}

/// Every rule, by the binding's name in the schema.
pub const RULES: &[(&str, Rule)] = &[
    (
        "unspecified",
        Rule::Never("does not specify any binding value."),
    ),
    (
        "parameter",
        Rule::Never("is a parameter, which only a Worker itself can have."),
    ),
    ("obsolete0", Rule::Never("uses an obsolete binding type.")),
    (
        "wasmModule",
        Rule::ScriptsOnly(
            "is a Wasm binding, but Wasm bindings are not allowed in modules-based scripts. Use Wasm modules instead.",
        ),
    ),
    (
        "durableObjectClass",
        Rule::Experimental("Durable Object class bindings"),
    ),
    ("durableObjectClass", Rule::MeansClass),
    (
        "analyticsEngine",
        Rule::Experimental("AnalyticsEngine bindings"),
    ),
    ("unsafeEval", Rule::Experimental("Unsafe eval bindings")),
    ("memoryCache", Rule::Experimental("MemoryCache bindings")),
    (
        "memoryCache",
        Rule::Requires(
            "limits",
            "MemoryCache bindings must specify limits. Please update the binding in the worker configuration and try again.",
        ),
    ),
    ("workerLoader", Rule::Experimental("Worker loader bindings")),
    (
        "workerdDebugPort",
        Rule::Experimental("workerdDebugPort bindings"),
    ),
];

/// The rules of a kind of binding.
pub fn rules(kind: &str) -> impl Iterator<Item = &'static Rule> {
    let of_kind = RULES.iter().filter(move |(name, _)| *name == kind);
    of_kind.map(|(_, rule)| rule)
}

/// Which kind a binding is, by its name in the schema: `memoryCache`. None if only a newer schema has it.
///
/// # Errors
/// The message is damaged.
pub fn kind(binding: binding::Reader<'_>) -> capnp::Result<Option<&'static str>> {
    let member = whole(binding).which()?;
    member.map(name_of).transpose()
}

/// All that the config gives a binding. `resolve` makes something of what leads elsewhere.
///
/// # Errors
/// The message is damaged, the binding has a member of a type that no binding had before, or `resolve` says so.
pub fn read<'a, T, E: From<capnp::Error>>(
    binding: binding::Reader<'a>,
    resolve: &mut dyn FnMut(Reference<'a>) -> Result<T, E>,
) -> Result<Value<'a, T>, E> {
    let whole = whole(binding);
    match whole.which()? {
        Some(member) => value(whole.get(member)?, resolve),
        None => Ok(Value::Nothing),
    }
}

fn whole(binding: binding::Reader<'_>) -> dynamic_struct::Reader<'_> {
    match binding.into() {
        Reader::Struct(reader) => reader,
        _ => unreachable!("a binding is a struct"),
    }
}

fn name_of(member: capnp::schema::Field) -> capnp::Result<&'static str> {
    Ok(member.get_proto().get_name()?.to_str()?)
}

fn value<'a, T, E: From<capnp::Error>>(
    reader: Reader<'a>,
    resolve: &mut dyn FnMut(Reference<'a>) -> Result<T, E>,
) -> Result<Value<'a, T>, E> {
    Ok(match reader {
        Reader::Void => Value::Nothing,
        Reader::Bool(value) => Value::Bool(value),
        Reader::UInt8(value) => Value::Number(value.into()),
        Reader::UInt16(value) => Value::Number(value.into()),
        Reader::UInt32(value) => Value::Number(value.into()),
        Reader::UInt64(value) => Value::Number(value),
        Reader::Text(text) => Value::Text(text.to_str().map_err(capnp::Error::from)?.into()),
        Reader::Data(data) => Value::Data(data.into()),
        Reader::Enum(choice) => match choice.get_enumerant()? {
            Some(name) => {
                let name = name.get_proto().get_name()?.to_str();
                Value::Text(name.map_err(capnp::Error::from)?.into())
            }
            None => Value::Nothing,
        },
        Reader::List(list) => {
            let items = (0..list.len()).map(|index| value(list.get(index)?, resolve));
            Value::List(items.collect::<Result<_, E>>()?)
        }
        Reader::Struct(reader) => match reference(reader) {
            Some(reference) => Value::Reference(resolve(reference)?),
            None => Value::Members(members(reader, resolve)?),
        },
        _ => {
            let unread = "a binding has a member of a type that none had before".to_owned();
            return Err(capnp::Error::unimplemented(unread).into());
        }
    })
}

fn reference(reader: dynamic_struct::Reader<'_>) -> Option<Reference<'_>> {
    match reader.get_schema().get_proto().get_id() {
        service_designator::Reader::TYPE_ID => Some(Reference::Service(
            reader.downcast::<service_designator::Owned>(),
        )),
        namespace::Reader::TYPE_ID => {
            Some(Reference::Namespace(reader.downcast::<namespace::Owned>()))
        }
        binding::Reader::TYPE_ID => Some(Reference::Binding(reader.downcast::<binding::Owned>())),
        _ => None,
    }
}

fn members<'a, T, E: From<capnp::Error>>(
    reader: dynamic_struct::Reader<'a>,
    resolve: &mut dyn FnMut(Reference<'a>) -> Result<T, E>,
) -> Result<Vec<(&'static str, Value<'a, T>)>, E> {
    let schema = reader.get_schema();
    let chosen = reader.which()?;
    if chosen.is_none() && !schema.get_union_fields()?.is_empty() {
        let path = schema.get_proto().get_display_name()?.to_str();
        let path = path.map_err(capnp::Error::from)?;
        let name = path.rsplit_once("Binding.").map_or(path, |(_, name)| name);
        resolve(Reference::Unknown(format!(
            "{} type",
            name.replace('.', " ")
        )))?;
    }
    let mut members = Vec::new();
    for member in chosen.into_iter().chain(schema.get_non_union_fields()?) {
        let read = match reader.get(member)? {
            Reader::Struct(inner) if reference(inner).is_none() && !reader.has(member)? => {
                Value::Nothing
            }
            read => value(read, resolve)?,
        };
        members.push((name_of(member)?, read));
    }
    Ok(members)
}

impl<T> Value<'_, T> {
    /// Takes a member out; nothing if there is none of that name.
    pub fn take(&mut self, name: &str) -> Self {
        let Self::Members(members) = self else {
            return Self::Nothing;
        };
        let found = members.iter_mut().find(|(member, _)| *member == name);
        found.map_or(Self::Nothing, |(_, value)| {
            std::mem::replace(value, Self::Nothing)
        })
    }

    /// Whether there is anything.
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// The text; an empty one if it is none.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = include_str!("../workerd.capnp");

    type Made = capnp::message::Builder<capnp::message::HeapAllocator>;

    /// What is read of a binding, its references being the names of what they lead to.
    fn shown(make: impl FnOnce(binding::Builder<'_>)) -> (&'static str, String) {
        let mut message = Made::new_default();
        make(message.init_root());
        let binding = message.get_root_as_reader::<binding::Reader<'_>>().unwrap();
        let value = read(binding, &mut |reference| -> capnp::Result<String> {
            Ok(match reference {
                Reference::Service(to) => to.get_name()?.to_string()?,
                Reference::Namespace(to) => to.get_class_name()?.to_string()?,
                Reference::Binding(inner) => inner.get_name()?.to_string()?,
                Reference::Unknown(what) => what,
            })
        });
        let kind = kind(binding).unwrap().unwrap();
        (kind, show(&value.unwrap()))
    }

    fn show(value: &Value<'_, String>) -> String {
        match value {
            Value::Nothing => "nothing".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::Text(text) => format!("{text:?}"),
            Value::Data(data) => format!("{data:?}"),
            Value::List(items) => format!("{:?}", items.iter().map(show).collect::<Vec<_>>()),
            Value::Members(members) => {
                let shown = members
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", show(value)));
                format!("({})", shown.collect::<Vec<_>>().join(", "))
            }
            Value::Reference(name) => format!("-> {name}"),
        }
    }

    #[test]
    fn bindings_are_read_by_the_names_of_their_members() {
        let (kind, value) = shown(|binding| {
            let mut database = binding.init_hyperdrive();
            database.reborrow().init_designator().set_name("db");
            database.set_user("me");
        });
        assert_eq!(kind, "hyperdrive");
        let texts = r#"database: "", user: "me", password: "", scheme: """#;
        assert_eq!(value, format!("(designator: -> db, {texts})"));
        let (kind, value) = shown(|binding| binding.init_memory_cache().set_id("x"));
        assert_eq!(kind, "memoryCache");
        assert_eq!(value, r#"(id: "x", limits: nothing)"#);
        let (_, value) = shown(|binding| {
            let mut key = binding.init_crypto_key();
            key.set_raw(&[1, 2]);
            key.reborrow().init_algorithm().set_name("HMAC");
            key.init_usages(1)
                .set(0, binding::crypto_key::Usage::DeriveBits);
        });
        assert_eq!(
            value,
            r#"(raw: [1, 2], algorithm: (name: "HMAC"), extractable: false, usages: ["\"deriveBits\""])"#
        );
        let (_, value) = shown(|mut binding| binding.set_unsafe_eval(()));
        assert_eq!(value, "nothing");
        let (_, value) = shown(|binding| {
            let mut inner = binding.init_wrapped().init_inner_bindings(1).get(0);
            inner.set_name("inside");
            inner.set_text("not looked at");
        });
        let inner = r#"innerBindings: ["-> inside"]"#;
        assert_eq!(
            value,
            format!(r#"(moduleName: "", entrypoint: "default", {inner})"#)
        );
    }

    #[test]
    fn rules_are_of_members_of_the_schema() {
        for (kind, rule) in RULES {
            let member = format!("      {kind} ");
            assert!(SCHEMA.contains(&member), "{kind}");
            if let Rule::Requires(name, _) = rule {
                assert!(SCHEMA.contains(&format!("        {name} @")), "{name}");
            }
        }
    }
}
