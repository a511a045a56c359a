//! The ops that only `storage.kv` has: its listings go step by step.

use std::rc::Rc;

use super::{Listing, Open, revive};
use crate::glue::{IntoJs, Maybe, OpError, Ops, OrThrow, Thrown, native_object, op};
use crate::storage::KvCursor;

pub(super) fn ops(r: &mut Ops) {
    r.add_all(&[cursor, cursor_next]);
}

/// `cursor(life, start, startAfter, end, prefix, reverse, limit)`: ends the one before.
#[op]
fn cursor<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    listing: Listing,
) -> Result<v8::Local<'s, v8::Object>, OpError> {
    let cursor = open.storage.kv.cursor(&listing.into())?;
    Ok(native_object(scope, cursor))
}

/// `cursorNext(life, cursor)`: key and value, as users see them; undefined at the end.
#[op]
fn cursor_next<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    cursor: Rc<KvCursor>,
) -> Result<Maybe<[v8::Local<'s, v8::Value>; 2]>, Thrown> {
    let shown = cursor.next(|key, bytes| {
        let value = revive(scope, &open.storage, key, bytes)?;
        Some([key.into_js(scope), value])
    });
    match shown.or_throw(scope)? {
        Some(Some(pair)) => Ok(Maybe(Some(pair))),
        Some(None) => Err(Thrown),
        None => Ok(Maybe(None)),
    }
}
