//! Parameters of workers: what may be given for one, by the schema's names.
//!
//! The supervisor asks where workers inherit from others.

use crate::binding::kind;
use crate::workerd_capnp::worker::binding::{self, type_};

/// Whether a binding says what it is, which a parameter without a type does not.
///
/// # Errors
/// The message is damaged.
pub fn has_type(given: binding::Reader<'_>) -> capnp::Result<bool> {
    Ok(match given.which() {
        Ok(binding::Parameter(parameter)) => wanted_kind(parameter.get_type()?).is_some(),
        _ => true,
    })
}

/// Why `given` cannot stand where `inherited` does, in words to go between the binding's name and "in" the worker that it is
/// inherited from. Nothing if it can.
///
/// # Errors
/// The message is damaged.
pub fn mismatch(
    inherited: binding::Reader<'_>,
    given: binding::Reader<'_>,
) -> capnp::Result<Option<String>> {
    let Some(own) = kind(given)?
        .map(as_seen)
        .filter(|kind| *kind != "parameter")
    else {
        let problem = "has no value, which it must have for what it has the place of";
        return Ok(Some(problem.to_owned()));
    };
    let wanted = match inherited.which() {
        Ok(binding::Parameter(parameter)) => {
            let wanted = parameter.get_type()?;
            if let Some(usage) = missing_usage(wanted, given)? {
                return Ok(Some(format!(
                    "lacks the key usage {usage}, which the parameter asks for"
                )));
            }
            wanted_kind(wanted)
        }
        _ => kind(inherited)?.map(as_seen),
    };
    let wanted = wanted.unwrap_or("unspecified");
    let problem = || format!("is of the type {own}, not of the type {wanted} that it has");
    Ok((wanted != own).then(problem))
}

/// What a kind of binding is to a worker's code.
fn as_seen(kind: &'static str) -> &'static str {
    match kind {
        "fromEnvironment" => "text",
        kind => kind,
    }
}

/// The kind of binding that a parameter asks for, if it says so.
fn wanted_kind(wanted: type_::Reader<'_>) -> Option<&'static str> {
    use type_::Which;
    Some(match wanted.which() {
        Ok(Which::Text(())) => "text",
        Ok(Which::Data(())) => "data",
        Ok(Which::Json(())) => "json",
        Ok(Which::Wasm(())) => "wasmModule",
        Ok(Which::CryptoKey(_)) => "cryptoKey",
        Ok(Which::Service(())) => "service",
        Ok(Which::DurableObjectNamespace(())) => "durableObjectNamespace",
        Ok(Which::KvNamespace(())) => "kvNamespace",
        Ok(Which::R2Bucket(())) => "r2Bucket",
        Ok(Which::Queue(())) => "queue",
        Ok(Which::AnalyticsEngine(())) => "analyticsEngine",
        Ok(Which::Hyperdrive(())) => "hyperdrive",
        Ok(Which::DurableObjectClass(())) => "durableObjectClass",
        Ok(Which::WorkerdDebugPort(())) => "workerdDebugPort",
        Ok(Which::Unspecified(()) | Which::Obsolete0(())) | Err(_) => return None,
    })
}

/// A key usage that a parameter asks for and a key does not have.
fn missing_usage(
    wanted: type_::Reader<'_>,
    given: binding::Reader<'_>,
) -> capnp::Result<Option<String>> {
    let (Ok(type_::CryptoKey(usages)), Ok(binding::CryptoKey(key))) =
        (wanted.which(), given.which())
    else {
        return Ok(None);
    };
    let has: Vec<_> = key?.get_usages()?.iter().collect();
    let mut missing = usages?.iter().filter(|usage| !has.contains(usage));
    Ok(missing.next().map(|usage| match usage {
        Ok(usage) => format!("{usage:?}"),
        Err(_) => "of a newer schema".to_owned(),
    }))
}
