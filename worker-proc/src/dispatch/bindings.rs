//! Makes `env`: for each binding its kind and a value, from which JavaScript builds the object.

use std::rc::Rc;

use crate::glue::{bytes, intern, string, throw_type_error};
use crate::isolate::modules;

use super::spec::{BindingKind, BindingSpec, CryptoKeySpec, Designator, KeyMaterial, Outlet};
use crate::service::rpc::Target;
use crate::service::{Cap, Props};

/// The channels that a worker's subrequests may take, by number. Channel 0 is the global outbound, 1 the cache.
pub struct Outlets {
    pub services: Vec<Outlet>,
    /// Keys of Durable Object namespaces, which are numbered by themselves, and whether each is the worker's own.
    pub namespaces: Vec<(String, bool)>,
    pub stubs: Vec<Rc<dyn Target>>,
    /// Ids of loaders, which are so too.
    pub loaders: Vec<Option<String>>,
}

impl Outlets {
    /// Gives a service a channel; returns its number for JavaScript.
    pub fn add<'s>(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        outlet: Outlet,
    ) -> v8::Local<'s, v8::Value> {
        self.services.push(outlet);
        number(scope, self.services.len() - 1)
    }

    fn name<'s>(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        designator: &Designator,
    ) -> v8::Local<'s, v8::Value> {
        self.add(scope, Outlet::Named(designator.clone()))
    }

    /// The same for a namespace.
    pub fn add_namespace<'s>(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        key: &str,
        is_own: bool,
    ) -> v8::Local<'s, v8::Value> {
        self.namespaces.push((key.to_owned(), is_own));
        number(scope, self.namespaces.len() - 1)
    }
}

fn number<'s>(scope: &mut v8::PinScope<'s, '_>, index: usize) -> v8::Local<'s, v8::Value> {
    v8::Integer::new_from_unsigned(scope, u32::try_from(index).unwrap_or(u32::MAX)).into()
}

/// An array of `name, kind, value` for JavaScript's `workers.setup`; new channels are added to `outlets`.
///
/// Empty if an exception is pending: bad Wasm, or bad JSON.
pub fn describe<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bindings: &[BindingSpec],
    outlets: &mut Outlets,
) -> Option<v8::Local<'s, v8::Array>> {
    let mut flat: Vec<v8::Local<v8::Value>> = Vec::with_capacity(bindings.len() * 3);
    for binding in bindings {
        let (kind, value): (&str, v8::Local<v8::Value>) = match &binding.kind {
            BindingKind::Text(text) => ("value", string(scope, text).into()),
            BindingKind::Json(text) => {
                let text = string(scope, text);
                ("value", v8::json::parse(scope, text)?)
            }
            BindingKind::Data(data) => ("value", bytes::array_buffer(scope, data.to_vec()).into()),
            BindingKind::WasmModule(wasm) => ("value", modules::compile_wasm(scope, wasm)?),
            BindingKind::FromEnvironment(Some(text)) => ("value", string(scope, text).into()),
            BindingKind::FromEnvironment(None) => ("value", v8::null(scope).into()),
            BindingKind::Service(designator) => ("service", outlets.name(scope, designator)),
            BindingKind::ActorClass(designator) => ("actor_class", outlets.name(scope, designator)),
            BindingKind::Namespace { key, ephemeral } => {
                let kind = if *ephemeral {
                    "ephemeral_actors"
                } else {
                    "actors"
                };
                (kind, outlets.add_namespace(scope, key, false))
            }
            BindingKind::CryptoKey(key) => ("crypto_key", describe_key(scope, key)?),
            BindingKind::MemoryCache {
                id,
                max_keys,
                max_value_bytes,
                max_total_bytes,
            } => {
                let id = match id {
                    Some(id) => string(scope, id).into(),
                    None => v8::null(scope).into(),
                };
                let limits = [
                    f64::from(*max_keys),
                    f64::from(*max_value_bytes),
                    *max_total_bytes as f64,
                ];
                let mut parts: Vec<v8::Local<v8::Value>> = vec![id];
                parts.extend(limits.map(|limit| v8::Local::from(v8::Number::new(scope, limit))));
                let parts = v8::Array::new_with_elements(scope, &parts);
                ("memory_cache", parts.into())
            }
            BindingKind::AnalyticsEngine(designator) => {
                let parts = [
                    outlets.name(scope, designator),
                    string(scope, &designator.service).into(),
                ];
                let parts = v8::Array::new_with_elements(scope, &parts);
                ("analytics_engine", parts.into())
            }
            BindingKind::UnsafeEval => ("unsafe_eval", v8::null(scope).into()),
            BindingKind::Loader(id) => {
                outlets.loaders.push(id.clone());
                ("worker_loader", number(scope, outlets.loaders.len() - 1))
            }
            BindingKind::Properties(props) => ("properties", properties(scope, props, outlets)),
            BindingKind::Wrapped {
                module,
                entrypoint,
                inner,
            } => {
                let inner = describe(scope, inner, outlets)?;
                let make = exported_function(scope, module, entrypoint)?;
                (
                    "wrapped",
                    v8::Array::new_with_elements(scope, &[make.into(), inner.into()]).into(),
                )
            }
        };
        flat.push(string(scope, &binding.name).into());
        flat.push(intern(scope, kind).into());
        flat.push(value);
    }
    Some(v8::Array::new_with_elements(scope, &flat))
}

