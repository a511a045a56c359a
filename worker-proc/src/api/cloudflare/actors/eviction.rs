//! What the module `workerd:unsafe` does with objects: ops of `unsafe.js`.

use crate::glue::{OpError, Ops, ServiceHandle, async_op, bool_arg, native_arg, require_context};
use crate::service::{Designation, Error, Kind, Objects};

pub fn ops(r: &mut Ops) {
    r.add("evict", evict);
    r.add("evictAll", evict_all);
    r.add("abortAll", abort_all);
    r.add("deleteAll", delete_all);
}

fn none() -> OpError {
    OpError::error("This server has no Durable Objects.")
}

/// `evict(service, close)`: a promise that the object of that native service has ended, which it does when it is idle.
fn evict(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let objects = context.channels().objects();
    let service = native_arg::<ServiceHandle>(scope, &args, 0);
    let designation = service.and_then(|service| service.0.designation());
    let close = bool_arg(&args, 1);
    async_op(scope, &mut rv, async move {
        let Some(Designation::Actor(address)) = designation else {
            let message = "evict() can only be used on a Durable Object stub.";
            return Err(OpError::error(message));
        };
        let objects = objects.ok_or_else(none)?;
        objects.evict(&address, close).await.map_err(super::local)
    });
}

/// `evictAll(close)`: the same for every live object.
fn evict_all(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let objects = context.channels().objects();
    let close = bool_arg(&args, 0);
    async_op(scope, &mut rv, async move {
        let objects = objects.ok_or_else(none)?;
        objects.evict_all(close).await.map_err(super::local)
    });
}

/// `abortAll()`: every live object breaks.
fn abort_all(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, rv: v8::ReturnValue) {
    reset_all(scope, rv, "abortAllDurableObjects", |objects, error| {
        objects.abort_all(error);
    });
}

/// `deleteAll()`: the same, and what they have stored goes.
fn delete_all(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, rv: v8::ReturnValue) {
    reset_all(scope, rv, "deleteAllDurableObjects", |objects, error| {
        objects.delete_all(error);
    });
}

fn reset_all(
    scope: &mut v8::PinScope,
    mut rv: v8::ReturnValue,
    called: &'static str,
    reset: fn(&dyn Objects, Error),
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let objects = context.channels().objects();
    async_op(scope, &mut rv, async move {
        // Not within the turn of an object, which may be among them.
        let mut error = Error::new(Kind::Worker, format!("Application called {called}()."));
        error.flags.durable_object_reset = true;
        reset(&*objects.ok_or_else(none)?, error);
        Ok(())
    });
}
