//! What the module `workerd:unsafe` does with objects: ops of `unsafe.js`.

use std::rc::Rc;

use super::Refused;
use crate::glue::{IoContext, Ops, Promise, ServiceHandle, Thrown, native_value, op, promise};
use crate::service::{Designation, Error, Kind, Objects};

pub fn ops(r: &mut Ops) {
    r.add_all(&[evict, evict_all, abort_all, delete_all]);
}

/// `evict(service, close)`: a promise that the object of that native service has ended, which it does when it is idle.
#[op]
fn evict<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    service: v8::Local<'s, v8::Value>,
    close: bool,
) -> Result<Promise<'s, ()>, Thrown> {
    let objects = context.channels().objects();
    // A stub of another kind has a channel's number.
    let service = native_value::<ServiceHandle>(scope, service);
    let designation = service.and_then(|service| service.0.designation());
    promise(scope, async move {
        let Some(Designation::Actor(address)) = designation else {
            return Err(Refused::NoStub.into());
        };
        let objects = objects.ok_or(Refused::NoObjects)?;
        objects.evict(&address, close).await.map_err(super::local)
    })
}

/// `evictAll(close)`: the same for every live object.
#[op]
fn evict_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    close: bool,
) -> Result<Promise<'s, ()>, Thrown> {
    let objects = context.channels().objects();
    promise(scope, async move {
        let objects = objects.ok_or(Refused::NoObjects)?;
        objects.evict_all(close).await.map_err(super::local)
    })
}

/// `abortAll()`: every live object breaks.
#[op]
fn abort_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
) -> Result<Promise<'s, ()>, Thrown> {
    reset_all(
        scope,
        &*context,
        "abortAllDurableObjects",
        |objects, error| {
            objects.abort_all(error);
        },
    )
}

/// `deleteAll()`: the same, and what they have stored goes.
#[op]
fn delete_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
) -> Result<Promise<'s, ()>, Thrown> {
    reset_all(
        scope,
        &*context,
        "deleteAllDurableObjects",
        |objects, error| {
            objects.delete_all(error);
        },
    )
}

fn reset_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    called: &'static str,
    reset: fn(&dyn Objects, Error),
) -> Result<Promise<'s, ()>, Thrown> {
    let objects = context.channels().objects();
    promise(scope, async move {
        // Not within the turn of an object, which may be among them.
        let mut error = Error::new(Kind::Worker, format!("Application called {called}()."));
        error.flags.durable_object_reset = true;
        reset(&*objects.ok_or(Refused::NoObjects)?, error);
        Ok(())
    })
}
