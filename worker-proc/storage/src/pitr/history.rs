//! The files of one object's history: a base image, and a log of the states after it.
//!
//! `<folder>/<stem>.log` begins with [`Header`] and goes on with records: a [`Record`], its pages deflated. A record is a
//! state of the database that can be gone back to, or says how the file was left when it was closed.
//! `<folder>/<stem>.base-N` is the database after record N, of which the log has the later ones; a history that begins
//! with an empty database has none. A record that is not whole ends the log: it was being written when power was lost.
//! `<folder>/<stem>.restore` holds the number of the record that the next session begins with.
//!
//! Used by `keeper`, on blocking threads only.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::wal::{PAGE_BYTES, Position};

const MAGIC: &[u8; 8] = b"objhist1";
const HEADER_BYTES: u64 = 24;
const RECORD_BYTES: usize = 72;
/// After a record's payload: how long all of it is, so that the last one is found from the end.
const TRAILER_BYTES: u64 = 4;

/// What a log begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    /// Random, for bookmarks of another history to be told from this one's.
    lineage: u64,
    /// The record that the base image is the state after; 0 for the beginning.
    base: u64,
}

/// What is known of a database that was closed: any change of it is seen in this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Identity {
    /// Nanoseconds since the epoch.
    pub modified_ns: i64,
    /// The file's length.
    pub bytes: u64,
}

impl Identity {
    pub(in super::super) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let file = fs::metadata(path)?;
        let modified_ns = file.mtime().saturating_mul(1_000_000_000) + file.mtime_nsec();
        Ok(Self {
            modified_ns,
            bytes: file.len(),
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// States count from 1; what says how the file was left has the number of the state before.
    pub number: u64,
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    /// Pages of the database after it.
    pub database_pages: u32,
    /// Pages that follow.
    pub pages: u32,
    /// Bytes that follow.
    pub payload: u32,
    /// How far the write-ahead log had been read.
    pub position: Position,
    /// Set if this says how the file was left.
    pub closed: Option<Identity>,
}

impl Record {
    /// Where the next record begins, if this one's payload is here.
    fn next(&self, offset: u64) -> u64 {
        offset + u64::from(self.payload) + TRAILER_BYTES
    }

    fn encode(&self, payload_sum: u32) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        let closed = self.closed.unwrap_or_default();
        put(&self.number.to_le_bytes());
        put(&self.time_ms.to_le_bytes());
        put(&self.database_pages.to_le_bytes());
        put(&self.pages.to_le_bytes());
        put(&self.payload.to_le_bytes());
        put(&u32::from(self.closed.is_some()).to_le_bytes());
        put(&self.position.salt.to_le_bytes());
        put(&self.position.frames.to_le_bytes());
        put(&self.position.checksum.0.to_le_bytes());
        put(&self.position.checksum.1.to_le_bytes());
        put(&closed.modified_ns.to_le_bytes());
        put(&closed.bytes.to_le_bytes());
        let checksum = checksum(&bytes, payload_sum);
        bytes[RECORD_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; RECORD_BYTES]) -> Self {
        let mut at = 0;
        let mut four = || {
            let mut number = [0; 4];
            number.copy_from_slice(&bytes[at..at + 4]);
            at += 4;
            u32::from_le_bytes(number)
        };
        let mut eight = || u64::from(four()) | u64::from(four()) << 32;
        let (number, time_ms) = (eight(), eight().cast_signed());
        let (database_pages, pages, payload, is_closed) = (four(), four(), four(), four());
        let mut eight = || u64::from(four()) | u64::from(four()) << 32;
        let salt = eight();
        let position = Position {
            salt,
            frames: four(),
            checksum: (four(), four()),
        };
        let mut eight = || u64::from(four()) | u64::from(four()) << 32;
        let closed = Identity {
            modified_ns: eight().cast_signed(),
            bytes: eight(),
        };
        let closed = (is_closed != 0).then_some(closed);
        Self {
            number,
            time_ms,
            database_pages,
            pages,
            payload,
            position,
            closed,
        }
    }
}

/// The sum over a record, without the sum itself, and over its payload's sum.
fn checksum(head: &[u8; RECORD_BYTES], payload_sum: u32) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&head[..RECORD_BYTES - 4]);
    crc.update(&payload_sum.to_le_bytes());
    crc.sum()
}

/// A part of a log, read or written piece by piece and summed up on the way.
struct Part<'a> {
    log: &'a File,
    at: u64,
    /// Bytes that are left to read.
    left: u64,
    crc: flate2::Crc,
}

