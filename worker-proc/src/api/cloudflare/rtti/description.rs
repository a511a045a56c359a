//! `description.json.gz`, of which messages are made: what the published binary says at any date and set of flags. `tests/rtti`
//! writes it, and checks what is made of it; `zcat` shows it.
//!
//! A structure is a list of parts: each has one of its fields or one of its members. `if` says under which flags a part is there:
//! `a & !b | c`. A struct of the schema is written as its union's member, if that is void; as its only field; as its fields by
//! their names, if it has a union; else as a list of its fields, without those at its end that are null or false. Where one class
//! is nested in another, its full name stands for it.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use capnp::dynamic_struct::Builder;
use capnp::dynamic_value::{self, Reader};
use capnp::introspect::{Introspect, TypeVariant};
use capnp::message::{self, HeapAllocator};
use capnp::schema::{EnumSchema, Field};
use capnp::{dynamic_list, serialize};
use flate2::read::GzDecoder;
use schema::compat::Flags;
use schema::rtti_capnp::{structure, structure_groups};
use serde::Deserialize;
use serde_json::{Map, Value};

const DEFLATED: &[u8] = include_bytes!("description.json.gz");

/// More than a message has.
const FIRST_SEGMENT_WORDS: u32 = 1 << 17;

/// Members of a structure, whose other parts are fields of its own.
const MEMBERS: [&str; 5] = ["method", "property", "nested", "constant", "constructor"];

#[derive(Deserialize)]
struct Description {
    /// Names, each with the full names of structures.
    groups: Vec<(String, Vec<String>)>,
    /// By their full names.
    structures: HashMap<String, Vec<Part>>,
    modules: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "if")]
    condition: Option<String>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// The message with what is there under those flags.
pub fn message(flags: &Flags) -> Vec<u8> {
    let mut text = String::new();
    let inflated = GzDecoder::new(DEFLATED).read_to_string(&mut text);
    inflated.expect("it is whole");
    let description: Description = serde_json::from_str(&text).expect("it is of that shape");
    let set = flags.iter().filter(|(_, on)| *on);
    let writer = Writer {
        flags: set.map(|(field, _)| field.name()).collect(),
        description: &description,
    };
    writer.message().expect("it has the schema's shape")
}

struct Writer<'a> {
    description: &'a Description,
    /// Those that are set, by their names.
    flags: HashSet<&'static str>,
}

impl<'a> Writer<'a> {
    fn message(&self) -> capnp::Result<Vec<u8>> {
        let Description {
            groups, modules, ..
        } = self.description;
        // One segment: some readers lose their way between several.
        let allocator = HeapAllocator::new().first_segment_words(FIRST_SEGMENT_WORDS);
        let mut message = message::Builder::new(allocator);
        let mut root: structure_groups::Builder<'_> = message.init_root();
        let mut list = root.reborrow().init_groups(len(groups));
        for (at, (name, names)) in (0..).zip(groups) {
            let mut group = list.reborrow().get(at);
            group.set_name(name);
            let mut structures = group.init_structures(len(names));
            for (at, name) in (0..).zip(names) {
                self.structure(structures.reborrow().get(at), name)?;
            }
        }
        let modules: Vec<_> = self.present(modules).collect();
        let mut list = root.init_modules(len(&modules));
        for (at, fields) in (0..).zip(modules) {
            self.set_named(dynamic(list.reborrow().get(at)), fields)?;
        }
        Ok(serialize::write_message_to_words(&message))
    }

