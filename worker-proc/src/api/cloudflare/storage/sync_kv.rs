//! The ops that only `storage.kv` has: its listings go step by step.

use super::{checked, list_options, open, revive};
use crate::glue::{Ops, native_arg, native_object, string};
use crate::storage::KvCursor;

pub(super) fn ops(r: &mut Ops) {
    r.add("cursor", cursor);
    r.add("cursorNext", cursor_next);
}

/// `cursor(life, start, startAfter, end, prefix, reverse, limit)`: ends the one before.
fn cursor(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let options = list_options(scope, &args);
    if let Some(cursor) = checked(scope, storage.kv.cursor(&options)) {
        rv.set(native_object(scope, cursor).into());
    }
}

/// `cursorNext(life, cursor)`: key and value, undefined at the end.
fn cursor_next(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let Some(cursor) = native_arg::<KvCursor>(scope, &args, 1) else {
        return;
    };
    let shown = cursor.next(|key, bytes| {
        let value = revive(scope, &storage, key, bytes)?;
        let pair = [string(scope, key).into(), value];
        Some(v8::Array::new_with_elements(scope, &pair))
    });
    if let Some(Some(Some(pair))) = checked(scope, shown) {
        rv.set(pair.into());
    }
}
