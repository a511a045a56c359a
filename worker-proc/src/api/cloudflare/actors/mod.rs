//! Durable Objects as JavaScript sees them: namespaces, ids, stubs, `ctx` of an object, and its facets.

mod eviction;
mod facets;

use std::rc::Rc;

use crate::glue::args::to_string;
use crate::glue::context::ActorIo;
use crate::glue::native::ServiceHandle;
use crate::glue::{
    Api, OpError, Ops, bool_arg, current, native_object, require_context, string, string_arg,
    terminate, throw, throw_error, u32_arg,
};
use crate::js;
use crate::service::{ActorId, Error, Kind, Namespace, Origin, to_hex, with_origin};

pub const API: Api = Api {
    name: "actors",
    modules: &[
        js!("namespace.js"),
        js!("actors.js"),
        js!("facets.js"),
        js!("unsafe.js"),
    ],
    lazy: &[],
    ops,
};

fn ops(r: &mut Ops) {
    r.add("uniqueId", unique_id);
    r.add("idFromName", id_from_name);
    r.add("idFromString", id_from_string);
    r.add("object", object);
    r.add("ephemeral", ephemeral);
    r.add("life", life);
    r.add("stores", stores);
    r.add("abort", abort);
    r.add("reset", reset);
    r.add("enterSection", enter_section);
    r.add("leaveSection", leave_section);
    facets::register(r);
    eviction::ops(r);
}

/// The namespace of a channel; throws if the config has none there.
fn namespace(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
) -> Option<Rc<dyn Namespace>> {
    let channel = u32_arg(scope, args, 0);
    let found = require_context(scope)?.channels().namespace(channel);
    if found.is_none() {
        throw_error(
            scope,
            "The class of this Durable Object namespace is not configured.",
        );
    }
    found
}

fn set_id(scope: &mut v8::PinScope, rv: &mut v8::ReturnValue, id: &ActorId) {
    rv.set(string(scope, &to_hex(id)).into());
}

/// `uniqueId(channel)`.
fn unique_id(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(namespace) = namespace(scope, &args) else {
        return;
    };
    match namespace.unique_id() {
        Ok(id) => set_id(scope, &mut rv, &id),
        Err(error) => throw(scope, &error.into()),
    }
}

/// `idFromName(channel, name)`.
fn id_from_name(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(namespace) = namespace(scope, &args) else {
        return;
    };
    let name = string_arg(scope, &args, 1);
    set_id(scope, &mut rv, &namespace.id_from_name(&name));
}

/// `idFromString(channel, text)`: throws for what is no id of the namespace.
fn id_from_string(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(namespace) = namespace(scope, &args) else {
        return;
    };
    let text = string_arg(scope, &args, 1);
    match namespace.id_from_string(&text) {
        Ok(id) => set_id(scope, &mut rv, &id),
        Err(error) => throw(scope, &local(error)),
    }
}

/// An error that is this worker's own, though a service made it.
fn local(error: Error) -> OpError {
    let mut error = OpError::from(error);
    error.remote = false;
    error
}

/// `object(channel, id, name | undefined)`: the object as a native service.
fn object(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(namespace) = namespace(scope, &args) else {
        return;
    };
    let text = string_arg(scope, &args, 1);
    let name = args.get(2);
    let name = name.is_string().then(|| to_string(scope, name));
    match namespace.id_from_string(&text) {
        Ok(id) => {
            let mut service = namespace.object(id, name);
            let channel = u32_arg(scope, &args, 0);
            if current(scope).is_some_and(|context| context.channels().namespace_lasts(channel)) {
                service = with_origin(service, Origin::lasting());
            }
            rv.set(native_object(scope, ServiceHandle(service)).into());
        }
        Err(error) => throw(scope, &local(error)),
    }
}

/// `ephemeral(channel, name)`: the object of that name as a native service.
fn ephemeral(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(namespace) = namespace(scope, &args) else {
        return;
    };
    let name = string_arg(scope, &args, 1);
    let id = namespace.id_from_name(&name);
    let service = ServiceHandle(namespace.object(id, Some(name)));
    rv.set(native_object(scope, service).into());
}

/// The object that runs; throws outside of one.
fn actor(scope: &mut v8::PinScope) -> Option<Rc<dyn ActorIo>> {
    let actor = require_context(scope)?.actor();
    if actor.is_none() {
        throw_error(scope, "This can only be called in a Durable Object.");
    }
    actor
}

/// `life()`: the number of the running object's life; no other has it in this process.
fn life(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(context) = require_context(scope) {
        rv.set_double(context.id() as f64);
    }
}

/// `stores()`: whether the running object stores anything.
fn stores(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(actor) = actor(scope) {
        rv.set_bool(actor.storage().is_some());
    }
}

/// `abort(reason, retryAlarm)`: resets the object; nothing of its JavaScript runs any more.
fn abort(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let reason = string_arg(scope, &args, 0);
    if let Some(actor) = actor(scope) {
        let mut error = Error::new(Kind::Worker, reason);
        error.flags.durable_object_reset = true;
        error.flags.no_alarm_retry = !bool_arg(&args, 1);
        actor.abort(error);
        terminate(scope);
    }
}

/// `reset(class, message)`: the same for an exception, and JavaScript goes on.
fn reset(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let class = string_arg(scope, &args, 0);
    let message = string_arg(scope, &args, 1);
    if let Some(actor) = actor(scope) {
        let mut error = Error {
            class,
            ..Error::new(Kind::Worker, message)
        };
        error.flags.durable_object_reset = true;
        actor.abort(error);
    }
}

/// `enterSection()`: a promise of the section's number, once no other event runs.
fn enter_section(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(actor) = actor(scope) else { return };
    let Some(resolver) = v8::PromiseResolver::new(scope) else {
        return;
    };
    rv.set(resolver.get_promise(scope).into());
    let resolver = v8::Global::new(scope, resolver);
    actor.enter_section(Box::new(move |scope, entered| {
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
}

/// `leaveSection(number)`: other events go on.
fn leave_section(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    if let Some(actor) = actor(scope) {
        actor.leave_section(number);
    }
}
