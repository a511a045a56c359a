//! Durable Objects as JavaScript sees them: namespaces, ids, stubs, `ctx` of an object, and its facets.

mod eviction;
mod facets;

use std::rc::Rc;

use crate::glue::context::{ActorIo, IoContext};
use crate::glue::native::ServiceHandle;
use crate::glue::{
    Api, Argument, Arity, Call, JsError, OpError, Ops, Throw, Thrown, native_object, op,
    require_context, terminate,
};
use crate::js;
use crate::service::{Class, Error, Kind, Namespace, Origin, to_hex, with_origin};
use facets::MAX_NAME_BYTES;

pub const API: Api = Api {
    name: "actors",
    modules: &[
        js!("namespace.js"),
        js!("actors.js"),
        js!("facets.js"),
        js!("unsafe.js"),
    ],
    lazy: &[js!("durable_objects.js" as "cloudflare:durable-objects")],
    uses: &[
        "event",
        "fetch",
        "modules",
        "report_error",
        "rpc",
        "structured_clone",
        "trace",
        "webidl",
        "workers",
    ],
    lazy_uses: &[
        ("storage", "an object without storage needs none"),
        ("websocket", "few objects hibernate"),
    ],
    ops,
};

fn ops(r: &mut Ops) {
    r.add_all(&[
        unique_id,
        id_from_name,
        id_from_string,
        object,
        ephemeral,
        life,
        stores,
        abort,
        reset,
        enter_section,
        leave_section,
    ]);
    facets::register(r);
    eviction::ops(r);
}

/// A namespace, which JavaScript names by its channel; throws if the config has none there.
struct Named {
    namespace: Rc<dyn Namespace>,
    /// It is found again after a restart.
    lasts: bool,
}

impl<'s> Argument<'s> for Named {
    const ARITY: Arity = Arity::ONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self> {
        let channel = u32::read(scope, call, at, name)?;
        let channels = require_context(scope)?.channels();
        let Some(namespace) = channels.namespace(channel) else {
            Refused::NotConfigured.throw(scope);
            return None;
        };
        Some(Self {
            namespace,
            lasts: channels.namespace_lasts(channel),
        })
    }
}

/// `uniqueId(channel)`.
#[op]
fn unique_id(named: Named) -> Result<String, OpError> {
    Ok(to_hex(&named.namespace.unique_id()?))
}

/// `idFromName(channel, name)`.
#[op]
fn id_from_name(named: Named, name: &str) -> String {
    to_hex(&named.namespace.id_from_name(name))
}

/// `idFromString(channel, text)`: throws for what is no id of the namespace.
#[op]
fn id_from_string(named: Named, text: &str) -> Result<String, OpError> {
    let id = named.namespace.id_from_string(text).map_err(local)?;
    Ok(to_hex(&id))
}

/// Why nothing is done with an object.
#[derive(JsError)]
enum Refused {
    #[error("The class of this Durable Object namespace is not configured.")]
    NotConfigured,
    #[error("This can only be called in a Durable Object.")]
    NotInObject,
    #[error("This Durable Object does not support creating facets.")]
    NoFacets,
    #[type_error("Facet name is too long (max {MAX_NAME_BYTES} characters).")]
    LongFacetName {},
    #[error("This server has no Durable Objects.")]
    NoObjects,
    #[error("evict() can only be used on a Durable Object stub.")]
    NoStub,
}

/// An error that is this worker's own, though a service made it.
fn local(error: Error) -> OpError {
    let mut error = OpError::from(error);
    error.remote = false;
    error
}

/// `object(channel, id, name | undefined)`: the object as a native service.
#[op]
fn object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    named: Named,
    id: &str,
    name: Option<String>,
) -> Result<v8::Local<'s, v8::Object>, OpError> {
    let id = named.namespace.id_from_string(id).map_err(local)?;
    let mut service = named.namespace.object(id, name);
    if named.lasts {
        service = with_origin(service, Origin::lasting());
    }
    Ok(native_object(scope, ServiceHandle(service)))
}

/// `ephemeral(channel, name)`: the object of that name as a native service.
#[op]
fn ephemeral<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    named: Named,
    name: String,
) -> v8::Local<'s, v8::Object> {
    let id = named.namespace.id_from_name(&name);
    let service = ServiceHandle(named.namespace.object(id, Some(name)));
    native_object(scope, service)
}

/// The object that runs; throws outside of one.
struct Running(Rc<dyn ActorIo>);

impl<'s> Argument<'s> for Running {
    const ARITY: Arity = Arity::NONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        _: &Call<'_, 's>,
        _: i32,
        _: &'static str,
    ) -> Option<Self> {
        let actor = require_context(scope)?.actor();
        if actor.is_none() {
            Refused::NotInObject.throw(scope);
        }
        actor.map(Self)
    }
}

/// `life()`: the number of the running object's life; no other has it in this process.
#[op]
fn life(context: Rc<dyn IoContext>) -> f64 {
    context.id() as f64
}

/// `stores()`: whether the running object stores anything.
#[op]
fn stores(object: Running) -> bool {
    object.0.storage().is_some()
}

/// `abort(reason, retryAlarm)`: resets the object; nothing of its JavaScript runs any more.
#[op]
fn abort(scope: &mut v8::PinScope, object: Running, reason: String, retry_alarm: bool) {
    let mut error = Error::new(Kind::Worker, reason);
    error.flags.durable_object_reset = true;
    error.flags.no_alarm_retry = !retry_alarm;
    object.0.abort(error);
    terminate(scope);
}

/// `reset(class, message)`: the same for an exception, and JavaScript goes on.
#[op]
fn reset(object: Running, class: Class, message: String) {
    let mut error = Error {
        class,
        ..Error::new(Kind::Worker, message)
    };
    error.flags.durable_object_reset = true;
    object.0.abort(error);
}

/// `enterSection()`: a promise of the section's number, once no other event runs.
#[op]
fn enter_section<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: Running,
) -> Result<v8::Local<'s, v8::Promise>, Thrown> {
    let resolver = v8::PromiseResolver::new(scope).ok_or(Thrown)?;
    let promise = resolver.get_promise(scope);
    let resolver = v8::Global::new(scope, resolver);
    object.0.enter_section(Box::new(move |scope, entered| {
        let resolver = v8::Local::new(scope, resolver);
        match entered {
            Ok(number) => {
                let number = v8::Integer::new_from_unsigned(scope, number);
                resolver.resolve(scope, number.into());
            }
            Err(error) => {
                let exception = local(error).to_exception(scope);
                resolver.reject(scope, exception);
            }
        }
    }));
    Ok(promise)
}

/// `leaveSection(number)`: other events go on.
#[op]
fn leave_section(object: Running, number: u32) {
    object.0.leave_section(number);
}
