//! Native bodies that JavaScript holds by number: reading, writing, and what becomes of one body when it is passed on.
//!
//! `streams/resource.js` calls the ops; other APIs take bodies and writers by number and give them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};

use super::tee::tee;
use crate::api::base::memory_limit;
use crate::glue::context::{IoContext, Keep};
use crate::glue::{
    Argument, Arity, Call, IntoJs, JsArray, JsError, Maybe, OpError, Ops, OrThrow, Promise, Throw,
    Thrown, context_id, op, promise, require_context,
};
use crate::service::{self, Body, BodyStream, BodyWriter, Class, End, Error, Kind, Starter};

pub fn register(r: &mut Ops) {
    r.add_all(&[
        read,
        read_all,
        read_head,
        cancel,
        open_body,
        write,
        close_body,
        abort_body,
        cut_body,
        on_body_left,
        retain_body,
        release_body,
        prepend,
        limit,
        hide_length,
        context_id,
        check_owner,
        watch,
        tee_body,
    ]);
    r.share::<Opened>();
    r.share::<Watched>();
}

/// What native bodies refuse.
#[derive(Clone, Copy, Debug, JsError)]
pub enum Failure {
    #[error(
        "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler. This is a limitation of Cloudflare Workers which allows us to improve overall performance."
    )]
    OtherRequest,
    #[type_error("Memory limit would be exceeded before EOF.")]
    TooLong,
    #[type_error("This WritableStream has been closed.")]
    Closed,
    #[type_error("Attempt to write too many bytes through a FixedLengthStream.")]
    TooManyBytes,
    #[type_error("FixedLengthStream did not see all expected bytes before close().")]
    TooFewBytes,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        OpError::from(failure).into()
    }
}

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

/// Takes the body behind a number away from JavaScript, for an API that wraps it.
///
/// # Errors
/// It is not this request's.
pub fn take_body(context: &dyn IoContext, number: u32) -> Result<Body, Failure> {
    let body = context.resources().take::<BodyResource>(number);
    body.map(|body| body.take()).ok_or(Failure::OtherRequest)
}

/// What encrypts the connection that the body behind a number is a direction of, if its reader may ask for that.
pub fn take_starter(context: &dyn IoContext, number: u32) -> Option<Starter> {
    let body = context.resources().get::<BodyResource>(number)?;
    body.body.borrow_mut().take_starter()
}

/// Takes the writer of a body that JavaScript writes.
pub fn take_writer(context: &dyn IoContext, number: u32) -> Option<BodyWriter> {
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
pub fn keep_body(context: &dyn IoContext, body: Body) -> u32 {
    context.resources().insert(BodyResource::new(body))
}

/// A body that JavaScript has named by its number, and goes on to hold.
struct Held(Rc<BodyResource>);

impl<'s> Argument<'s> for Held {
    const ARITY: Arity = Arity::ONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self> {
        let number = u32::read(scope, call, at, name)?;
        let context = require_context(scope)?;
        let body = context.resources().get::<BodyResource>(number);
        if body.is_none() {
            Failure::OtherRequest.throw(scope);
        }
        body.map(Self)
    }
}

/// `read(number, maxBytes)`: a promise of the next bytes, null at the end.
#[op]
fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    body: Held,
    max_bytes: u32,
) -> Result<Promise<'s, Option<Bytes>>, Thrown> {
    let max = max_bytes as usize;
    promise(scope, async move {
        let Some(mut chunk) = body.0.next_chunk().await? else {
            return Ok(None);
        };
        if max > 0 && chunk.len() > max {
            let rest = chunk.split_off(max);
            body.0.body.borrow_mut().put_back(rest);
        }
        Ok(Some(chunk))
    })
}

/// `readAll(number, asText, keepsBom)`: a promise of the whole body, as bytes or as text (UTF-8, a BOM taken off if it is not kept).
#[op]
fn read_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    body: Held,
    as_text: bool,
    keeps_bom: Option<bool>,
) -> Result<Promise<'s, Whole>, Thrown> {
    let bom: &[u8] = match keeps_bom {
        Some(true) => b"",
        _ => b"\xef\xbb\xbf",
    };
    let mut held = memory_limit::Held::new(scope);
    promise(scope, async move {
        let mut all = BytesMut::new();
        let mut only = None;
        while let Some(chunk) = body.0.next_chunk().await? {
            if !held.add(chunk.len()) {
                return Err(Failure::TooLong.into());
            }
            match only.take() {
                None if all.is_empty() => only = Some(chunk),
                first => {
                    all.extend_from_slice(&first.unwrap_or_default());
                    all.extend_from_slice(&chunk);
                    if all.len() > MAX_BUFFERED_BYTES {
                        return Err(Failure::TooLong.into());
                    }
                }
            }
        }
        let all = only.unwrap_or_else(|| all.freeze());
        Ok(if as_text {
            let text = match all.starts_with(bom) {
                true => all.slice(bom.len()..),
                false => all,
            };
            Whole::Text(text, held)
        } else {
            Whole::Bytes(all, held)
        })
    })
}

