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

use crate::glue::args::to_string;
use crate::glue::{
    Api, IntoJs, IoContext, OpError, Ops, async_op, bool_arg, current, require_context, string,
    string_arg, throw_error, u32_arg, with_bytes,
};
use crate::js;
use crate::service::websocket::{Close, Message, Role, Socket, WebSocket};
use crate::service::{self, Body, Error, Kind, Request};

pub const API: Api = Api {
    name: "websocket",
    modules: &[],
    lazy: &[
        js!("websocket.js").defining(&["WebSocket", "WebSocketPair"]),
        js!("hibernation.js").defining(&["WebSocketRequestResponsePair"]),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("pair", pair);
    ops.add("deadEnd", dead_end);
    ops.add("hold", hold);
    ops.add("letGo", let_go);
    ops.add("send", send);
    ops.add("close", close);
    ops.add("bufferedAmount", buffered_amount);
    ops.add("receive", receive);
    ops.add("preferredExtensions", preferred_extensions);
    ops.add("prepare", prepare);
    ops.add("connect", connect);
    ops.add("cancel", cancel);
    hibernation::ops(ops);
}

/// What is told when one request's WebSocket is used from another.
const OTHER_REQUEST: &str = "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler. This is a limitation of Cloudflare Workers which allows us to improve overall performance.";

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
        return Error::disconnected("Network connection lost.").into();
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

fn held_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
) -> Option<(Rc<dyn IoContext>, Rc<Held>)> {
    let number = u32_arg(scope, args, 0);
    let context = require_context(scope)?;
    match context.resources().get::<Held>(number) {
        Some(held) => Some((context, held)),
        None => {
            throw_error(scope, OTHER_REQUEST);
            None
        }
    }
}

fn socket_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
) -> Option<Rc<Socket>> {
    held_arg(scope, args).map(|(_, held)| held.socket.clone())
}