    /// The fields of parts whose conditions hold.
    fn present(&self, parts: &'a [Part]) -> impl Iterator<Item = &'a Map<String, Value>> {
        let holds = |literal: &str| match literal.strip_prefix('!') {
            Some(flag) => !self.flags.contains(flag),
            None => self.flags.contains(literal),
        };
        let present = parts.iter().filter(move |part| {
            let condition = part.condition.as_deref();
            condition.is_none_or(|any| any.split(" | ").any(|all| all.split(" & ").all(holds)))
        });
        present.map(|part| &part.fields)
    }

    fn structure(&self, mut to: structure::Builder<'_>, name: &str) -> capnp::Result<()> {
        let Some(parts) = self.description.structures.get(name) else {
            return Err(capnp::Error::failed(format!("no structure {name}")));
        };
        to.set_fully_qualified_name(name);
        let is_member = |fields: &&Map<String, Value>| {
            let mut names = fields.keys();
            names.any(|name| MEMBERS.contains(&name.as_str()))
        };
        let (members, own): (Vec<_>, Vec<_>) = self.present(parts).partition(is_member);
        for fields in own {
            self.set_named(dynamic(to.reborrow()), fields)?;
        }
        let mut list = to.init_members(len(&members));
        for (at, fields) in (0..).zip(members) {
            self.set_named(dynamic(list.reborrow().get(at)), fields)?;
        }
        Ok(())
    }

    fn set_named(&self, mut to: Builder<'_>, fields: &Map<String, Value>) -> capnp::Result<()> {
        for (name, value) in fields {
            let field = to.get_schema().get_field_by_name(name)?;
            self.set(to.reborrow(), field, value)?;
        }
        Ok(())
    }

    /// Sets a struct to what is written for it.
    fn fill(&self, mut to: Builder<'_>, value: &Value) -> capnp::Result<()> {
        let fields = to.get_schema().get_fields()?;
        if fields.len() == 1 {
            return self.set(to, fields.get(0), value);
        }
        match value {
            Value::Object(fields) => self.set_named(to, fields),
            Value::Array(values) => {
                let given = (0..)
                    .zip(values)
                    .filter(|(_, value)| **value != Value::Null);
                for (at, value) in given {
                    self.set(to.reborrow(), fields.get(at), value)?;
                }
                Ok(())
            }
            Value::String(name) => to.set_named(name, Reader::Void),
            _ => Err(unfit(value)),
        }
    }

    fn set(&self, mut to: Builder<'_>, field: Field, value: &Value) -> capnp::Result<()> {
        let value = match (field.get_type().which(), value) {
            (TypeVariant::Struct(_), value) => {
                let inner: Builder<'_> = to.init(field)?.downcast();
                return match value {
                    Value::Null => Ok(()),
                    Value::String(name) if field.get_type() == structure::Owned::introspect() => {
                        self.structure(inner.downcast::<structure::Owned>(), name)
                    }
                    value => self.fill(inner, value),
                };
            }
            (TypeVariant::List(of), Value::Array(values)) => {
                let mut list: dynamic_list::Builder<'_> = to.initn(field, len(values))?.downcast();
                for (at, value) in (0..).zip(values) {
                    match value {
                        Value::String(text) if of.which() == TypeVariant::Text => {
                            list.set(at, Reader::Text(text.as_str().into()))?;
                        }
                        value => self.fill(list.reborrow().get(at)?.downcast(), value)?,
                    }
                }
                return Ok(());
            }
            (TypeVariant::List(_), Value::Null) => return Ok(()),
            (TypeVariant::Text, Value::String(text)) => Reader::Text(text.as_str().into()),
            (TypeVariant::Bool, Value::Bool(on)) => Reader::Bool(*on),
            (TypeVariant::Int64, Value::Number(number)) => {
                Reader::Int64(number.as_i64().ok_or_else(|| unfit(value))?)
            }
            (TypeVariant::Float64, Value::Number(number)) => {
                Reader::Float64(number.as_f64().ok_or_else(|| unfit(value))?)
            }
            (TypeVariant::Enum(of), Value::String(name)) => enumerant(of.into(), name)?,
            _ => return Err(unfit(value)),
        };
        to.set(field, value)
    }
}

fn enumerant(of: EnumSchema, name: &str) -> capnp::Result<Reader<'static>> {
    for enumerant in of.get_enumerants()?.iter() {
        if enumerant.get_proto().get_name()? == name {
            let value = dynamic_value::Enum::new(enumerant.get_ordinal(), of);
            return Ok(Reader::Enum(value));
        }
    }
    Err(capnp::Error::failed(format!("no enumerant {name}")))
}

fn dynamic<'a>(builder: impl Into<dynamic_value::Builder<'a>>) -> Builder<'a> {
    builder.into().downcast()
}

fn unfit(value: &Value) -> capnp::Error {
    capnp::Error::failed(format!("not of its field's type: {value}"))
}

/// The length of a Cap'n Proto list.
fn len<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).expect("some hundreds")
}
