//! Native bodies that JavaScript holds by number: reading, writing, and what becomes of one body when it is passed on.
//!
//! `streams/resource.js` calls the ops; other APIs take bodies and writers by number and give them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};

use super::tee::tee;
use crate::api::base::memory_limit::Held;
use crate::glue::context::IoContext;
use crate::glue::{
    IntoJs, OpError, Ops, async_op, bool_arg, bytes_arg, context_id, current, f64_arg, promise,
    require_context, string_arg, throw_error, u32_arg,
};
use crate::service::{self, Body, BodyStream, BodyWriter, End, Error, Kind};

pub fn register(r: &mut Ops) {
    r.add("read", read);
    r.add("readAll", read_all);
    r.add("cancel", cancel);
    r.add("openBody", open_body);
    r.add("write", write);
    r.add("closeBody", close_body);
    r.add("abortBody", abort_body);
    r.add("cutBody", cut_body);
    r.add("onBodyLeft", on_body_left);
    r.add("retainBody", retain_body);
    r.add("releaseBody", release_body);
    r.add("prepend", prepend);
    r.add("limit", limit);
    r.add("hideLength", hide_length);
    r.add("contextId", context_id);
    r.add("checkOwner", check_owner);
    r.add("watch", watch);
    r.add("tee", tee_body);
}

/// What is told when one request's body is used from another.
pub const OTHER_REQUEST: &str = "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler. This is a limitation of Cloudflare Workers which allows us to improve overall performance.";

/// A body that JavaScript holds by number. Read by one reader at a time.
struct BodyResource {
    body: RefCell<Body>,
    /// Who waits for the next chunk.
    reader: RefCell<Option<Waker>>,
}

impl BodyResource {
    fn new(body: Body) -> Rc<Self> {
        Rc::new(Self {
            body: RefCell::new(body),
            reader: RefCell::default(),
        })
    }

    /// Takes the body away: to a read that is under way it has ended.
    fn take(&self) -> Body {
        let body = self.body.take();
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        body
    }

    async fn next_chunk(&self) -> Result<Option<Bytes>, OpError> {
        // Borrowed for each poll alone: a cancel may come in between.
        let chunk = std::future::poll_fn(|cx| {
            let polled = self.body.borrow_mut().poll_chunk(cx);
            if polled.is_pending() {
                *self.reader.borrow_mut() = Some(cx.waker().clone());
            }
            polled
        });
        Ok(chunk.await.transpose()?)
    }
}

/// The writing side of a body that JavaScript makes; gone once closed.
struct WriterResource(RefCell<Option<Rc<BodyWriter>>>);

/// Takes the body behind a number away from JavaScript, for an API that wraps it. Throws where it is not this request's.
pub fn take_body(scope: &mut v8::PinScope, number: u32) -> Option<Body> {
    let context = require_context(scope)?;
    match context.resources().take::<BodyResource>(number) {
        Some(body) => Some(body.take()),
        None => {
            throw_error(scope, OTHER_REQUEST);
            None
        }
    }
}

/// Takes the writer of a body that JavaScript writes.
pub fn take_writer(scope: &mut v8::PinScope, number: u32) -> Option<BodyWriter> {
    let context = require_context(scope)?;
    let writer = context.resources().take::<WriterResource>(number)?;
    // A write under way has it as well; then it is not to be had.
    Rc::into_inner(writer.0.take()?)
}

/// Gives JavaScript a writer to hold by number.
pub fn give_writer(context: &dyn IoContext, writer: BodyWriter) -> u32 {
    let writer = WriterResource(RefCell::new(Some(Rc::new(writer))));
    context.resources().insert(Rc::new(writer))
}

/// Gives JavaScript a body to hold by number.
pub fn give_body(scope: &mut v8::PinScope, body: Body) -> Option<u32> {
    Some(keep_body(&*require_context(scope)?, body))
}

/// The same for who has the context at hand.
pub fn keep_body(context: &dyn IoContext, body: Body) -> u32 {
    context.resources().insert(BodyResource::new(body))
}

fn body_of(scope: &mut v8::PinScope, number: u32) -> Option<Rc<BodyResource>> {
    let context = require_context(scope)?;
    let body = context.resources().get::<BodyResource>(number);
    if body.is_none() {
        throw_error(scope, OTHER_REQUEST);
    }
    body
}

/// `read(number, maxBytes)`: a promise of the next bytes, null at the end.
fn read(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let max = u32_arg(scope, &args, 1) as usize;
    let Some(body) = body_of(scope, number) else {
        return;
    };
    async_op(scope, &mut rv, async move {
        let Some(mut chunk) = body.next_chunk().await? else {
            return Ok(None);
        };
        if max > 0 && chunk.len() > max {
            let rest = chunk.split_off(max);
            body.body.borrow_mut().put_back(rest);
        }
        Ok(Some(chunk))
    });
}

