//! A compressor or decompressor that is fed piece by piece.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::glue::OpError;

/// Room for output that is added at a time, bytes.
const OUTPUT_STEP_BYTES: usize = 16 * 1024;
/// The largest window, as zlib's own default.
const WINDOW_BITS: u8 = 15;

/// What is wrapped around the deflated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Gzip,
    Zlib,
    Raw,
}

impl Format {
    /// For a format name that JavaScript has checked.
    pub fn of(name: &str) -> Self {
        match name {
            "gzip" => Self::Gzip,
            "deflate" => Self::Zlib,
            _ => Self::Raw,
        }
    }
}

/// Why input could not be coded; the messages are workerd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeError {
    Compress,
    Decompress,
    Trailing,
    Incomplete,
}

impl From<CodeError> for OpError {
    fn from(error: CodeError) -> Self {
        Self::type_error(match error {
            CodeError::Compress => "Compression failed.",
            CodeError::Decompress => "Decompression failed.",
            CodeError::Trailing => "Trailing bytes after end of compressed data",
            CodeError::Incomplete => {
                "Called close() on a decompression stream with incomplete data"
            }
        })
    }
}

/// Either direction.
pub enum Coder {
    Compressor(Compress),
    Decompressor {
        state: Decompress,
        /// The end of the compressed data was seen.
        ended: bool,
        /// Whether trailing and missing data are errors.
        strict: bool,
    },
}

impl Coder {
    pub fn compressor(format: Format) -> Self {
        let level = Compression::default();
        Self::Compressor(match format {
            Format::Gzip => Compress::new_gzip(level, WINDOW_BITS),
            Format::Zlib => Compress::new(level, true),
            Format::Raw => Compress::new(level, false),
        })
    }

    pub fn decompressor(format: Format, strict: bool) -> Self {
        let state = match format {
            Format::Gzip => Decompress::new_gzip(WINDOW_BITS),
            Format::Zlib => Decompress::new(true),
            Format::Raw => Decompress::new(false),
        };
        Self::Decompressor {
            state,
            ended: false,
            strict,
        }
    }

    /// Takes input and returns what output it yields; `last` also flushes the end.
    pub fn push(&mut self, input: &[u8], last: bool) -> Result<Vec<u8>, CodeError> {
        match self {
            Self::Compressor(state) => compress(state, input, last),
            Self::Decompressor {
                state,
                ended,
                strict,
            } => decompress(state, ended, *strict, input, last),
        }
    }
}

fn compress(state: &mut Compress, mut input: &[u8], last: bool) -> Result<Vec<u8>, CodeError> {
    let flush = if last {
        FlushCompress::Finish
    } else {
        FlushCompress::None
    };
    let mut output = Vec::new();
    loop {
        output.reserve(OUTPUT_STEP_BYTES);
        let before = state.total_in();
        let status = state
            .compress_vec(input, &mut output, flush)
            .map_err(|_| CodeError::Compress)?;
        input = &input[advanced(before, state.total_in())..];
        let done = status == Status::StreamEnd
            || (!last && input.is_empty() && output.len() < output.capacity());
        if done {
            return Ok(output);
        }
    }
}

fn decompress(
    state: &mut Decompress,
    ended: &mut bool,
    strict: bool,
    mut input: &[u8],
    last: bool,
) -> Result<Vec<u8>, CodeError> {
    let mut output = Vec::new();
    while !*ended {
        output.reserve(OUTPUT_STEP_BYTES);
        let before = state.total_in();
        let flush = if last {
            FlushDecompress::Finish
        } else {
            FlushDecompress::None
        };
        let status = state
            .decompress_vec(input, &mut output, flush)
            .map_err(|_| CodeError::Decompress)?;
        input = &input[advanced(before, state.total_in())..];
        if status == Status::StreamEnd {
            *ended = true;
        } else if output.len() < output.capacity() {
            // Room is left, so the coder wants input, of which there is none.
            if last && strict {
                return Err(CodeError::Incomplete);
            }
            return Ok(output);
        }
    }
    if strict && !input.is_empty() {
        Err(CodeError::Trailing)
    } else {
        Ok(output)
    }
}

fn advanced(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(coder: &mut Coder, pieces: &[&[u8]]) -> Result<Vec<u8>, CodeError> {
        let mut output = Vec::new();
        for piece in pieces {
            output.extend(coder.push(piece, false)?);
        }
        output.extend(coder.push(&[], true)?);
        Ok(output)
    }

    #[test]
    fn every_format_comes_back() {
        let text: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        for format in [Format::Gzip, Format::Zlib, Format::Raw] {
            let packed = all(
                &mut Coder::compressor(format),
                &[&text[..70_000], &text[70_000..]],
            )
            .unwrap();
            assert!(packed.len() < text.len() / 10);
            let (left, right) = packed.split_at(packed.len() / 2);
            let unpacked = all(&mut Coder::decompressor(format, true), &[left, right]).unwrap();
            assert_eq!(unpacked, text);
        }
    }

    #[test]
    fn strictness_decides_about_the_end() {
        let packed = all(&mut Coder::compressor(Format::Gzip), &[b"hello"]).unwrap();
        let mut long = packed.clone();
        long.extend(b"xx");
        let short = &packed[..10];
        assert_eq!(
            all(&mut Coder::decompressor(Format::Gzip, true), &[&long]),
            Err(CodeError::Trailing)
        );
        assert_eq!(
            all(&mut Coder::decompressor(Format::Gzip, true), &[short]),
            Err(CodeError::Incomplete)
        );
        assert_eq!(
            all(&mut Coder::decompressor(Format::Gzip, true), &[]),
            Err(CodeError::Incomplete)
        );
        assert_eq!(
            all(&mut Coder::decompressor(Format::Gzip, false), &[&long]).as_deref(),
            Ok(&b"hello"[..])
        );
        assert_eq!(
            all(&mut Coder::decompressor(Format::Gzip, false), &[short]).as_deref(),
            Ok(&b""[..])
        );
    }

    #[test]
    fn garbage_fails() {
        let mut coder = Coder::decompressor(Format::Gzip, true);
        assert_eq!(coder.push(&[1; 20], false), Err(CodeError::Decompress));
    }
}
