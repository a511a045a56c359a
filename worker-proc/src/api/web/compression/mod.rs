//! CompressionStream and DecompressionStream: the ops that feed a coder. The streams around it are JavaScript.

mod body;
mod coder;
mod content;

use std::cell::RefCell;
use std::rc::Rc;

use super::streams::{Failure, keep_body, take_body};
use crate::glue::bytes::most_buffer_bytes;
use crate::glue::{Api, IoContext, OpError, Ops, native_object, op, with_bytes};
use crate::js;
use crate::service::Body;
use body::{AnyCoder, CodedBody};
use coder::{Coder, Format};
use content::{Coding, ContentCoder};

pub const API: Api = Api {
    name: "compression",
    modules: &[],
    lazy: &[
        js!("compression.js").defining(&["CompressionStream", "DecompressionStream"]),
        js!("content.js"),
    ],
    uses: &["encoding", "streams", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[
        compressor,
        decompressor,
        push,
        code_body,
        code_content,
        encode_content,
    ]);
}

/// `compressor(format)`: an object that owns the coder.
#[op]
fn compressor<'s>(scope: &mut v8::PinScope<'s, '_>, format: &str) -> v8::Local<'s, v8::Object> {
    let coder = Coder::compressor(Format::of(format));
    native_object(scope, RefCell::new(coder))
}

/// `decompressor(format, strict)`: an object that owns the coder.
#[op]
fn decompressor<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    format: &str,
    strict: bool,
) -> v8::Local<'s, v8::Object> {
    let coder = Coder::decompressor(Format::of(format), strict);
    native_object(scope, RefCell::new(coder))
}

/// `push(coder, bytes, last)`: the output that these bytes yield.
#[op]
fn push<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    coder: Rc<RefCell<Coder>>,
    bytes: v8::Local<'s, v8::Value>,
    last: bool,
) -> Result<Vec<u8>, OpError> {
    let most = most_buffer_bytes(scope);
    let pushed = with_bytes(bytes, |bytes| coder.borrow_mut().push(bytes, last, most));
    Ok(pushed?)
}

/// `codeBody(number, coder)`: the number of a body that is the coded form of that one.
#[op]
fn code_body(
    context: Rc<dyn IoContext>,
    number: u32,
    coder: Rc<RefCell<Coder>>,
) -> Result<u32, Failure> {
    coded(&context, number, AnyCoder::Stream(coder))
}

/// Puts the coded form in a body's place. The event that runs pays for its processor time.
fn coded(context: &Rc<dyn IoContext>, number: u32, coder: AnyCoder) -> Result<u32, Failure> {
    let source = take_body(&**context, number)?;
    let payer = Some(Rc::downgrade(context));
    let body = Body::Stream(Box::new(CodedBody::new(source, coder, payer)));
    Ok(keep_body(&**context, body))
}

/// `codeContent(number, coding, encode)`: the number of a body that is that one encoded, or decoded.
#[op]
fn code_content(
    context: Rc<dyn IoContext>,
    number: u32,
    coding: &str,
    encode: bool,
) -> Result<u32, Failure> {
    let coding = Coding::of(coding);
    let coder = match encode {
        true => ContentCoder::encoder(coding),
        false => ContentCoder::decoder(coding),
    };
    coded(&context, number, AnyCoder::Content(coder))
}

/// `encodeContent(bytes, coding)`: the same for bytes in memory.
#[op]
fn encode_content(bytes: &[u8], coding: &str) -> Result<Vec<u8>, OpError> {
    let output = ContentCoder::encoder(Coding::of(coding)).all(bytes);
    Ok(output?)
}
