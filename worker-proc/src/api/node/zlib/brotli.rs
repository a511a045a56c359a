//! A Brotli decoder that says where the data ends and what is wrong with it.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};

use super::coder::{OUTPUT_STEP_BYTES, Piece, failure};
use crate::service::processor;

/// See the module.
pub(super) struct BrotliDecoder(BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>);

impl Default for BrotliDecoder {
    fn default() -> Self {
        let memory = StandardAlloc::default;
        Self(BrotliState::new(memory(), memory(), memory()))
    }
}

impl BrotliDecoder {
    /// Decodes what comes next; what is more than `limit` bytes is handed on, for whoever asked to see that it is.
    pub(super) fn run(&mut self, input: &[u8], limit: usize) -> Piece {
        let mut piece = Piece::default();
        let mut left = input.len();
        loop {
            let mut made = piece.output.len();
            let mut room = OUTPUT_STEP_BYTES;
            piece.output.resize(made + room, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut piece.taken,
                input,
                &mut room,
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
                BrotliResult::NeedsMoreOutput if made <= limit && !processor::is_used_up() => {}
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
