//! Files as services: the config's `disk` and `assets` services.
//!
//! `net` builds them. Whatever a request names is looked up beneath an open folder by `openat2(2)`, so that no path and no link
//! leads out of it. What the page cache has is read at once; all else is done on other threads, so that a slow disk
//! holds up nobody but who asks for it. Relies on `service` alone.

mod assets;
mod cond;
mod disk;
mod folder;
mod jobs;
mod listing;
mod names;
mod range;
mod reader;
mod upload;

use std::fmt::Display;

use service::Error;

pub use assets::{AssetFiles, Assets, AssetsSpec, FindWorker};
pub use disk::{Disk, DiskSpec};

/// Makes an error of a text that is for the log alone.
pub type Conceal = fn(&dyn Display) -> Error;