/// `readHead(number, bytes)`: a promise of the first bytes as text (UTF-8), null where there are fewer. The body goes on after them.
#[op]
fn read_head<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    body: Held,
    bytes: u32,
) -> Result<Promise<'s, Option<String>>, Thrown> {
    let wanted = bytes as usize;
    promise(scope, async move {
        let mut head = BytesMut::new();
        while head.len() < wanted {
            let Some(mut chunk) = body.0.next_chunk().await? else {
                return Ok(None);
            };
            let missing = wanted - head.len();
            if chunk.len() > missing {
                let rest = chunk.split_off(missing);
                body.0.body.borrow_mut().put_back(rest);
            }
            head.extend_from_slice(&chunk);
        }
        Ok(Some(String::from_utf8_lossy(&head).into_owned()))
    })
}

/// The largest body that `text()`, `json()` and their like collect.
const MAX_BUFFERED_BYTES: usize = 128 << 20;

/// A whole body, held until JavaScript has it.
enum Whole {
    Text(Bytes, memory_limit::Held),
    Bytes(Bytes, memory_limit::Held),
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
                v8::String::new_from_utf8(scope, &bytes, v8::NewStringType::Normal)
                    .unwrap_or_else(|| v8::String::empty(scope))
                    .into()
            }
        }
    }
}

/// `cancel(number)`: drops the body and so cancels its source.
#[op]
fn cancel(context: Option<Rc<dyn IoContext>>, number: u32) {
    let body = context.and_then(|context| context.resources().take::<BodyResource>(number));
    if let Some(body) = body {
        drop(body.take());
    }
}

/// A body that JavaScript writes, by numbers.
#[derive(JsArray)]
struct Opened {
    writer: u32,
    body: u32,
}

/// `openBody(length)`: a body that JavaScript writes; negative for a length that is not known.
#[op]
fn open_body(context: Rc<dyn IoContext>, length: Option<f64>) -> Opened {
    let length = length.filter(|length| *length >= 0.0);
    let (writer, body) = service::channel(length.map(|length| length as u64));
    Opened {
        writer: give_writer(&*context, writer),
        body: keep_body(&*context, body),
    }
}

/// `write(number, chunk)`: undefined where the chunk was taken at once, else a promise that it has been.
#[op]
fn write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
    mut chunk: Bytes,
) -> Result<Maybe<Promise<'s, ()>>, Thrown> {
    let writer = context
        .resources()
        .get::<WriterResource>(number)
        .and_then(|writer| writer.0.borrow().clone());
    let gate = context.output_gate();
    if let (Some(writer), None) = (&writer, &gate) {
        match writer.try_write(chunk) {
            Ok(()) => return Ok(Maybe(None)),
            Err(back) => chunk = back,
        }
    }
    let written = promise(scope, async move {
        if let Some(gate) = gate {
            gate.await?;
        }
        let writer = writer.ok_or(Failure::Closed)?;
        Ok(writer.write(chunk).await?)
    });
    written.map(|written| Maybe(Some(written)))
}

/// `closeBody(number)`: the end of the body.
#[op]
fn close_body(context: Option<Rc<dyn IoContext>>, number: u32) {
    if let Some(writer) = end_writer(context, number) {
        writer.finish();
    }
}

/// `abortBody(number, class, message)`: the body ends with an error.
#[op]
fn abort_body(context: Option<Rc<dyn IoContext>>, number: u32, class: Class, message: String) {
    if let Some(writer) = end_writer(context, number) {
        writer.fail(Error {
            class,
            ..Error::new(Kind::Worker, message)
        });
    }
}

