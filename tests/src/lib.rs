//! The harness of the tests that run the program from outside: servers, a raw HTTP client, load.
//!
//! Used by the test targets of the package `supervisor` (their files are in this folder): Cargo builds the program for that
//! package's tests and tells them where it is. Nothing here sleeps: tests wait for what the server reports, with a deadline.

pub mod browser;
pub mod cdp;
pub mod folder;
pub mod history;
pub mod http;
pub mod http2;
pub mod load;
pub mod program;
pub mod random;
pub mod samples;
pub mod server;
pub mod stream;
pub mod websocket;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// No wait of a test is longer.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package is in the repository")
        .to_owned()
}

/// All files of the repository with this ending, outside build folders.
pub fn files_with_ending(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_symlink() || name == "target" || name == "node_modules" || name == ".git" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
