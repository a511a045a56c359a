//! The folders that objects are kept in: each is one server's at a time.
//!
//! Part of `supervisor`, which takes them before a generation starts. It alone holds the locks, for all of its processes and
//! generations: they outlive the crash of any process, an upgrade hands them on, and the kernel drops them with this program.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Takes a folder for this server: the descriptor that holds its lock, or what is wrong.
pub type LockFolder = fn(&Path) -> Result<OwnedFd, String>;

/// Device and inode: paths may lead to the same folder in several ways.
pub type FolderId = (u64, u64);

/// The locks that this server holds.
#[derive(Debug, Default)]
pub struct Folders(BTreeMap<FolderId, OwnedFd>);

impl Folders {
    /// Takes what is not held yet. All that is wrong at once.
    pub fn take(
        &mut self,
        paths: &[PathBuf],
        lock: LockFolder,
    ) -> Result<Vec<FolderId>, Vec<String>> {
        let (mut taken, mut errors) = (Vec::new(), Vec::new());
        for path in paths {
            match self.take_one(path, lock) {
                Ok(id) => taken.push(id),
                Err(error) => errors.push(format!("Durable Objects: {error}")),
            }
        }
        if errors.is_empty() {
            Ok(taken)
        } else {
            Err(errors)
        }
    }

    fn take_one(&mut self, path: &Path, lock: LockFolder) -> Result<FolderId, String> {
        let id = folder_id(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Entry::Vacant(place) = self.0.entry(id) {
            place.insert(lock(path)?);
        }
        Ok(id)
    }

    /// Lets go of all but these.
    pub fn keep(&mut self, used: &[FolderId]) {
        self.0.retain(|id, _| used.contains(id));
    }

    /// What the program that replaces this one goes on holding.
    pub fn iter(&self) -> impl Iterator<Item = (FolderId, BorrowedFd<'_>)> {
        self.0.iter().map(|(id, lock)| (*id, lock.as_fd()))
    }

    /// What the program before this one held.
    pub fn handed_over(held: impl IntoIterator<Item = (FolderId, OwnedFd)>) -> Self {
        Self(held.into_iter().collect())
    }

    pub fn ids(&self) -> Vec<FolderId> {
        self.0.keys().copied().collect()
    }
}

fn folder_id(path: &Path) -> io::Result<FolderId> {
    let folder = fs::metadata(path)?;
    Ok((folder.dev(), folder.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(path: &Path) -> Result<OwnedFd, String> {
        let file = fs::File::create_new(path.join("lock"));
        file.map(OwnedFd::from).map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_is_taken_once_and_kept_while_it_is_used() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let alias = other.path().join("alias");
        std::os::unix::fs::symlink(one.path(), &alias).unwrap();
        let mut folders = Folders::default();
        let paths = [one.path().to_owned(), alias, other.path().to_owned()];
        let taken = folders.take(&paths, lock).unwrap();
        assert_eq!(taken[0], taken[1]);
        assert_eq!(folders.iter().count(), 2);
        folders.keep(&taken[..2]);
        let errors = folders.take(&paths, lock).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let missing = [one.path().join("missing")];
        let errors = folders.take(&missing, lock).unwrap_err();
        assert!(errors[0].contains("missing: No such file"), "{errors:?}");
    }
}
