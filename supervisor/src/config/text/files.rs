//! Finds and reads the files that a configuration names: imports and embeds.
//!
//! A relative name starts at the file it stands in; one with a leading `/` is searched for in the
//! `-I` directories. `..` is taken away from the path as written, without following links.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// The largest configuration text read.
const MAX_SOURCE_BYTES: u64 = 256 << 20;
/// The largest file embedded: what one text or data value of a message can hold.
const MAX_EMBED_BYTES: u64 = (1 << 29) - 2;

pub struct Files {
    current_dir: PathBuf,
    import_path: Vec<PathBuf>,
    embedded: HashMap<PathBuf, Rc<Vec<u8>>>,
    /// Every file read, or looked for in vain.
    seen: Vec<PathBuf>,
}

impl Files {
    pub fn new(current_dir: &Path, import_path: &[PathBuf]) -> Files {
        Files {
            current_dir: current_dir.to_owned(),
            import_path: import_path
                .iter()
                .map(|dir| normal(current_dir, dir))
                .collect(),
            embedded: HashMap::new(),
            seen: Vec::new(),
        }
    }

    pub fn into_seen(self) -> Vec<PathBuf> {
        self.seen
    }

    /// The absolute path of a file given on the command line.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        normal(&self.current_dir, path)
    }

    /// The file that `name` stands for in the file `from`.
    pub fn find(&mut self, from: &Path, name: &str) -> Option<PathBuf> {
        let candidates: Vec<PathBuf> = match name.strip_prefix('/') {
            Some(name) => self
                .import_path
                .iter()
                .map(|dir| normal(dir, Path::new(name)))
                .collect(),
            None => vec![normal(from.parent().unwrap_or(from), Path::new(name))],
        };
        let found = candidates.iter().find(|path| path.is_file()).cloned();
        if found.is_none() {
            self.seen.extend(candidates);
        }
        found
    }

    pub fn read_source(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.read(path, MAX_SOURCE_BYTES)
    }

    /// The bytes of a file to embed; read once however often it is named.
    pub fn read_embed(&mut self, path: &Path) -> io::Result<Rc<Vec<u8>>> {
        if let Some(bytes) = self.embedded.get(path) {
            return Ok(Rc::clone(bytes));
        }
        let bytes = Rc::new(self.read(path, MAX_EMBED_BYTES)?);
        self.embedded.insert(path.to_owned(), Rc::clone(&bytes));
        Ok(bytes)
    }

    fn read(&mut self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        self.seen.push(path.to_owned());
        let mut bytes = Vec::new();
        fs::File::open(path)?
            .take(max_bytes + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max_bytes {
            return Err(io::Error::other(format!("larger than {max_bytes} bytes")));
        }
        Ok(bytes)
    }

    /// A path as messages show it: short for files below the current directory.
    pub fn display(&self, path: &Path) -> String {
        path.strip_prefix(&self.current_dir)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// `path` from `base`, without `.` and `..`.
fn normal(base: &Path, path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        let normal = |base: &str, path: &str| {
            normal(Path::new(base), Path::new(path))
                .display()
                .to_string()
        };
        assert_eq!(normal("/a/b", "c"), "/a/b/c");
        assert_eq!(normal("/a/b", "../c/./d"), "/a/c/d");
        assert_eq!(normal("/a/b", "/c"), "/c");
        assert_eq!(normal("/a", "../../.."), "/");
    }

    #[test]
    fn names_are_found_relative_and_in_the_import_path() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("lib/sub")).unwrap();
        fs::write(root.join("lib/x"), "1").unwrap();
        let mut files = Files::new(root, &[PathBuf::from("nowhere"), PathBuf::from("lib")]);
        let from = root.join("lib/sub/main");
        assert_eq!(files.find(&from, "../x"), Some(root.join("lib/x")));
        assert_eq!(files.find(&from, "/x"), Some(root.join("lib/x")));
        assert_eq!(files.find(&from, "x"), None);
        assert_eq!(files.find(&from, "../sub"), None, "a directory is no file");
        assert_eq!(files.display(&root.join("lib/x")), "lib/x");
        assert_eq!(*files.read_embed(&root.join("lib/x")).unwrap(), b"1");
        assert!(files.into_seen().contains(&root.join("lib/sub/x")));
    }
}
