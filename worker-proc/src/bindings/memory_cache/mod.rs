//! Memory caches: values that workers of one process share, and make when they are not there.
//!
//! A binding opens its cache by the config's id; `store` has the values. JavaScript runs the function that makes a value.

mod store;

use std::cell::RefCell;
use std::rc::Rc;

use crate::glue::context::current;
use crate::glue::{
    Api, Binding, IntoJs, OpError, Ops, as_given, async_op, bytes_arg, f64_arg, native_arg,
    native_object, require_context, string_arg, u32_arg,
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
    ops.add("open", open);
    ops.add("get", get);
    ops.add("getOrMake", get_or_make);
    ops.add("made", made);
    ops.add("notMade", not_made);
    ops.add("remove", remove);
}

/// `open(id | null, maxKeys, maxValueSize, maxTotalValueSize)`: a native object, a use of the cache of that id.
fn open(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let id = (!args.get(0).is_null()).then(|| string_arg(scope, &args, 0));
    let limits = Limits {
        keys: u32_arg(scope, &args, 1) as usize,
        value_bytes: u32_arg(scope, &args, 2) as usize,
        total_bytes: f64_arg(scope, &args, 3) as usize,
    };
    rv.set(native_object(scope, Use::open(id, limits)).into());
}

/// `get(cache, key, now)`: the bytes of a value, or undefined.
fn get(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let key = string_arg(scope, &args, 1);
    let now = f64_arg(scope, &args, 2);
    let cache = native_arg::<Use>(scope, &args, 0).map(|cache| cache.cache());
    if let Some(bytes) = cache.and_then(|cache| cache.get(&key, now)) {
        rv.set(bytes.into_js(scope));
    }
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
fn get_or_make(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let key = string_arg(scope, &args, 1);
    let now = f64_arg(scope, &args, 2);
    if require_context(scope).is_none() {
        return;
    }
    let Some(cache) = native_arg::<Use>(scope, &args, 0).map(|cache| cache.cache()) else {
        return;
    };
    match cache.get_or_make(&key, now) {
        Found::Now(turn) => rv.set(turn.into_js(scope)),
        Found::Later(turn) => async_op(scope, &mut rv, async move {
            turn.await
                .map_err(|_| OpError::error("The memory cache is gone."))
        }),
    }
}

fn ticket(scope: &mut v8::PinScope, args: &v8::FunctionCallbackArguments) -> Option<Ticket> {
    let number = u32_arg(scope, args, 0);
    let resource = current(scope)?.resources().take::<TicketResource>(number)?;
    resource.0.take()
}

/// `made(number, bytes, expiration | undefined, now)`: the value is there, for all who wait for it.
fn made(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let bytes = bytes_arg(&args, 1);
    let expiration = (!args.get(2).is_undefined()).then(|| f64_arg(scope, &args, 2));
    let now = f64_arg(scope, &args, 3);
    if let Some(ticket) = ticket(scope, &args) {
        ticket.made(bytes, expiration, now);
    }
}

/// `notMade(number)`: the next who waits is to try.
fn not_made(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    drop(ticket(scope, &args));
}

/// `remove(cache, key)`.
fn remove(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let key = string_arg(scope, &args, 1);
    if let Some(cache) = native_arg::<Use>(scope, &args, 0) {
        cache.cache().remove(&key);
    }
}
