//! Brotli (RFC 7932) for `coder`: an encoder, and a decoder that says where the data ends and what is wrong with it.

use std::io::Write;

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, CompressorWriter};
use bytes::BytesMut;

use super::coder::{Piece, failure};
use crate::service::processor;

/// Input between two looks at the processor time that is left, bytes.
const INPUT_STEP_BYTES: usize = 64 * 1024;

const BUFFER_BYTES: usize = 4096;

/// `BROTLI_OPERATION_FLUSH` and `BROTLI_OPERATION_FINISH`.
const FLUSH: i32 = 1;
const FINISH: i32 = 2;

/// An encoder, and what it has made.
pub(super) struct BrotliEncoder {
    /// None once it has ended.
    writer: Option<CompressorWriter<Vec<u8>>>,
    /// What there was no room for yet: of the write before this, at most.
    made: BytesMut,
}

impl BrotliEncoder {
    /// What is out of range is taken to the nearest.
    pub(super) fn new(quality: u32, lgwin: u32) -> Self {
        let (quality, lgwin) = (quality.min(11), lgwin.clamp(10, 24));
        let writer = CompressorWriter::new(Vec::new(), BUFFER_BYTES, quality, lgwin);
        Self {
            writer: Some(writer),
            made: BytesMut::new(),
        }
    }

    /// Takes all of the input, and hands on what there is room for.
    pub(super) fn run(&mut self, input: &[u8], flush: i32, room: usize) -> Piece {
        let is_going_on = input.is_empty() && !self.made.is_empty();
        if !is_going_on && self.encode(input, flush).is_err() {
            return failure(-2, "ERR_BROTLI_COMPRESSION_FAILED", "Compression failed");
        }
        let output = self.made.split_to(room.min(self.made.len()));
        Piece {
            output: output.to_vec(),
            taken: input.len(),
            ended: self.writer.is_none() && self.made.is_empty(),
            ..Piece::default()
        }
    }

    fn encode(&mut self, input: &[u8], flush: i32) -> std::io::Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        for piece in input.chunks(INPUT_STEP_BYTES) {
            writer.write_all(piece)?;
            if processor::is_used_up() {
                return Err(std::io::ErrorKind::TimedOut.into());
            }
        }
        if flush == FLUSH {
            writer.flush()?;
        }
        let made = if flush == FINISH {
            self.writer.take().map(CompressorWriter::into_inner)
        } else {
            Some(std::mem::take(writer.get_mut()))
        };
        self.made.extend_from_slice(&made.unwrap_or_default());
        Ok(())
    }
}

/// See the module.
pub(super) struct BrotliDecoder(BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>);

impl Default for BrotliDecoder {
    fn default() -> Self {
        let memory = StandardAlloc::default;
        Self(BrotliState::new(memory(), memory(), memory()))
    }
}

impl BrotliDecoder {
    /// Decodes what comes next, as far as there is room.
    pub(super) fn run(&mut self, input: &[u8], room: usize) -> Piece {
        let mut piece = Piece::default();
        let mut left = input.len();
        loop {
            let mut made = piece.output.len();
            let mut step = piece.step(room);
            piece.output.resize(made + step, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut piece.taken,
                input,
                &mut step,
                &mut made,
                &mut piece.output,
                &mut 0,
                &mut self.0,
            );
            piece.output.truncate(made);
            piece.ended = matches!(result, BrotliResult::ResultSuccess);
            match result {
                BrotliResult::ResultFailure => {
                    return failure(-2, self.fault(), "Decompression failed");
                }
                BrotliResult::NeedsMoreOutput if made < room && !processor::is_used_up() => {}
                _ => return piece,
            }
        }
    }

    /// The code of the error, as Node makes it of the decoder's.
    fn fault(&self) -> String {
        let name = format!("{:?}", self.0.error_code);
        format!("ERR_{}", name.trim_start_matches("BROTLI_DECODER"))
    }
}
