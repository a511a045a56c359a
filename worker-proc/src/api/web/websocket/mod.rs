//! `WebSocket` and `WebSocketPair`: ends that JavaScript holds by number, among the resources of its request.
//!
//! `websocket.js` keeps the state that users see; here messages are queued, sent in order and received. `fetch` takes ends
//! from here for responses and gives those that it has received.

mod hibernation;

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use tokio::sync::Notify;

use super::streams::Failure::OtherRequest;
use crate::glue::convert::Closed;
use crate::glue::native::counted;
use crate::glue::{
    Api, Argument, Arity, Call, FromJs, IntoJs, IoContext, JsArray, JsError, Maybe, OpError, Ops,
    Promise, Throw, Thrown, current, op, promise, require_context, with_bytes,
};
use crate::js;
use crate::service::websocket::{Close, MAX_SOCKETS, Message, Role, Socket, WebSocket};
use crate::service::{self, Body, Error, Kind, Request};

pub const API: Api = Api {
    name: "websocket",
    modules: &[],
    lazy: &[
        js!("websocket.js").defining(&["WebSocket", "WebSocketPair"]),
        js!("hibernation.js").defining(&["WebSocketRequestResponsePair"]),
    ],
    uses: &[
        "dom_exception",
        "events",
        "report_error",
        "structured_clone",
        "webidl",
    ],
    lazy_uses: &[
        ("blob", "few sockets take messages as blobs"),
        ("encoding", "only the reason of a close is measured"),
        ("url", "only new WebSocket(url) needs it"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[
        pair,
        dead_end,
        hold,
        let_go,
        send,
        close,
        buffered_amount,
        receive,
        preferred_extensions,
        prepare,
        connect,
        cancel,
    ]);
    ops.share::<Opened>();
    ops.share::<Closed>();
    hibernation::ops(ops);
}

/// An end that JavaScript holds.
struct Held {
    socket: Rc<Socket>,
    keeps: Cell<Keeps>,
}

/// Whether an end keeps its event alive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    /// For as long as it is open.
    Event,
    /// The same, and the object that the event is of: its other end is the event's result.
    Caller,
}

/// What JavaScript is told of a failure.
fn failure(error: Error) -> OpError {
    if error.kind == Kind::Disconnected {
        return Error::lost().into();
    }
    error.into()
}

/// Gives JavaScript an end to hold by number.
pub fn give(context: &dyn IoContext, end: WebSocket) -> u32 {
    context.resources().insert(Rc::new(Held {
        socket: Socket::new(end),
        keeps: Cell::new(Keeps::Nothing),
    }))
}

/// Takes an end that nothing has used away from JavaScript.
pub fn take(context: &dyn IoContext, number: u32) -> Option<WebSocket> {
    let held = context.resources().take::<Held>(number)?;
    held.socket.take_end()
}

/// An end, which JavaScript names by its number.
struct End(Rc<Held>);

impl<'s> Argument<'s> for End {
    const ARITY: Arity = Arity::ONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self> {
        let number = u32::read(scope, call, at, name)?;
        let held = require_context(scope)?.resources().get::<Held>(number);
        if held.is_none() {
            OtherRequest.throw(scope);
        }
        held.map(Self)
    }
}

/// `pair()`: the numbers of two ends.
#[op]
fn pair(context: Rc<dyn IoContext>) -> [u32; 2] {
    let (a, b) = WebSocket::pair();
    [a, b].map(|end| give(&*context, end))
}

/// `deadEnd()`: the number of an end whose other end is gone.
#[op]
fn dead_end(context: Rc<dyn IoContext>) -> u32 {
    give(&*context, WebSocket::pair().0)
}

/// `hold(number, caller)`: the event goes on for as long as this end is open; so does the object that it is of, if the
/// other end is with the event's caller.
#[op]
fn hold(context: Rc<dyn IoContext>, End(held): End, caller: bool) {
    if held.keeps.get() == Keeps::Nothing {
        context.count_socket(true);
        if caller {
            held.keeps.set(Keeps::Caller);
            context.retain_export(true);
        } else {
            held.keeps.set(Keeps::Event);
            context.retain_body();
        }
    }
}

/// `letGo(number)`: the end is dropped.
#[op]
fn let_go(context: Option<Rc<dyn IoContext>>, number: u32) {
    if let Some(context) = context
        && let Some(held) = context.resources().take::<Held>(number)
    {
        drop(held.socket.take_end());
        if held.keeps.get() != Keeps::Nothing {
            context.count_socket(false);
        }
        match held.keeps.get() {
            Keeps::Nothing => {}
            Keeps::Event => context.release_body(),
            Keeps::Caller => context.release_export(true),
        }
    }
}

/// What JavaScript sends: a string, or bytes.
struct Sent(Message);

impl<'s> FromJs<'s> for Sent {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(Self(match v8::Local::<v8::String>::try_from(value) {
            Ok(text) => {
                let mut utf8 = String::new();
                text.write_utf8_into(scope, &mut utf8);
                Message::Text(utf8.into())
            }
            Err(_) => Message::Binary(with_bytes(value, Bytes::copy_from_slice)),
        }))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_string() || value.is_array_buffer_view() || value.is_array_buffer()
    }
}

fn close_message(code: u32, reason: String) -> Message {
    Message::Close(Close {
        code: u16::try_from(code).unwrap_or(Close::NO_STATUS),
        reason,
    })
}

/// What queues a message gives: nothing, or a promise that the queue is empty where this call has begun to empty it.
type Queued<'s> = Result<Maybe<Promise<'s, ()>>, Thrown>;

