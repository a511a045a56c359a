//! `--watch`: notices that a file of the config, or the program itself, has changed.
//!
//! Called by `lifecycle`, with new files for each generation. Watches the folders (an editor replaces a file rather than
//! writes to it, and a mounted config changes by the swap of a link) and, when they have been quiet for a moment, compares the
//! files with what they were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Changes come in bursts; they are looked at when none has come for this long.
const QUIET: Duration = Duration::from_millis(200);

/// Watches a set of files.
#[derive(Debug)]
pub struct Watcher {
    inotify: Inotify,
    files: BTreeMap<PathBuf, Option<Fingerprint>>,
    /// When to compare, if a folder has changed.
    pub settled_at: Option<Instant>,
}

/// What tells one state of a file from another: inode, length, time of change in seconds and nanoseconds.
type Fingerprint = (u64, u64, i64, i64);

impl Watcher {
    /// Watches `files`, as they are now.
    pub fn new<'a>(files: impl IntoIterator<Item = &'a Path>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let files: BTreeMap<_, _> = files
            .into_iter()
            .map(|file| (file.to_owned(), fingerprint(file)))
            .collect();
        let folders: BTreeSet<&Path> = files.keys().map(|file| folder_of(file)).collect();
        let changes = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE;
        for folder in folders {
            // A folder that is gone cannot be watched, and its files cannot come back without a change further up.
            let _ = inotify.add_watch(folder, changes);
        }
        Ok(Self {
            inotify,
            files,
            settled_at: None,
        })
    }

    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.keys()
    }

    /// Something has happened in a folder.
    pub fn on_readable(&mut self) {
        while let Ok(events) = self.inotify.read_events() {
            if events.is_empty() {
                break;
            }
            self.settled_at = Some(Instant::now() + QUIET);
        }
    }

    /// The files that are not what they were when last asked.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        self.settled_at = None;
        let mut changed = Vec::new();
        for (file, known) in &mut self.files {
            let now = fingerprint(file);
            if now != *known {
                *known = now;
                changed.push(file.clone());
            }
        }
        changed
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn fingerprint(file: &Path) -> Option<Fingerprint> {
    let metadata = fs::metadata(file).ok()?;
    Some((
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_watched_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (watched, other) = (folder.path().join("watched"), folder.path().join("other"));
        fs::write(&watched, "1").unwrap();
        let mut watcher = Watcher::new([watched.as_path()]).unwrap();

        fs::write(&other, "1").unwrap();
        watcher.on_readable();
        assert!(watcher.settled_at.is_some());
        assert!(watcher.changed().is_empty());
        assert!(watcher.settled_at.is_none());

        fs::write(&other, "22").unwrap();
        fs::rename(&other, &watched).unwrap();
        watcher.on_readable();
        assert_eq!(watcher.changed(), [watched.as_path()]);
        assert!(watcher.changed().is_empty());

        fs::remove_file(&watched).unwrap();
        watcher.on_readable();
        assert_eq!(watcher.changed(), [watched.as_path()]);
    }

    #[test]
    fn a_file_without_a_folder_is_in_this_one() {
        assert_eq!(folder_of(Path::new("config.capnp")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/config.capnp")), Path::new("a"));
    }
}
