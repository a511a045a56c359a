//! `ctx.storage`: what an object keeps, as JavaScript sees it. The engine is `storage`'s.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::structured_clone::{deserialize, serialize};
use crate::glue::args::to_string;
use crate::glue::context::ActorIo;
use crate::glue::error::Class;
use crate::glue::{
    Api, OpError, Ops, async_op, bool_arg, f64_arg, require_context, string, string_arg, throw,
    throw_error, u32_arg,
};
use crate::js;
use crate::storage::{self, ListOptions, Storage};

pub const API: Api = Api {
    name: "storage",
    modules: &[js!("storage.js")],
    lazy: &[],
    ops,
};

fn ops(r: &mut Ops) {
    r.add("enter", enter);
    r.add("get", get);
    r.add("getMany", get_many);
    r.add("list", list);
    r.add("put", put);
    r.add("putMany", put_many);
    r.add("delete", delete);
    r.add("deleteMany", delete_many);
    r.add("deleteAll", delete_all);
    r.add("getAlarm", get_alarm);
    r.add("setAlarm", set_alarm);
    r.add("deleteAlarm", delete_alarm);
    r.add("begin", begin);
    r.add("commit", commit);
    r.add("rollback", rollback);
    r.add("sync", sync);
}

type Args<'a, 's> = &'a v8::FunctionCallbackArguments<'s>;

/// What is told where no object runs, or another one than the storage's.
const NOT_HERE: &str = "Cannot perform I/O on behalf of a different Durable Object. I/O objects (such as streams, request/response bodies, and others) created in the context of one Durable Object cannot be accessed from a different Durable Object in the same isolate. This is a limitation of Cloudflare Workers which allows us to improve overall performance.";

/// The object that runs and its storage; throws if there is none.
fn open(scope: &mut v8::PinScope) -> Option<(Rc<dyn ActorIo>, Rc<Storage>)> {
    let actor = require_context(scope)?.actor();
    let found = actor.and_then(|actor| actor.storage().map(|storage| (actor, storage)));
    if found.is_none() {
        throw_error(scope, NOT_HERE);
    }
    found
}

/// The value of a storage result; throws its error.
fn checked<T>(scope: &mut v8::PinScope, result: storage::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            throw(scope, &op_error(&error));
            None
        }
    }
}

fn op_error(error: &storage::Error) -> OpError {
    let class = match error.class() {
        storage::Class::Error => Class::Error,
        storage::Class::TypeError => Class::TypeError,
    };
    OpError::new(class, error.message())
}

/// `enter(life)`: throws unless that life of an object runs.
fn enter(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let life = f64_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    if context.actor().is_none() || context.id() as f64 != life {
        throw_error(scope, NOT_HERE);
    }
}

/// `get(key)`: the value, or undefined.
fn get(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let key = string_arg(scope, &args, 0);
    let Some((_, storage)) = open(scope) else {
        return;
    };
    let value = storage.kv.get(&key, |bytes| deserialize(scope, bytes));
    if let Some(Some(Some(value))) = checked(scope, value) {
        rv.set(value);
    }
}

/// The strings of an array argument.
fn strings(scope: &mut v8::PinScope, args: Args, index: i32) -> Vec<String> {
    let Ok(array) = v8::Local::<v8::Array>::try_from(args.get(index)) else {
        return Vec::new();
    };
    let item = |index| {
        let value = array.get_index(scope, index)?;
        Some(to_string(scope, value))
    };
    (0..array.length()).filter_map(item).collect()
}

/// Keys and values in one array.
fn set_flat(
    scope: &mut v8::PinScope,
    rv: &mut v8::ReturnValue,
    found: &[(String, Vec<u8>)],
) -> Option<()> {
    let mut flat: Vec<v8::Local<v8::Value>> = Vec::with_capacity(found.len() * 2);
    for (key, bytes) in found {
        flat.push(string(scope, key).into());
        flat.push(deserialize(scope, bytes)?);
    }
    rv.set(v8::Array::new_with_elements(scope, &flat).into());
    Some(())
}

/// `getMany(keys)`: what is there of it, in the order of the keys' bytes, as key, value, key, value.
fn get_many(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let mut keys = strings(scope, &args, 0);
    keys.sort_unstable();
    keys.dedup();
    let Some((_, storage)) = open(scope) else {
        return;
    };
    let mut found = Vec::new();
    for key in keys {
        let Some(value) = checked(scope, storage.kv.get(&key, <[u8]>::to_vec)) else {
            return;
        };
        found.extend(value.map(|value| (key, value)));
    }
    let _ = set_flat(scope, &mut rv, &found);
}

