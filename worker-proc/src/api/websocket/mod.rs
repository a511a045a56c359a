//! `WebSocket` and `WebSocketPair`: ends that JavaScript holds by number, among the resources of its request.
//!
//! `websocket.js` keeps the state that users see; here messages are queued, sent in order and received. `fetch` takes ends
//! from here for responses and gives those that it has received.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use tokio::sync::Notify;

use crate::glue::args::to_string;
use crate::glue::bytes::array_buffer;
use crate::glue::context::Gate;
use crate::glue::{
    Api, IntoJs, IoContext, OpError, Ops, async_op, current, require_context, string, string_arg,
    throw_error, u32_arg, with_bytes,
};
use crate::js;
use crate::service::websocket::{Close, Message, Role, WebSocket};
use crate::service::{self, Body, Error, Kind, Request};

pub const API: Api = Api {
    name: "websocket",
    modules: &[js!("websocket.js")],
    lazy: &[],
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
}

/// Bytes that one WebSocket may have waiting to be sent; more are refused.
const MAX_QUEUED_BYTES: usize = 128 << 20;

/// What is told when one request's WebSocket is used from another.
const OTHER_REQUEST: &str = "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler. This is a limitation of Cloudflare Workers which allows us to improve overall performance.";

/// A message, and what must have happened before it may leave.
struct Outgoing {
    gate: Option<Gate>,
    message: Message,
}

/// An end that JavaScript holds.
struct Socket {
    /// None once JavaScript has let go of it.
    end: RefCell<Option<WebSocket>>,
    queue: RefCell<VecDeque<Outgoing>>,
    /// Bytes in the queue, and of the message on its way.
    queued_bytes: Cell<usize>,
    pumping: Cell<bool>,
    /// Whether it keeps its event alive.
    held: Cell<bool>,
}

impl Socket {
    fn new(end: WebSocket) -> Rc<Self> {
        Rc::new(Self {
            end: RefCell::new(Some(end)),
            queue: RefCell::default(),
            queued_bytes: Cell::new(0),
            pumping: Cell::new(false),
            held: Cell::new(false),
        })
    }

    fn poll_end<T>(
        &self,
        poll: impl FnOnce(&WebSocket) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        match &*self.end.borrow() {
            Some(end) => poll(end),
            None => Poll::Ready(Err(Error::disconnected("The WebSocket was released."))),
        }
    }

    async fn send(&self, gate: Option<Gate>, message: Message) -> Result<(), Error> {
        if let Some(gate) = gate {
            gate.await?;
        }
        let mut message = Some(message);
        poll_fn(|cx| self.poll_end(|end| end.poll_send(cx, &mut message))).await
    }

    /// Sends what is queued, in order.
    async fn pump(self: Rc<Self>) -> Result<(), OpError> {
        loop {
            let next = self.queue.borrow_mut().pop_front();
            let Some(Outgoing { gate, message }) = next else {
                self.pumping.set(false);
                return Ok(());
            };
            let length = message.len();
            if let Err(error) = self.send(gate, message).await {
                // Nothing more can be sent.
                self.queue.borrow_mut().clear();
                self.queued_bytes.set(0);
                self.pumping.set(false);
                return Err(failure(error));
            }
            self.queued_bytes.set(self.queued_bytes.get() - length);
        }
    }
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
    context.resources().insert(Socket::new(end))
}

/// Takes an end that nothing has used away from JavaScript.
pub fn take(context: &dyn IoContext, number: u32) -> Option<WebSocket> {
    let socket = context.resources().take::<Socket>(number)?;
    socket.end.take()
}

