//! `ctx.storage`: what an object keeps, as JavaScript sees it. The engine is `storage`'s.
//!
//! Every op's first argument is the number of the life whose storage it is: the op throws where another object runs.
//! `sql` has the ops of `storage.sql`, `sync_kv` those of `storage.kv`; the ones here are of the storage itself.

mod error;
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
    Api, Argument, Arguments, Arity, Call, IntoJs, IsolateState, JsNumber, List, Maybe, OpError,
    Ops, OrThrow, Promise, Throw, Thrown, op, promise, require_context,
};
use crate::js;
use crate::storage::{self, ListOptions, Storage};
use error::{MAX_MEMORY_KEY_BYTES, MAX_MEMORY_PAIRS, MAX_MEMORY_VALUE_BYTES, Refused};

pub const API: Api = Api {
    name: "storage",
    modules: &[],
    lazy: &[js!("sql.js"), js!("sync_kv.js"), js!("storage.js")],
    uses: &["structured_clone", "trace", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(r: &mut Ops) {
    r.add_all(&[
        access,
        enter,
        next_token,
        push_token,
        get,
        get_many,
        list,
        put,
        put_many,
        delete,
        delete_many,
        delete_all,
        get_alarm,
        set_alarm,
        delete_alarm,
        begin,
        commit,
        rollback,
        begin_sync,
        commit_sync,
        rollback_sync,
        sync,
        current_bookmark,
        bookmark_for_time,
        restore_bookmark,
    ]);
    r.share::<Access>();
    sql::ops(r);
    sync_kv::ops(r);
}

/// The object that runs, which JavaScript names by the number of its life; throws if it is not that one.
struct Here(Rc<dyn ActorIo>);

impl<'s> Argument<'s> for Here {
    const ARITY: Arity = Arity::ONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        _: &'static str,
    ) -> Option<Self> {
        let life = f64::read(scope, call, at, "life")?;
        let context = require_context(scope)?;
        let actor = context.actor().filter(|_| context.id() as f64 == life);
        if actor.is_none() {
            Refused::OtherObject.throw(scope);
        }
        actor.map(Self)
    }
}

/// The same, and its storage.
struct Open {
    actor: Rc<dyn ActorIo>,
    storage: Rc<Storage>,
}

impl<'s> Argument<'s> for Open {
    const ARITY: Arity = Here::ARITY;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self> {
        let Here(actor) = Here::read(scope, call, at, name)?;
        let storage = actor.storage();
        if storage.is_none() {
            Refused::OtherObject.throw(scope);
        }
        storage.map(|storage| Self { actor, storage })
    }
}

/// What the serialisation of a value may add to it.
const VALUE_OVERHEAD_BYTES: usize = 34;

/// Whether a key may be used. Files have no limit but SQLite's.
fn check_key(storage: &Storage, key: &str) -> Result<(), Refused> {
    if storage.in_memory() && key.len() > MAX_MEMORY_KEY_BYTES {
        return Err(Refused::LongKey { bytes: key.len() });
    }
    Ok(())
}

/// Whether a pair may be stored.
fn check_pair(storage: &Storage, key: &str, value: &[u8]) -> Result<(), Refused> {
    check_key(storage, key)?;
    if storage.in_memory() && value.len() > MAX_MEMORY_VALUE_BYTES + VALUE_OVERHEAD_BYTES {
        return Err(Refused::LongValue { bytes: value.len() });
    }
    Ok(())
}

impl From<storage::Error> for OpError {
    fn from(error: storage::Error) -> Self {
        let class = match error.class() {
            storage::Class::Error => Class::Error,
            storage::Class::TypeError => Class::TypeError,
        };
        Self::new(class, error.message())
    }
}

/// `enter(life)`: throws unless that life of an object runs.
#[op]
fn enter(_here: Here) {}

/// Whether an object's class may use SQL.
#[derive(Clone, Copy, JsNumber)]
enum Access {
    Sql,
    /// Its namespace has not enabled it.
    NotEnabled,
    /// There is no file.
    InMemory,
}

/// `access(life)`.
#[op]
fn access(open: Open) -> Access {
    match (open.storage.in_memory(), open.storage.sql_enabled()) {
        (true, _) => Access::InMemory,
        (false, false) => Access::NotEnabled,
        (false, true) => Access::Sql,
    }
}

/// `get(life, key)`: the value, or undefined.
#[op]
fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    key: String,
) -> Result<Maybe<v8::Local<'s, v8::Value>>, Thrown> {
    check_key(&open.storage, &key).or_throw(scope)?;
    read(scope, &open.storage, &key).map(Maybe)
}

