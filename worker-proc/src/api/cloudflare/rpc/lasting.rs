//! Ops of stubs that are stored, and of those that `ctx.restore()` makes.

use std::rc::Rc;

use bytes::Bytes;
use ipc::token::{self, Content, Token, Value};

use super::error::Refused;
use super::payload::{TargetResource, props_of};
use crate::api::web::fetch;
use crate::glue::context::IoContext;
use crate::glue::{Maybe, OpError, Ops, ServiceHandle, Thrown, native_object, op};
use crate::service::{
    self, Address, Cap, Channels, Lasting, Me, Props, Recipe, RestoredService, RestoredStub,
};

pub fn register(r: &mut Ops) {
    r.add_all(&[
        service_token,
        stub_token,
        service_of_token,
        stub_of_token,
        restored_service,
        restored_stub,
        open_stub,
    ]);
}

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

fn bytes_of(kind: token::Kind, lasting: Option<Lasting>) -> Result<Vec<u8>, OpError> {
    let token = lasting.as_ref().and_then(token_of);
    let token = token.ok_or(Refused::NotStorable)?;
    Ok(token::encode(kind, &token))
}

fn service_kind(is_class: bool) -> token::Kind {
    match is_class {
        true => token::Kind::Class,
        false => token::Kind::Service,
    }
}

/// `serviceToken(channel, isClass)`: the bytes by which a service is found again. Throws if it may not be stored.
#[op]
fn service_token<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    channel: v8::Local<'s, v8::Value>,
    is_class: bool,
) -> Result<Vec<u8>, OpError> {
    let service = fetch::service_of(scope, &*context, channel);
    let lasting = service.and_then(|service| service.lasting());
    bytes_of(service_kind(is_class), lasting)
}

/// `stubToken(number)`: the same for an RPC stub; undefined if it is none that was restored.
#[op]
fn stub_token(context: Rc<dyn IoContext>, number: u32) -> Result<Maybe<Vec<u8>>, OpError> {
    let target = context.resources().get::<TargetResource>(number);
    let Some(target) = target.filter(|target| target.0.is_restored()) else {
        return Ok(Maybe(None));
    };
    let bytes = bytes_of(token::Kind::Stub, target.0.lasting())?;
    Ok(Maybe(Some(bytes)))
}

/// What a stored token stands for.
///
/// # Errors
/// It stands for nothing.
fn read_token(
    context: &dyn IoContext,
    kind: token::Kind,
    bytes: &[u8],
) -> Result<Lasting, OpError> {
    let token = token::decode(kind, bytes).map_err(|error| Refused::BadToken(error.to_string()))?;
    lasting_of(token, &*context.channels()).ok_or_else(|| Refused::NotConfigured.into())
}

/// `serviceOfToken(bytes, isClass)`: a native service.
#[op]
fn service_of_token<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    bytes: Vec<u8>,
    is_class: bool,
) -> Result<v8::Local<'s, v8::Object>, OpError> {
    let lasting = read_token(&*context, service_kind(is_class), &bytes)?;
    let service = context.channels().revive(&lasting);
    let service = service.ok_or(Refused::NotConfigured)?;
    Ok(native_object(scope, ServiceHandle(service)))
}

/// `stubOfToken(bytes)`: the number of a target.
#[op]
fn stub_of_token(context: Rc<dyn IoContext>, bytes: &[u8]) -> Result<u32, OpError> {
    let lasting = read_token(&*context, token::Kind::Stub, bytes)?;
    let stub = stub_of(lasting, &*context.channels()).ok_or(Refused::NotConfigured)?;
    Ok(context.resources().insert(Rc::new(TargetResource(stub))))
}

/// How the running worker or object makes a stub of an argument, given as `writeProps` does; throws where nobody can ask
/// for it again.
fn recipe<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    bytes: Bytes,
    externals: v8::Local<'s, v8::Array>,
) -> Result<(Rc<Recipe>, bool), Thrown> {
    let me = match context.actor() {
        Some(actor) => actor.me(),
        None => context.channels().me(),
    };
    let Some(Me { lasting, lasts }) = me else {
        return Err(Thrown::throw(scope, Refused::NoSelf));
    };
    let recipe = Recipe {
        vendor: lasting,
        argument: props_of(scope, context, bytes, externals),
    };
    Ok((Rc::new(recipe), lasts))
}

/// `restoredService(channel, bytes, externals)`: the service as one that the running worker's `[restore]()` makes.
#[op]
fn restored_service<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    channel: v8::Local<'s, v8::Value>,
    bytes: Bytes,
    externals: v8::Local<'s, v8::Array>,
) -> Result<Maybe<v8::Local<'s, v8::Object>>, Thrown> {
    let (recipe, lasts) = recipe(scope, &*context, bytes, externals)?;
    let service = fetch::service_of(scope, &*context, channel);
    Ok(Maybe(service.map(|service| {
        let restored = RestoredService::fresh(service, recipe, lasts);
        native_object(scope, ServiceHandle(restored))
    })))
}

/// `restoredStub(number, bytes, externals)`: the same for an RPC stub, whose target is given away.
#[op]
fn restored_stub<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
    bytes: Bytes,
    externals: v8::Local<'s, v8::Array>,
) -> Result<Maybe<u32>, Thrown> {
    let (recipe, lasts) = recipe(scope, &*context, bytes, externals)?;
    let resources = context.resources();
    let target = resources.take::<TargetResource>(number);
    Ok(Maybe(target.map(|target| {
        let restored = RestoredStub::fresh(target.0.clone(), recipe, lasts);
        resources.insert(Rc::new(TargetResource(restored)))
    })))
}

/// `openStub(channel)`: the number of a target that is one of the worker's bindings.
#[op]
fn open_stub(context: Rc<dyn IoContext>, channel: u32) -> Maybe<u32> {
    let target = context.channels().stub(channel);
    Maybe(target.map(|target| context.resources().insert(Rc::new(TargetResource(target)))))
}
