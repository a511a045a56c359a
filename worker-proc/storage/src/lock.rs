//! Locks that the kernel drops with the process that holds them: no object is ever alive twice.
//!
//! A namespace's folder has one lock file, `.locks`, which the published workerd ignores. An object is the byte of it
//! whose offset is the first 62 bits of its id, locked for an open file description (fcntl(2), "Open file description
//! locks"): nothing is written, and however the process ends, the lock ends with it. The actor host takes an object's
//! lock before it opens the object's storage, and drops it after the storage is closed. Objects that keep nothing on disk are
//! bytes of a memory file that the server's processes share.
//!
//! The folder of a disk has another, `.server`, held by the server that serves from it; a second server is told who.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use tokio::time::{Instant, sleep};

use super::error::{Error, Result};

/// The first and the longest pause between two tries of [`ObjectLocks::lock`].
const RETRY_MS: (u64, u64) = (1, 50);

/// The locks of the objects of one namespace that this process holds.
pub struct ObjectLocks {
    file: File,
    /// Tells namespaces that share a file apart.
    salt: u64,
    /// Locks of one file description do not exclude each other, so what is held here is also kept here.
    held: RefCell<HashSet<i64>>,
}

/// Says that the object is alive here and nowhere else, until it is dropped.
#[derive(Debug)]
pub struct ObjectLock {
    locks: Rc<ObjectLocks>,
    byte: i64,
}

impl std::fmt::Debug for ObjectLocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} locks", self.held.borrow().len())
    }
}

impl ObjectLocks {
    /// Opens the lock file of a namespace's folder, which must exist.
    pub fn open(folder: &Path) -> Result<Rc<Self>> {
        Ok(Self::new(open(&folder.join(".locks"))?, 0))
    }

    /// The locks of a namespace of that key in a file that namespaces and processes share.
    pub fn shared(file: BorrowedFd<'_>, key: &str) -> Result<Rc<Self>> {
        // Opened anew, as locks belong to an opening.
        let file = open(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())))?;
        let hash = digest(&SHA256, key.as_bytes());
        let mut salt = [0; 8];
        salt.copy_from_slice(&hash.as_ref()[..8]);
        Ok(Self::new(file, u64::from_be_bytes(salt)))
    }

    fn new(file: File, salt: u64) -> Rc<Self> {
        Rc::new(Self {
            file,
            salt,
            held: RefCell::default(),
        })
    }

    /// Takes the lock of an object, unless this or another process has it.
    pub fn try_lock(self: &Rc<Self>, id: &[u8; 32]) -> Result<Option<ObjectLock>> {
        let byte = self.byte_of(id);
        if self.held.borrow().contains(&byte) || !try_lock(&self.file, byte)? {
            return Ok(None);
        }
        self.held.borrow_mut().insert(byte);
        Ok(Some(ObjectLock {
            locks: self.clone(),
            byte,
        }))
    }

    /// The byte of the lock file that stands for an object.
    fn byte_of(&self, id: &[u8; 32]) -> i64 {
        let mut first = [0; 8];
        first.copy_from_slice(&id[..8]);
        ((u64::from_be_bytes(first) ^ self.salt) >> 2).cast_signed()
    }

    /// Takes the lock of an object as soon as whoever has it lets go, waiting at most this long.
    pub async fn lock(self: &Rc<Self>, id: &[u8; 32], most: Duration) -> Result<ObjectLock> {
        let deadline = Instant::now() + most;
        let mut pause_ms = RETRY_MS.0;
        loop {
            if let Some(lock) = self.try_lock(id)? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(Error::storage(format!(
                    "The Durable Object is still alive in another process after {} ms.",
                    most.as_millis()
                )));
            }
            sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = RETRY_MS.1.min(pause_ms * 2);
        }
    }
}

impl Drop for ObjectLock {
    fn drop(&mut self) {
        // Unlocking a byte that is locked cannot fail, other than by a bad descriptor.
        _ = set(&self.locks.file, self.byte, libc::F_UNLCK);
        self.locks.held.borrow_mut().remove(&self.byte);
    }
}

