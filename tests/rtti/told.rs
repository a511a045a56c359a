//! A message, as parts in the form of `description.json.gz`.

use std::collections::BTreeMap;

use capnp::dynamic_value::Reader;
use capnp::introspect::{Introspect, TypeVariant};
use capnp::message::ReaderOptions;
use capnp::schema::Field;
use capnp::{dynamic_list, dynamic_struct, serialize};
use schema::rtti_capnp::{module, structure, structure_groups};
use serde_json::{Map, Value, json};

/// What the parts of modules are kept under.
pub const MODULES: &str = "modules";

#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Names, each with the full names of structures.
    pub groups: Vec<(String, Vec<String>)>,
    /// The parts of structures by their full names, and those of modules.
    pub parts: BTreeMap<String, Vec<String>>,
}

impl Told {
    pub fn read(message: Vec<u8>) -> Self {
        Self::try_read(&message).expect("a message of the schema")
    }

    fn try_read(mut message: &[u8]) -> capnp::Result<Self> {
        let options = ReaderOptions {
            traversal_limit_in_words: None,
            ..ReaderOptions::new()
        };
        let message = serialize::read_message_from_flat_slice(&mut message, options)?;
        let root: structure_groups::Reader<'_> = message.get_root()?;
        let mut told = Self {
            groups: Vec::new(),
            parts: BTreeMap::new(),
        };
        for group in root.get_groups()? {
            let mut names = Vec::new();
            for structure in group.get_structures()? {
                names.push(told.structure(structure)?);
            }
            told.groups.push((group.get_name()?.to_string()?, names));
        }
        let mut modules = Vec::new();
        for module in root.get_modules()? {
            modules.push(told.module(module)?.to_string());
        }
        told.parts.insert(MODULES.to_owned(), modules);
        Ok(told)
    }

    /// Without its declarations, which ours leaves out.
    fn module(&mut self, module: module::Reader<'_>) -> capnp::Result<Value> {
        let specifier = module.get_specifier()?.to_str()?;
        Ok(match module.which()? {
            module::StructureName(name) => {
                json!({ "specifier": specifier, "structureName": name?.to_str()? })
            }
            module::TsDeclarations(_) => json!({ "specifier": specifier, "tsDeclarations": "" }),
        })
    }

    /// Its full name; its parts are kept.
    fn structure(&mut self, structure: structure::Reader<'_>) -> capnp::Result<String> {
        let name = structure.get_fully_qualified_name()?.to_string()?;
        let mut parts = Vec::new();
        let of: dynamic_struct::Reader<'_> = Reader::from(structure).downcast();
        for field in of.get_schema().get_fields()? {
            let field_name = name_of(field)?;
            if matches!(field_name, "fullyQualifiedName" | "members") {
                continue;
            }
            let value = self.field(of, field)?;
            if !is_default(&value) {
                parts.push(json!({ field_name: value }).to_string());
            }
        }
        for member in structure.get_members()? {
            let member = self.shape(Reader::from(member).downcast())?;
            parts.push(member.to_string());
        }
        if let Some(before) = self.parts.get(&name) {
            assert_eq!(*before, parts, "{name} is told twice");
        }
        self.parts.insert(name.clone(), parts);
        Ok(name)
    }

    fn shape(&mut self, of: dynamic_struct::Reader<'_>) -> capnp::Result<Value> {
        let schema = of.get_schema();
        let fields = schema.get_fields()?;
        if fields.len() == 1 {
            return self.field(of, fields.get(0));
        }
        if let Some(chosen) = of.which()? {
            if chosen.get_type().which() == TypeVariant::Void {
                return Ok(name_of(chosen)?.into());
            }
            let mut shape = Map::new();
            for field in schema.get_non_union_fields()?.iter().chain([chosen]) {
                shape.insert(name_of(field)?.to_owned(), self.field(of, field)?);
            }
            return Ok(shape.into());
        }
        let mut values = Vec::new();
        for field in fields {
            values.push(self.field(of, field)?);
        }
        while values.last().is_some_and(is_default) {
            values.pop();
        }
        Ok(values.into())
    }

    fn field(&mut self, of: dynamic_struct::Reader<'_>, field: Field) -> capnp::Result<Value> {
        if !of.has(field)? {
            return Ok(Value::Null);
        }
        Ok(match of.get(field)? {
            Reader::Bool(on) => on.into(),
            Reader::Int64(number) => number.into(),
            Reader::Float64(number) => number.into(),
            Reader::Text(text) => text.to_str()?.into(),
            Reader::Enum(value) => {
                let enumerant = value.get_enumerant()?.expect("one of the schema");
                enumerant.get_proto().get_name()?.to_str()?.into()
            }
            Reader::Struct(inner) if field.get_type() == structure::Owned::introspect() => {
                self.structure(inner.downcast::<structure::Owned>())?.into()
            }
            Reader::Struct(inner) => self.shape(inner)?,
            Reader::List(list) => self.list(list)?,
            _ => unreachable!("the schema has no such field"),
        })
    }

    fn list(&mut self, list: dynamic_list::Reader<'_>) -> capnp::Result<Value> {
        let mut values = Vec::new();
        for item in list.iter() {
            values.push(match item? {
                Reader::Text(text) => text.to_str()?.into(),
                item => self.shape(item.downcast())?,
            });
        }
        Ok(values.into())
    }
}

fn name_of(field: Field) -> capnp::Result<&'static str> {
    Ok(field.get_proto().get_name()?.to_str()?)
}

fn is_default(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
}
