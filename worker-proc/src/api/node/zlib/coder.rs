//! Compression for `node:zlib`: deflate in three wrappings, Brotli and Zstandard, fed piece by piece.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress};
use zlib_rs::{DeflateFlush, Status};

use super::brotli::{BrotliDecoder, BrotliEncoder};
use super::deflate::Deflate;
use super::zstd::{self, Zstd};
use crate::glue::bytes::most_buffer_bytes;
use crate::glue::{Arguments, IntoJs, JsArray, Ops, native_object, op, with_bytes};
use crate::service::processor;

/// Room for output that is added at a time, bytes.
const OUTPUT_STEP_BYTES: usize = 16 * 1024;

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        zlib_new,
        zlib_params,
        brotli_new,
        zlib_write,
        zlib_close,
        crc32,
    ]);
    zstd::ops(ops);
    ops.share::<Written>();
    ops.share::<Fault>();
}

/// Modes by Node's numbers.
const DEFLATE: i32 = 1;
const INFLATE: i32 = 2;
const GZIP: i32 = 3;
const GUNZIP: i32 = 4;
const DEFLATERAW: i32 = 5;
const INFLATERAW: i32 = 6;
const UNZIP: i32 = 7;

pub(super) enum Coder {
    Deflate(Deflate),
    Inflate {
        state: Decompress,
        dictionary: Vec<u8>,
        raw: bool,
    },
    /// Gzip or zlib, as the first byte tells.
    Undecided {
        window_bits: u8,
        dictionary: Vec<u8>,
    },
    Zstd(Box<Zstd>),
    BrotliEncode(Box<BrotliEncoder>),
    BrotliDecode(Box<BrotliDecoder>),
    /// Its memory is free again.
    Closed,
}

impl<'s> IntoJs<'s> for Coder {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, RefCell::new(self)).into()
    }
}

/// What deflate is told; see zlib's manual.
#[derive(Arguments)]
struct Settings {
    level: i32,
    window_bits: i32,
    memory_level: i32,
    strategy: i32,
}

impl Settings {
    fn deflater(&self, mode: i32, dictionary: &[u8]) -> Deflate {
        let window_bits = self.window_bits.clamp(9, 15);
        let window_bits = match mode {
            DEFLATERAW => -window_bits,
            GZIP => window_bits + 16,
            _ => window_bits,
        };
        let (level, memory_level) = (self.level, self.memory_level);
        let mut state = Deflate::new(level, window_bits, memory_level, self.strategy);
        if mode != GZIP && !dictionary.is_empty() {
            state.set_dictionary(dictionary);
        }
        state
    }
}

/// `zlibNew(mode, dictionary, level, windowBits, memLevel, strategy)`: a native coder.
#[op]
fn zlib_new(mode: i32, dictionary: Option<Bytes>, settings: Settings) -> Coder {
    let dictionary = dictionary.map_or_else(Vec::new, Vec::from);
    let window_bits = settings.window_bits.clamp(9, 15) as u8;
    match mode {
        DEFLATE | DEFLATERAW | GZIP => Coder::Deflate(settings.deflater(mode, &dictionary)),
        GUNZIP => Coder::Inflate {
            state: Decompress::new_gzip(window_bits),
            dictionary: Vec::new(),
            raw: false,
        },
        UNZIP => Coder::Undecided {
            window_bits,
            dictionary,
        },
        mode => inflater(mode == INFLATERAW, window_bits, dictionary),
    }
}

/// `zlibParams(coder, level, strategy)`: others from here on, once what was given is flushed; whether it went well.
#[op]
fn zlib_params(coder: Rc<RefCell<Coder>>, level: i32, strategy: i32) -> bool {
    match &mut *coder.borrow_mut() {
        Coder::Deflate(state) => state.set_params(level, strategy),
        _ => false,
    }
}

/// `brotliNew(encode, quality, lgwin)`: a native coder.
#[op]
fn brotli_new(encode: bool, quality: u32, lgwin: u32) -> Coder {
    if encode {
        return Coder::BrotliEncode(Box::new(BrotliEncoder::new(quality, lgwin)));
    }
    Coder::BrotliDecode(Box::default())
}