/// Says that this server serves from a disk's folder, until it is dropped.
#[derive(Debug)]
pub struct FolderLock(File);

/// The lock lasts for as long as the descriptor or a copy of it is open.
impl From<FolderLock> for OwnedFd {
    fn from(lock: FolderLock) -> Self {
        lock.0.into()
    }
}

impl FolderLock {
    /// Takes a disk's folder for this server. If another server has it, the error says which.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(".server");
        let mut file = open(&path)?;
        if !try_lock(&file, 0)? {
            let mut owner = String::new();
            // Who holds the lock is said on a best effort; that it is held is certain.
            _ = Read::by_ref(&mut file).take(32).read_to_string(&mut owner);
            let owner = owner.trim().parse::<u32>();
            let owner = owner.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            return Err(Error::storage(format!(
                "{} is in use by another running server ({owner})",
                folder.display()
            )));
        }
        let record = |file: &mut File| -> std::io::Result<()> {
            file.seek(SeekFrom::Start(0))?;
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())
        };
        record(&mut file).map_err(|error| super::error::io(&path.display().to_string(), &error))?;
        Ok(Self(file))
    }
}

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    file.map_err(|error| super::error::io(&path.display().to_string(), &error))
}

fn try_lock(file: &File, byte: i64) -> Result<bool> {
    match set(file, byte, libc::F_WRLCK) {
        Ok(()) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(Error::storage(format!(
            "cannot lock a storage folder: {error}"
        ))),
    }
}

fn set(file: &File, byte: i64, kind: i32) -> nix::Result<()> {
    let range = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&range)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_alive_once() {
        let folder = tempfile::tempdir().unwrap();
        let here = ObjectLocks::open(folder.path()).unwrap();
        // Another opening of the file is as another process.
        let there = ObjectLocks::open(folder.path()).unwrap();
        let (one, other) = ([0xff; 32], [0x0f; 32]);
        let lock = here.try_lock(&one).unwrap().unwrap();
        assert!(here.try_lock(&one).unwrap().is_none());
        assert!(there.try_lock(&one).unwrap().is_none());
        let _second = there.try_lock(&other).unwrap().unwrap();
        drop(lock);
        let lock = there.try_lock(&one).unwrap().unwrap();
        drop(there);
        assert!(
            here.try_lock(&one).unwrap().is_none(),
            "a lock keeps its file open"
        );
        drop(lock);
        assert!(here.try_lock(&one).unwrap().is_some());
    }

    #[test]
    fn namespaces_and_processes_share_a_file() {
        let file = tempfile::tempfile().unwrap();
        let open = |key| ObjectLocks::shared(std::os::fd::AsFd::as_fd(&file), key).unwrap();
        let (here, there, other) = (open("a"), open("a"), open("b"));
        let _lock = here.try_lock(&[7; 32]).unwrap().unwrap();
        assert!(there.try_lock(&[7; 32]).unwrap().is_none());
        assert!(other.try_lock(&[7; 32]).unwrap().is_some());
    }

    #[test]
    fn waiting_ends_with_the_lock_or_the_bound() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let here = ObjectLocks::open(folder.path()).unwrap();
            let there = ObjectLocks::open(folder.path()).unwrap();
            let lock = here.try_lock(&[1; 32]).unwrap().unwrap();
            let error = there
                .lock(&[1; 32], Duration::from_millis(5))
                .await
                .unwrap_err();
            assert!(
                error
                    .message()
                    .contains("still alive in another process after 5 ms")
            );
            let waiting = there.lock(&[1; 32], Duration::from_secs(10));
            let release = async {
                sleep(Duration::from_millis(5)).await;
                drop(lock);
            };
            tokio::join!(waiting, release).0.unwrap();
        });
    }

    #[test]
    fn a_folder_has_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::acquire(folder.path()).unwrap();
        let error = FolderLock::acquire(folder.path()).unwrap_err();
        let pid = format!(
            "in use by another running server (process {})",
            std::process::id()
        );
        assert!(error.message().ends_with(&pid), "{error}");
        drop(lock);
        FolderLock::acquire(folder.path()).unwrap();
    }
}
