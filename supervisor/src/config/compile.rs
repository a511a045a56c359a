//! `workerd compile`: writes this executable with a configuration appended, and finds such a
//! configuration again at start.
//!
//! The layout: the executable, zeros up to a multiple of 8 bytes, the message, its length in bytes
//! as a little-endian u64, and `MAGIC`.

use super::model::{ConfigMessage, Loaded};
use capnp::Word;
use std::fs::{File, Permissions};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Ends an executable that has a configuration. Random, so that nothing else ends so.
const MAGIC: [u8; 16] = [
    0x8e, 0x1f, 0x5b, 0xc2, 0x70, 0x3d, 0xe9, 0x46, 0xa4, 0x97, 0x0b, 0x62, 0xdd, 0x38, 0xf1, 0x15,
];
const TRAILER_BYTES: u64 = 8 + MAGIC.len() as u64;
/// This program, as the kernel knows it; works even when the file has been replaced.
const THIS_EXECUTABLE: &str = "/proc/self/exe";

/// Writes the encoded configuration to standard output, inside a copy of this executable unless
/// `config_only`. A file that was empty before becomes executable. Refuses a terminal.
pub fn to_stdout(config: &Loaded, config_only: bool) -> io::Result<()> {
    if io::stdout().is_terminal() {
        return Err(io::Error::other(
            "Refusing to write binary to the terminal. Please use `>` to send the output to a file.",
        ));
    }
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let metadata = out.metadata()?;
    let new_file = metadata.is_file() && metadata.len() == 0;
    if config_only {
        return out.write_all(config.message.as_bytes());
    }
    write_executable(Path::new(THIS_EXECUTABLE), &config.message, &mut out)?;
    if new_file {
        // Whoever may read it may run it.
        let mode = metadata.permissions().mode();
        out.set_permissions(Permissions::from_mode(mode | (mode & 0o444) >> 2))?;
    }
    Ok(())
}

/// The configuration appended to this executable, if there is one. Reads only the last bytes of
/// the file when there is none.
pub fn embedded_config() -> io::Result<Option<ConfigMessage>> {
    embedded_in(Path::new(THIS_EXECUTABLE))
}

fn embedded_in(executable: &Path) -> io::Result<Option<ConfigMessage>> {
    let mut executable = File::open(executable)?;
    let Some(trailer) = Trailer::find(&mut executable)? else {
        return Ok(None);
    };
    let mut words = Word::allocate_zeroed_vec((trailer.message_bytes / 8) as usize);
    executable.seek(SeekFrom::Start(trailer.message_at))?;
    executable.read_exact(Word::words_to_bytes_mut(&mut words))?;
    Ok(Some(ConfigMessage::new(words)))
}

/// Where in a file an appended configuration is.
struct Trailer {
    message_at: u64,
    message_bytes: u64,
}

impl Trailer {
    fn find(file: &mut File) -> io::Result<Option<Trailer>> {
        let Some(message_end) = file.metadata()?.len().checked_sub(TRAILER_BYTES) else {
            return Ok(None);
        };
        let mut length = [0; 8];
        let mut magic = [0; MAGIC.len()];
        file.seek(SeekFrom::Start(message_end))?;
        file.read_exact(&mut length)?;
        file.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Ok(None);
        }
        let message_bytes = u64::from_le_bytes(length);
        match message_end.checked_sub(message_bytes) {
            Some(message_at) if message_bytes % 8 == 0 => Ok(Some(Trailer {
                message_at,
                message_bytes,
            })),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the configuration in this executable is damaged",
            )),
        }
    }
}

fn write_executable(
    executable: &Path,
    message: &ConfigMessage,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut executable = File::open(executable)?;
    let bytes = match Trailer::find(&mut executable)? {
        Some(trailer) => trailer.message_at,
        None => executable.metadata()?.len(),
    };
    executable.seek(SeekFrom::Start(0))?;
    io::copy(&mut executable.take(bytes), out)?;
    out.write_all(&[0; 8][..(bytes.next_multiple_of(8) - bytes) as usize])?;
    out.write_all(message.as_bytes())?;
    out.write_all(&(message.as_bytes().len() as u64).to_le_bytes())?;
    out.write_all(&MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fill: u8, words: usize) -> ConfigMessage {
        ConfigMessage::new(vec![capnp::word(fill, 0, 0, 0, 0, 0, 0, 1); words])
    }

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn a_configuration_is_found_again_and_replaced() {
        let plain = file(b"an executable");
        assert!(embedded_in(plain.path()).unwrap().is_none());
        let mut once = Vec::new();
        write_executable(plain.path(), &message(1, 3), &mut once).unwrap();
        assert!(once.starts_with(b"an executable\0\0\0\x01"));
        let once = file(&once);
        assert_eq!(
            embedded_in(once.path()).unwrap().unwrap().as_bytes(),
            message(1, 3).as_bytes()
        );
        let mut twice = Vec::new();
        write_executable(once.path(), &message(2, 5), &mut twice).unwrap();
        assert_eq!(twice.len(), 16 + 5 * 8 + TRAILER_BYTES as usize);
        assert_eq!(
            embedded_in(file(&twice).path())
                .unwrap()
                .unwrap()
                .as_bytes(),
            message(2, 5).as_bytes()
        );
    }

    #[test]
    fn short_and_damaged_files() {
        assert!(embedded_in(file(b"").path()).unwrap().is_none());
        assert!(embedded_in(file(&MAGIC).path()).unwrap().is_none());
        for length in [1u64, 8, u64::MAX] {
            let bytes = [&length.to_le_bytes()[..], &MAGIC].concat();
            assert!(embedded_in(file(&bytes).path()).is_err(), "{length}");
        }
        assert_eq!(
            embedded_in(file(&[&[0; 8][..], &MAGIC].concat()).path())
                .unwrap()
                .unwrap()
                .as_bytes(),
            b""
        );
    }

    #[test]
    fn this_executable_has_none() {
        assert!(embedded_config().unwrap().is_none());
    }
}
