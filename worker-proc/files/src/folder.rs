//! An open folder, and what is found beneath it: no path, link or mount of `/proc` leads anywhere else.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use crate::jobs;
use crate::names::Names;

/// How often a look-up is begun again because something was moved meanwhile (openat2(2), EAGAIN).
const MAX_LOOKUPS: usize = 64;

/// What nobody's terminal or reader on the other end of a pipe is waited for with.
const TO_READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A folder to look up what is beneath it.
const TO_ENTER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// See the module.
#[derive(Clone, Debug)]
pub struct Folder(Arc<OwnedFd>);

/// Something that was found.
#[derive(Debug)]
pub struct OpenEntry {
    pub fd: OwnedFd,
    pub kind: FileType,
    pub bytes: u64,
    pub modified: SystemTime,
    /// Another content has another one.
    pub version: [u64; 3],
}

impl Folder {
    /// Opens a folder; a relative path starts at the folder that the process is in.
    pub fn open(path: &Path) -> io::Result<Self> {
        let fd = openat(CWD, path, TO_ENTER, Mode::empty())?;
        Ok(Self(Arc::new(fd)))
    }

    /// The same for the service of that name.
    ///
    /// # Errors
    /// A text that says which it is.
    pub fn of_service(name: &str, path: &Path) -> Result<Self, String> {
        Self::open(path).map_err(|error| {
            let path = path.display();
            format!("Directory named \"{name}\" cannot be opened: {path}: {error}")
        })
    }

    /// Opens what is named, to read. Waits for a disk only if the kernel does not know the names.
    pub async fn find(&self, names: &Names) -> io::Result<OpenEntry> {
        let known = ResolveFlags::BENEATH | ResolveFlags::CACHED;
        match openat2(&self.0, names.path(), TO_READ, Mode::empty(), known) {
            Ok(fd) => return found(fd),
            // Kernels before 5.12 know no such flag.
            Err(Errno::AGAIN | Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
        let (folder, names) = (self.clone(), names.clone());
        jobs::run(move || found(folder.look_up(names.path(), TO_READ)?)).await
    }

    /// Opens a folder to make something in it. May block.
    pub fn enter(&self, path: &Path) -> io::Result<OwnedFd> {
        Ok(self.look_up(path, TO_ENTER)?)
    }

    fn look_up(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut looked_up = Err(Errno::AGAIN);
        for _ in 0..MAX_LOOKUPS {
            looked_up = openat2(&self.0, path, flags, Mode::empty(), ResolveFlags::BENEATH);
            if !matches!(looked_up, Err(Errno::AGAIN)) {
                break;
            }
        }
        looked_up
    }
}

fn found(fd: OwnedFd) -> io::Result<OpenEntry> {
    let stat = fstat(&fd)?;
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let nanoseconds = u64::from(u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
    let bytes = u64::try_from(stat.st_size).unwrap_or(0);
    let since = Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds);
    Ok(OpenEntry {
        fd,
        kind: FileType::from_raw_mode(stat.st_mode),
        bytes,
        modified: UNIX_EPOCH + since,
        version: [
            stat.st_ino,
            bytes,
            seconds
                .wrapping_mul(1_000_000_000)
                .wrapping_add(nanoseconds),
        ],
    })
}

/// Whether an error says that nothing is there to be served: no such name, or one that leads out of the folder.
pub fn is_absent(error: &io::Error) -> bool {
    let absent = [
        Errno::NOENT,
        Errno::NOTDIR,
        Errno::LOOP,
        Errno::NAMETOOLONG,
        Errno::XDEV,
    ];
    Errno::from_io_error(error).is_some_and(|error| absent.contains(&error))
}