/// `pair()`: the numbers of two ends.
fn pair(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let (a, b) = WebSocket::pair();
    let numbers =
        [a, b].map(|end| v8::Integer::new_from_unsigned(scope, give(&*context, end)).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `deadEnd()`: the number of an end whose other end is gone.
fn dead_end(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(context) = require_context(scope) {
        rv.set_uint32(give(&*context, WebSocket::pair().0));
    }
}

/// `hold(number, caller)`: the event goes on for as long as this end is open; so does the object that it is of, if the
/// other end is with the event's caller.
fn hold(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some((context, held)) = held_arg(scope, &args) else {
        return;
    };
    if held.keeps.get() == Keeps::Nothing {
        context.count_socket(true);
        if bool_arg(&args, 1) {
            held.keeps.set(Keeps::Caller);
            context.retain_export(true);
        } else {
            held.keeps.set(Keeps::Event);
            context.retain_body();
        }
    }
}

/// `letGo(number)`: the end is dropped.
fn let_go(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(context) = current(scope)
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
fn message_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> Message {
    match v8::Local::<v8::String>::try_from(args.get(index)) {
        Ok(text) => {
            let mut utf8 = String::new();
            text.write_utf8_into(scope, &mut utf8);
            Message::Text(utf8.into())
        }
        Err(_) => Message::Binary(with_bytes(args.get(index), Bytes::copy_from_slice)),
    }
}

fn close_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> Message {
    let code = u32_arg(scope, args, index);
    Message::Close(Close {
        code: u16::try_from(code).unwrap_or(Close::NO_STATUS),
        reason: string_arg(scope, args, index + 1),
    })
}

/// `send(number, data)`: queues a string or bytes. Nothing, or a promise that the queue is empty where this call has
/// begun to empty it.
fn send(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(socket) = socket_arg(scope, &args) {
        let message = message_arg(scope, &args, 1);
        queue(scope, &socket, message, &mut rv);
    }
}

/// `close(number, code, reason)`: queues a Close message; otherwise as `send`.
fn close(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(socket) = socket_arg(scope, &args) {
        let message = close_arg(scope, &args, 1);
        queue(scope, &socket, message, &mut rv);
    }
}

/// What is told when a socket has too much to send.
const FULL: &str = "Too many bytes wait to be sent on this WebSocket.";

fn queue(
    scope: &mut v8::PinScope,
    socket: &Rc<Socket>,
    message: Message,
    rv: &mut v8::ReturnValue,
) {
    let gate = current(scope).and_then(|context| context.output_gate());
    if socket.queue(gate, message).is_err() {
        return throw_error(scope, FULL);
    }
    match socket.begin() {
        None => {}
        Some(Err(error)) => async_op::<()>(scope, rv, async { Err(failure(error)) }),
        Some(Ok(pump)) => async_op(scope, rv, async { pump.await.map_err(failure) }),
    }
}

/// `bufferedAmount(number)`: bytes that wait to be sent.
fn buffered_amount(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if let Some(socket) = socket_arg(scope, &args) {
        rv.set_double(socket.queued_bytes() as f64);
    }
}

/// `receive(number, maxBytes)`: a promise of a string, an ArrayBuffer, `[code, reason]`, or null for a lost connection.
fn receive(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(socket) = socket_arg(scope, &args) else {
        return;
    };
    let max_bytes = u32_arg(scope, &args, 1) as usize;
    async_op(scope, &mut rv, async move {
        match socket.receive(max_bytes).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind == Kind::Disconnected => Ok(None),
            Err(error) => Err(error.into()),
        }
    });
}

/// `preferredExtensions(number)`: the compression that spares a proxy from unpacking what it passes on, as a header; null
/// where there is none to prefer.
fn preferred_extensions(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(socket) = socket_arg(scope, &args) else {
        return;
    };
    match socket.wire() {
        Some((Role::Client, deflate)) => {
            let text = deflate.map(|deflate| deflate.to_string());
            rv.set(string(scope, &text.unwrap_or_default()).into());
        }
        _ => rv.set_null(),
    }
}

/// A connection that is being made, until JavaScript gives up.
#[derive(Default)]
struct Connecting(Notify);

/// `prepare()`: the number of a connection that is to be made.
fn prepare(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(context) = require_context(scope) {
        rv.set_uint32(context.resources().insert(Rc::<Connecting>::default()));
    }
}

/// `cancel(number)`: the connection is not wanted any more.
fn cancel(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(context) = current(scope)
        && let Some(connecting) = context.resources().get::<Connecting>(number)
    {
        connecting.0.notify_one();
    }
}

/// `connect(number, url, protocols, extensions)`: a promise of `[end, protocol, extensions]`, the last two null if none
/// was chosen.
fn connect(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    let Some(connecting) = context.resources().get::<Connecting>(number) else {
        return throw_error(scope, OTHER_REQUEST);
    };
    let url = string_arg(scope, &args, 1);
    let mut headers = http::HeaderMap::new();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    for (index, name) in [(2, SEC_WEBSOCKET_PROTOCOL), (3, SEC_WEBSOCKET_EXTENSIONS)] {
        let value = args.get(index);
        if value.is_string()
            && let Ok(value) = HeaderValue::from_str(&to_string(scope, value))
        {
            headers.insert(name, value);
        }
    }
    let service = context.channels().service(0);
    let gate = context.output_gate();
    async_op(scope, &mut rv, async move {
        if let Some(gate) = gate {
            gate.await?;
        }
        let service = service.ok_or_else(|| OpError::error("This service is not configured."))?;
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
        opened(response)
    });
}

fn opened(response: service::Response) -> Result<Opened, OpError> {
    if response.status != 101 {
        return Err(OpError::type_error(format!(
            "Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 (switching protocols), but received {} instead.",
            response.status
        )));
    }
    let Some(end) = response.websocket else {
        return Err(OpError::type_error(
            "Worker received body in a response to a request for a WebSocket.",
        ));
    };
    let header = |name| {
        let value = response.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Opened {
        end,
        protocol: header(SEC_WEBSOCKET_PROTOCOL),
        extensions: header(SEC_WEBSOCKET_EXTENSIONS),
    })
}

struct Opened {
    end: WebSocket,
    protocol: Option<String>,
    extensions: Option<String>,
}

impl<'s> IntoJs<'s> for Opened {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let number = current(scope).map_or(0, |context| give(&*context, self.end));
        let all = [
            v8::Integer::new_from_unsigned(scope, number).into(),
            self.protocol.into_js(scope),
            self.extensions.into_js(scope),
        ];
        v8::Array::new_with_elements(scope, &all).into()
    }
}
