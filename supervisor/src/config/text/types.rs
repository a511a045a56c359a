//! The types a configuration's values can have: those of the built-in schema, found by name
//! through reflection, and the language's own.

use capnp::introspect::{Introspect, Type, TypeVariant};
use capnp::schema::{EnumSchema, StructSchema};
use capnp::schema_capnp::node;
use schema::workerd_capnp as config;
use std::collections::HashMap;
use std::sync::LazyLock;

static TYPES: LazyLock<HashMap<String, Type>> = LazyLock::new(|| {
    let mut types = HashMap::new();
    collect(config::config::Owned::introspect(), &mut types);
    collect(
        config::fallback_service_request::Owned::introspect(),
        &mut types,
    );
    types
});

/// A type of `workerd.capnp` by its name there, such as `Worker.Binding`.
pub fn schema_type(path: &str) -> Option<Type> {
    TYPES.get(path).copied()
}

/// Adds a type and all types of its fields.
fn collect(ty: Type, types: &mut HashMap<String, Type>) {
    match ty.which() {
        TypeVariant::List(item) => collect(item, types),
        TypeVariant::Enum(raw) => {
            let proto = EnumSchema::new(raw).get_proto();
            types.insert(path_in_file(proto), ty);
        }
        TypeVariant::Struct(raw) => {
            let schema = StructSchema::new(raw);
            let is_new = types.insert(path_in_file(schema.get_proto()), ty).is_none();
            if let (true, Ok(fields)) = (is_new, schema.get_fields()) {
                fields
                    .iter()
                    .for_each(|field| collect(field.get_type(), types));
            }
        }
        _ => {}
    }
}

fn display_name(proto: node::Reader<'static>) -> &'static str {
    proto
        .get_display_name()
        .ok()
        .and_then(|name| name.to_str().ok())
        .unwrap_or_default()
}

/// `Worker.Binding`. Groups have such a path too; it clashes with no type's, as fields start in
/// lower case.
fn path_in_file(proto: node::Reader<'static>) -> String {
    let name = display_name(proto);
    name.rsplit_once(':')
        .map_or(name, |(_, path)| path)
        .to_owned()
}

/// The language's own types. `List` is not among them: it needs a parameter.
pub fn primitive(name: &str) -> Option<Type> {
    Some(
        match name {
            "Void" => TypeVariant::Void,
            "Bool" => TypeVariant::Bool,
            "Int8" => TypeVariant::Int8,
            "Int16" => TypeVariant::Int16,
            "Int32" => TypeVariant::Int32,
            "Int64" => TypeVariant::Int64,
            "UInt8" => TypeVariant::UInt8,
            "UInt16" => TypeVariant::UInt16,
            "UInt32" => TypeVariant::UInt32,
            "UInt64" => TypeVariant::UInt64,
            "Float32" => TypeVariant::Float32,
            "Float64" => TypeVariant::Float64,
            "Text" => TypeVariant::Text,
            "Data" => TypeVariant::Data,
            "AnyPointer" => TypeVariant::AnyPointer,
            _ => return None,
        }
        .into(),
    )
}

/// A type as error messages call it.
pub fn name(ty: Type) -> String {
    let last_part = |proto| {
        let name: &str = display_name(proto);
        name.get(proto.get_display_name_prefix_length() as usize..)
            .unwrap_or(name)
            .to_owned()
    };
    match ty.which() {
        TypeVariant::List(item) => format!("List({})", name(item)),
        TypeVariant::Struct(raw) => last_part(StructSchema::new(raw).get_proto()),
        TypeVariant::Enum(raw) => last_part(EnumSchema::new(raw).get_proto()),
        TypeVariant::Void => "Void".into(),
        TypeVariant::Bool => "Bool".into(),
        TypeVariant::Int8 => "Int8".into(),
        TypeVariant::Int16 => "Int16".into(),
        TypeVariant::Int32 => "Int32".into(),
        TypeVariant::Int64 => "Int64".into(),
        TypeVariant::UInt8 => "UInt8".into(),
        TypeVariant::UInt16 => "UInt16".into(),
        TypeVariant::UInt32 => "UInt32".into(),
        TypeVariant::UInt64 => "UInt64".into(),
        TypeVariant::Float32 => "Float32".into(),
        TypeVariant::Float64 => "Float64".into(),
        TypeVariant::Text => "Text".into(),
        TypeVariant::Data => "Data".into(),
        TypeVariant::AnyPointer => "AnyPointer".into(),
        TypeVariant::Capability => "Capability".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_types_have_their_names() {
        for path in [
            "Config",
            "Worker",
            "Worker.Binding.CryptoKey.Usage",
            "HttpOptions.Style",
            "Extension.Module",
            "FallbackServiceRequest.Attribute",
        ] {
            let ty = schema_type(path).expect(path);
            assert_eq!(name(ty), path.rsplit('.').next().unwrap());
        }
        assert!(schema_type("Nothing").is_none());
        assert_eq!(
            name(Type::list_of(schema_type("Worker.Module").unwrap())),
            "List(Module)"
        );
        assert_eq!(
            name(Type::list_of(primitive("Text").unwrap())),
            "List(Text)"
        );
    }
}