/// `list(start, startAfter, end, prefix, reverse, limit)`: key, value, key, value.
fn list(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let mut text = |index| {
        let value = args.get(index);
        value.is_string().then(|| to_string(scope, value))
    };
    let options = ListOptions {
        start: text(0),
        start_after: text(1),
        end: text(2),
        prefix: text(3),
        reverse: bool_arg(&args, 4),
        limit: args
            .get(5)
            .is_number()
            .then(|| f64_arg(scope, &args, 5).min(f64::from(u32::MAX)).ceil() as u32),
    };
    let Some((_, storage)) = open(scope) else {
        return;
    };
    let mut found = Vec::new();
    let listed = storage.kv.list(&options, |key, value| {
        found.push((key.to_owned(), value.to_vec()));
    });
    if checked(scope, listed).is_some() {
        let _ = set_flat(scope, &mut rv, &found);
    }
}

/// `put(key, value, confirm)`.
fn put(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let key = string_arg(scope, &args, 0);
    let Some((_, storage)) = open(scope) else {
        return;
    };
    if let Some(bytes) = serialize(scope, args.get(1)) {
        let put = storage.kv.put(&key, &bytes, bool_arg(&args, 2));
        checked(scope, put);
    }
}

/// `putMany([key, value, ...], confirm)`: all or none.
fn put_many(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some((_, storage)) = open(scope) else {
        return;
    };
    let Ok(flat) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        return;
    };
    let mut pairs = Vec::new();
    for index in 0..flat.length() / 2 {
        let Some(key) = flat.get_index(scope, index * 2) else {
            return;
        };
        let key = to_string(scope, key);
        let Some(value) = flat.get_index(scope, index * 2 + 1) else {
            return;
        };
        let Some(bytes) = serialize(scope, value) else {
            return;
        };
        pairs.push((key, bytes));
    }
    let put = storage.kv.put_many(&pairs, bool_arg(&args, 1));
    checked(scope, put);
}

/// `delete(key, confirm)`: whether it was there.
fn delete(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let key = string_arg(scope, &args, 0);
    let Some((_, storage)) = open(scope) else {
        return;
    };
    let deleted = storage.kv.delete(&key, bool_arg(&args, 1));
    if let Some(deleted) = checked(scope, deleted) {
        rv.set_bool(deleted);
    }
}

/// `deleteMany(keys, confirm)`: how many were there.
fn delete_many(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let keys = strings(scope, &args, 0);
    let Some((_, storage)) = open(scope) else {
        return;
    };
    let deleted = storage.kv.delete_many(&keys, bool_arg(&args, 1));
    if let Some(deleted) = checked(scope, deleted) {
        rv.set_uint32(deleted);
    }
}

/// `deleteAll(deleteAlarm)`.
fn delete_all(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some((_, storage)) = open(scope) {
        let deleted = storage.delete_all(bool_arg(&args, 0));
        checked(scope, deleted);
    }
}

/// `getAlarm()`: milliseconds since 1970, or null.
fn get_alarm(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((_, storage)) = open(scope) else {
        return;
    };
    match checked(scope, storage.alarm.get()) {
        Some(Some(millis)) => rv.set_double(millis as f64),
        Some(None) => rv.set_null(),
        None => {}
    }
}

/// `setAlarm(millis, confirm)`.
fn set_alarm(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    // A time that has passed is now.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0.0, |now| (now.as_secs_f64() * 1000.0).floor());
    let millis = f64_arg(scope, &args, 0).max(now) as i64;
    if let Some((_, storage)) = open(scope) {
        let set = storage.alarm.set(Some(millis), bool_arg(&args, 1));
        checked(scope, set);
    }
}

/// `deleteAlarm(confirm)`.
fn delete_alarm(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some((_, storage)) = open(scope) {
        let set = storage.alarm.set(None, bool_arg(&args, 0));
        checked(scope, set);
    }
}

/// `begin()`: opens a transaction, in another if one is open; its depth.
fn begin(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((actor, storage)) = open(scope) else {
        return;
    };
    actor.commit();
    if let Some(depth) = checked(scope, storage.begin()) {
        rv.set_uint32(u32::try_from(depth).unwrap_or(u32::MAX));
    }
}

/// `commit(depth)`: ends the transaction and keeps what it did.
fn commit(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let depth = u32_arg(scope, &args, 0) as usize;
    let Some((actor, storage)) = open(scope) else {
        return;
    };
    if let Some(committed) = checked(scope, storage.commit_transaction(depth)) {
        actor.hold_output(committed);
    }
}

/// `rollback(depth)`: ends the transaction and undoes what it did.
fn rollback(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let depth = u32_arg(scope, &args, 0) as usize;
    if let Some((_, storage)) = open(scope) {
        if !storage.is_innermost(depth) {
            return throw_error(
                scope,
                "Cannot roll back an outer transaction while a nested transaction is still running.",
            );
        }
        let rolled_back = storage.rollback_transaction(depth);
        checked(scope, rolled_back);
    }
}

/// `sync()`: a promise that everything written so far is durable.
fn sync(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((actor, storage)) = open(scope) else {
        return;
    };
    actor.commit();
    let pending = storage.pending();
    async_op(scope, &mut rv, async move {
        pending.wait().await.map_err(|error| op_error(&error))
    });
}
