//! `ctx.props` on the wire.

use capnp::Error as Failure;
use schema::instance_capnp::frankenvalue;

use crate::service::{Error, Props};

/// Props that the other side gives; none for an empty object.
///
/// # Errors
/// They refer to services, which cannot be named here, or are of a kind that only the published binary's own parts make.
pub fn read(value: frankenvalue::Reader<'_>) -> Result<Option<Props>, Failure> {
    use frankenvalue::Which;
    if !value.get_properties()?.is_empty() || value.get_cap_table_size() > 0 {
        return Err(Failure::failed(
            "jsg.Error: Such props cannot be passed to another instance.".into(),
        ));
    }
    Ok(match value.which()? {
        Which::EmptyObject(()) => None,
        Which::Json(json) => Some(Props::Json(json?.to_string()?)),
        Which::V8Serialized(data) => Some(Props::Value {
            bytes: bytes::Bytes::copy_from_slice(data?),
            caps: [].into(),
        }),
        _ => {
            return Err(Failure::failed(
                "jsg.Error: Such props cannot be passed to another instance.".into(),
            ));
        }
    })
}

/// # Errors
/// They refer to services.
pub fn write(props: &Props, mut value: frankenvalue::Builder<'_>) -> Result<(), Error> {
    match props {
        Props::Json(json) => value.set_json(&**json),
        Props::Value { bytes, caps } if caps.is_empty() => value.set_v8_serialized(bytes),
        Props::Value { .. } => {
            let text = "Props for another instance cannot refer to services.";
            return Err(Error::internal(text));
        }
    }
    Ok(())
}
