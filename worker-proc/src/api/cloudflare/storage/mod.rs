//! `ctx.storage`: what an object keeps, as JavaScript sees it. The engine is `storage`'s.
//!
//! Every op's first argument is the number of the life whose storage it is: the op throws where another object runs.
//! `sql` has the ops of `storage.sql`, `sync_kv` those of `storage.kv`; the ones here are of the storage itself.

mod sql;
mod sync_kv;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::api::web::structured_clone::stored::{deserialize, serialize};
use crate::glue::args::to_string;
use crate::glue::context::ActorIo;
use crate::glue::error::Class;
use crate::glue::{
    Api, IsolateState, OpError, Ops, async_op, bool_arg, f64_arg, require_context, string,
    string_arg, throw, throw_error, u32_arg, uint8_array, with_bytes,
};
use crate::js;
use crate::storage::{self, ListOptions, Storage};

pub const API: Api = Api {
    name: "storage",
    modules: &[],
    lazy: &[js!("sql.js"), js!("sync_kv.js"), js!("storage.js")],
    ops,
};

fn ops(r: &mut Ops) {
    r.add("access", access);
    r.add("enter", enter);
    r.add("nextToken", next_token);
    r.add("pushToken", push_token);
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
    r.add("beginSync", begin_sync);
    r.add("commitSync", commit_sync);
    r.add("rollbackSync", rollback_sync);
    r.add("sync", sync);
    r.add("currentBookmark", current_bookmark);
    r.add("bookmarkForTime", bookmark_for_time);
    r.add("restoreBookmark", restore_bookmark);
    sql::ops(r);
    sync_kv::ops(r);
}

type Args<'a, 's> = &'a v8::FunctionCallbackArguments<'s>;

/// What is told where no object runs, or another one than the storage's.
const NOT_HERE: &str = "Cannot perform I/O on behalf of a different Durable Object. I/O objects (such as streams, request/response bodies, and others) created in the context of one Durable Object cannot be accessed from a different Durable Object in the same isolate. This is a limitation of Cloudflare Workers which allows us to improve overall performance.";

/// The object that runs and its storage; throws if it is not the one of that life.
fn open(scope: &mut v8::PinScope, args: Args) -> Option<(Rc<dyn ActorIo>, Rc<Storage>)> {
    let actor = require_actor(scope, args)?;
    let found = actor.storage().map(|storage| (actor, storage));
    if found.is_none() {
        throw_error(scope, NOT_HERE);
    }
    found
}

fn require_actor(scope: &mut v8::PinScope, args: Args) -> Option<Rc<dyn ActorIo>> {
    let context = require_context(scope)?;
    let here = context.id() as f64 == f64_arg(scope, args, 0);
    let actor = context.actor().filter(|_| here);
    if actor.is_none() {
        throw_error(scope, NOT_HERE);
    }
    actor
}

/// Most bytes of a key of what is kept in memory alone.
const MAX_MEMORY_KEY_BYTES: usize = 2048;

/// Most bytes of a value there, as messages state it, and what its serialisation may add.
const MAX_MEMORY_VALUE_BYTES: usize = 128 * 1024;
const VALUE_OVERHEAD_BYTES: usize = 34;

/// Most keys of a `get` there.
const MAX_MEMORY_PAIRS: usize = 128;

/// Whether a key may be used; throws if not. Files have no limit but SQLite's.
fn check_key(scope: &mut v8::PinScope, storage: &Storage, key: &str) -> bool {
    let fits = !storage.in_memory() || key.len() <= MAX_MEMORY_KEY_BYTES;
    if !fits {
        let message = format!(
            "Keys cannot be larger than {MAX_MEMORY_KEY_BYTES} bytes. A key of size {} was provided.",
            key.len()
        );
        throw(scope, &OpError::range_error(message));
    }
    fits
}

/// Whether a pair may be stored; throws if not.
fn check_pair(scope: &mut v8::PinScope, storage: &Storage, key: &str, value: &[u8]) -> bool {
    if !check_key(scope, storage, key) {
        return false;
    }
    let fits = !storage.in_memory() || value.len() <= MAX_MEMORY_VALUE_BYTES + VALUE_OVERHEAD_BYTES;
    if !fits {
        let message = format!(
            "Values cannot be larger than {MAX_MEMORY_VALUE_BYTES} bytes. A value of size {} was provided.",
            value.len()
        );
        throw(scope, &OpError::range_error(message));
    }
    fits
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
    require_actor(scope, &args);
}

