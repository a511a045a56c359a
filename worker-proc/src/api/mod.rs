//! What JavaScript finds in an isolate: a folder an API, in four wings. Each folder is a `pub mod` line of its wing's `mod.rs`
//! and no other; the build script makes the list of them.

pub mod base;
#[cfg(test)]
mod border;
pub mod cloudflare;
pub mod node;
pub mod web;

use crate::glue::Api;

include!(concat!(env!("OUT_DIR"), "/apis.rs"));