fn socket_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
) -> Option<Rc<Socket>> {
    let number = u32_arg(scope, args, 0);
    let context = require_context(scope)?;
    let socket = context.resources().get::<Socket>(number);
    if socket.is_none() {
        throw_error(scope, OTHER_REQUEST);
    }
    socket
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

/// `hold(number)`: the event goes on for as long as this end is open.
fn hold(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    if let Some(socket) = socket_arg(scope, &args)
        && !socket.held.replace(true)
    {
        context.retain_body();
    }
}

/// `letGo(number)`: the end is dropped.
fn let_go(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(context) = current(scope)
        && let Some(socket) = context.resources().take::<Socket>(number)
    {
        // What still waits for it hears that it is gone.
        drop(socket.end.take());
        if socket.held.get() {
            context.release_body();
        }
    }
}

/// `send(number, data)`: queues a string or bytes. Nothing, or a promise that the queue is empty where this call has
/// begun to empty it.
fn send(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(socket) = socket_arg(scope, &args) else {
        return;
    };
    let message = match v8::Local::<v8::String>::try_from(args.get(1)) {
        Ok(text) => {
            let mut utf8 = String::new();
            text.write_utf8_into(scope, &mut utf8);
            Message::Text(utf8.into())
        }
        Err(_) => Message::Binary(with_bytes(args.get(1), Bytes::copy_from_slice)),
    };
    if socket.queued_bytes.get() + message.len() > MAX_QUEUED_BYTES {
        return throw_error(scope, "Too many bytes wait to be sent on this WebSocket.");
    }
    queue(scope, &socket, message, &mut rv);
}

/// `close(number, code, reason)`: queues a Close message; otherwise as `send`.
fn close(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(socket) = socket_arg(scope, &args) else {
        return;
    };
    let code = u32_arg(scope, &args, 1);
    let message = Message::Close(Close {
        code: u16::try_from(code).unwrap_or(Close::NO_STATUS),
        reason: string_arg(scope, &args, 2),
    });
    queue(scope, &socket, message, &mut rv);
}

fn queue(
    scope: &mut v8::PinScope,
    socket: &Rc<Socket>,
    message: Message,
    rv: &mut v8::ReturnValue,
) {
    let bytes = socket.queued_bytes.get() + message.len();
    socket.queued_bytes.set(bytes);
    let gate = current(scope).and_then(|context| context.output_gate());
    let outgoing = Outgoing { gate, message };
    socket.queue.borrow_mut().push_back(outgoing);
    if socket.pumping.replace(true) {
        return;
    }
    // Mostly there is room in the connection, and no task is needed.
    let mut pump = socket.clone().pump().boxed_local();
    match pump.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => {}
        Poll::Ready(Err(error)) => async_op::<()>(scope, rv, async { Err(error) }),
        Poll::Pending => async_op(scope, rv, pump),
    }
}

/// `bufferedAmount(number)`: bytes that wait to be sent.
fn buffered_amount(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if let Some(socket) = socket_arg(scope, &args) {
        rv.set_double(socket.queued_bytes.get() as f64);
    }
}

/// `receive(number, maxBytes)`: a promise of a string, an ArrayBuffer, `[code, reason]`, or null for a lost connection.
fn receive(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(socket) = socket_arg(scope, &args) else {
        return;
    };
    let max_bytes = u32_arg(scope, &args, 1) as usize;
    async_op(scope, &mut rv, async move {
        match poll_fn(|cx| socket.poll_end(|end| end.poll_receive(cx, max_bytes))).await {
            Ok(message) => Ok(Received(Some(message))),
            Err(error) if error.kind == Kind::Disconnected => Ok(Received(None)),
            Err(error) => Err(error.into()),
        }
    });
}

struct Received(Option<Message>);

impl IntoJs for Received {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self.0 {
            None => v8::null(scope).into(),
            Some(Message::Text(text)) => {
                v8::String::new_from_utf8(scope, &text, v8::NewStringType::Normal)
                    .unwrap_or_else(|| v8::String::empty(scope))
                    .into()
            }
            Some(Message::Binary(bytes)) => array_buffer(scope, bytes.into()).into(),
            Some(Message::Close(close)) => {
                let code = v8::Integer::new(scope, i32::from(close.code)).into();
                let reason = string(scope, &close.reason).into();
                v8::Array::new_with_elements(scope, &[code, reason]).into()
            }
        }
    }
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
    let wire = socket.end.borrow().as_ref().and_then(WebSocket::wire);
    match wire {
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

impl IntoJs for Opened {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let number = current(scope).map_or(0, |context| give(&*context, self.end));
        let all = [
            v8::Integer::new_from_unsigned(scope, number).into(),
            self.protocol.into_js(scope),
            self.extensions.into_js(scope),
        ];
        v8::Array::new_with_elements(scope, &all).into()
    }
}