/// What JavaScript makes an object of: JSON or bytes, and for each thing that the bytes refer to whether it is an RPC stub,
/// and its channel.
fn properties<'s>(
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
        let (is_stub, channel) = match cap {
            Cap::Service(service) | Cap::Class(service) => {
                (false, outlets.add(scope, Outlet::Given(service.clone())))
            }
            Cap::Stub(target) => {
                outlets.stubs.push(target.clone());
                (true, number(scope, outlets.stubs.len() - 1))
            }
        };
        all.push(v8::Boolean::new(scope, is_stub).into());
        all.push(channel);
    }
    v8::Array::new_with_elements(scope, &all).into()
}

/// What `crypto/binding` takes: format, material, algorithm, whether it is extractable, usages.
fn describe_key<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: &CryptoKeySpec,
) -> Option<v8::Local<'s, v8::Value>> {
    let material = match &key.material {
        KeyMaterial::Bytes(data) => bytes::array_buffer(scope, data.clone()).into(),
        KeyMaterial::Json(text) => {
            let text = string(scope, text);
            v8::json::parse(scope, text)?
        }
    };
    let algorithm = string(scope, key.algorithm);
    let algorithm = match key.algorithm_is_json {
        true => v8::json::parse(scope, algorithm)?,
        false => algorithm.into(),
    };
    let usages: Vec<_> = key
        .usages
        .iter()
        .map(|usage| string(scope, usage).into())
        .collect();
    let parts = [
        string(scope, key.format).into(),
        material,
        algorithm,
        v8::Boolean::new(scope, key.extractable).into(),
        v8::Array::new_with_elements(scope, &usages).into(),
    ];
    Some(v8::Array::new_with_elements(scope, &parts).into())
}

/// A function that an extension module exports.
fn exported_function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: &str,
    name: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    let (namespace, promise) = modules::evaluate(scope, module)?;
    if promise.state() == v8::PromiseState::Rejected {
        promise.mark_as_handled();
        let reason = promise.result(scope);
        scope.throw_exception(reason);
        return None;
    }
    let namespace = namespace.get_module_namespace().to_object(scope)?;
    let key = intern(scope, name);
    let exported = namespace.get(scope, key.into())?;
    let function = v8::Local::<v8::Function>::try_from(exported).ok();
    if function.is_none() {
        throw_type_error(
            scope,
            &format!("Module \"{module}\" exports no function \"{name}\" to wrap bindings with."),
        );
    }
    function
}
