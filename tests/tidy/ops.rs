//! The border between JavaScript and Rust: an op's signature says what it takes.

use crate::complain;
use crate::source::{Source, rust};

/// Folders whose functions JavaScript calls by `#[op]` alone.
const HOMES: [&str; 2] = ["worker-proc/src/api/", "worker-proc/src/bindings/"];

/// Reads what a worker passes to V8's own method, whatever that is.
const BY_HAND: [&str; 1] = ["worker-proc/src/api/web/console/mod.rs"];

fn reads_by_hand(source: &Source) -> bool {
    let is_home = HOMES.iter().any(|home| source.name.starts_with(home));
    is_home
        && !BY_HAND.contains(&source.name.as_str())
        && source.text.contains("FunctionCallbackArguments")
}

#[test]
fn ops_read_no_arguments_by_hand() {
    let sources = rust();
    let wrong = sources.iter().filter(|source| reads_by_hand(source));
    complain(
        "functions for JavaScript that are no `#[op]`",
        &wrong.map(|source| source.name.clone()).collect::<Vec<_>>(),
    );
}

#[test]
fn an_op_that_reads_by_hand_is_found() {
    let text =
        "fn f(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {}";
    let found = |name: &str| reads_by_hand(&Source::new(name, text));
    assert!(found("worker-proc/src/bindings/a/mod.rs"));
    assert!(found("worker-proc/src/api/web/a/mod.rs"));
    assert!(!found("worker-proc/src/isolate/a.rs"));
}