/// `access(life)`: 0 if the object's class may use SQL, 1 if its namespace has not enabled it, 2 if there is no file.
fn access(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    rv.set_uint32(match (storage.in_memory(), storage.sql_enabled()) {
        (true, _) => 2,
        (false, false) => 1,
        (false, true) => 0,
    });
}

/// `get(life, key)`: the value, or undefined.
fn get(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let key = string_arg(scope, &args, 1);
    if !check_key(scope, &storage, &key) {
        return;
    }
    let value = storage
        .kv
        .get(&key, |bytes| revive(scope, &storage, &key, bytes));
    if let Some(Some(Some(value))) = checked(scope, value) {
        rv.set(value);
    }
}

/// The tokens that go with the value that is written or read.
#[derive(Default)]
struct Tokens {
    written: RefCell<Vec<Vec<u8>>>,
    /// Whose they are, and how many were read.
    read: RefCell<Option<(Rc<Storage>, String, usize)>>,
}

/// The value of a key, which may refer to stubs.
fn revive<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    storage: &Rc<Storage>,
    key: &str,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    let tokens = IsolateState::get(scope).extension::<Tokens>();
    *tokens.read.borrow_mut() = Some((storage.clone(), key.to_owned(), 0));
    let value = deserialize(scope, bytes);
    tokens.read.borrow_mut().take();
    value
}

/// `nextToken()`: the next token of the value that is read; undefined if there is none.
fn next_token(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let tokens = IsolateState::get(scope).extension::<Tokens>();
    let mut read = tokens.read.borrow_mut();
    let Some((storage, key, count)) = &mut *read else {
        return;
    };
    let found = storage.kv.externals(key);
    let index = *count;
    *count += 1;
    if let Some(mut found) = checked(scope, found)
        && index < found.len()
    {
        rv.set(uint8_array(scope, found.swap_remove(index)).into());
    }
}

/// `pushToken(bytes)`: a token of the value that is written.
fn push_token(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let tokens = IsolateState::get(scope).extension::<Tokens>();
    let token = with_bytes(args.get(0), <[u8]>::to_vec);
    tokens.written.borrow_mut().push(token);
}

const NO_STUBS_IN_MEMORY: &str = "Storing RPC stubs in Durable Object KV storage is only \
    supported when using the SQLite storage backend.";

/// The bytes of a value with the tokens of the stubs that it refers to; none after an exception was thrown.
fn dismantle(
    scope: &mut v8::PinScope,
    storage: &Storage,
    value: v8::Local<v8::Value>,
) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let tokens = IsolateState::get(scope).extension::<Tokens>();
    tokens.written.borrow_mut().clear();
    let bytes = serialize(scope, value)?;
    let written = tokens.written.take();
    if !written.is_empty() && storage.in_memory() {
        throw(scope, &OpError::dom("DataCloneError", NO_STUBS_IN_MEMORY));
        return None;
    }
    Some((bytes, written))
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

/// `getMany(life, keys)`: what is there of it, in the order of the keys' bytes, as key, value, key, value.
fn get_many(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let mut keys = strings(scope, &args, 1);
    if storage.in_memory() && keys.len() > MAX_MEMORY_PAIRS {
        let message = format!(
            "Maximum number of key value pairs is {MAX_MEMORY_PAIRS}. {} pairs were provided.",
            keys.len()
        );
        return throw(scope, &OpError::range_error(message));
    }
    keys.sort_unstable();
    keys.dedup();
    let mut flat: Vec<v8::Local<v8::Value>> = Vec::new();
    for key in keys {
        let value = storage
            .kv
            .get(&key, |bytes| revive(scope, &storage, &key, bytes));
        match checked(scope, value) {
            Some(Some(Some(value))) => flat.extend([string(scope, &key).into(), value]),
            Some(None) => {}
            Some(Some(None)) | None => return,
        }
    }
    rv.set(v8::Array::new_with_elements(scope, &flat).into());
}

