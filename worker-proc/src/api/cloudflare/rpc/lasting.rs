//! Ops of stubs that are stored, and of those that `ctx.restore()` makes.

use std::rc::Rc;

use ipc::token::{self, Content, Token, Value};

use super::payload::{TargetResource, props_of};
use crate::api::web::fetch;
use crate::glue::context::IoContext;
use crate::glue::{
    OpError, Ops, ServiceHandle, bool_arg, native_object, require_context, throw, throw_error,
    u32_arg, uint8_array, with_bytes,
};
use crate::service::{
    Address, Cap, Channels, Lasting, Me, Props, Recipe, RestoredService, RestoredStub,
};

pub fn register(r: &mut Ops) {
    r.add("serviceToken", service_token);
    r.add("stubToken", stub_token);
    r.add("serviceOfToken", service_of_token);
    r.add("stubOfToken", stub_of_token);
    r.add("restoredService", restored_service);
    r.add("restoredStub", restored_stub);
    r.add("openStub", open_stub);
}

/// What is told of a stub that may not be stored; workerd's text.
const NOT_ALLOWED: &str = "Cannot store this stub because the target worker does not have the allow_irrevocable_stub_storage compatibility flag enabled.";

/// What is told of a worker that nobody knows how to find again; workerd's text.
const NO_SELF: &str = "ctx.restore() cannot be used in this context because the system does not know how to restore this context itself, in order to be able to invoke its [restore]() method. This may happen if the current worker is a Dynamic Worker or a Durable Object Facet (or both), and the immediate caller did not specify how to restore it. To fix this, ensure that the caller of this Worker uses a stub that was created via its own context.restore().";

/// The token of a stub; none if something that it refers to may not be stored.
fn token_of(lasting: &Lasting) -> Option<Token> {
    Some(match lasting {
        Lasting::Entrypoint {
            service,
            entrypoint,
            props,
        } => Token::Entrypoint {
            service: service.clone(),
            name: entrypoint.clone(),
            props: match props {
                Some(props) => value_of(props)?,
                None => Value {
                    content: Content::Empty,
                    caps: Vec::new(),
                },
            },
        },
        Lasting::Actor(address) => Token::Actor {
            namespace: address.namespace.clone(),
            id: address.id.to_vec(),
            name: address.name.clone(),
        },
        Lasting::Restored(recipe) => Token::Restored {
            vendor: Box::new(token_of(&recipe.vendor)?),
            argument: value_of(&recipe.argument)?,
        },
    })
}

fn value_of(props: &Props) -> Option<Value> {
    let (bytes, caps) = match props {
        Props::Json(json) => {
            return Some(Value {
                content: Content::Json(json.clone()),
                caps: Vec::new(),
            });
        }
        Props::Value { bytes, caps } => (bytes, caps),
    };
    let caps = caps.iter().map(|cap| {
        let (kind, lasting) = match cap {
            Cap::Service(service) => (token::Kind::Service, service.lasting()),
            Cap::Class(service) => (token::Kind::Class, service.lasting()),
            Cap::Stub(target) => (token::Kind::Stub, target.lasting()),
        };
        Some((kind, token_of(&lasting?)?))
    });
    Some(Value {
        content: Content::Serialized(bytes.to_vec()),
        caps: caps.collect::<Option<_>>()?,
    })
}

/// What a token stands for; none if the config has nothing of the kind.
fn lasting_of(token: Token, channels: &dyn Channels) -> Option<Lasting> {
    Some(match token {
        Token::Entrypoint {
            service,
            name,
            props,
        } => Lasting::Entrypoint {
            service,
            entrypoint: name,
            props: props_of_value(props, channels)?,
        },
        Token::Actor {
            namespace,
            id,
            name,
        } => Lasting::Actor(Address {
            namespace,
            id: id.try_into().ok()?,
            name,
            props: None,
        }),
        Token::Restored { vendor, argument } => Lasting::Restored(Rc::new(Recipe {
            vendor: lasting_of(*vendor, channels)?,
            argument: props_of_value(argument, channels)??,
        })),
    })
}

fn props_of_value(value: Value, channels: &dyn Channels) -> Option<Option<Props>> {
    let bytes = match value.content {
        Content::Empty => return Some(None),
        Content::Json(json) => return Some(Some(Props::Json(json))),
        Content::Serialized(bytes) => bytes,
    };
    let caps = value.caps.into_iter().map(|(kind, token)| {
        let lasting = lasting_of(token, channels)?;
        Some(match kind {
            token::Kind::Service => Cap::Service(channels.revive(&lasting)?),
            token::Kind::Class => Cap::Class(channels.revive(&lasting)?),
            token::Kind::Stub => Cap::Stub(stub_of(lasting, channels)?),
        })
    });
    Some(Some(Props::Value {
        bytes: bytes.into(),
        caps: caps.collect::<Option<_>>()?,
    }))
}