/// The value of a key, if there is one.
fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    storage: &Rc<Storage>,
    key: &str,
) -> Result<Option<v8::Local<'s, v8::Value>>, Thrown> {
    let value = storage
        .kv
        .get(key, |bytes| revive(scope, storage, key, bytes));
    match value.or_throw(scope)? {
        Some(Some(value)) => Ok(Some(value)),
        Some(None) => Err(Thrown),
        None => Ok(None),
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
#[op]
fn next_token(scope: &mut v8::PinScope) -> Result<Maybe<Vec<u8>>, OpError> {
    let tokens = IsolateState::get(scope).extension::<Tokens>();
    let mut read = tokens.read.borrow_mut();
    let Some((storage, key, count)) = &mut *read else {
        return Ok(Maybe(None));
    };
    let mut found = storage.kv.externals(key)?;
    let index = *count;
    *count += 1;
    Ok(Maybe(
        (index < found.len()).then(|| found.swap_remove(index)),
    ))
}

/// `pushToken(bytes)`: a token of the value that is written.
#[op]
fn push_token(scope: &mut v8::PinScope, token: Vec<u8>) {
    let tokens = IsolateState::get(scope).extension::<Tokens>();
    tokens.written.borrow_mut().push(token);
}

/// The bytes of a value with the tokens of the stubs that it refers to.
fn dismantle(
    scope: &mut v8::PinScope,
    storage: &Storage,
    value: v8::Local<v8::Value>,
) -> Result<(Vec<u8>, Vec<Vec<u8>>), Thrown> {
    let tokens = IsolateState::get(scope).extension::<Tokens>();
    tokens.written.borrow_mut().clear();
    let bytes = serialize(scope, value).ok_or(Thrown)?;
    let written = tokens.written.take();
    if !written.is_empty() && storage.in_memory() {
        return Err(Thrown::throw(scope, Refused::StubsInMemory));
    }
    Ok((bytes, written))
}

/// `getMany(life, keys)`: what is there of it, in the order of the keys' bytes, as key, value, key, value.
#[op]
fn get_many<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    mut keys: Vec<String>,
) -> Result<List<v8::Local<'s, v8::Value>>, Thrown> {
    if open.storage.in_memory() && keys.len() > MAX_MEMORY_PAIRS {
        let pairs = keys.len();
        return Err(Thrown::throw(scope, Refused::ManyPairs { pairs }));
    }
    keys.sort_unstable();
    keys.dedup();
    let mut flat = Vec::new();
    for key in keys {
        if let Some(value) = read(scope, &open.storage, &key)? {
            flat.extend([key.into_js(scope), value]);
        }
    }
    Ok(List(flat))
}

/// What a listing takes.
#[derive(Arguments)]
struct Listing {
    start: Option<String>,
    start_after: Option<String>,
    end: Option<String>,
    prefix: Option<String>,
    reverse: bool,
    limit: Option<u32>,
}

impl From<Listing> for ListOptions {
    fn from(listing: Listing) -> Self {
        Self {
            start: listing.start,
            start_after: listing.start_after,
            end: listing.end,
            prefix: listing.prefix,
            reverse: listing.reverse,
            limit: listing.limit,
        }
    }
}

/// `list(life, start, startAfter, end, prefix, reverse, limit)`: key, value, key, value.
#[op]
fn list<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    listing: Listing,
) -> Result<List<v8::Local<'s, v8::Value>>, Thrown> {
    let cursor = open.storage.kv.cursor(&listing.into()).or_throw(scope)?;
    let mut flat = Vec::new();
    loop {
        let shown = cursor.next(|key, bytes| {
            let value = revive(scope, &open.storage, key, bytes)?;
            Some([key.into_js(scope), value])
        });
        match shown.or_throw(scope)? {
            Some(Some(pair)) => flat.extend(pair),
            Some(None) => return Err(Thrown),
            None => return Ok(List(flat)),
        }
    }
}

/// `put(life, key, value, confirm)`.
#[op]
fn put<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    key: String,
    value: v8::Local<'s, v8::Value>,
    confirm: bool,
) -> Result<(), Thrown> {
    let kv = &open.storage.kv;
    let (bytes, tokens) = dismantle(scope, &open.storage, value)?;
    check_pair(&open.storage, &key, &bytes).or_throw(scope)?;
    kv.put(&key, &bytes, confirm).or_throw(scope)?;
    if !tokens.is_empty() {
        kv.put_externals(&key, &tokens).or_throw(scope)?;
    }
    Ok(())
}

/// `putMany(life, [key, value, ...], confirm)`: all or none.
#[op]
fn put_many<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    flat: v8::Local<'s, v8::Array>,
    confirm: bool,
) -> Result<(), Thrown> {
    let mut pairs = Vec::new();
    let mut externals = Vec::new();
    for index in 0..flat.length() / 2 {
        let key = flat.get_index(scope, index * 2).ok_or(Thrown)?;
        let key = to_string(scope, key);
        let value = flat.get_index(scope, index * 2 + 1).ok_or(Thrown)?;
        let (bytes, tokens) = dismantle(scope, &open.storage, value)?;
        check_pair(&open.storage, &key, &bytes).or_throw(scope)?;
        if !tokens.is_empty() {
            externals.push((key.clone(), tokens));
        }
        pairs.push((key, bytes));
    }
    let kv = &open.storage.kv;
    kv.put_many(&pairs, confirm).or_throw(scope)?;
    for (key, tokens) in &externals {
        kv.put_externals(key, tokens).or_throw(scope)?;
    }
    Ok(())
}

