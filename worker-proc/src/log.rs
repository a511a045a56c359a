//! The log: lines on standard error, `level: text`, with the texts of the published binary.
//!
//! Every folder may write to it. Relies on nothing. A standard error that is closed loses the line, and nothing else.

use std::fmt::Display;
use std::io::Write;

/// Something that a person should look at: a worker's uncaught exception, a socket that cannot be used.
pub fn error(text: impl Display) {
    line(format_args!("error: {text}"));
}

/// The course of a test run.
pub fn debug(text: impl Display) {
    line(format_args!("debug: {text}"));
}

/// A whole message: config errors, which name their place themselves.
pub fn line(text: impl Display) {
    let text = format!("{text}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
