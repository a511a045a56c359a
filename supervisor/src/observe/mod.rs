//! What the supervisor tells people, on standard error; `time` has the form of its numbers.
//!
//! Called by `main` and `lifecycle`. One finished text a call; a closed standard error is no reason to stop serving.

pub mod time;

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line, or several when the text has several.
pub fn tell(text: impl Display) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}
