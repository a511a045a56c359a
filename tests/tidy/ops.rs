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

/// An error made of a class and a text, which a folder's enum has: `#[derive(JsError)]`.
fn makes_errors_by_hand(source: &Source) -> bool {
    let ways = ["error", "type_error", "range_error", "dom"].map(|way| format!("OpError::{way}("));
    HOMES.iter().any(|home| source.name.starts_with(home))
        && ways.iter().any(|way| source.text.contains(way))
}

#[test]
fn errors_are_enums() {
    let sources = rust();
    let wrong = sources.iter().filter(|source| makes_errors_by_hand(source));
    complain(
        "errors that no enum has",
        &wrong.map(|source| source.name.clone()).collect::<Vec<_>>(),
    );
    let text = "fn f() -> OpError { OpError::type_error(\"no\") }";
    assert!(makes_errors_by_hand(&Source::new(
        "worker-proc/src/api/a.rs",
        text
    )));
    assert!(!makes_errors_by_hand(&Source::new(
        "worker-proc/src/glue/a.rs",
        text
    )));
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
