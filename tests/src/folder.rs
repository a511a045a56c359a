//! A temporary folder with a config and its files.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Removed when dropped.
pub struct Folder(TempDir);

/// A config of one worker, `worker.js`, on one socket, `http`.
pub const ONE_WORKER: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

impl Folder {
    /// A folder with these files: names and contents.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, contents) in files {
            folder.write(name, contents);
        }
        folder
    }

    /// A folder with [`ONE_WORKER`] and the code of its worker.
    pub fn worker(code: &str) -> Self {
        Self::new(&[("config.capnp", ONE_WORKER), ("worker.js", code)])
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, contents: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, contents).expect("a writable folder");
    }

    /// A path inside it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        self.0.path()
    }
}
