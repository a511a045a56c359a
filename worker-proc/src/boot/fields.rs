//! Fields that much of the config has: texts, and references to services. The other readers of `boot` call it.

use schema::workerd_capnp as schema_capnp;

use crate::service::{Designator, Props};

/// A text, in place.
pub fn text(reader: capnp::text::Reader<'static>) -> Result<&'static str, capnp::Error> {
    Ok(reader.to_str()?)
}

/// A text that is given and not empty.
pub fn optional(reader: capnp::Result<capnp::text::Reader<'static>>) -> Option<&'static str> {
    reader
        .ok()
        .and_then(|text| text.to_str().ok())
        .filter(|text| !text.is_empty())
}

/// A reference to a service.
pub fn read_designator(
    designator: schema_capnp::service_designator::Reader<'static>,
) -> Result<Designator, capnp::Error> {
    use schema_capnp::service_designator::props::Which;
    Ok(Designator {
        service: text(designator.get_name()?)?.to_owned(),
        entrypoint: optional(designator.get_entrypoint()).map(str::to_owned),
        props: match designator.get_props().which()? {
            Which::Empty(()) => None,
            Which::Json(json) => Some(Props::Json(text(json?)?.to_owned())),
        },
    })
}
