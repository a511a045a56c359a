//! A compressor or decompressor that is fed piece by piece.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The most output of one step, bytes.
pub const STEP_BYTES: usize = 64 * 1024;
/// The largest window, as zlib's own default.
pub const WINDOW_BITS: u8 = 15;

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

/// Why input could not be coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeError {
    Compress,
    Decompress,
    Trailing,
    Incomplete,
    Gzip,
    ShortGzip,
    Brotli,
    ShortBrotli,
}

impl CodeError {
    /// What user code is told, as the message of a TypeError. The wording is workerd's.
    pub fn message(self) -> &'static str {
        match self {
            Self::Compress => "Compression failed.",
            Self::Decompress => "Decompression failed.",
            Self::Trailing => "Trailing bytes after end of compressed data",
            Self::Incomplete => "Called close() on a decompression stream with incomplete data",
            Self::Gzip => "Gzip decompression failed.",
            Self::ShortGzip => "Gzip compressed stream ended prematurely.",
            Self::Brotli => "Brotli decompression failed.",
            Self::ShortBrotli => "Brotli compressed stream ended prematurely.",
        }
    }
}

/// Either direction.
pub struct Coder {
    state: State,
    /// The end of the coded data was reached.
    ended: bool,
}

enum State {
    Compressor(Compress),
    Decompressor {
        state: Decompress,
        /// Whether trailing and missing data are errors.
        strict: bool,
    },
}

/// What one step did.
pub struct Step {
    /// At most [`STEP_BYTES`].
    pub output: Vec<u8>,
    /// How much of the input it took.
    pub taken: usize,
    /// There is more to come without any more input.
    pub more: bool,
}

impl Coder {
    pub fn compressor(format: Format) -> Self {
        let level = Compression::default();
        let state = State::Compressor(match format {
            Format::Gzip => Compress::new_gzip(level, WINDOW_BITS),
            Format::Zlib => Compress::new(level, true),
            Format::Raw => Compress::new(level, false),
        });
        Self {
            state,
            ended: false,
        }
    }

    pub fn decompressor(format: Format, strict: bool) -> Self {
        let state = match format {
            Format::Gzip => Decompress::new_gzip(WINDOW_BITS),
            Format::Zlib => Decompress::new(true),
            Format::Raw => Decompress::new(false),
        };
        Self {
            state: State::Decompressor { state, strict },
            ended: false,
        }
    }

    /// Takes all input and returns what output it yields; `last` also flushes the end.
    pub fn push(&mut self, mut input: &[u8], last: bool) -> Result<Vec<u8>, CodeError> {
        let mut all = Vec::new();
        loop {
            let step = self.step(input, last)?;
            input = &input[step.taken..];
            if all.is_empty() {
                all = step.output;
            } else {
                all.extend(step.output);
            }
            if !step.more {
                return Ok(all);
            }
        }
    }

    /// Takes some input for a bounded amount of output. `last`: nothing follows this input.
    pub fn step(&mut self, input: &[u8], last: bool) -> Result<Step, CodeError> {
        let mut output = Vec::new();
        if self.ended {
            let trailing =
                !input.is_empty() && matches!(self.state, State::Decompressor { strict: true, .. });
            return if trailing {
                Err(CodeError::Trailing)
            } else {
                Ok(Step {
                    output,
                    taken: input.len(),
                    more: false,
                })
            };
        }
        output.reserve_exact(STEP_BYTES);
        let (status, taken) = match &mut self.state {
            State::Compressor(state) => {
                let before = state.total_in();
                let flush = if last {
                    FlushCompress::Finish
                } else {
                    FlushCompress::None
                };
                let status = state
                    .compress_vec(input, &mut output, flush)
                    .map_err(|_| CodeError::Compress)?;
                (status, advanced(before, state.total_in()))
            }
            State::Decompressor { state, .. } => {
                let before = state.total_in();
                let flush = if last {
                    FlushDecompress::Finish
                } else {
                    FlushDecompress::None
                };
                let status = state
                    .decompress_vec(input, &mut output, flush)
                    .map_err(|_| CodeError::Decompress)?;
                (status, advanced(before, state.total_in()))
            }
        };
        self.ended = status == Status::StreamEnd;
        // With room left and nothing ended, the coder wants input.
        let full = output.len() >= STEP_BYTES;
        let more = if self.ended {
            taken < input.len()
        } else {
            full || taken < input.len()
        };
        let strict = matches!(self.state, State::Decompressor { strict: true, .. });
        if strict && last && !self.ended && !more && output.is_empty() {
            return Err(CodeError::Incomplete);
        }
        // What a decoder still held of an unfinished stream comes first; the next step tells of the missing end.
        let more = more || (strict && last && !self.ended);
        Ok(Step {
            output,
            taken,
            more,
        })
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
    fn steps_are_bounded() {
        let packed = all(
            &mut Coder::compressor(Format::Gzip),
            &[&vec![0; 10_000_000]],
        )
        .unwrap();
        let mut coder = Coder::decompressor(Format::Gzip, true);
        let mut input = &packed[..];
        let mut total = 0;
        loop {
            let step = coder.step(input, true).unwrap();
            assert!(step.output.len() <= STEP_BYTES);
            total += step.output.len();
            input = &input[step.taken..];
            if !step.more {
                break;
            }
        }
        assert_eq!(total, 10_000_000);
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