/// The arguments from the second on: `start, startAfter, end, prefix, reverse, limit`.
fn list_options(scope: &mut v8::PinScope, args: Args) -> ListOptions {
    let mut text = |index| {
        let value = args.get(index);
        value.is_string().then(|| to_string(scope, value))
    };
    ListOptions {
        start: text(1),
        start_after: text(2),
        end: text(3),
        prefix: text(4),
        reverse: bool_arg(args, 5),
        limit: args.get(6).is_number().then(|| u32_arg(scope, args, 6)),
    }
}

/// `list(life, start, startAfter, end, prefix, reverse, limit)`: key, value, key, value.
fn list(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let options = list_options(scope, &args);
    let Some(cursor) = checked(scope, storage.kv.cursor(&options)) else {
        return;
    };
    let mut flat: Vec<v8::Local<v8::Value>> = Vec::new();
    loop {
        let shown = cursor.next(|key, bytes| {
            let value = revive(scope, &storage, key, bytes)?;
            Some([string(scope, key).into(), value])
        });
        match checked(scope, shown) {
            Some(Some(Some(pair))) => flat.extend(pair),
            Some(None) => break,
            Some(Some(None)) | None => return,
        }
    }
    rv.set(v8::Array::new_with_elements(scope, &flat).into());
}

/// `put(life, key, value, confirm)`.
fn put(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let Some((bytes, tokens)) = dismantle(scope, &storage, args.get(2)) else {
        return;
    };
    let key = string_arg(scope, &args, 1);
    if check_pair(scope, &storage, &key, &bytes) {
        let put = storage.kv.put(&key, &bytes, bool_arg(&args, 3));
        let put = put.and_then(|()| match tokens.is_empty() {
            true => Ok(()),
            false => storage.kv.put_externals(&key, &tokens),
        });
        checked(scope, put);
    }
}

/// `putMany(life, [key, value, ...], confirm)`: all or none.
fn put_many(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let Ok(flat) = v8::Local::<v8::Array>::try_from(args.get(1)) else {
        return;
    };
    let mut pairs = Vec::new();
    let mut externals = Vec::new();
    for index in 0..flat.length() / 2 {
        let Some(key) = flat.get_index(scope, index * 2) else {
            return;
        };
        let key = to_string(scope, key);
        let Some(value) = flat.get_index(scope, index * 2 + 1) else {
            return;
        };
        let Some((bytes, tokens)) = dismantle(scope, &storage, value) else {
            return;
        };
        if !check_pair(scope, &storage, &key, &bytes) {
            return;
        }
        if !tokens.is_empty() {
            externals.push((key.clone(), tokens));
        }
        pairs.push((key, bytes));
    }
    let put = storage.kv.put_many(&pairs, bool_arg(&args, 2));
    let put = put.and_then(|()| {
        let mut all = externals.iter();
        all.try_for_each(|(key, tokens)| storage.kv.put_externals(key, tokens))
    });
    checked(scope, put);
}

/// `delete(life, key, confirm)`: whether it was there.
fn delete(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let key = string_arg(scope, &args, 1);
    if !check_key(scope, &storage, &key) {
        return;
    }
    let deleted = storage.kv.delete(&key, bool_arg(&args, 2));
    if let Some(deleted) = checked(scope, deleted) {
        rv.set_bool(deleted);
    }
}

/// `deleteMany(life, keys, confirm)`: how many were there.
fn delete_many(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let keys = strings(scope, &args, 1);
    if !keys.iter().all(|key| check_key(scope, &storage, key)) {
        return;
    }
    let deleted = storage.kv.delete_many(&keys, bool_arg(&args, 2));
    if let Some(deleted) = checked(scope, deleted) {
        rv.set_uint32(deleted);
    }
}

/// `deleteAll(life, deleteAlarm)`.
fn delete_all(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some((actor, storage)) = open(scope, &args) {
        let deleted = storage.delete_all(bool_arg(&args, 1));
        if checked(scope, deleted).is_some()
            && let Some(facets) = actor.facets()
        {
            facets.delete_all();
        }
    }
}

/// `getAlarm(life)`: milliseconds since 1970, or null.
fn get_alarm(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    match checked(scope, storage.alarm.get()) {
        Some(Some(millis)) => rv.set_double(millis as f64),
        Some(None) => rv.set_null(),
        None => {}
    }
}

