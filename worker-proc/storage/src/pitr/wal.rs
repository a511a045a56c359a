//! Reading a write-ahead log: which pages each commit wrote.
//!
//! Used by `keeper` while the object writes on: frames are taken only as far as their checksums and salts hold, up to
//! the last that ends a commit. The format is <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The page size of every database: SQLite's default, which the published workerd has.
pub const PAGE_BYTES: usize = 4096;

const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: usize = 24;
const FRAME_BYTES: usize = FRAME_HEADER_BYTES + PAGE_BYTES;
/// The low bit says that checksums read the bytes as big-endian numbers.
const MAGIC: u32 = 0x377f_0682;

/// How far a log has been read, and what the next frame's checksum goes on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Changes each time the log starts over.
    pub salt: u64,
    /// How many were read since then.
    pub frames: u32,
    /// Of the last of them.
    pub checksum: (u32, u32),
}

/// A commit, or several as one: where in the log the last version of each page is.
#[derive(Debug, Default)]
pub(super) struct Commit {
    /// How far the log is read with it.
    pub position: Position,
    /// Pages of the database after it.
    pub database_pages: u32,
    /// Where each page's last version is in the log, in bytes.
    pub pages: BTreeMap<u32, u64>,
}

impl Commit {
    /// Takes in a later commit.
    pub(super) fn absorb(&mut self, later: Commit) {
        self.pages.extend(later.pages);
        self.position = later.position;
        self.database_pages = later.database_pages;
    }
}

pub(super) struct Log {
    file: File,
    big_endian: bool,
    /// Before the first frame.
    start: Position,
}

impl Log {
    /// Opens the log of a database; none if there is none, or nothing in it.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER_BYTES as usize];
        match file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let magic = number(&header, 0);
        let big_endian = magic & 1 == 1;
        let checksum = checksum(&header[..24], (0, 0), big_endian);
        let whole = magic & !1 == MAGIC
            && number(&header, 8) as usize == PAGE_BYTES
            && checksum == (number(&header, 24), number(&header, 28));
        let salt = u64::from(number(&header, 16)) << 32 | u64::from(number(&header, 20));
        let start = Position {
            salt,
            frames: 0,
            checksum,
        };
        Ok(whole.then_some(Self {
            file,
            big_endian,
            start,
        }))
    }

    pub(super) fn salt(&self) -> u64 {
        self.start.salt
    }

    /// Makes what is in the log durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The commits after a position, which is taken as the beginning if the log has started over since.
    pub(super) fn commits(&self, from: Position) -> io::Result<Vec<Commit>> {
        let mut position = if from.salt == self.start.salt {
            from
        } else {
            self.start
        };
        let mut commits = Vec::new();
        let mut pages = BTreeMap::new();
        let mut frame = vec![0; FRAME_BYTES];
        loop {
            let offset = HEADER_BYTES + u64::from(position.frames) * FRAME_BYTES as u64;
            match self.file.read_exact_at(&mut frame, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(commits),
                Err(error) => return Err(error),
            }
            let after = checksum(&frame[..8], position.checksum, self.big_endian);
            let after = checksum(&frame[FRAME_HEADER_BYTES..], after, self.big_endian);
            let salt = u64::from(number(&frame, 8)) << 32 | u64::from(number(&frame, 12));
            if salt != self.start.salt || after != (number(&frame, 16), number(&frame, 20)) {
                return Ok(commits);
            }
            position = Position {
                salt,
                frames: position.frames + 1,
                checksum: after,
            };
            pages.insert(number(&frame, 0), offset + FRAME_HEADER_BYTES as u64);
            let database_pages = number(&frame, 4);
            if database_pages > 0 {
                let pages = std::mem::take(&mut pages);
                commits.push(Commit {
                    position,
                    database_pages,
                    pages,
                });
            }
        }
    }

    pub(super) fn read_page(&self, offset: u64, page: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(page, offset)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

fn checksum(bytes: &[u8], from: (u32, u32), big_endian: bool) -> (u32, u32) {
    let read = |word: &[u8]| {
        let mut number = [0; 4];
        number.copy_from_slice(word);
        if big_endian {
            u32::from_be_bytes(number)
        } else {
            u32::from_le_bytes(number)
        }
    };
    let (mut first, mut second) = from;
    for words in bytes.chunks_exact(8) {
        first = first.wrapping_add(read(&words[..4])).wrapping_add(second);
        second = second.wrapping_add(read(&words[4..])).wrapping_add(first);
    }
    (first, second)
}