/// `readAll(number, asText)`: a promise of the whole body, as bytes or as text (UTF-8, a BOM taken off).
fn read_all(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let as_text = bool_arg(&args, 1);
    let Some(body) = body_of(scope, number) else {
        return;
    };
    let mut held = Held::new(scope);
    async_op(scope, &mut rv, async move {
        let mut all = BytesMut::new();
        let mut only = None;
        while let Some(chunk) = body.next_chunk().await? {
            if !held.add(chunk.len()) {
                return Err(OpError::type_error(BEYOND_LIMIT));
            }
            match only.take() {
                None if all.is_empty() => only = Some(chunk),
                first => {
                    all.extend_from_slice(&first.unwrap_or_default());
                    all.extend_from_slice(&chunk);
                    if all.len() > MAX_BUFFERED_BYTES {
                        return Err(OpError::type_error(BEYOND_LIMIT));
                    }
                }
            }
        }
        let all = only.unwrap_or_else(|| all.freeze());
        Ok(if as_text {
            Whole::Text(all, held)
        } else {
            Whole::Bytes(all, held)
        })
    });
}

/// The largest body that `text()`, `json()` and their like collect.
const MAX_BUFFERED_BYTES: usize = 128 << 20;

const BEYOND_LIMIT: &str = "Memory limit would be exceeded before EOF.";

/// A whole body, held until JavaScript has it.
enum Whole {
    Text(Bytes, Held),
    Bytes(Bytes, Held),
}

impl<'s> IntoJs<'s> for Whole {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Self::Bytes(bytes, held) => {
                // From here on it counts as a buffer.
                drop(held);
                bytes.into_js(scope)
            }
            Self::Text(bytes, _held) => {
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
                v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal)
                    .unwrap_or_else(|| v8::String::empty(scope))
                    .into()
            }
        }
    }
}

/// `cancel(number)`: drops the body and so cancels its source.
fn cancel(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(context) = current(scope)
        && let Some(body) = context.resources().take::<BodyResource>(number)
    {
        drop(body.take());
    }
}

/// `openBody(length)`: a body that JavaScript writes; returns the numbers of its writer and of itself.
fn open_body(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let length = args
        .get(0)
        .number_value(scope)
        .filter(|length| *length >= 0.0)
        .map(|length| length as u64);
    let Some(context) = require_context(scope) else {
        return;
    };
    let (writer, body) = service::channel(length);
    let writer = give_writer(&*context, writer);
    let body = context.resources().insert(BodyResource::new(body));
    let numbers = [writer, body].map(|number| v8::Integer::new_from_unsigned(scope, number).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `write(number, chunk)`: undefined where the chunk was taken at once, else a promise that it has been.
fn write(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let mut chunk = bytes_arg(&args, 1);
    let Some(context) = require_context(scope) else {
        return;
    };
    let writer = context
        .resources()
        .get::<WriterResource>(number)
        .and_then(|writer| writer.0.borrow().clone());
    let gate = context.output_gate();
    if let (Some(writer), None) = (&writer, &gate) {
        match writer.try_write(chunk) {
            Ok(()) => return,
            Err(back) => chunk = back,
        }
    }
    async_op(scope, &mut rv, async move {
        if let Some(gate) = gate {
            gate.await?;
        }
        let writer =
            writer.ok_or_else(|| OpError::type_error("This WritableStream has been closed."))?;
        Ok(writer.write(chunk).await?)
    });
}

/// `closeBody(number)`: the end of the body.
fn close_body(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(writer) = end_writer(scope, number) {
        writer.finish();
    }
}

/// `abortBody(number, class, message)`: the body ends with an error.
fn abort_body(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let class = string_arg(scope, &args, 1);
    let message = string_arg(scope, &args, 2);
    if let Some(writer) = end_writer(scope, number) {
        writer.fail(Error {
            class,
            ..Error::new(Kind::Worker, message)
        });
    }
}

/// `onBodyLeft(number, callback)`: if the reader goes before the body has ended, or nothing can ever end it, the callback is
/// called with an exception, and whether that is the reader's own reason.
fn on_body_left(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let (Some(context), Ok(callback)) = (
        current(scope),
        v8::Local::<v8::Function>::try_from(args.get(1)),
    ) else {
        return;
    };
    let writer = context.resources().get::<WriterResource>(number);
    let Some(writer) = writer.and_then(|writer| writer.0.borrow().clone()) else {
        return;
    };
    let callback = Rc::new(Cell::new(Some(v8::Global::new(scope, callback))));
    // What the writer has dropped is not called.
    let known = Rc::downgrade(&callback);
    let about = known.clone();
    let turn = move |scope: &mut v8::PinScope<'_, '_>| {
        if let Some(callback) = known.upgrade() {
            tell_left(scope, &callback, None);
        }
    };
    context.on_stuck(about, Box::new(turn));
    let enter = context.entrance();
    writer.on_left(move |reason| {
        enter(Box::new(move |scope| tell_left(scope, &callback, reason)));
    });
}

/// Calls the callback of [`on_body_left`], once.
fn tell_left(
    scope: &mut v8::PinScope<'_, '_>,
    callback: &Cell<Option<v8::Global<v8::Function>>>,
    reason: Option<Error>,
) {
    let Some(callback) = callback.take() else {
        return;
    };
    let is_given = v8::Boolean::new(scope, reason.is_some()).into();
    let exception = OpError::from(reason.unwrap_or_else(lost)).to_exception(scope);
    v8::tc_scope!(let scope, scope);
    let callback = v8::Local::new(scope, callback);
    let this = v8::undefined(scope).into();
    // Internal code: only termination comes out here.
    let _ = callback.call(scope, this, &[exception, is_given]);
}

/// `cutBody(number)`: the body ends where it is, which is an error for its reader.
fn cut_body(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    drop(end_writer(scope, number));
}

fn lost() -> Error {
    Error::disconnected("Network connection lost.")
}

fn end_writer(scope: &mut v8::PinScope, number: u32) -> Option<Rc<BodyWriter>> {
    current(scope)?
        .resources()
        .take::<WriterResource>(number)?
        .0
        .take()
}

/// `retainBody()`: as `retain()`, but for as long as a body that JavaScript writes is read.
fn retain_body(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(context) = require_context(scope) {
        context.retain_body();
    }
}

fn release_body(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(context) = current(scope) {
        context.release_body();
    }
}

/// Replaces the body behind the number in the first argument.
fn replace(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    with: impl FnOnce(Body) -> Body,
) -> Option<u32> {
    let number = u32_arg(scope, args, 0);
    let body = take_body(scope, number)?;
    give_body(scope, with(body))
}

/// `prepend(number, bytes)`: the number of a body that yields these bytes and then that one.
fn prepend(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let first = bytes_arg(&args, 1);
    let prepended = |mut body: Body| {
        body.put_back(first);
        body
    };
    if let Some(number) = replace(scope, &args, prepended) {
        rv.set_uint32(number);
    }
}

/// `limit(number, length)`: the number of the same body, which fails unless it has exactly so many bytes.
fn limit(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let left = f64_arg(scope, &args, 1) as u64;
    let limited = |body| Body::Stream(Box::new(Limited { body, left }));
    if let Some(number) = replace(scope, &args, limited) {
        rv.set_uint32(number);
    }
}

/// See [`limit`].
struct Limited {
    body: Body,
    left: u64,
}

impl Limited {
    fn fail(&mut self, message: &str) -> Error {
        self.body = Body::Empty;
        self.left = 0;
        Error {
            class: "TypeError".to_owned(),
            ..Error::new(Kind::Worker, message)
        }
    }
}

impl BodyStream for Limited {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        Poll::Ready(match ready!(self.body.poll_chunk(cx)) {
            Some(Ok(chunk)) => Some(match self.left.checked_sub(chunk.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Ok(chunk)
                }
                None => Err(self.fail(TOO_MANY_BYTES)),
            }),
            None if self.left > 0 => Some(Err(self.fail(TOO_FEW_BYTES))),
            end => end,
        })
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }

    fn refuse(&mut self, reason: Error) {
        std::mem::take(&mut self.body).refuse(reason);
    }
}

