//! `env` for JavaScript: each property's name, the module that makes it and what of; and the numbers of the worker's channels.

use crate::glue::{Property, Reference, Value, bytes, intern, string};
use crate::service::{Cap, Outlet, Props};

/// The channels that a worker's code may take, by number. Channel 0 is the global outbound, 1 the cache.
#[derive(Default)]
pub struct Outlets(pub Vec<Outlet>);

impl Outlets {
    /// Gives a channel to what it is to lead to; returns its number for JavaScript.
    pub fn add<'s>(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        outlet: Outlet,
    ) -> v8::Local<'s, v8::Value> {
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(outlet);
        v8::Integer::new_from_unsigned(scope, number).into()
    }
}

/// What JavaScript's `workers.setup` makes `env` of: a list of `[name, module, value]`.
pub fn describe<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    properties: &[Property],
    outlets: &mut Outlets,
) -> v8::Local<'s, v8::Array> {
    let properties: Vec<_> = properties
        .iter()
        .map(|property| describe_one(scope, property, outlets))
        .collect();
    v8::Array::new_with_elements(scope, &properties)
}

fn describe_one<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    property: &Property,
    outlets: &mut Outlets,
) -> v8::Local<'s, v8::Value> {
    let parts = [
        string(scope, &property.name).into(),
        intern(scope, property.binding.api.name).into(),
        value(scope, &property.value, outlets),
    ];
    v8::Array::new_with_elements(scope, &parts).into()
}

fn value<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    given: &Value,
    outlets: &mut Outlets,
) -> v8::Local<'s, v8::Value> {
    match given {
        Value::Nothing => v8::null(scope).into(),
        Value::Bool(value) => v8::Boolean::new(scope, *value).into(),
        Value::Number(value) => v8::Number::new(scope, *value as f64).into(),
        Value::Text(text) => string(scope, text).into(),
        Value::Data(data) => bytes::array_buffer(scope, data.to_vec()).into(),
        Value::List(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| value(scope, item, outlets))
                .collect();
            v8::Array::new_with_elements(scope, &items).into()
        }
        Value::Members(members) => {
            let (names, values): (Vec<v8::Local<v8::Name>>, Vec<_>) = members
                .iter()
                .map(|(name, member)| {
                    (
                        v8::Local::from(intern(scope, name)),
                        value(scope, member, outlets),
                    )
                })
                .unzip();
            let null = v8::null(scope).into();
            v8::Object::with_prototype_and_properties(scope, null, &names, &values).into()
        }
        Value::Reference(Reference::Outlet(outlet)) => outlets.add(scope, outlet.clone()),
        Value::Reference(Reference::Property(inner)) => describe_one(scope, inner, outlets),
    }
}

/// What JavaScript makes another worker's gift of: JSON or bytes, and for each thing that the bytes refer to whether it is an
/// RPC stub, and its channel.
pub fn describe_given<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    props: &Props,
    outlets: &mut Outlets,
) -> v8::Local<'s, v8::Value> {
    let (value, caps): (v8::Local<v8::Value>, &[Cap]) = match props {
        Props::Json(json) => (string(scope, json).into(), &[]),
        Props::Value { bytes, caps } => {
            (bytes::uint8_array_copy(scope, bytes).into(), caps.as_ref())
        }
    };
    let mut all = vec![value];
    for cap in caps {
        let (is_stub, outlet) = match cap {
            Cap::Service(service) | Cap::Class(service) => (false, Outlet::Given(service.clone())),
            Cap::Stub(target) => (true, Outlet::Stub(target.clone())),
        };
        all.push(v8::Boolean::new(scope, is_stub).into());
        all.push(outlets.add(scope, outlet));
    }
    v8::Array::new_with_elements(scope, &all).into()
}
