//! A compressor or decompressor that is fed piece by piece.

use flate2::{
    Compress, CompressError, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status,
};

use crate::glue::JsError;
use crate::isolate::limits::CPU_EXCEEDED;
use crate::service::processor;

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

/// Why input could not be coded, in workerd's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsError)]
pub enum CodeError {
    #[type_error("Compression failed.")]
    Compress,
    #[type_error("Decompression failed.")]
    Decompress,
    #[type_error("Trailing bytes after end of compressed data")]
    Trailing,
    #[type_error("Called close() on a decompression stream with incomplete data")]
    Incomplete,
    #[type_error("Gzip decompression failed.")]
    Gzip,
    #[type_error("Gzip compressed stream ended prematurely.")]
    ShortGzip,
    #[type_error("Brotli decompression failed.")]
    Brotli,
    #[type_error("Brotli compressed stream ended prematurely.")]
    ShortBrotli,
    /// The event has no processor time left.
    #[type_error("{CPU_EXCEEDED}")]
    Ended {},
}

/// Either direction.
pub struct Coder {
    state: State,
    /// The end of the coded data was reached.
    ended: bool,
}

enum State {
    Compressor(Packer),
    Decompressor {
        state: Decompress,
        /// Whether trailing and missing data are errors.
        strict: bool,
    },
}

/// What one step did.
pub struct Step {
    /// About [`STEP_BYTES`] at most.
    pub output: Vec<u8>,
    /// How much of the input it took.
    pub taken: usize,
    /// There is more to come without any more input.
    pub more: bool,
}

