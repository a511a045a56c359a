//! What the supervisor tells people; `time` has the form of its numbers.
//!
//! Called by `main` and `lifecycle`. One finished text a call, one line or several; a closed stream is no reason to stop serving.

pub mod time;

use std::fmt::Display;
use std::panic::Location;

use ipc::log::{self, Level, Stream};

/// The course of things.
#[track_caller]
pub fn tell(text: impl Display) {
    log::tell(Stream::Stdout, Level::Info, Location::caller(), text);
}

/// What has gone wrong while it serves.
#[track_caller]
pub fn problem(text: impl Display) {
    log::tell(Stream::Stdout, Level::Error, Location::caller(), text);
}

/// What somebody should look at: on standard error, as whoever starts the program looks there.
#[track_caller]
pub fn warn(texts: &[impl Display]) {
    for text in texts {
        log::tell(Stream::Stderr, Level::Warn, Location::caller(), text);
    }
}

/// Why something does not start, or goes on no more: on standard error too.
#[track_caller]
pub fn fail(texts: &[impl Display]) {
    for text in texts {
        log::tell(Stream::Stderr, Level::Error, Location::caller(), text);
    }
}
