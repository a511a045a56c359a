//! Hibernatable WebSockets as an object's JavaScript reaches them: by the object's life and a number.
//!
//! `hibernation.js` calls these ops. A number that is no socket of the object any more is one that is lost: what is sent to it
//! goes nowhere.

use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use super::{Failure, Held, OtherRequest, Sent, close_message};
use crate::glue::context::ActorIo;
use crate::glue::{
    Argument, Arity, Call, IoContext, JsArray, List, Maybe, OpError, Ops, Throw, op,
    require_context,
};
use crate::service::websocket::{AutoResponse, Hibernated, Message};

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        hibernate,
        hibernated,
        tags_of,
        send,
        close,
        is_closing,
        queued_amount,
        attach,
        attachment,
        answered_at,
        set_auto_response,
        auto_response,
        set_event_timeout,
        event_timeout,
    ]);
    ops.share::<Pair>();
}

/// The object that runs.
struct Running(Rc<dyn ActorIo>);

impl<'s> Argument<'s> for Running {
    const ARITY: Arity = Arity::NONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        _: &Call<'_, 's>,
        _: i32,
        _: &'static str,
    ) -> Option<Self> {
        let actor = require_context(scope)?.actor();
        if actor.is_none() {
            OtherRequest.throw(scope);
        }
        actor.map(Self)
    }
}

/// A socket, which JavaScript names by its object's life and a number; none if it is gone. The op throws if another life of an
/// object, or another one, runs.
struct Known(Option<Rc<Hibernated>>);

impl<'s> Argument<'s> for Known {
    const ARITY: Arity = Arity::ONE.and(Arity::ONE);

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        _: &'static str,
    ) -> Option<Self> {
        let life = f64::read(scope, call, at, "life")?;
        let number = u32::read(scope, call, at + 1, "number")?;
        let context = require_context(scope)?;
        if context.id() as f64 != life {
            OtherRequest.throw(scope);
            return None;
        }
        let actor = context.actor();
        Some(Self(actor.and_then(|actor| actor.sockets().find(number))))
    }
}

/// `hibernate(number, tags)`: the end of that number becomes the object's.
#[op]
fn hibernate(
    context: Rc<dyn IoContext>,
    actor: Running,
    number: u32,
    tags: Vec<String>,
) -> Result<(), OpError> {
    let Some(held) = context.resources().take::<Held>(number) else {
        return Err(OtherRequest.into());
    };
    if !actor.0.hibernate(number, held.socket.clone(), tags) {
        return Err(Failure::TooMany {}.into());
    }
    Ok(())
}

/// `hibernated(tag | undefined)`: the numbers of the object's sockets with that tag, or of all; the oldest first.
#[op]
fn hibernated(actor: Running, tag: Option<String>) -> List<u32> {
    List(actor.0.sockets().numbers(tag.as_deref()))
}

/// `tagsOf(life, number)`: a list of strings; undefined for a socket that is gone.
#[op]
fn tags_of(socket: Known) -> Maybe<List<Rc<str>>> {
    Maybe(socket.0.map(|socket| List(socket.tags.to_vec())))
}

/// `sendHibernated(life, number, data)`.
#[op(sendHibernated)]
fn send(context: Rc<dyn IoContext>, socket: Known, message: Sent) -> Result<(), Failure> {
    queue(&*context, socket, message.0)
}

/// `closeHibernated(life, number, code, reason)`.
#[op(closeHibernated)]
fn close(
    context: Rc<dyn IoContext>,
    socket: Known,
    code: u32,
    reason: String,
) -> Result<(), Failure> {
    queue(&*context, socket, close_message(code, reason))
}

fn queue(context: &dyn IoContext, socket: Known, message: Message) -> Result<(), Failure> {
    match socket.0 {
        Some(socket) if !socket.send(context.output_gate(), message) => Err(Failure::Full),
        _ => Ok(()),
    }
}

/// `isClosing(life, number)`: whether a Close was sent, by whichever life of the object; undefined for a socket that is gone.
#[op]
fn is_closing(socket: Known) -> Maybe<bool> {
    Maybe(socket.0.map(|socket| socket.has_sent_close()))
}

/// `hibernatedAmount(life, number)`: bytes that wait to be sent.
#[op(hibernatedAmount)]
fn queued_amount(socket: Known) -> f64 {
    let bytes = socket.0.map_or(0, |socket| socket.socket().queued_bytes());
    bytes as f64
}

/// `attach(life, number, bytes)`: what the object is to find with the socket when it wakes up.
#[op]
fn attach(socket: Known, bytes: &[u8]) {
    if let Some(socket) = socket.0 {
        socket.attach(bytes);
    }
}

/// `attachment(life, number)`: the bytes, or null.
#[op]
fn attachment(socket: Known) -> Option<Vec<u8>> {
    let bytes = socket.0.and_then(|socket| socket.attachment());
    bytes.map(<[u8]>::into_vec)
}

/// `answeredAt(life, number)`: when a message was last answered in the object's place, in milliseconds since 1970, or null.
#[op]
fn answered_at(socket: Known) -> Option<f64> {
    let at = socket.0.and_then(|socket| socket.answered_at())?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_millis() as f64)
}

/// `setAutoResponse(request, response)`, or with nothing.
#[op]
fn set_auto_response(actor: Running, request: Option<String>, response: Option<String>) {
    let pair = request
        .zip(response)
        .map(|(request, response)| AutoResponse {
            request: request.into(),
            response: response.into(),
        });
    actor.0.sockets().set_auto_response(pair);
}

/// What is answered in the object's place.
#[derive(JsArray)]
struct Pair {
    request: Rc<str>,
    response: Rc<str>,
}

/// `autoResponse()`: null where there is none.
#[op]
fn auto_response(actor: Running) -> Option<Pair> {
    let pair = actor.0.sockets().auto_response()?;
    Some(Pair {
        request: pair.request,
        response: pair.response,
    })
}

/// `setEventTimeout(millis)`: 0 for no limit.
#[op]
fn set_event_timeout(actor: Running, millis: u32) {
    let timeout = (millis > 0).then(|| Duration::from_millis(millis.into()));
    actor.0.sockets().set_event_timeout(timeout);
}

/// `eventTimeout()`: milliseconds, or null.
#[op]
fn event_timeout(actor: Running) -> Option<f64> {
    let timeout = actor.0.sockets().event_timeout()?;
    Some(timeout.as_millis() as f64)
}
