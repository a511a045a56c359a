//! Archives of plain files: as much of POSIX ustar (pax, "ustar Interchange Format") as `portable` writes and reads.

use std::io::{self, Read, Write};

const BLOCK_BYTES: usize = 512;
/// Eleven octal digits.
const MAX_FILE_BYTES: u64 = 0o777_7777_7777;

/// A part of a header: where it is, and how long.
type Field = std::ops::Range<usize>;
const NAME: Field = 0..100;
const MODE: Field = 100..108;
const SIZE: Field = 124..136;
const MODIFIED: Field = 136..148;
const CHECKSUM: Field = 148..156;
const KIND: usize = 156;
const MAGIC: Field = 257..265;

/// Writes one file of `size` bytes.
pub(super) fn write(
    to: &mut impl Write,
    name: &str,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    if name.len() >= NAME.len() || size > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "{name} is too large for an archive"
        )));
    }
    let mut header = [0; BLOCK_BYTES];
    header[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut header[MODE], 0o600);
    octal(&mut header[SIZE], size);
    octal(&mut header[MODIFIED], 0);
    header[KIND] = b'0';
    header[MAGIC].copy_from_slice(b"ustar\x0000");
    let sum = checksum(&header);
    octal(&mut header[CHECKSUM], sum);
    to.write_all(&header)?;
    let written = io::copy(&mut content.take(size), to)?;
    if written != size {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{name} has shrunk"),
        ));
    }
    to.write_all(&[0; BLOCK_BYTES][..padding(size)])
}

/// Writes the end of an archive.
pub(super) fn finish(to: &mut impl Write) -> io::Result<()> {
    to.write_all(&[0; 2 * BLOCK_BYTES])
}

/// Reads the header of the next file: its name and how many bytes follow. None at the end.
pub(super) fn next(from: &mut impl Read) -> io::Result<Option<(String, u64)>> {
    let mut header = [0; BLOCK_BYTES];
    from.read_exact(&mut header)?;
    if header.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let broken = || io::Error::other("not an archive of objects");
    let sum = parse_octal(&header[CHECKSUM]).ok_or_else(broken)?;
    if &header[MAGIC.start..MAGIC.start + 5] != b"ustar" || sum != checksum(&header) {
        return Err(broken());
    }
    if !matches!(header[KIND], b'0' | 0) {
        return Err(io::Error::other(
            "the archive has something other than plain files",
        ));
    }
    let name = header[NAME]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    let name = std::str::from_utf8(name).map_err(|_| broken())?.to_owned();
    Ok(Some((name, parse_octal(&header[SIZE]).ok_or_else(broken)?)))
}

/// Passes over what fills the last block of a file.
pub(super) fn skip_padding(from: &mut impl Read, size: u64) -> io::Result<()> {
    from.read_exact(&mut [0; BLOCK_BYTES][..padding(size)])
}

fn padding(size: u64) -> usize {
    let over = (size % BLOCK_BYTES as u64) as usize;
    if over == 0 { 0 } else { BLOCK_BYTES - over }
}

fn checksum(header: &[u8; BLOCK_BYTES]) -> u64 {
    let count =
        |(at, byte): (usize, &u8)| u64::from(if CHECKSUM.contains(&at) { b' ' } else { *byte });
    header.iter().enumerate().map(count).sum()
}

fn octal(field: &mut [u8], value: u64) {
    let text = format!("{value:0width$o}\0", width = field.len() - 1);
    field.copy_from_slice(&text.as_bytes()[..field.len()]);
}

fn parse_octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}
