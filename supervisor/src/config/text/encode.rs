//! Values into a message, through reflection.

use super::eval::{Struct, Value};
use capnp::dynamic_value::{self, Enum, Reader};
use capnp::introspect::{Type, TypeVariant};
use capnp::schema::{EnumSchema, Field};
use capnp::schema_capnp::field;
use capnp::{Error, dynamic_list, dynamic_struct, text};

/// The largest configuration, in bytes of text and data. Constants that name constants can make a
/// short file mean a long message.
const MAX_CONTENT_BYTES: usize = 2 << 30;
/// The most values a configuration may have.
const MAX_VALUES: usize = 4 << 20;

/// What may still be written.
struct Budget {
    bytes: usize,
    values: usize,
}

impl Budget {
    fn take(&mut self, bytes: usize) -> capnp::Result<()> {
        match (self.values.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(values), Some(bytes)) => {
                *self = Budget { bytes, values };
                Ok(())
            }
            _ => Err(Error::failed(format!(
                "The configuration is larger than {MAX_CONTENT_BYTES} bytes or {MAX_VALUES} values."
            ))),
        }
    }
}

/// Writes a struct's fields. Fails only if the configuration is too large.
pub fn encode(value: &Struct, target: dynamic_struct::Builder<'_>) -> capnp::Result<()> {
    fill(
        value,
        target,
        &mut Budget {
            bytes: MAX_CONTENT_BYTES,
            values: MAX_VALUES,
        },
    )
}

fn fill(
    value: &Struct,
    mut target: dynamic_struct::Builder<'_>,
    budget: &mut Budget,
) -> capnp::Result<()> {
    for (field, value) in &value.fields {
        set(*field, value, target.reborrow(), budget)?;
    }
    Ok(())
}

fn set(
    field: Field,
    value: &Value,
    mut target: dynamic_struct::Builder<'_>,
    budget: &mut Budget,
) -> capnp::Result<()> {
    match value {
        Value::Struct(value) => match target.init(field)? {
            dynamic_value::Builder::Struct(target) => fill(value, target, budget),
            _ => Err(mismatch()),
        },
        Value::List(list) => match target.initn(field, length(list.items.len())?)? {
            dynamic_value::Builder::List(target) => {
                fill_list(list.item, &list.items, target, budget)
            }
            _ => Err(mismatch()),
        },
        _ => {
            let is_group = matches!(field.get_proto().which()?, field::Group(_));
            if is_group {
                return Err(mismatch());
            }
            target.set(field, plain(value, field.get_type(), budget)?)
        }
    }
}

fn fill_list(
    item: Type,
    items: &[Value],
    mut target: dynamic_list::Builder<'_>,
    budget: &mut Budget,
) -> capnp::Result<()> {
    for (i, value) in items.iter().enumerate() {
        let i = i as u32;
        match value {
            Value::Struct(value) => match target.reborrow().get(i)? {
                dynamic_value::Builder::Struct(target) => {
                    budget.take(0)?;
                    fill(value, target, budget)?;
                }
                _ => return Err(mismatch()),
            },
            Value::List(list) => match target.reborrow().init(i, length(list.items.len())?)? {
                dynamic_value::Builder::List(target) => {
                    fill_list(list.item, &list.items, target, budget)?
                }
                _ => return Err(mismatch()),
            },
            _ => target.set(i, plain(value, item, budget)?)?,
        }
    }
    Ok(())
}

/// A value that is neither a struct nor a list.
fn plain<'a>(value: &'a Value, ty: Type, budget: &mut Budget) -> capnp::Result<Reader<'a>> {
    if let Value::Text(bytes) | Value::Data(bytes) = value {
        budget.take(bytes.len())?;
    } else {
        budget.take(0)?;
    }
    Ok(match value {
        Value::Void => Reader::Void,
        Value::Bool(value) => Reader::Bool(*value),
        Value::Int(value) => number(*value as f64, *value as u64, ty)?,
        Value::UInt(value) => number(*value as f64, *value, ty)?,
        Value::Float(value) => number(*value, 0, ty)?,
        Value::Text(text) => Reader::Text(text::Reader(text)),
        Value::Data(data) => Reader::Data(data),
        Value::Enum(schema, value) => Reader::Enum(Enum::new(*value, EnumSchema::new(*schema))),
        Value::List(_) | Value::Struct(_) => return Err(mismatch()),
    })
}

/// A number in the width of its type; the evaluator has checked the bounds.
fn number(float: f64, bits: u64, ty: Type) -> capnp::Result<Reader<'static>> {
    Ok(match ty.which() {
        TypeVariant::Int8 => Reader::Int8(bits as i8),
        TypeVariant::Int16 => Reader::Int16(bits as i16),
        TypeVariant::Int32 => Reader::Int32(bits as i32),
        TypeVariant::Int64 => Reader::Int64(bits as i64),
        TypeVariant::UInt8 => Reader::UInt8(bits as u8),
        TypeVariant::UInt16 => Reader::UInt16(bits as u16),
        TypeVariant::UInt32 => Reader::UInt32(bits as u32),
        TypeVariant::UInt64 => Reader::UInt64(bits),
        TypeVariant::Float32 => Reader::Float32(float as f32),
        TypeVariant::Float64 => Reader::Float64(float),
        _ => return Err(mismatch()),
    })
}

fn length(items: usize) -> capnp::Result<u32> {
    match u32::try_from(items) {
        Ok(length) if items <= MAX_VALUES => Ok(length),
        _ => Err(Error::failed(format!(
            "A list has more than {MAX_VALUES} items."
        ))),
    }
}

/// The evaluator lets no value through that does not fit its place.
fn mismatch() -> Error {
    Error::failed("a value does not fit its place".into())
}