/// `send(number, data)`: queues a string or bytes.
#[op]
fn send<'s>(scope: &mut v8::PinScope<'s, '_>, End(held): End, message: Sent) -> Queued<'s> {
    queue(scope, &held.socket, message.0)
}

/// `close(number, code, reason)`: queues a Close message.
#[op]
fn close<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    End(held): End,
    code: u32,
    reason: String,
) -> Queued<'s> {
    queue(scope, &held.socket, close_message(code, reason))
}

/// What is told of a WebSocket beside what its other end tells.
#[derive(JsError)]
enum Failure {
    #[error("Too many bytes wait to be sent on this WebSocket.")]
    Full,
    #[type_error(
        "Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 (switching protocols), but received {0} instead."
    )]
    Status(u16),
    #[type_error("Worker received body in a response to a request for a WebSocket.")]
    Body,
    #[error("only {MAX_SOCKETS} websockets can be accepted on a single Durable Object instance")]
    TooMany {},
}

fn queue<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    socket: &Rc<Socket>,
    message: Message,
) -> Queued<'s> {
    let gate = current(scope).and_then(|context| context.output_gate());
    if socket.queue(gate, message).is_err() {
        return Err(Thrown::throw(scope, Failure::Full));
    }
    let emptied = match socket.begin() {
        None => return Ok(Maybe(None)),
        Some(Err(error)) => promise(scope, async { Err(failure(error)) }),
        Some(Ok(pump)) => promise(scope, async { pump.await.map_err(failure) }),
    };
    emptied.map(|emptied| Maybe(Some(emptied)))
}

/// `bufferedAmount(number)`: bytes that wait to be sent.
#[op]
fn buffered_amount(End(held): End) -> f64 {
    held.socket.queued_bytes() as f64
}

/// `receive(number, maxBytes)`: a promise of a message, or null for a lost connection.
#[op]
fn receive<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    End(held): End,
    max_bytes: u32,
) -> Result<Promise<'s, Option<Message>>, Thrown> {
    let socket = held.socket.clone();
    promise(scope, async move {
        match socket.receive(max_bytes as usize).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind == Kind::Disconnected => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
}

/// `preferredExtensions(number)`: the compression that spares a proxy from unpacking what it passes on, as a header; null
/// where there is none to prefer.
#[op]
fn preferred_extensions(End(held): End) -> Option<String> {
    match held.socket.wire() {
        Some((Role::Client, deflate)) => {
            let text = deflate.map(|deflate| deflate.to_string());
            Some(text.unwrap_or_default())
        }
        _ => None,
    }
}

/// A connection that is being made, until JavaScript gives up.
#[derive(Default)]
struct Connecting(Notify);

/// `prepare()`: the number of a connection that is to be made.
#[op]
fn prepare(context: Rc<dyn IoContext>) -> u32 {
    context.resources().insert(Rc::<Connecting>::default())
}

/// `cancel(number)`: the connection is not wanted any more.
#[op]
fn cancel(context: Option<Rc<dyn IoContext>>, number: u32) {
    let connecting = context.and_then(|context| context.resources().get::<Connecting>(number));
    if let Some(connecting) = connecting {
        connecting.0.notify_one();
    }
}

/// `connect(number, url, protocols | undefined, extensions | undefined)`: a promise of the end.
#[op]
fn connect<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
    url: String,
    protocols: Option<String>,
    extensions: Option<String>,
) -> Result<Promise<'s, Established>, Thrown> {
    let Some(connecting) = context.resources().get::<Connecting>(number) else {
        return Err(Thrown::throw(scope, OtherRequest));
    };
    let mut headers = http::HeaderMap::new();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    for (value, name) in [
        (protocols, SEC_WEBSOCKET_PROTOCOL),
        (extensions, SEC_WEBSOCKET_EXTENSIONS),
    ] {
        if let Some(value) = value
            && let Ok(value) = HeaderValue::try_from(value)
        {
            headers.insert(name, value);
        }
    }
    let service = counted(&*context, context.channels().service(0));
    let gate = context.output_gate();
    promise(scope, async move {
        if let Some(gate) = gate {
            gate.await?;
        }
        let service = service?;
        let request = Request {
            method: http::Method::GET,
            url,
            headers,
            body: Body::Empty,
            cf: None,
        };
        let response = tokio::select! {
            response = service.fetch(request) => response.map_err(failure)?,
            () = connecting.0.notified() => return Err(failure(Error::disconnected(""))),
        };
        Ok(opened(response)?)
    })
}

fn opened(response: service::Response) -> Result<Established, Failure> {
    if response.status != 101 {
        return Err(Failure::Status(response.status));
    }
    let Some(end) = response.websocket else {
        return Err(Failure::Body);
    };
    let header = |name| {
        let value = response.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Established {
        end,
        protocol: header(SEC_WEBSOCKET_PROTOCOL),
        extensions: header(SEC_WEBSOCKET_EXTENSIONS),
    })
}

/// A connection on its way to JavaScript.
struct Established {
    end: WebSocket,
    protocol: Option<String>,
    extensions: Option<String>,
}

#[derive(JsArray)]
struct Opened {
    number: u32,
    /// What the server chose, if anything; so for the extensions.
    protocol: Option<String>,
    extensions: Option<String>,
}

impl<'s> IntoJs<'s> for Established {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let opened = Opened {
            number: current(scope).map_or(0, |context| give(&*context, self.end)),
            protocol: self.protocol,
            extensions: self.extensions,
        };
        opened.into_js(scope)
    }
}
