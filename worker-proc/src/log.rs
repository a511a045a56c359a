//! The log of the runtime: lines on standard error, `level: text`, with the texts of the published binary; or JSON on standard
//! output, with its fields.
//!
//! Every folder may write to it. Relies on `ipc::log`. A stream that is closed loses the line, and nothing else.

use std::fmt::Display;
use std::panic::Location;
use std::sync::OnceLock;

use ipc::log::{self, Level, Stream};

use crate::service::{Class, Error};

pub use ipc::log::is_structured;

/// What the config and the command line say of the log.
pub struct Settings {
    /// Lines are JSON.
    pub structured: bool,
    /// What callers are told of is told here too, where lines are JSON.
    pub verbose: bool,
    /// What stands before the lines of `process.stdout` and of `process.stderr`.
    pub prefixes: [String; 2],
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Says how it is to be, once.
pub fn set(settings: Settings) {
    log::set_structured(settings.structured);
    let _ = SETTINGS.set(settings);
}

/// What stands before the lines of `process.stdout` (0) and `process.stderr` (1).
pub fn prefix(stream: usize) -> &'static str {
    let settings = SETTINGS.get();
    settings.map_or("", |settings| &settings.prefixes[stream])
}

/// Something that a person should look at: a worker's uncaught exception, a socket that cannot be used.
#[track_caller]
pub fn error(text: impl Display) {
    entry(Level::Error, text);
}

/// The course of a test run.
#[track_caller]
pub fn debug(text: impl Display) {
    entry(Level::Debug, text);
}

#[track_caller]
fn entry(level: Level, text: impl Display) {
    if is_structured() {
        log::tell(Stream::Stdout, level, Location::caller(), text);
    } else {
        log::write(Stream::Stderr, &format!("{}: {text}\n", level.name()));
    }
}

/// A whole message, which needs no level before it.
#[track_caller]
pub fn warn(text: impl Display) {
    log::tell(Stream::Stdout, Level::Warn, Location::caller(), text);
}

/// Why a start fails, in whole messages that name their place themselves.
#[track_caller]
pub fn fail(texts: &[impl Display]) {
    for text in texts {
        log::tell(Stream::Stderr, Level::Error, Location::caller(), text);
    }
}

/// An exception that a worker does not catch. Of one that whoever called is told of, JSON lines tell only if asked to: what
/// comes of it is told by [`unanswered`].
#[track_caller]
pub fn uncaught(text: impl Display, caller_is_told: bool) {
    let text = format_args!("uncaught exception; {text}");
    if !caller_is_told || !is_structured() {
        entry(Level::Error, text);
    } else if SETTINGS.get().is_some_and(|settings| settings.verbose) {
        entry(Level::Info, text);
    }
}

/// The published binary's name for the place that [`unanswered`] tells from, which readers of JSON lines see.
const LISTENER: &str = "workerd/server/server/listen/mod.rs:372";

/// What the message of a JSON line has before the exception there.
const FROM_JAVASCRIPT: &str = "workerd/jsg/value.h:1456: failed: remote.jsg.";

/// A client has no answer because of this. As text it has been told already, where it was thrown.
pub fn unanswered(error: &Error) {
    if !is_structured() {
        return;
    }
    let what = match (&error.class, error.message.as_str()) {
        (Class::Dom(name), message) => format!("DOMException({name}): {message}"),
        (Class::Other(name), "") => format!("Error: {name}"),
        (Class::Other(name), message) if is_builtin(name) => format!("{name}: {message}"),
        (Class::Other(name), message) => format!("Error: {name}: {message}"),
        (class, message) => format!("{}: {message}", class.name()),
    };
    let message = format_args!("Uncaught exception: {FROM_JAVASCRIPT}{what}");
    log::structured(Stream::Stdout, Level::Error, LISTENER, message);
}

/// Whether JavaScript itself has an error of that name.
fn is_builtin(class: &str) -> bool {
    let rest = ["AggregateError", "EvalError", "ReferenceError", "URIError"];
    rest.contains(&class)
}