fn inflater(raw: bool, window_bits: u8, dictionary: Vec<u8>) -> Coder {
    debug_assert!(raw || INFLATE != INFLATERAW);
    let mut state = Decompress::new_with_window_bits(!raw, window_bits);
    if raw && !dictionary.is_empty() {
        let _ = state.set_dictionary(&dictionary);
    }
    Coder::Inflate {
        state,
        dictionary,
        raw,
    }
}

/// What one write gave.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub output: Vec<u8>,
    /// Input bytes taken; the rest lies behind the end of the compressed data.
    pub taken: usize,
    pub ended: bool,
    pub error: Option<Fault>,
}

impl Piece {
    /// How much output to make next, of all that there is room for.
    pub fn step(&self, room: usize) -> usize {
        OUTPUT_STEP_BYTES.min(room - self.output.len())
    }
}

/// What JavaScript is told of a [`Piece`].
#[derive(JsArray)]
struct Written {
    output: Vec<u8>,
    taken: f64,
    ended: bool,
}

/// zlib's error number and name, and the message.
#[derive(Debug, JsArray)]
pub(super) struct Fault {
    errno: i32,
    code: String,
    message: String,
}

impl<'s> IntoJs<'s> for Piece {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        if let Some(fault) = self.error {
            return fault.into_js(scope);
        }
        let written = Written {
            output: self.output,
            taken: self.taken as f64,
            ended: self.ended,
        };
        written.into_js(scope)
    }
}

/// `zlibWrite(coder, bytes, flush, room)`: [`Written`], or [`Fault`] on bad data. No more comes out than there is room for; as
/// much as that says that there may be more, for another write of the input that was not taken.
#[op]
fn zlib_write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    coder: Rc<RefCell<Coder>>,
    bytes: v8::Local<'s, v8::Value>,
    flush: i32,
    room: f64,
) -> Piece {
    let room = (room as usize).min(most_buffer_bytes(scope).saturating_add(1));
    with_bytes(bytes, |bytes| {
        run(&mut coder.borrow_mut(), bytes, flush, room)
    })
}

/// `zlibClose(coder)`: frees its memory, of which a coder has much, before its object is collected.
#[op]
fn zlib_close(coder: Rc<RefCell<Coder>>) {
    coder.replace(Coder::Closed);
}

fn run(coder: &mut Coder, input: &[u8], flush: i32, room: usize) -> Piece {
    if let Coder::Undecided {
        window_bits,
        dictionary,
    } = coder
    {
        let Some(first) = input.first() else {
            return Piece::default();
        };
        *coder = if *first == 0x1f {
            Coder::Inflate {
                state: Decompress::new_gzip(*window_bits),
                dictionary: Vec::new(),
                raw: false,
            }
        } else {
            inflater(false, *window_bits, std::mem::take(dictionary))
        };
    }
    match coder {
        Coder::Deflate(state) => deflate(state, input, flush, room),
        Coder::Inflate {
            state,
            dictionary,
            raw,
        } => inflate(state, dictionary, *raw, input, flush, room),
        Coder::Undecided { .. } | Coder::Closed => Piece::default(),
        Coder::Zstd(state) => state.run(input, flush, room),
        Coder::BrotliEncode(encoder) => encoder.run(input, flush, room),
        Coder::BrotliDecode(decoder) => decoder.run(input, room),
    }
}

fn flush_mode(flush: i32) -> DeflateFlush {
    match flush {
        1 => DeflateFlush::PartialFlush,
        2 => DeflateFlush::SyncFlush,
        3 => DeflateFlush::FullFlush,
        4 => DeflateFlush::Finish,
        5 => DeflateFlush::Block,
        _ => DeflateFlush::NoFlush,
    }
}

