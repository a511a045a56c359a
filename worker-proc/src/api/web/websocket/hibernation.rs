//! Hibernatable WebSockets as an object's JavaScript reaches them: by the object's life and a number.
//!
//! `hibernation.js` calls these ops. A number that is no socket of the object any more is one that is lost: what is sent to it
//! goes nowhere.

use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use super::{FULL, Held, OTHER_REQUEST, close_arg, message_arg};
use crate::glue::context::ActorIo;
use crate::glue::{
    Ops, f64_arg, require_context, str_arg, string, string_arg, throw_error, u32_arg, uint8_array,
    with_bytes,
};
use crate::service::websocket::{AutoResponse, Hibernated, MAX_SOCKETS, Message};

pub fn ops(ops: &mut Ops) {
    ops.add("hibernate", hibernate);
    ops.add("hibernated", hibernated);
    ops.add("tagsOf", tags_of);
    ops.add("sendHibernated", send);
    ops.add("closeHibernated", close);
    ops.add("isClosing", is_closing);
    ops.add("hibernatedAmount", queued_amount);
    ops.add("attach", attach);
    ops.add("attachment", attachment);
    ops.add("answeredAt", answered_at);
    ops.add("setAutoResponse", set_auto_response);
    ops.add("autoResponse", auto_response);
    ops.add("setEventTimeout", set_event_timeout);
    ops.add("eventTimeout", event_timeout);
}

fn actor(scope: &mut v8::PinScope) -> Option<Rc<dyn ActorIo>> {
    let actor = require_context(scope)?.actor();
    if actor.is_none() {
        throw_error(scope, OTHER_REQUEST);
    }
    actor
}

/// The socket of `(life, number)`, none if it is gone. Throws if another life of an object, or another one, runs.
fn socket(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
) -> Option<Rc<Hibernated>> {
    let life = f64_arg(scope, args, 0);
    let number = u32_arg(scope, args, 1);
    let context = require_context(scope)?;
    if context.id() as f64 != life {
        throw_error(scope, OTHER_REQUEST);
        return None;
    }
    context.actor()?.sockets().find(number)
}

/// `hibernate(number, tags)`: the end of that number becomes the object's.
fn hibernate(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let Some(actor) = actor(scope) else { return };
    let mut tags = Vec::new();
    if let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(1)) {
        for index in 0..list.length() {
            let tag = list.get_index(scope, index);
            tags.push(
                tag.map(|tag| tag.to_rust_string_lossy(scope))
                    .unwrap_or_default(),
            );
        }
    }
    let held = require_context(scope).and_then(|context| context.resources().take::<Held>(number));
    let Some(held) = held else {
        return throw_error(scope, OTHER_REQUEST);
    };
    if !actor.hibernate(number, held.socket.clone(), tags) {
        throw_error(
            scope,
            &format!(
                "only {MAX_SOCKETS} websockets can be accepted on a single Durable Object instance"
            ),
        );
    }
}

/// `hibernated(tag | undefined)`: the numbers of the object's sockets with that tag, or of all; the oldest first.
fn hibernated(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(actor) = actor(scope) else { return };
    let numbers = if args.get(0).is_undefined() {
        actor.sockets().numbers(None)
    } else {
        let tag = string_arg(scope, &args, 0);
        actor.sockets().numbers(Some(&tag))
    };
    let numbers: Vec<v8::Local<v8::Value>> = numbers
        .into_iter()
        .map(|number| v8::Integer::new_from_unsigned(scope, number).into())
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `tagsOf(life, number)`: a list of strings; undefined for a socket that is gone.
fn tags_of(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(socket) = socket(scope, &args) {
        let tags: Vec<v8::Local<v8::Value>> = socket
            .tags
            .iter()
            .map(|tag| string(scope, tag).into())
            .collect();
        rv.set(v8::Array::new_with_elements(scope, &tags).into());
    }
}

/// `sendHibernated(life, number, data)`.
fn send(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(socket) = socket(scope, &args) {
        let message = message_arg(scope, &args, 2);
        queue(scope, &socket, message);
    }
}

/// `closeHibernated(life, number, code, reason)`.
fn close(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(socket) = socket(scope, &args) {
        let message = close_arg(scope, &args, 2);
        queue(scope, &socket, message);
    }
}

fn queue(scope: &mut v8::PinScope, socket: &Hibernated, message: Message) {
    let gate = require_context(scope).and_then(|context| context.output_gate());
    if !socket.send(gate, message) {
        throw_error(scope, FULL);
    }
}

/// `isClosing(life, number)`: whether a Close was sent, by whichever life of the object.
fn is_closing(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if let Some(socket) = socket(scope, &args) {
        rv.set_bool(socket.has_sent_close());
    }
}

/// `hibernatedAmount(life, number)`: bytes that wait to be sent.
fn queued_amount(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let bytes = socket(scope, &args).map_or(0, |socket| socket.socket().queued_bytes());
    rv.set_double(bytes as f64);
}

/// `attach(life, number, bytes)`: what the object is to find with the socket when it wakes up.
fn attach(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(socket) = socket(scope, &args) {
        with_bytes(args.get(2), |bytes| socket.attach(bytes));
    }
}

/// `attachment(life, number)`: the bytes, or null.
fn attachment(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    match socket(scope, &args).and_then(|socket| socket.attachment()) {
        Some(bytes) => rv.set(uint8_array(scope, bytes.into_vec()).into()),
        None => rv.set_null(),
    }
}

/// `answeredAt(life, number)`: when a message was last answered in the object's place, in milliseconds since 1970, or null.
fn answered_at(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let at = socket(scope, &args).and_then(|socket| socket.answered_at());
    match at.and_then(|at| at.duration_since(UNIX_EPOCH).ok()) {
        Some(since) => rv.set_double(since.as_millis() as f64),
        None => rv.set_null(),
    }
}

/// `setAutoResponse(request, response)`, or with nothing.
fn set_auto_response(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let Some(actor) = actor(scope) else { return };
    let pair = args.get(0).is_string().then(|| AutoResponse {
        request: str_arg(scope, &args, 0, |_, text| text.into()),
        response: str_arg(scope, &args, 1, |_, text| text.into()),
    });
    actor.sockets().set_auto_response(pair);
}

/// `autoResponse()`: `[request, response]`, or null.
fn auto_response(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(actor) = actor(scope) else { return };
    match actor.sockets().auto_response() {
        Some(pair) => {
            let both = [&pair.request, &pair.response].map(|text| string(scope, text).into());
            rv.set(v8::Array::new_with_elements(scope, &both).into());
        }
        None => rv.set_null(),
    }
}

/// `setEventTimeout(millis)`: 0 for no limit.
fn set_event_timeout(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let Some(actor) = actor(scope) else { return };
    let millis = u32_arg(scope, &args, 0);
    let timeout = (millis > 0).then(|| Duration::from_millis(millis.into()));
    actor.sockets().set_event_timeout(timeout);
}

/// `eventTimeout()`: milliseconds, or null.
fn event_timeout(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(actor) = actor(scope) else { return };
    match actor.sockets().event_timeout() {
        Some(timeout) => rv.set_double(timeout.as_millis() as f64),
        None => rv.set_null(),
    }
}