impl Coder {
    pub fn compressor(format: Format) -> Self {
        Self {
            state: State::Compressor(Packer::new(format)),
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

    /// Takes all input and returns what output it yields; `last` also flushes the end. It stops where the output is more than
    /// `most_bytes`.
    pub fn push(
        &mut self,
        mut input: &[u8],
        last: bool,
        most_bytes: usize,
    ) -> Result<Vec<u8>, CodeError> {
        let mut all = Vec::new();
        loop {
            if processor::is_used_up() {
                return Err(CodeError::Ended {});
            }
            let step = self.step(input, last)?;
            input = &input[step.taken..];
            if all.is_empty() {
                all = step.output;
            } else {
                all.extend(step.output);
            }
            if !step.more || all.len() > most_bytes {
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
        let (status, taken) = match &mut self.state {
            State::Compressor(packer) => packer
                .step(input, last, &mut output)
                .map_err(|_| CodeError::Compress)?,
            State::Decompressor { state, .. } => {
                output.reserve_exact(STEP_BYTES);
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
        // What a decoder still held of an unfinished stream comes first; the next step tells of the missing end. What a
        // compressor still holds comes out by the end.
        let ends = strict || matches!(self.state, State::Compressor(_));
        let more = more || (ends && last && !self.ended);
        Ok(Step {
            output,
            taken,
            more,
        })
    }
}

/// As dense as zlib's default to a hundredth or two, at two thirds of the time.
const LEVEL: u32 = 5;

/// Input of which the output tells whether it becomes smaller.
const TRIED_BYTES: usize = 128 * 1024;

/// Input that is stored after some that did not.
const STORED_BYTES: usize = 512 * 1024;

/// The most bytes of a stored block (RFC 1951 section 3.2.4).
const BLOCK_BYTES: usize = 65_535;

/// Compresses, but for stretches that do not become smaller: trying takes the longest where it is in vain. Those are stored
/// between pieces of compressed data, each of which refers to nothing before itself.
struct Packer {
    state: Compress,
    /// What gzip has around the data; zlib's own wrapper is made by `state`, which then compresses all.
    gzip: Option<Crc>,
    can_store: bool,
    begun: bool,
    stretch: Stretch,
    /// What is left of the stretch.
    left: usize,
    /// All that came before it has come out.
    is_clear: bool,
    /// All that `state` had taken and given before the stretch.
    before: (u64, u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stretch {
    Tried,
    /// It is over, and what is still held of it on its way out.
    Flushed,
    Stored,
}

impl Packer {
    fn new(format: Format) -> Self {
        Self {
            state: Compress::new(Compression::new(LEVEL), format == Format::Zlib),
            gzip: (format == Format::Gzip).then(Crc::new),
            can_store: format != Format::Zlib,
            begun: false,
            stretch: Stretch::Tried,
            left: TRIED_BYTES,
            is_clear: true,
            before: (0, 0),
        }
    }

    /// Takes some input and adds about [`STEP_BYTES`] of output at most; what it did, and how much it took.
    fn step(
        &mut self,
        input: &[u8],
        last: bool,
        output: &mut Vec<u8>,
    ) -> Result<(Status, usize), CompressError> {
        output.reserve_exact(STEP_BYTES);
        if !self.begun {
            self.begun = true;
            if self.gzip.is_some() {
                output.extend(GZIP_HEADER);
            }
        }
        let (status, taken) = match self.stretch {
            Stretch::Tried => self.compress(input, last, output)?,
            Stretch::Flushed => {
                self.state.compress_vec(&[], output, FlushCompress::Sync)?;
                if output.len() < output.capacity() {
                    self.turn();
                }
                (Status::Ok, 0)
            }
            Stretch::Stored => (Status::Ok, self.store(input, output)),
        };
        if let Some(crc) = &mut self.gzip {
            crc.update(&input[..taken]);
            if status == Status::StreamEnd {
                output.extend(crc.sum().to_le_bytes());
                output.extend(crc.amount().to_le_bytes());
            }
        }
        Ok((status, taken))
    }

    fn compress(
        &mut self,
        input: &[u8],
        last: bool,
        output: &mut Vec<u8>,
    ) -> Result<(Status, usize), CompressError> {
        let (now, rest) = input.split_at(input.len().min(self.left));
        let flush = if last && rest.is_empty() {
            FlushCompress::Finish
        } else {
            FlushCompress::None
        };
        let before = self.state.total_in();
        let status = self.state.compress_vec(now, output, flush)?;
        let taken = advanced(before, self.state.total_in());
        self.left -= taken;
        // What is still held at the end makes it look denser than it is.
        if self.left == 0 && status != Status::StreamEnd && self.can_store {
            if self.density() > 0.7 {
                self.stretch = Stretch::Flushed;
            } else {
                self.begin(Stretch::Tried, TRIED_BYTES, false);
            }
        } else if self.left == 0 {
            self.left = TRIED_BYTES;
        }
        Ok((status, taken))
    }

    /// Output for each byte of input in this stretch.
    fn density(&self) -> f64 {
        let (input, output) = self.before;
        let input = (self.state.total_in() - input) as f64;
        (self.state.total_out() - output) as f64 / input
    }

    /// The next stretch, when the one before has come out whole.
    fn turn(&mut self) {
        if self.is_clear && self.density() > 0.97 {
            self.state.reset();
            self.begin(Stretch::Stored, STORED_BYTES, true);
        } else {
            self.begin(Stretch::Tried, TRIED_BYTES, true);
        }
    }

    fn begin(&mut self, stretch: Stretch, left: usize, is_clear: bool) {
        self.stretch = stretch;
        self.left = left;
        self.is_clear = is_clear;
        self.before = (self.state.total_in(), self.state.total_out());
    }

    /// A block of its own for some of the input. The end of the input is the next stretch's.
    fn store(&mut self, input: &[u8], output: &mut Vec<u8>) -> usize {
        let taken = input.len().min(self.left).min(BLOCK_BYTES);
        if taken > 0 {
            let length = taken as u16;
            output.push(0);
            output.extend(length.to_le_bytes());
            output.extend((!length).to_le_bytes());
            output.extend_from_slice(&input[..taken]);
        }
        self.left -= taken;
        if self.left == 0 || taken == 0 {
            self.begin(Stretch::Tried, TRIED_BYTES, true);
        }
        taken
    }
}

/// No name, no time, no hints; made on Unix, as zlib says here (RFC 1952 section 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

fn advanced(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(coder: &mut Coder, pieces: &[&[u8]]) -> Result<Vec<u8>, CodeError> {
        let mut output = Vec::new();
        for piece in pieces {
            output.extend(coder.push(piece, false, usize::MAX)?);
        }
        output.extend(coder.push(&[], true, usize::MAX)?);
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

    /// Bytes without any order.
    fn noise(count: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn what_does_not_become_smaller_is_stored() {
        let text: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        for format in [Format::Gzip, Format::Zlib, Format::Raw] {
            let mut data = noise(3_000_000, 7);
            data.extend(&text);
            data.extend(noise(1_000_000, 9));
            for piece in [1_000, 65_536, 900_000] {
                let pieces: Vec<_> = data.chunks(piece).collect();
                let packed = all(&mut Coder::compressor(format), &pieces).unwrap();
                assert!(packed.len() < 4_700_000, "{}", packed.len());
                let unpacked = all(&mut Coder::decompressor(format, true), &[&packed]).unwrap();
                assert!(unpacked == data);
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
        #[test]
        fn stretches_of_any_kind_come_back(
            stretches in proptest::collection::vec((1usize..400_000, 0u8..3, 1usize..100_000), 1..8)
        ) {
            let mut data = Vec::new();
            let mut coder = Coder::compressor(Format::Gzip);
            let mut packed = Vec::new();
            for (seed, (count, kind, piece)) in stretches.into_iter().enumerate() {
                let stretch = match kind {
                    0 => noise(count, seed as u64 + 1),
                    1 => vec![seed as u8; count],
                    _ => noise(count, seed as u64 + 1).iter().map(|byte| byte & 0x77).collect(),
                };
                for piece in stretch.chunks(piece) {
                    packed.extend(coder.push(piece, false, usize::MAX).unwrap());
                }
                data.extend(stretch);
            }
            packed.extend(coder.push(&[], true, usize::MAX).unwrap());
            let unpacked = Coder::decompressor(Format::Gzip, true).push(&packed, true, usize::MAX).unwrap();
            proptest::prop_assert!(unpacked == data);
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
        assert_eq!(
            coder.push(&[1; 20], false, usize::MAX),
            Err(CodeError::Decompress)
        );
    }

    #[test]
    fn a_bomb_ends_with_the_processor_time_or_the_memory() {
        let zeros = vec![0; 64 << 20];
        let bomb = Coder::compressor(Format::Gzip)
            .push(&zeros, true, usize::MAX)
            .unwrap();
        let mut coder = Coder::decompressor(Format::Gzip, true);
        let some = coder.push(&bomb, true, 1 << 20).unwrap();
        assert!(some.len() <= (1 << 20) + STEP_BYTES, "{}", some.len());
        let mut coder = Coder::decompressor(Format::Gzip, true);
        let allowance = Some(std::time::Duration::ZERO);
        let (ended, _) = processor::metered(allowance, || coder.push(&bomb, true, usize::MAX));
        assert_eq!(ended, Err(CodeError::Ended {}));
    }
}