pub(super) fn failure(errno: i32, code: impl Into<String>, message: &str) -> Piece {
    Piece {
        error: Some(Fault {
            errno,
            code: code.into(),
            message: message.to_owned(),
        }),
        ..Piece::default()
    }
}

fn deflate(state: &mut Deflate, input: &[u8], flush: i32, room: usize) -> Piece {
    let mode = flush_mode(flush);
    let mut piece = Piece::default();
    loop {
        let step = piece.step(room);
        let before = piece.output.len();
        let input = &input[piece.taken..];
        let Some((taken, status)) = state.compress(input, &mut piece.output, step, mode) else {
            return failure(-2, "Z_STREAM_ERROR", "stream error");
        };
        let made = piece.output.len() - before;
        piece.taken += taken;
        piece.ended = status == Status::StreamEnd;
        let has_room = made < step;
        if piece.ended
            || piece.output.len() == room
            || status == Status::BufError
            || processor::is_used_up()
            || (taken == input.len() && has_room)
            || (made == 0 && has_room)
        {
            return piece;
        }
    }
}

fn inflate(
    state: &mut Decompress,
    dictionary: &[u8],
    raw: bool,
    input: &[u8],
    flush: i32,
    room: usize,
) -> Piece {
    let mode = if flush == 4 {
        FlushDecompress::Finish
    } else {
        FlushDecompress::Sync
    };
    let mut piece = Piece::default();
    loop {
        let step = piece.step(room);
        let before = piece.output.len();
        piece.output.resize(before + step, 0);
        let (total_in, total_out) = (state.total_in(), state.total_out());
        let result = state.decompress(&input[piece.taken..], &mut piece.output[before..], mode);
        piece.taken += (state.total_in() - total_in) as usize;
        let made = (state.total_out() - total_out) as usize;
        piece.output.truncate(before + made);
        match result {
            Ok(status) => {
                piece.ended = status == flate2::Status::StreamEnd;
                let has_room = made < step;
                let stuck = made == 0 && has_room;
                if piece.ended
                    || stuck
                    || piece.output.len() == room
                    || processor::is_used_up()
                    || (piece.taken == input.len() && has_room)
                {
                    return piece;
                }
            }
            Err(error) if error.needs_dictionary().is_some() => {
                if dictionary.is_empty() || raw {
                    return failure(2, "Z_NEED_DICT", "Missing dictionary");
                }
                if state.set_dictionary(dictionary).is_err() {
                    return failure(-3, "Z_DATA_ERROR", "Bad dictionary");
                }
            }
            Err(error) => {
                let message = error.message().unwrap_or("invalid data").to_owned();
                return failure(-3, "Z_DATA_ERROR", &message);
            }
        }
    }
}

/// `crc32(bytes, start)`: the checksum, going on from an earlier one.
#[op]
fn crc32(bytes: &[u8], start: u32) -> u32 {
    zlib_rs::crc32::crc32(start, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(compress: i32, decompress: Coder, input: &[u8]) -> Vec<u8> {
        let settings = Settings {
            level: -1,
            window_bits: 15,
            memory_level: 8,
            strategy: 0,
        };
        let mut encoder = Coder::Deflate(settings.deflater(compress, &[]));
        let packed = run(&mut encoder, input, 4, usize::MAX);
        assert!(packed.ended && packed.error.is_none());
        let mut decoder = decompress;
        let unpacked = run(&mut decoder, &packed.output, 4, usize::MAX);
        assert!(unpacked.error.is_none(), "{unpacked:?}");
        unpacked.output
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let input: Vec<u8> = (0..100_000u32)
            .map(|i| (i.wrapping_mul(i) >> 7) as u8)
            .collect();
        assert_eq!(
            round(DEFLATE, inflater(false, 15, Vec::new()), &input),
            input
        );
        assert_eq!(
            round(DEFLATERAW, inflater(true, 15, Vec::new()), &input),
            input
        );
        assert_eq!(
            round(
                GZIP,
                Coder::Undecided {
                    window_bits: 15,
                    dictionary: Vec::new()
                },
                &input
            ),
            input
        );
    }
}
