//! Memory caches: values that workers of one process share, and make when they are not there.
//!
//! A binding opens its cache by the config's id; `store` has the values. JavaScript runs the function that makes a value.

mod store;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use crate::glue::{
    Api, Binding, IntoJs, IoContext, JsError, Made, Maybe, Ops, Thrown, as_given, current,
    native_object, op, promise,
};
use crate::js;

use store::{Found, Limits, Ticket, Turn, Use};

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
    ops.add_all(&[open, get, get_or_make, made, not_made, remove]);
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
    Maybe(cache.cache().get(key, now))
}

/// Whoever makes a value, as JavaScript holds it by number.
struct TicketResource(RefCell<Option<Ticket>>);

impl<'s> IntoJs<'s> for Turn {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Self::Value(bytes) => bytes.into_js(scope),
            Self::Make(ticket) => match current(scope) {
                Some(context) => {
                    let ticket = TicketResource(RefCell::new(Some(ticket)));
                    let number = context.resources().insert(Rc::new(ticket));
                    v8::Integer::new_from_unsigned(scope, number).into()
                }
                None => v8::undefined(scope).into(),
            },
        }
    }
}

/// `getOrMake(cache, key, now)`: the bytes of a value; a number if the caller is to make it, which [`made`] or [`not_made`]
/// answers; a promise of either while another one makes it.
#[op]
fn get_or_make<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: Rc<dyn IoContext>,
    cache: Rc<Use>,
    key: &str,
    now: f64,
) -> Result<Made<'s, Turn>, Thrown> {
    match cache.cache().get_or_make(key, now) {
        Found::Now(turn) => Ok(Made::Now(turn)),
        Found::Later(turn) => {
            let turn = async move { turn.await.map_err(|_| Failure::Gone.into()) };
            promise(scope, turn).map(Made::Later)
        }
    }
}

fn ticket(context: Option<Rc<dyn IoContext>>, number: u32) -> Option<Ticket> {
    let resource = context?.resources().take::<TicketResource>(number)?;
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
    if let Some(ticket) = ticket(context, number) {
        ticket.made(bytes, expiration, now);
    }
}

/// `notMade(number)`: the next who waits is to try.
#[op]
fn not_made(context: Option<Rc<dyn IoContext>>, number: u32) {
    drop(ticket(context, number));
}

/// `remove(cache, key)`.
#[op]
fn remove(cache: Rc<Use>, key: &str) {
    cache.cache().remove(key);
}
