//! What the `Content-Encoding` header says of a body: gzip, in any number of members, and brotli.

use std::io::Write;

use brotli::{BrotliResult, BrotliState, CompressorWriter};
use flate2::{Decompress, FlushDecompress, Status};

use super::coder::{CodeError, Coder, Format, STEP_BYTES, Step, WINDOW_BITS};
use crate::service::processor;

/// A coding that the header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Brotli,
}

impl Coding {
    /// For a name that JavaScript has checked.
    pub fn of(name: &str) -> Self {
        match name {
            "br" => Self::Brotli,
            _ => Self::Gzip,
        }
    }
}

/// As in kj, whose choice workerd's is.
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW_BITS: u32 = 22;
/// What the brotli compressor hands to its output at once, bytes.
const BROTLI_BUFFER_BYTES: usize = 4096;

type Alloc = brotli::enc::StandardAlloc;

/// Either direction of a coding.
pub enum ContentCoder {
    ToGzip(Coder),
    FromGzip(Decompress, Member),
    /// None once it is finished.
    ToBrotli(Option<Box<CompressorWriter<Vec<u8>>>>),
    FromBrotli(Box<BrotliState<Alloc, Alloc, Alloc>>),
}

/// Where the decoder of gzip is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    Open,
    Ended,
}

impl ContentCoder {
    pub fn encoder(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::ToGzip(Coder::compressor(Format::Gzip)),
            Coding::Brotli => Self::ToBrotli(Some(Box::new(CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
                BROTLI_QUALITY,
                BROTLI_WINDOW_BITS,
            )))),
        }
    }

    pub fn decoder(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::FromGzip(Decompress::new_gzip(WINDOW_BITS), Member::Open),
            Coding::Brotli => {
                let alloc = Alloc::default;
                Self::FromBrotli(Box::new(BrotliState::new(alloc(), alloc(), alloc())))
            }
        }
    }

    /// The whole coded form of bytes in memory.
    pub fn all(mut self, mut input: &[u8]) -> Result<Vec<u8>, CodeError> {
        let mut all = Vec::new();
        loop {
            if processor::is_used_up() {
                return Err(CodeError::Ended {});
            }
            let step = self.step(input, true)?;
            all.extend(step.output);
            input = &input[step.taken..];
            if !step.more {
                return Ok(all);
            }
        }
    }

    /// Takes some input for a bounded amount of output. `last`: nothing follows this input.
    pub fn step(&mut self, input: &[u8], last: bool) -> Result<Step, CodeError> {
        match self {
            Self::ToGzip(coder) => coder.step(input, last),
            Self::FromGzip(state, member) => from_gzip(state, member, input, last),
            Self::ToBrotli(writer) => to_brotli(writer, input, last),
            Self::FromBrotli(state) => from_brotli(state, input, last),
        }
    }
}

fn from_gzip(
    state: &mut Decompress,
    member: &mut Member,
    input: &[u8],
    last: bool,
) -> Result<Step, CodeError> {
    let mut output = Vec::new();
    if *member == Member::Ended {
        if input.is_empty() {
            let taken = 0;
            let more = false;
            return Ok(Step {
                output,
                taken,
                more,
            });
        }
        *state = Decompress::new_gzip(WINDOW_BITS);
        *member = Member::Open;
    }
    output.reserve_exact(STEP_BYTES);
    let before = state.total_in();
    let status = state
        .decompress_vec(input, &mut output, FlushDecompress::None)
        .map_err(|_| CodeError::Gzip)?;
    let taken = usize::try_from(state.total_in() - before).unwrap_or(usize::MAX);
    if status == Status::StreamEnd {
        *member = Member::Ended;
    }
    let wants_input = *member == Member::Open && output.len() < STEP_BYTES;
    if wants_input && last && taken == input.len() && output.is_empty() {
        return Err(CodeError::ShortGzip);
    }
    // What came before a missing end is passed on; the next step tells of the end.
    let more = taken < input.len() || (*member == Member::Open && (!wants_input || last));
    Ok(Step {
        output,
        taken,
        more,
    })
}

