//! Calls into JavaScript's `actors` module: the constructor, `fetch` and the other events of an object.

use std::rc::Rc;

use super::class::Class;
use super::context::ActorContext;
use crate::glue::{IntoJs, IsolateState, OpError, Registry, intern, string};
use crate::service::websocket::SocketEvent;
use crate::service::{Error, Event, Identity, Kind, Request, rpc, to_hex};

/// Makes the instance: `new Class(ctx, env)`.
pub fn construct<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    class: &Class,
    identity: &Identity,
) -> Result<v8::Local<'s, v8::Object>, Error> {
    let missing = || Error::internal("the snapshot holds no Durable Objects");
    let function = IsolateState::get(scope).internal(scope, "actors", "construct");
    let function = function.ok_or_else(missing)?;
    let mut arguments: Vec<v8::Local<v8::Value>> = Vec::with_capacity(5);
    arguments.push(string(scope, &class.name).into());
    if let Some(push) = Registry::get().push_props {
        push(scope, class.props.as_ref(), &mut arguments);
    }
    // An id is told from text by its name, which may be undefined.
    let [text, name]: [v8::Local<v8::Value>; 2] = match identity {
        Identity::Id(id, name) => [
            string(scope, &to_hex(id)).into(),
            match name {
                Some(name) => string(scope, name).into(),
                None => v8::undefined(scope).into(),
            },
        ],
        Identity::Text(text) => [string(scope, text).into(), v8::null(scope).into()],
    };
    arguments.extend([text, name]);
    let this = v8::undefined(scope).into();
    let made = function.call(scope, this, &arguments).ok_or_else(missing)?;
    // JavaScript returns the instance's holder, or the exception as name and message.
    match v8::Local::<v8::Array>::try_from(made) {
        Ok(thrown) => Err(thrown_error(scope, thrown)),
        Err(_) => v8::Local::<v8::Object>::try_from(made).map_err(|_| missing()),
    }
}

fn thrown_error(scope: &mut v8::PinScope<'_, '_>, thrown: v8::Local<v8::Array>) -> Error {
    let text = |index| {
        let value = thrown.get_index(scope, index)?;
        Some(value.to_rust_string_lossy(scope))
    };
    let class = text(0).unwrap_or_default();
    let message = text(1).unwrap_or_default();
    let mut error = Error {
        class: class.as_str().into(),
        ..Error::new(Kind::Worker, message)
    };
    error.flags.durable_object_reset = true;
    error
}

/// Delivers a request.
pub fn fetch<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &Rc<ActorContext>,
    instance: v8::Local<'s, v8::Object>,
    event: u32,
    request: Request,
) {
    let mut arguments: Vec<v8::Local<v8::Value>> = Vec::with_capacity(8);
    arguments.push(instance.into());
    arguments.push(v8::Integer::new_from_unsigned(scope, event).into());
    if let Some(push) = Registry::get().push_request {
        push(scope, &**context, request, &mut arguments);
    }
    call(scope, "fetch", &arguments);
}

/// Delivers another event by its handler's name, with a JSON argument.
pub fn event<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    instance: v8::Local<'s, v8::Object>,
    number: u32,
    event: &Event,
) {
    let arguments = [
        instance.into(),
        v8::Integer::new_from_unsigned(scope, number).into(),
        intern(scope, event.handler).into(),
        string(scope, &event.argument).into(),
    ];
    call(scope, "event", &arguments);
}

/// Delivers an event of the hibernatable WebSocket of that number.
pub fn socket<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    instance: v8::Local<'s, v8::Object>,
    number: u32,
    socket: u32,
    event: SocketEvent,
) {
    let handler = match &event {
        SocketEvent::Message(_) => "webSocketMessage",
        SocketEvent::Close { .. } => "webSocketClose",
        SocketEvent::Error(_) => "webSocketError",
    };
    let mut arguments: Vec<v8::Local<v8::Value>> = vec![
        instance.into(),
        v8::Integer::new_from_unsigned(scope, number).into(),
        v8::Integer::new_from_unsigned(scope, socket).into(),
        intern(scope, handler).into(),
    ];
    match event {
        SocketEvent::Message(message) => arguments.push(message.into_js(scope)),
        SocketEvent::Close { close, clean } => {
            arguments.push(v8::Integer::new(scope, i32::from(close.code)).into());
            arguments.push(string(scope, &close.reason).into());
            arguments.push(v8::Boolean::new(scope, clean).into());
        }
        SocketEvent::Error(error) => arguments.push(OpError::from(error).to_exception(scope)),
    }
    call(scope, "webSocket", &arguments);
}

/// Delivers an RPC session's first call.
pub fn rpc<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &Rc<ActorContext>,
    instance: v8::Local<'s, v8::Object>,
    event: u32,
    first: rpc::Call,
    reply: &rpc::SharedReply,
) {
    let mut arguments: Vec<v8::Local<v8::Value>> = Vec::with_capacity(8);
    arguments.push(instance.into());
    arguments.push(v8::Integer::new_from_unsigned(scope, event).into());
    if let Some(push) = Registry::get().push_call {
        push(scope, &**context, first, reply, &mut arguments);
    }
    call(scope, "rpc", &arguments);
}

fn call(scope: &mut v8::PinScope<'_, '_>, name: &'static str, arguments: &[v8::Local<v8::Value>]) {
    let Some(function) = IsolateState::get(scope).internal(scope, "actors", name) else {
        return;
    };
    let this = v8::undefined(scope).into();
    v8::tc_scope!(let scope, scope);
    // JavaScript reports failures through the context; only termination comes out here.
    let _ = function.call(scope, this, arguments);
}