/// `onBodyLeft(number, callback)`: if the reader goes before the body has ended, or nothing can ever end it, the callback is
/// called with an exception, and whether that is the reader's own reason.
#[op]
fn on_body_left<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn IoContext>>,
    number: u32,
    callback: v8::Local<'s, v8::Function>,
) {
    let Some(context) = context else { return };
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
    let exception = OpError::from(reason.unwrap_or_else(Error::lost)).to_exception(scope);
    v8::tc_scope!(let scope, scope);
    let callback = v8::Local::new(scope, callback);
    let this = v8::undefined(scope).into();
    // Internal code: only termination comes out here.
    let _ = callback.call(scope, this, &[exception, is_given]);
}

/// `cutBody(number)`: the body ends where it is, which is an error for its reader.
#[op]
fn cut_body(context: Option<Rc<dyn IoContext>>, number: u32) {
    drop(end_writer(context, number));
}

fn end_writer(context: Option<Rc<dyn IoContext>>, number: u32) -> Option<Rc<BodyWriter>> {
    let writer = context?.resources().take::<WriterResource>(number)?;
    writer.0.take()
}

/// `retainBody()`: as `retain()`, but for as long as a body that JavaScript writes is read.
#[op]
fn retain_body(context: Rc<dyn Keep>) {
    context.retain_body();
}

/// `releaseBody()`: see `retainBody`.
#[op]
fn release_body(context: Option<Rc<dyn Keep>>) {
    if let Some(context) = context {
        context.release_body();
    }
}

/// Replaces the body behind a number, and gives the new one's.
fn replace(
    context: &dyn IoContext,
    number: u32,
    with: impl FnOnce(Body) -> Body,
) -> Result<u32, Failure> {
    let body = take_body(context, number)?;
    Ok(keep_body(context, with(body)))
}

/// `prepend(number, bytes)`: the number of a body that yields these bytes and then that one.
#[op]
fn prepend(context: Rc<dyn IoContext>, number: u32, first: Bytes) -> Result<u32, Failure> {
    replace(&*context, number, |mut body| {
        body.put_back(first);
        body
    })
}

/// `limit(number, length)`: the number of the same body, which fails unless it has exactly so many bytes.
#[op]
fn limit(context: Rc<dyn IoContext>, number: u32, length: f64) -> Result<u32, Failure> {
    let left = length as u64;
    replace(&*context, number, |body| {
        Body::Stream(Box::new(Limited { body, left }))
    })
}

/// See [`limit`].
struct Limited {
    body: Body,
    left: u64,
}

impl Limited {
    fn fail(&mut self, failure: Failure) -> Error {
        self.body = Body::Empty;
        self.left = 0;
        failure.into()
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
                None => Err(self.fail(Failure::TooManyBytes)),
            }),
            None if self.left > 0 => Some(Err(self.fail(Failure::TooFewBytes))),
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

/// `checkOwner(id)`: throws for what belongs to another event; nothing belongs to 0.
#[op]
fn check_owner(context: Option<Rc<dyn IoContext>>, owner: f64) -> Result<(), Failure> {
    if owner != 0.0 && context.is_none_or(|context| context.id() as f64 != owner) {
        return Err(Failure::OtherRequest);
    }
    Ok(())
}

/// `hideLength(number)`: the number of the same body, which does not tell how long it is.
#[op]
fn hide_length(context: Rc<dyn IoContext>, number: u32) -> Result<u32, Failure> {
    replace(&*context, number, |body| {
        Body::Stream(Box::new(Unmeasured(body)))
    })
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

/// What `watch` gives.
#[derive(JsArray)]
struct Watched<'s> {
    /// The number of the same body.
    body: u32,
    /// The end of its reading.
    end: Promise<'s, ()>,
}

/// `watch(number)`: the same body, and a promise of the end of its reading.
#[op]
fn watch<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
) -> Result<Watched<'s>, Thrown> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let told = move |end| {
        let _ = sender.send(end);
    };
    let body = replace(&*context, number, |body| body.watched(told));
    let body = body.or_throw(scope)?;
    let end = promise(scope, async move {
        match receiver.await {
            Ok(End::Whole) => Ok(()),
            Ok(End::Failed(error) | End::Left(Some(error))) => Err(error.into()),
            Ok(End::Left(None)) | Err(_) => Err(Error::lost().into()),
        }
    })?;
    Ok(Watched { body, end })
}

/// `tee(number)`: the numbers of two bodies that each yield what that one would.
#[op(tee)]
fn tee_body(
    scope: &mut v8::PinScope,
    context: Rc<dyn IoContext>,
    number: u32,
) -> Result<[u32; 2], Failure> {
    let body = take_body(&*context, number)?;
    let held = memory_limit::Held::new(scope);
    Ok(tee(body, held).map(|branch| keep_body(&*context, branch)))
}
