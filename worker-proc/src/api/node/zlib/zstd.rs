//! Zstandard (RFC 8878) for `coder`.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, Strategy, get_error_name,
};

use super::coder::{Coder, Piece, failure};
use crate::glue::{Ops, op};
use crate::service::processor;

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[zstd_new, zstd_set]);
}

/// A stream of Zstandard, one way or the other.
pub(super) enum Zstd {
    Compress(CCtx<'static>),
    Decompress(DCtx<'static>),
}

/// `zstdNew(compress, dictionary, size)`: a native coder. A size other than a negative one is that of the whole input.
#[op]
fn zstd_new(compress: bool, dictionary: Option<Bytes>, size: f64) -> Coder {
    let dictionary = dictionary.unwrap_or_default();
    if !compress {
        let mut context = DCtx::create();
        let _ = context.load_dictionary(&dictionary);
        return Coder::Zstd(Box::new(Zstd::Decompress(context)));
    }
    let mut context = CCtx::create();
    let _ = context.load_dictionary(&dictionary);
    let _ = context.set_pledged_src_size((size >= 0.0).then_some(size as u64));
    Coder::Zstd(Box::new(Zstd::Compress(context)))
}

/// `zstdSet(coder, parameter, value)`: undefined, or what is wrong.
#[op]
fn zstd_set(coder: Rc<RefCell<Coder>>, parameter: i32, value: i32) -> Option<String> {
    let Coder::Zstd(zstd) = &mut *coder.borrow_mut() else {
        return None;
    };
    let set = match &mut **zstd {
        Zstd::Compress(context) => {
            let Some(known) = compression(parameter, value) else {
                return Some(format!(
                    "Unsupported Zstd compression parameter: {parameter}"
                ));
            };
            known.and_then(|known| context.set_parameter(known).ok())
        }
        Zstd::Decompress(context) => {
            if parameter != WINDOW_LOG_MAX {
                return Some(format!(
                    "Unsupported Zstd decompression parameter: {parameter}"
                ));
            }
            let most = u32::try_from(value).ok();
            most.and_then(|most| context.set_parameter(DParameter::WindowLogMax(most)).ok())
        }
    };
    let wrong = "Setting parameter failed: Parameter is out of bound";
    set.is_none().then(|| wrong.to_owned())
}

/// `ZSTD_d_windowLogMax`.
const WINDOW_LOG_MAX: i32 = 100;

/// A parameter by Zstandard's number; none within is a value that no parameter has, none without an unknown number.
fn compression(parameter: i32, value: i32) -> Option<Option<CParameter>> {
    use CParameter as P;
    let Ok(number) = u32::try_from(value) else {
        return (parameter == 100).then_some(Some(P::CompressionLevel(value)));
    };
    let flag = value != 0;
    let known = match parameter {
        100 => P::CompressionLevel(value),
        101 => P::WindowLog(number),
        102 => P::HashLog(number),
        103 => P::ChainLog(number),
        104 => P::SearchLog(number),
        105 => P::MinMatch(number),
        106 => P::TargetLength(number),
        107 => return Some(strategy(value)),
        160 if value > 2 => return Some(None),
        160 => P::EnableLongDistanceMatching(value == 1),
        161 => P::LdmHashLog(number),
        162 => P::LdmMinMatch(number),
        163 => P::LdmBucketSizeLog(number),
        164 => P::LdmHashRateLog(number),
        200 => P::ContentSizeFlag(flag),
        201 => P::ChecksumFlag(flag),
        202 => P::DictIdFlag(flag),
        // Threads: an isolate has one, and what is put out is the same.
        400..=402 => P::NbWorkers(0),
        _ => return None,
    };
    Some(Some(known))
}

fn strategy(value: i32) -> Option<CParameter> {
    let strategy = match value {
        0 => return Some(CParameter::TargetLength(0)),
        1 => Strategy::ZSTD_fast,
        2 => Strategy::ZSTD_dfast,
        3 => Strategy::ZSTD_greedy,
        4 => Strategy::ZSTD_lazy,
        5 => Strategy::ZSTD_lazy2,
        6 => Strategy::ZSTD_btlazy2,
        7 => Strategy::ZSTD_btopt,
        8 => Strategy::ZSTD_btultra,
        9 => Strategy::ZSTD_btultra2,
        _ => return None,
    };
    Some(CParameter::Strategy(strategy))
}

impl Zstd {
    /// Feeds input; see `coder`.
    pub fn run(&mut self, input: &[u8], flush: i32, room: usize) -> Piece {
        match self {
            Self::Compress(context) => compress(context, input, flush, room),
            Self::Decompress(context) => decompress(context, input, room),
        }
    }
}

fn compress(context: &mut CCtx, input: &[u8], flush: i32, room: usize) -> Piece {
    let directive = match flush {
        1 => ZSTD_EndDirective::ZSTD_e_flush,
        2 => ZSTD_EndDirective::ZSTD_e_end,
        _ => ZSTD_EndDirective::ZSTD_e_continue,
    };
    let mut source = InBuffer::around(input);
    let mut piece = Piece::default();
    let mut space = vec![0; piece.step(room)];
    loop {
        let step = piece.step(room);
        let mut place = OutBuffer::around(&mut space[..step]);
        let left = match context.compress_stream2(&mut place, &mut source, directive) {
            Ok(left) => left,
            Err(code) => return wrong("compression", get_error_name(code)),
        };
        piece.output.extend_from_slice(place.as_slice());
        piece.taken = source.pos();
        let is_done = match flush {
            1 | 2 => left == 0,
            _ => piece.taken == input.len(),
        };
        if is_done || piece.output.len() == room || processor::is_used_up() {
            piece.ended = flush == 2 && left == 0;
            return piece;
        }
    }
}

fn decompress(context: &mut DCtx, input: &[u8], room: usize) -> Piece {
    let mut source = InBuffer::around(input);
    let mut piece = Piece::default();
    let mut space = vec![0; piece.step(room)];
    loop {
        let step = piece.step(room);
        let mut place = OutBuffer::around(&mut space[..step]);
        let hint = match context.decompress_stream(&mut place, &mut source) {
            Ok(hint) => hint,
            Err(code) => return wrong("decompression", get_error_name(code)),
        };
        let made = place.pos();
        piece.output.extend_from_slice(place.as_slice());
        piece.taken = source.pos();
        piece.ended = hint == 0;
        let is_stuck = piece.taken == input.len() && made < step;
        if piece.ended || is_stuck || piece.output.len() == room || processor::is_used_up() {
            return piece;
        }
    }
}

fn wrong(what: &str, why: &str) -> Piece {
    let code = match what {
        "compression" => "ERR_ZSTD_COMPRESSION_FAILED",
        _ => "ERR_ZSTD_DECOMPRESSION_FAILED",
    };
    failure(-1, code, &format!("Zstd {what} failed: {why}"))
}
