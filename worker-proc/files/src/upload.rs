//! Changes below a folder: files that appear whole or not at all, and what is removed. All of it may block.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::folder::Folder;
use crate::names::Names;

/// Bytes of the longest name that Linux's file systems take.
const MAX_NAME_BYTES: usize = 255;

/// What a file's name is followed by while it is not whole, at most: a process, a number, `.tmp`.
const MAX_ENDING_BYTES: usize = 64;

const ANYBODY: Mode = Mode::from_raw_mode(0o777);
const ANYBODYS_FILE: Mode = Mode::from_raw_mode(0o666);

/// A file that is not whole yet. Dropped before [`Upload::finish`] it leaves nothing.
pub struct Upload {
    parent: OwnedFd,
    name: OsString,
    temporary: OsString,
    file: File,
}

impl Upload {
    /// Begins the file of that name, and makes the folders that it is to be in.
    pub fn begin(folder: &Folder, names: &Names) -> io::Result<Self> {
        let (path, name) = names.parent_and_name();
        if name.len() > MAX_NAME_BYTES {
            return Err(Errno::NAMETOOLONG.into());
        }
        let parent = make(folder, path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        loop {
            let temporary = temporary(name);
            match openat(&parent, &temporary, flags, ANYBODYS_FILE) {
                Ok(file) => {
                    return Ok(Self {
                        parent,
                        name: name.to_owned(),
                        temporary,
                        file: file.into(),
                    });
                }
                // Left by a process of the same number that was killed.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub fn write(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        chunks
            .iter()
            .try_for_each(|chunk| self.file.write_all(chunk))
    }

    /// Puts the file in the place of whatever has its name, but for a folder. It is on disk before it has the name.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_data()?;
        Ok(renameat(
            &self.parent,
            &self.temporary,
            &self.parent,
            &self.name,
        )?)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Once it has its own name there is none of this one.
        let _ = unlinkat(&self.parent, &self.temporary, AtFlags::empty());
    }
}

/// A name beside the file's own that no other upload has.
fn temporary(name: &OsStr) -> OsString {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = name.as_bytes();
    let mut temporary = vec![b'.'];
    temporary.extend(&name[..name.len().min(MAX_NAME_BYTES - MAX_ENDING_BYTES)]);
    temporary.extend(format!(".{}.{number}.tmp", std::process::id()).bytes());
    OsString::from_vec(temporary)
}

/// Opens a folder, made with those above it where there is none.
fn make(folder: &Folder, path: &Path) -> io::Result<OwnedFd> {
    match folder.enter(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        entered => return entered,
    }
    let mut entered = folder.enter(Path::new("."))?;
    let mut reached = PathBuf::new();
    for name in path.components() {
        let Component::Normal(name) = name else {
            continue;
        };
        reached.push(name);
        entered = match folder.enter(&reached) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match mkdirat(&entered, name, ANYBODY) {
                    // Another upload was faster, or a link leads nowhere, which the next line tells.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                folder.enter(&reached)?
            }
            entered => entered?,
        };
    }
    Ok(entered)
}

/// Removes what is named: a link itself, a folder with all that is in it.
pub fn remove(folder: &Folder, names: &Names) -> io::Result<()> {
    let (path, name) = names.parent_and_name();
    let parent = folder.enter(path)?;
    match unlinkat(&parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {
            let own = format!("/proc/self/fd/{}", parent.as_raw_fd());
            std::fs::remove_dir_all(Path::new(&own).join(name))
        }
        removed => Ok(removed?),
    }
}