fn to_brotli(
    writer: &mut Option<Box<CompressorWriter<Vec<u8>>>>,
    input: &[u8],
    last: bool,
) -> Result<Step, CodeError> {
    let mut output = Vec::new();
    if let Some(open) = writer {
        open.write_all(input).map_err(|_| CodeError::Compress)?;
        output = std::mem::take(open.get_mut());
    }
    if last && let Some(open) = writer.take() {
        output.extend(open.into_inner());
    }
    Ok(Step {
        output,
        taken: input.len(),
        more: false,
    })
}

fn from_brotli(
    state: &mut BrotliState<Alloc, Alloc, Alloc>,
    input: &[u8],
    last: bool,
) -> Result<Step, CodeError> {
    let mut output = vec![0; STEP_BYTES];
    let (mut left, mut taken) = (input.len(), 0);
    let (mut room, mut written, mut total) = (output.len(), 0, 0);
    let result = brotli::BrotliDecompressStream(
        &mut left,
        &mut taken,
        input,
        &mut room,
        &mut written,
        &mut output,
        &mut total,
        state,
    );
    output.truncate(written);
    let more = match result {
        BrotliResult::ResultSuccess if left > 0 => return Err(CodeError::Brotli),
        BrotliResult::ResultSuccess => false,
        BrotliResult::NeedsMoreInput if last && output.is_empty() => {
            return Err(CodeError::ShortBrotli);
        }
        BrotliResult::NeedsMoreInput => last,
        BrotliResult::NeedsMoreOutput => true,
        BrotliResult::ResultFailure => return Err(CodeError::Brotli),
    };
    Ok(Step {
        output,
        taken,
        more,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODINGS: [Coding; 2] = [Coding::Gzip, Coding::Brotli];

    fn encoded(coding: Coding, text: &[u8]) -> Vec<u8> {
        ContentCoder::encoder(coding).all(text).unwrap()
    }

    fn decoded(coding: Coding, bytes: &[u8]) -> Result<Vec<u8>, CodeError> {
        ContentCoder::decoder(coding).all(bytes)
    }

    #[test]
    fn every_coding_comes_back() {
        let text: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        for coding in CODINGS {
            let packed = encoded(coding, &text);
            assert!(packed.len() < text.len() / 10);
            assert_eq!(decoded(coding, &packed).as_deref(), Ok(&text[..]));
            assert_eq!(
                decoded(coding, &encoded(coding, b"")).as_deref(),
                Ok(&b""[..])
            );
        }
    }

    #[test]
    fn steps_are_bounded() {
        for coding in CODINGS {
            let packed = encoded(coding, &vec![0; 10_000_000]);
            let mut decoder = ContentCoder::decoder(coding);
            let (mut input, mut total) = (&packed[..], 0);
            loop {
                let step = decoder.step(input, true).unwrap();
                assert!(step.output.len() <= STEP_BYTES);
                total += step.output.len();
                input = &input[step.taken..];
                if !step.more {
                    break;
                }
            }
            assert_eq!(total, 10_000_000);
        }
    }

    #[test]
    fn members_of_gzip_follow_each_other() {
        let both = [encoded(Coding::Gzip, b"one"), encoded(Coding::Gzip, b"two")].concat();
        assert_eq!(decoded(Coding::Gzip, &both).as_deref(), Ok(&b"onetwo"[..]));
    }

    #[test]
    fn what_is_malformed_or_cut_off_is_an_error() {
        let cases = [
            (Coding::Gzip, CodeError::Gzip, CodeError::ShortGzip),
            (Coding::Brotli, CodeError::Brotli, CodeError::ShortBrotli),
        ];
        for (coding, malformed, short) in cases {
            let packed = encoded(coding, &vec![7; 300_000]);
            let trailing = [&packed[..], b"rubbish"].concat();
            assert_eq!(decoded(coding, b"not coded at all"), Err(malformed));
            assert_eq!(decoded(coding, &trailing), Err(malformed));
            assert_eq!(decoded(coding, &packed[..packed.len() - 2]), Err(short));
            assert_eq!(decoded(coding, b""), Err(short));
        }
    }
}
