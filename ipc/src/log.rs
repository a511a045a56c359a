//! The log: whole lines on the standard streams that all processes of a server share, as text or as JSON.
//!
//! The supervisor's `observe`, the runtime's `log` and its console write here. Relies on locks of the kernel that go with a
//! process: a line longer than a pipe takes at once is not torn by one of another process.

use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long a line waits for a reader whose stream does not block; then the rest of it is lost.
const MAX_READER_WAIT_MS: u16 = 1000;

/// How much somebody wants to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The course of a test run.
    Debug,
    /// The course of things.
    Info,
    /// What works, but should be looked at.
    Warn,
    /// What does not work.
    Error,
}

impl Level {
    /// As lines tell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

static STRUCTURED: AtomicBool = AtomicBool::new(false);

/// Whether lines of this process are JSON from now on: `structuredLogging` of the config.
pub fn set_structured(structured: bool) {
    STRUCTURED.store(structured, Relaxed);
}

/// Whether lines are JSON.
pub fn is_structured() -> bool {
    STRUCTURED.load(Relaxed)
}

/// Now, in milliseconds since 1970.
pub fn now_ms() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis())
}

/// A message of the program itself, from that place of its code, on a stream if lines are JSON.
pub fn structured(stream: Stream, level: Level, source: impl Display, message: impl Display) {
    let [source, message] = [source.to_string(), message.to_string()].map(serde_json::Value::from);
    let (now, level) = (now_ms(), level.name());
    let line = format!(
        r#"{{"timestamp":"{now}","level":"{level}","source":{source},"message":{message},"context_depth":0}}"#
    );
    write(stream, &format!("{line}\n"));
}

/// The same, or a text on standard error: what the format is at the moment.
pub fn tell(stream: Stream, level: Level, at: &Location<'_>, text: impl Display) {
    if is_structured() {
        let source = format_args!("{}:{}", at.file(), at.line());
        structured(stream, level, source, text);
    } else {
        write(Stream::Stderr, &format!("{text}\n"));
    }
}

/// Writes a text that no other process of the server, and no other thread, writes into. A stream that is closed loses it.
pub fn write(stream: Stream, text: &str) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let fd = match stream {
        Stream::Stdout => stdout.as_fd(),
        Stream::Stderr => stderr.as_fd(),
    };
    // Where the kernel has no such lock the line is written all the same.
    let locked = lock(fd, libc::F_WRLCK).is_ok();
    write_all(fd, text.as_bytes());
    if locked {
        let _ = lock(fd, libc::F_UNLCK);
    }
}

/// Takes or leaves the stream, against other processes.
fn lock(fd: BorrowedFd<'_>, kind: libc::c_int) -> nix::Result<()> {
    let whole = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    loop {
        match fcntl(fd, FcntlArg::F_SETLKW(&whole)) {
            Err(Errno::EINTR) => {}
            done => return done.map(|_| ()),
        }
    }
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                let mut waited = [PollFd::new(fd, PollFlags::POLLOUT)];
                if poll(&mut waited, PollTimeout::from(MAX_READER_WAIT_MS)) == Ok(0) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