fn stub_of(lasting: Lasting, channels: &dyn Channels) -> Option<Rc<RestoredStub>> {
    let Lasting::Restored(recipe) = lasting else {
        return None;
    };
    let service = channels.revive(&recipe.vendor)?;
    let vendor = service::with_origin(service, service::Origin::stored());
    Some(RestoredStub::stored(vendor, recipe))
}

fn give_token(
    scope: &mut v8::PinScope,
    mut rv: v8::ReturnValue,
    kind: token::Kind,
    lasting: Option<Lasting>,
) {
    match lasting.as_ref().and_then(token_of) {
        Some(token) => rv.set(uint8_array(scope, token::encode(kind, &token)).into()),
        None => throw(scope, &OpError::dom("DataCloneError", NOT_ALLOWED)),
    }
}

/// `serviceToken(channel, isClass)`: the bytes by which a service is found again. Throws if it may not be stored.
fn service_token(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let kind = match bool_arg(&args, 1) {
        true => token::Kind::Class,
        false => token::Kind::Service,
    };
    let service = fetch::service_of(scope, &*context, args.get(0));
    let lasting = service.and_then(|service| service.lasting());
    give_token(scope, rv, kind, lasting);
}

/// `stubToken(number)`: the same for an RPC stub; undefined if it is none that was restored.
fn stub_token(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let number = u32_arg(scope, &args, 0);
    let Some(target) = context.resources().get::<TargetResource>(number) else {
        return;
    };
    if target.0.is_restored() {
        give_token(scope, rv, token::Kind::Stub, target.0.lasting());
    }
}

/// What a stored token stands for; throws if it stands for nothing.
fn read_token(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    kind: token::Kind,
    bytes: v8::Local<v8::Value>,
) -> Option<Lasting> {
    let decoded = with_bytes(bytes, |bytes| token::decode(kind, bytes));
    let token = match decoded {
        Ok(token) => token,
        Err(error) => {
            throw_error(scope, &error.to_string());
            return None;
        }
    };
    let lasting = lasting_of(token, &*context.channels());
    if lasting.is_none() {
        throw_error(scope, NOT_CONFIGURED);
    }
    lasting
}

const NOT_CONFIGURED: &str = "What a stored stub refers to is not configured.";

/// `serviceOfToken(bytes, isClass)`: a native service.
fn service_of_token(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let kind = match bool_arg(&args, 1) {
        true => token::Kind::Class,
        false => token::Kind::Service,
    };
    let Some(lasting) = read_token(scope, &*context, kind, args.get(0)) else {
        return;
    };
    match context.channels().revive(&lasting) {
        Some(service) => rv.set(native_object(scope, ServiceHandle(service)).into()),
        None => throw_error(scope, NOT_CONFIGURED),
    }
}

/// `stubOfToken(bytes)`: the number of a target.
fn stub_of_token(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let Some(lasting) = read_token(scope, &*context, token::Kind::Stub, args.get(0)) else {
        return;
    };
    match stub_of(lasting, &*context.channels()) {
        Some(stub) => rv.set_uint32(context.resources().insert(Rc::new(TargetResource(stub)))),
        None => throw_error(scope, NOT_CONFIGURED),
    }
}

/// How the running worker or object makes a stub of an argument, given as `writeProps` does; throws where nobody can ask
/// for it again.
fn recipe(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    args: &v8::FunctionCallbackArguments,
) -> Option<(Rc<Recipe>, bool)> {
    let me = match context.actor() {
        Some(actor) => actor.me(),
        None => context.channels().me(),
    };
    let Some(Me { lasting, lasts }) = me else {
        throw_error(scope, NO_SELF);
        return None;
    };
    let argument = props_of(scope, context, args.get(1), args.get(2));
    let recipe = Recipe {
        vendor: lasting,
        argument,
    };
    Some((Rc::new(recipe), lasts))
}

/// `restoredService(channel, bytes, externals)`: the service as one that the running worker's `[restore]()` makes.
fn restored_service(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let Some((recipe, lasts)) = recipe(scope, &*context, &args) else {
        return;
    };
    if let Some(service) = fetch::service_of(scope, &*context, args.get(0)) {
        let restored = RestoredService::fresh(service, recipe, lasts);
        rv.set(native_object(scope, ServiceHandle(restored)).into());
    }
}

/// `restoredStub(number, bytes, externals)`: the same for an RPC stub, whose target is given away.
fn restored_stub(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let Some((recipe, lasts)) = recipe(scope, &*context, &args) else {
        return;
    };
    let number = u32_arg(scope, &args, 0);
    if let Some(target) = context.resources().take::<TargetResource>(number) {
        let restored = RestoredStub::fresh(target.0.clone(), recipe, lasts);
        rv.set_uint32(
            context
                .resources()
                .insert(Rc::new(TargetResource(restored))),
        );
    }
}

/// `openStub(channel)`: the number of a target that is one of the worker's bindings.
fn open_stub(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let channel = u32_arg(scope, &args, 0);
    if let Some(target) = context.channels().stub(channel) {
        rv.set_uint32(context.resources().insert(Rc::new(TargetResource(target))));
    }
}