/// `setAlarm(life, millis, confirm)`.
fn set_alarm(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    // A time that has passed is now.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0.0, |now| (now.as_secs_f64() * 1000.0).floor());
    let millis = f64_arg(scope, &args, 1).max(now) as i64;
    if let Some((_, storage)) = open(scope, &args) {
        let set = storage.alarm.set(Some(millis), bool_arg(&args, 2));
        checked(scope, set);
    }
}

/// `deleteAlarm(life, confirm)`.
fn delete_alarm(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some((_, storage)) = open(scope, &args) {
        let set = storage.alarm.set(None, bool_arg(&args, 1));
        checked(scope, set);
    }
}

/// `begin(life)`: opens a transaction, in another if one is open; its depth.
fn begin(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((actor, storage)) = open(scope, &args) else {
        return;
    };
    actor.commit();
    if let Some(depth) = checked(scope, storage.begin()) {
        rv.set_uint32(u32::try_from(depth).unwrap_or(u32::MAX));
    }
}

/// `commit(life, depth)`: ends the transaction and keeps what it did.
fn commit(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let depth = u32_arg(scope, &args, 1) as usize;
    let Some((actor, storage)) = open(scope, &args) else {
        return;
    };
    if let Some(committed) = checked(scope, storage.commit_transaction(depth)) {
        actor.hold_output(committed);
    }
}

/// `rollback(life, depth)`: ends the transaction and undoes what it did.
fn rollback(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let depth = u32_arg(scope, &args, 1) as usize;
    if let Some((_, storage)) = open(scope, &args) {
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

/// `beginSync(life)`: opens a `transactionSync`, in another if one is open. One of the next two ends it.
fn begin_sync(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some((_, storage)) = open(scope, &args) {
        if storage.in_memory() {
            return throw_error(scope, "Durable Object is not backed by SQL.");
        }
        let begun = storage.begin_sync();
        checked(scope, begun);
    }
}

/// `commitSync(life)`: if it throws, the transaction is still open.
fn commit_sync(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some((_, storage)) = open(scope, &args) {
        let committed = storage.commit_sync();
        checked(scope, committed);
    }
}

/// `rollbackSync(life)`.
fn rollback_sync(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    if let Some((_, storage)) = open(scope, &args) {
        let rolled_back = storage.rollback_sync();
        checked(scope, rolled_back);
    }
}

/// `sync(life)`: a promise that everything written so far is durable.
fn sync(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((actor, storage)) = open(scope, &args) else {
        return;
    };
    actor.commit();
    let pending = storage.pending();
    async_op(scope, &mut rv, async move {
        pending.wait().await.map_err(|error| op_error(&error))
    });
}

/// `currentBookmark(life)`: a promise of a bookmark of what is stored now.
fn current_bookmark(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some((actor, storage)) = open(scope, &args) else {
        return;
    };
    if storage.in_memory() {
        return throw_error(scope, storage::NO_POINT_IN_TIME_RECOVERY);
    }
    actor.commit();
    async_op(scope, &mut rv, async move {
        let bookmark = storage.current_bookmark().await;
        bookmark.map_err(|error| op_error(&error))
    });
}

/// `bookmarkForTime(life, millis)`: a promise of a bookmark of what was stored then.
fn bookmark_for_time(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let time_ms = f64_arg(scope, &args, 1) as i64;
    let Some((actor, storage)) = open(scope, &args) else {
        return;
    };
    actor.commit();
    async_op(scope, &mut rv, async move {
        let bookmark = storage.bookmark_for_time(time_ms).await;
        bookmark.map_err(|error| op_error(&error))
    });
}

/// `restoreBookmark(life, bookmark)`: the object's next life finds what was stored then. A promise of the bookmark that
/// undoes it.
fn restore_bookmark(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let bookmark = string_arg(scope, &args, 1);
    let Some((actor, storage)) = open(scope, &args) else {
        return;
    };
    actor.commit();
    async_op(scope, &mut rv, async move {
        let undo = storage.restore_on_next_session(&bookmark).await;
        undo.map_err(|error| op_error(&error))
    });
}
