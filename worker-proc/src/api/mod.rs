//! The Web APIs: a folder each, a line each in the list below. The order is that of evaluation into the snapshot.

pub mod fetch;
pub mod modules;
pub mod workers;

use crate::glue::Api;

/// Every API of the runtime.
pub static ALL: &[Api] = &[fetch::API, modules::API, workers::API];
