//! The virtual file system, and the File System standard's handles for it.
//!
//! The tree is JavaScript: `/bundle` is the worker's modules, which stay where they are, `/tmp` belongs to the context that runs, and
//! `/dev` has devices. `node/fs` stands on the same tree.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use crate::api::web::blob::as_uint8_array;
use crate::api::web::crypto::{random_bytes, random_uuid};
use crate::glue::{Api, IoContext, JsArray, List, Maybe, Ops, op};
use crate::isolate::modules;
use crate::js;
use crate::log;

pub const API: Api = Api {
    name: "file_system",
    modules: &[],
    lazy: &[
        js!("nodes.js"),
        js!("tree.js"),
        js!("stdio.js"),
        js!("refusals.js"),
        js!("writable.js"),
        js!("handles.js"),
    ],
    uses: &[
        "blob",
        "dom_exception",
        "encoding",
        "streams",
        "timers",
        "url",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[
        as_uint8_array,
        state,
        keep_state,
        bundle,
        bundle_bytes,
        normalize_path,
        random_bytes,
        random_uuid,
        stdio_prefix,
    ]);
    ops.share::<Entry>();
}

/// What a context has of the file system, in JavaScript; it goes with the context.
#[derive(Default)]
struct State(RefCell<Option<v8::Global<v8::Object>>>);

/// `state()`: what the running context keeps, undefined if it is nothing yet; null at global scope.
#[op]
fn state<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn IoContext>>,
) -> Option<Maybe<v8::Local<'s, v8::Object>>> {
    let state = context?.resources().single::<State>();
    let kept = state.0.borrow();
    Some(Maybe(kept.as_ref().map(|kept| v8::Local::new(scope, kept))))
}

/// `keepState(object)`: the running context keeps it.
#[op]
fn keep_state(scope: &mut v8::PinScope, context: Rc<dyn IoContext>, object: v8::Local<v8::Object>) {
    let state = context.resources().single::<State>();
    state.0.replace(Some(v8::Global::new(scope, object)));
}

/// A module of the worker as a file.
#[derive(JsArray)]
struct Entry {
    /// None for one that has no place in the tree.
    path: Option<String>,
    /// In bytes.
    size: u32,
}

/// `bundle()`: the worker's modules, in the config's order.
#[op]
fn bundle(scope: &mut v8::PinScope) -> List<Entry> {
    let paths = modules::bundle(scope).into_iter().enumerate();
    let entry = |(index, path)| {
        let size = modules::bundled(scope, index).map_or(0, |source| source.len());
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        Entry { path, size }
    };
    List(paths.map(entry).collect())
}

/// `bundleBytes(index, position, length)`: a copy of some of a module's bytes; fewer where it has no more.
#[op]
fn bundle_bytes(scope: &mut v8::PinScope, index: u32, position: u32, length: u32) -> Bytes {
    let source = modules::bundled(scope, index as usize);
    let bytes = source.as_ref().map_or(&[][..], |source| source.bytes());
    let rest = bytes.get(position as usize..).unwrap_or_default();
    Bytes::copy_from_slice(&rest[..rest.len().min(length as usize)])
}

/// `normalizePath(path)`: of a URL, so that one file has one name.
#[op]
fn normalize_path(path: &str) -> String {
    modules::normalize_path(path)
}

/// `stdioPrefix(descriptor)`: what the config puts before lines of standard output (1) and standard error (2).
#[op]
fn stdio_prefix(descriptor: u32) -> &'static str {
    log::prefix(usize::from(descriptor == 2))
}