/// `delete(life, key, confirm)`: whether it was there.
#[op]
fn delete(open: Open, key: &str, confirm: bool) -> Result<bool, OpError> {
    check_key(&open.storage, key)?;
    Ok(open.storage.kv.delete(key, confirm)?)
}

/// `deleteMany(life, keys, confirm)`: how many were there.
#[op]
fn delete_many(open: Open, keys: Vec<String>, confirm: bool) -> Result<u32, OpError> {
    let storage = &open.storage;
    keys.iter().try_for_each(|key| check_key(storage, key))?;
    Ok(storage.kv.delete_many(&keys, confirm)?)
}

/// `deleteAll(life, deleteAlarm)`.
#[op]
fn delete_all(open: Open, delete_alarm: bool) -> Result<(), OpError> {
    open.storage.delete_all(delete_alarm)?;
    if let Some(facets) = open.actor.facets() {
        facets.delete_all();
    }
    Ok(())
}

/// `getAlarm(life)`: milliseconds since 1970, or null.
#[op]
fn get_alarm(open: Open) -> Result<Option<f64>, OpError> {
    Ok(open.storage.alarm.get()?.map(|millis| millis as f64))
}

/// `setAlarm(life, millis, confirm)`.
#[op]
fn set_alarm(open: Open, millis: f64, confirm: bool) -> Result<(), OpError> {
    // A time that has passed is now.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0.0, |now| (now.as_secs_f64() * 1000.0).floor());
    Ok(open
        .storage
        .alarm
        .set(Some(millis.max(now) as i64), confirm)?)
}

/// `deleteAlarm(life, confirm)`.
#[op]
fn delete_alarm(open: Open, confirm: bool) -> Result<(), OpError> {
    Ok(open.storage.alarm.set(None, confirm)?)
}

/// `begin(life)`: opens a transaction, in another if one is open; its depth.
#[op]
fn begin(open: Open) -> Result<u32, OpError> {
    open.actor.commit();
    Ok(u32::try_from(open.storage.begin()?).unwrap_or(u32::MAX))
}

/// `commit(life, depth)`: ends the transaction and keeps what it did.
#[op]
fn commit(open: Open, depth: u32) -> Result<(), OpError> {
    let committed = open.storage.commit_transaction(depth as usize)?;
    open.actor.hold_output(committed);
    Ok(())
}

/// `rollback(life, depth)`: ends the transaction and undoes what it did.
#[op]
fn rollback(open: Open, depth: u32) -> Result<(), OpError> {
    let depth = depth as usize;
    Ok(open.storage.rollback_transaction(depth)?)
}

/// `beginSync(life)`: opens a `transactionSync`, in another if one is open. One of the next two ends it.
#[op]
fn begin_sync(open: Open) -> Result<(), OpError> {
    if open.storage.in_memory() {
        return Err(Refused::NoSql.into());
    }
    Ok(open.storage.begin_sync()?)
}

/// `commitSync(life)`: if it throws, the transaction is still open.
#[op]
fn commit_sync(open: Open) -> Result<(), OpError> {
    Ok(open.storage.commit_sync()?)
}

/// `rollbackSync(life)`.
#[op]
fn rollback_sync(open: Open) -> Result<(), OpError> {
    Ok(open.storage.rollback_sync()?)
}

/// `sync(life)`: a promise that everything written so far is durable.
#[op]
fn sync<'s>(scope: &mut v8::PinScope<'s, '_>, open: Open) -> Result<Promise<'s, ()>, Thrown> {
    open.actor.commit();
    let pending = open.storage.pending();
    promise(scope, async move { Ok(pending.wait().await?) })
}

/// `currentBookmark(life)`: a promise of a bookmark of what is stored now.
#[op]
fn current_bookmark<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
) -> Result<Promise<'s, String>, Thrown> {
    if open.storage.in_memory() {
        return Err(Thrown::throw(scope, Refused::NoHistory {}));
    }
    open.actor.commit();
    let storage = open.storage;
    promise(scope, async move { Ok(storage.current_bookmark().await?) })
}

/// `bookmarkForTime(life, millis)`: a promise of a bookmark of what was stored then.
#[op]
fn bookmark_for_time<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    millis: f64,
) -> Result<Promise<'s, String>, Thrown> {
    open.actor.commit();
    let storage = open.storage;
    let time_ms = millis as i64;
    promise(scope, async move {
        Ok(storage.bookmark_for_time(time_ms).await?)
    })
}

/// `restoreBookmark(life, bookmark)`: the object's next life finds what was stored then. A promise of the bookmark that
/// undoes it.
#[op]
fn restore_bookmark<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    bookmark: String,
) -> Result<Promise<'s, String>, Thrown> {
    open.actor.commit();
    let storage = open.storage;
    promise(scope, async move {
        Ok(storage.restore_on_next_session(&bookmark).await?)
    })
}
