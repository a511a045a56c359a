//! Memory caches: values that workers share, and make when they are not there.
//!
//! A binding opens its cache by the config's id; `store` has the values of this process, `shared` asks the others for theirs.
//! JavaScript runs the function that makes a value.

pub mod shared;
mod store;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use crate::glue::{
    Api, Binding, IntoJs, IoContext, JsError, Made, Maybe, Ops, Promise, Thrown, as_given, current,
    native_object, op, promise,
};
use crate::js;

use shared::{Lookup, Making};
use store::{Limits, NextTurn, Turn, Use, Value};

pub const BINDING: Binding = Binding {
    kind: "memoryCache",
    api: Api {
        name: "bindings/memory_cache",
        modules: &[],
        lazy: &[js!("memory_cache.js")],
        uses: &["dom_exception", "encoding", "structured_clone", "webidl"],
        lazy_uses: &[],
        ops,
    },
    prepare: as_given,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[open, get, ask, get_or_make, made, not_made, remove]);
}

/// Why there is no value.
#[derive(JsError)]
enum Failure {
    #[error("The memory cache is gone.")]
    Gone,
}

/// `open(id | null, maxKeys, maxValueSize, maxTotalValueSize)`: a native object, a use of the cache of that id.
#[op]
fn open<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    id: Option<String>,
    max_keys: u32,
    max_value_bytes: u32,
    max_total_bytes: f64,
) -> v8::Local<'s, v8::Object> {
    let limits = Limits {
        keys: max_keys as usize,
        value_bytes: max_value_bytes as usize,
        total_bytes: max_total_bytes as usize,
    };
    native_object(scope, Use::open(id, limits))
}

/// `get(cache, key, now)`: the bytes of a value, or undefined.
#[op]
fn get(cache: Rc<Use>, key: &str, now: f64) -> Maybe<Bytes> {
    Maybe(cache.cache().get(key, now).map(|value| value.bytes))
}

/// `ask(cache, key)`: what [`get`] gives, as the key's owner knows it: a promise, or undefined where this process is the owner.
#[op]
fn ask<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    cache: Rc<Use>,
    key: String,
) -> Result<Maybe<Promise<'s, Maybe<Bytes>>>, Thrown> {
    let Some(owner) = shared::owner(&cache, &key) else {
        return Ok(Maybe(None));
    };
    let read = async move {
        let value = shared::read(owner, &key).await;
        Ok(Maybe(value.map(|value| value.bytes)))
    };
    promise(scope, read).map(|read| Maybe(Some(read)))
}

/// Who makes a value, as JavaScript holds it by number.
struct MakingResource(RefCell<Option<Making>>);

impl<'s> IntoJs<'s> for Lookup {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Self::Value(value) => value.bytes.into_js(scope),
            Self::Make(making) => match current(scope) {
                Some(context) => {
                    let making = MakingResource(RefCell::new(Some(making)));
                    let number = context.resources().insert(Rc::new(making));
                    v8::Integer::new_from_unsigned(scope, number).into()
                }
                None => v8::undefined(scope).into(),
            },
        }
    }
}

/// `getOrMake(cache, key, now)`: the bytes of a value; a number if the caller is to make it, which [`made`] or [`not_made`]
/// answers; a promise of either while another one makes it, or the key's owner is asked.
#[op]
fn get_or_make<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: Rc<dyn IoContext>,
    cache: Rc<Use>,
    key: String,
    now: f64,
) -> Result<Made<'s, Lookup>, Thrown> {
    let found = cache.cache().get_or_make(&key, now);
    if let NextTurn::Now(Turn::Value(value)) = found {
        return Ok(Made::Now(Lookup::Value(value)));
    }
    let owner = shared::owner(&cache, &key);
    match (found, owner) {
        (NextTurn::Now(Turn::Make(ticket)), None) => Ok(Made::Now(Lookup::Make(ticket.into()))),
        (found, owner) => {
            let asked = async move {
                let turn = found.turn().await.ok_or(Failure::Gone)?;
                Ok(shared::ask(turn, owner, &key).await)
            };
            promise(scope, asked).map(Made::Later)
        }
    }
}

fn making(context: Option<Rc<dyn IoContext>>, number: u32) -> Option<Making> {
    let resource = context?.resources().take::<MakingResource>(number)?;
    resource.0.take()
}

/// `made(number, bytes, expiration | undefined, now)`: the value is there, for all who wait for it.
#[op]
fn made(
    context: Option<Rc<dyn IoContext>>,
    number: u32,
    bytes: Bytes,
    expiration: Option<f64>,
    now: f64,
) {
    if let Some(making) = making(context, number) {
        making.made(Value { bytes, expiration }, now);
    }
}

/// `notMade(number)`: the next who waits is to try.
#[op]
fn not_made(context: Option<Rc<dyn IoContext>>, number: u32) {
    drop(making(context, number));
}

/// `remove(cache, key)`.
#[op]
fn remove(cache: Rc<Use>, key: &str) {
    cache.cache().remove(key);
    shared::remove(&cache, key);
}