const TOO_MANY_BYTES: &str = "Attempt to write too many bytes through a FixedLengthStream.";
const TOO_FEW_BYTES: &str = "FixedLengthStream did not see all expected bytes before close().";

/// `checkOwner(id)`: throws for what belongs to another event; nothing belongs to 0.
fn check_owner(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let owner = f64_arg(scope, &args, 0);
    if owner != 0.0 && current(scope).is_none_or(|context| context.id() as f64 != owner) {
        throw_error(scope, OTHER_REQUEST);
    }
}

/// `hideLength(number)`: the number of the same body, which does not tell how long it is.
fn hide_length(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let hidden = |body| Body::Stream(Box::new(Unmeasured(body)));
    if let Some(number) = replace(scope, &args, hidden) {
        rv.set_uint32(number);
    }
}

/// See [`hide_length`].
struct Unmeasured(Body);

impl BodyStream for Unmeasured {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.0.poll_chunk(cx)
    }

    fn refuse(&mut self, reason: Error) {
        std::mem::take(&mut self.0).refuse(reason);
    }
}

/// `watch(number)`: the number of the same body, and a promise of the end of its reading.
fn watch(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let told = move |end| {
        let _ = sender.send(end);
    };
    let Some(number) = replace(scope, &args, |body| body.watched(told)) else {
        return;
    };
    let ended = promise(scope, async move {
        match receiver.await {
            Ok(End::Whole) => Ok(()),
            Ok(End::Failed(error) | End::Left(Some(error))) => Err(error.into()),
            Ok(End::Left(None)) | Err(_) => Err(lost().into()),
        }
    });
    if let Ok(ended) = ended {
        let number = number.into_js(scope);
        let ended = ended.into_js(scope);
        rv.set(v8::Array::new_with_elements(scope, &[number, ended]).into());
    }
}

/// `tee(number)`: the numbers of two bodies that each yield what that one would.
fn tee_body(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let Some(body) = take_body(scope, number) else {
        return;
    };
    let Some(context) = current(scope) else {
        return;
    };
    let numbers = tee(body, Held::new(scope))
        .map(|branch| v8::Integer::new_from_unsigned(scope, keep_body(&*context, branch)).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}