impl<'a> Part<'a> {
    fn new(log: &'a File, at: u64, left: u64) -> Self {
        Self {
            log,
            at,
            left,
            crc: flate2::Crc::new(),
        }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self.log.read_at(&mut buffer[..most], self.at)?;
        self.crc.update(&buffer[..read]);
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log.write_all_at(bytes, self.at)?;
        self.crc.update(bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The span of a database's history, and which of its files are damaged in which way.
pub(in super::super) type Look = (Option<ipc::objects::History>, Vec<(String, String)>);

/// See `pitr::look`.
pub(super) fn look(folder: &Path, stem: &str, thorough: bool) -> io::Result<Option<Look>> {
    let Some(history) = History::open_as(folder, stem, OpenOptions::new().read(true))? else {
        return Ok(None);
    };
    let span = history.first_ms.map(|from_ms| ipc::objects::History {
        from_ms,
        to_ms: history.last.time_ms,
        bytes: history.bytes(),
    });
    let wrong = if thorough {
        history.verify()?
    } else {
        Vec::new()
    };
    Ok(Some((span, wrong)))
}

/// The files of a history, and the last that is known of them.
pub(super) struct History {
    folder: PathBuf,
    stem: String,
    log: File,
    header: Header,
    /// Where the next record goes.
    end: u64,
    /// The oldest state's time, if there is one.
    pub first_ms: Option<i64>,
    /// The newest one.
    pub last: Record,
}

impl History {
    fn file(folder: &Path, stem: &str, suffix: &str) -> PathBuf {
        folder.join(format!("{stem}.{suffix}"))
    }

    /// Puts a history that cannot be read out of the way, for someone to look at.
    pub(super) fn set_aside(folder: &Path, stem: &str) -> io::Result<()> {
        for suffix in ["log", "restore"] {
            let aside = Self::file(folder, stem, &format!("{suffix}-damaged"));
            match fs::rename(Self::file(folder, stem, suffix), aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Opens a history that there is. An error of the kind InvalidData, UnexpectedEof or NotFound says that it is damaged.
    pub(super) fn open(folder: &Path, stem: &str) -> io::Result<Option<Self>> {
        Self::open_as(folder, stem, OpenOptions::new().read(true).write(true))
    }

    fn open_as(folder: &Path, stem: &str, options: &OpenOptions) -> io::Result<Option<Self>> {
        let path = Self::file(folder, stem, "log");
        let log = match options.open(path) {
            Ok(log) => log,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = [0; HEADER_BYTES as usize];
        log.read_exact_at(&mut bytes, 0)?;
        if &bytes[..8] != MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let number = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        let header = Header {
            lineage: number(8),
            base: number(16),
        };
        let mut history = Self {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
            log,
            header,
            end: HEADER_BYTES,
            first_ms: None,
            last: Record {
                number: header.base,
                ..Record::default()
            },
        };
        if let Some((last, end)) = history.last_from_end()? {
            (history.last, history.end) = (last, end);
            history.first_ms = history.first_state()?;
            return Ok(Some(history));
        }
        let (mut end, mut first_ms, mut last) = (HEADER_BYTES, None, history.last);
        history.each(|record, offset| {
            end = record.next(offset);
            first_ms = first_ms.or(record.closed.is_none().then_some(record.time_ms));
            last = *record;
            Ok(true)
        })?;
        (history.end, history.first_ms, history.last) = (end, first_ms, last);
        Ok(Some(history))
    }

    /// The last record and the log's length, if the log ends with a whole record.
    fn last_from_end(&self) -> io::Result<Option<(Record, u64)>> {
        let length = self.log.metadata()?.len();
        let mut trailer = [0; TRAILER_BYTES as usize];
        let least = HEADER_BYTES + RECORD_BYTES as u64 + TRAILER_BYTES;
        if length < least {
            return Ok(None);
        }
        self.log
            .read_exact_at(&mut trailer, length - TRAILER_BYTES)?;
        let start = length.saturating_sub(u32::from_le_bytes(trailer).into());
        if start < HEADER_BYTES || length - start < least - HEADER_BYTES {
            return Ok(None);
        }
        let mut head = [0; RECORD_BYTES];
        self.log.read_exact_at(&mut head, start)?;
        let record = Record::decode(&head);
        let offset = start + RECORD_BYTES as u64;
        let whole = record.next(offset) == length && self.is_whole(&head, &record, offset)?;
        Ok(whole.then_some((record, length)))
    }

    /// The oldest state's time.
    fn first_state(&self) -> io::Result<Option<i64>> {
        let mut first_ms = None;
        self.each(|record, _| {
            first_ms = record.closed.is_none().then_some(record.time_ms);
            Ok(first_ms.is_none())
        })?;
        Ok(first_ms)
    }

    /// Begins a history, with an image of a database that no connection of this process has open: closing a file that
    /// SQLite has open would drop its locks. Without an image it begins with an empty database.
    pub(super) fn create(folder: &Path, stem: &str, image: Option<&Path>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let base = u64::from(image.is_some());
        if let Some(database) = image {
            let image = Self::file(folder, stem, &format!("base-{base}"));
            fs::copy(database, &image)?;
            File::open(image)?.sync_all()?;
        }
        let lineage = RandomState::new().build_hasher().finish();
        Self::write_log(folder, stem, Header { lineage, base }, io::empty())?;
        Self::open(folder, stem)?.ok_or_else(|| io::Error::other("the history is gone"))
    }

    /// Puts a log in place of the one that there is.
    fn write_log(folder: &Path, stem: &str, header: Header, mut rest: impl Read) -> io::Result<()> {
        let (new, path) = (
            Self::file(folder, stem, "log-new"),
            Self::file(folder, stem, "log"),
        );
        let mut log = File::create(&new)?;
        log.write_all(MAGIC)?;
        log.write_all(&header.lineage.to_le_bytes())?;
        log.write_all(&header.base.to_le_bytes())?;
        io::copy(&mut rest, &mut log)?;
        log.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    }

    pub(super) fn lineage(&self) -> u64 {
        self.header.lineage
    }

    pub(super) fn base(&self) -> u64 {
        self.header.base
    }

    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Shows every record with the offset of its payload, until `show` says no more.
    pub(super) fn each(
        &self,
        mut show: impl FnMut(&Record, u64) -> io::Result<bool>,
    ) -> io::Result<()> {
        let length = self.log.metadata()?.len();
        let mut offset = HEADER_BYTES;
        let mut head = [0; RECORD_BYTES];
        while offset + RECORD_BYTES as u64 <= length {
            self.log.read_exact_at(&mut head, offset)?;
            let record = Record::decode(&head);
            offset += RECORD_BYTES as u64;
            let end = record.next(offset);
            // Only what was written last can be torn, and everything before it has been synced.
            if end > length || (end == length && !self.is_whole(&head, &record, offset)?) {
                break;
            }
            if !show(&record, offset)? {
                break;
            }
            offset = end;
        }
        Ok(())
    }

    fn is_whole(
        &self,
        head: &[u8; RECORD_BYTES],
        record: &Record,
        offset: u64,
    ) -> io::Result<bool> {
        let mut part = Part::new(&self.log, offset, record.payload.into());
        io::copy(&mut part, &mut io::sink())?;
        Ok(part.left == 0
            && head[RECORD_BYTES - 4..] == checksum(head, part.crc.sum()).to_le_bytes())
    }

    /// Reads all there is: which files are damaged, and how. What may be under way at the end of the log is passed over.
    fn verify(&self) -> io::Result<Vec<(String, String)>> {
        let mut wrong = Vec::new();
        let length = self.log.metadata()?.len();
        let mut offset = HEADER_BYTES;
        let mut head = [0; RECORD_BYTES];
        while offset + RECORD_BYTES as u64 <= length {
            self.log.read_exact_at(&mut head, offset)?;
            let record = Record::decode(&head);
            let begin = offset;
            offset += RECORD_BYTES as u64;
            let end = record.next(offset);
            if end >= length && begin >= self.end {
                break;
            }
            if end > length || !self.is_whole(&head, &record, offset)? {
                let name = format!(".history/{}.log", self.stem);
                wrong.push((name, format!("the step at byte {begin} is damaged")));
                break;
            }
            offset = end;
        }
        let base = format!("base-{}", self.header.base);
        if self.header.base > 0 && !Self::file(&self.folder, &self.stem, &base).exists() {
            let name = format!(".history/{}.{base}", self.stem);
            wrong.push((name, "it is not there".into()));
        }
        Ok(wrong)
    }

    /// Adds a state, or how the file was left. `pages` are numbers and contents. Not yet durable: see [`Self::sync`].
    pub(super) fn add(
        &mut self,
        mut record: Record,
        pages: impl Iterator<Item = io::Result<(u32, Vec<u8>)>>,
    ) -> io::Result<()> {
        let start = self.end + RECORD_BYTES as u64;
        let part = io::BufWriter::with_capacity(64 * PAGE_BYTES, Part::new(&self.log, start, 0));
        let mut packer = DeflateEncoder::new(part, Compression::fast());
        record.pages = 0;
        for page in pages {
            let (number, content) = page?;
            packer.write_all(&number.to_le_bytes())?;
            packer.write_all(&content)?;
            record.pages += 1;
        }
        let part = packer
            .finish()?
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        record.payload = u32::try_from(part.at - start).map_err(io::Error::other)?;
        let trailer = u32::try_from(record.next(start) - self.end).map_err(io::Error::other)?;
        self.log.write_all_at(&trailer.to_le_bytes(), part.at)?;
        self.log
            .write_all_at(&record.encode(part.crc.sum()), self.end)?;
        self.end = record.next(start);
        self.first_ms = self
            .first_ms
            .or(record.closed.is_none().then_some(record.time_ms));
        self.last = record;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        // A torn record that a crash left beyond the end is gone with this.
        self.log.set_len(self.end)?;
        self.log.sync_data()
    }

    /// Writes the database as it was after a record into a new file, and makes it durable.
    pub(super) fn image(&self, number: u64, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if self.header.base > 0 {
            let base = format!("base-{}", self.header.base);
            fs::copy(Self::file(&self.folder, &self.stem, &base), path)?;
        }
        let image = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let mut bytes = image.metadata()?.len();
        self.each(|record, offset| {
            if record.number > number {
                return Ok(false);
            }
            if record.closed.is_none() {
                self.apply(record, offset, &image)?;
                bytes = u64::from(record.database_pages) * PAGE_BYTES as u64;
            }
            Ok(true)
        })?;
        image.set_len(bytes)?;
        image.sync_all()
    }

    fn apply(&self, record: &Record, offset: u64, image: &File) -> io::Result<()> {
        let part = Part::new(&self.log, offset, record.payload.into());
        let mut pages = DeflateDecoder::new(io::BufReader::with_capacity(64 * PAGE_BYTES, part));
        let (mut number, mut content) = ([0; 4], vec![0; PAGE_BYTES]);
        for _ in 0..record.pages {
            pages.read_exact(&mut number)?;
            pages.read_exact(&mut content)?;
            let index = u64::from(u32::from_le_bytes(number).saturating_sub(1));
            image.write_all_at(&content, index * PAGE_BYTES as u64)?;
        }
        Ok(())
    }

    /// Lets go of states from before `oldest_ms`, and of as many as it takes for the rest to have at most `most_bytes`.
    pub(super) fn prune(&mut self, oldest_ms: i64, most_bytes: u64) -> io::Result<()> {
        let mut cut = None;
        let end = self.end;
        self.each(|record, offset| {
            let rest = record.next(offset);
            // The state at the oldest time is that of the last record before it: the new base.
            let from_here = end - (offset - RECORD_BYTES as u64);
            let goes = record.time_ms < oldest_ms || from_here > most_bytes;
            if goes {
                cut = Some((record.number, rest));
            }
            Ok(goes)
        })?;
        let Some((number, rest)) = cut.filter(|(number, _)| *number > self.header.base) else {
            return Ok(());
        };
        let old = Self::file(
            &self.folder,
            &self.stem,
            &format!("base-{}", self.header.base),
        );
        self.image(
            number,
            &Self::file(&self.folder, &self.stem, &format!("base-{number}")),
        )?;
        let header = Header {
            lineage: self.header.lineage,
            base: number,
        };
        let mut log = &self.log;
        io::Seek::seek(&mut log, io::SeekFrom::Start(rest))?;
        Self::write_log(&self.folder, &self.stem, header, log.take(self.end - rest))?;
        // An image that stays behind is in nobody's way.
        _ = fs::remove_file(old);
        let last = self.last;
        *self = Self::open(&self.folder, &self.stem)?
            .ok_or_else(|| io::Error::other("the history is gone"))?;
        self.last = Record {
            number: last.number,
            ..last
        };
        Ok(())
    }

    /// Notes the record that the next session begins with.
    pub(super) fn set_restore(&self, number: u64) -> io::Result<()> {
        let (new, path) = (
            Self::file(&self.folder, &self.stem, "restore-new"),
            Self::file(&self.folder, &self.stem, "restore"),
        );
        let mut file = File::create(&new)?;
        writeln!(file, "{number}")?;
        file.sync_all()?;
        fs::rename(new, path)?;
        File::open(&self.folder)?.sync_all()
    }

    pub(super) fn restore(&self) -> io::Result<Option<u64>> {
        match fs::read_to_string(Self::file(&self.folder, &self.stem, "restore")) {
            Ok(text) => text.trim().parse().map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn clear_restore(&self) -> io::Result<()> {
        fs::remove_file(Self::file(&self.folder, &self.stem, "restore"))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Where an image is put together.
    pub(super) fn scratch(&self) -> PathBuf {
        Self::file(&self.folder, &self.stem, "image")
    }
}
