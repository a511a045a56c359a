//! Payloads at the isolate's border. JavaScript sees their externals as a flat array of three values each: a kind and two
//! values that depend on it (see `externals.js`).

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::api::web::{fetch, streams};
use crate::glue::context::IoContext;
use crate::glue::{
    Arguments, FromJs, IntoJs, JsNumber, ServiceHandle, Throw, current, native_object, string,
};
use crate::service::rpc::{External, Payload, Signal, Target};
use crate::service::{Body, BodyStream, Cap, Error, Kind, Props};

/// What an external is.
#[derive(Clone, Copy, PartialEq, JsNumber)]
pub(super) enum ExternalKind {
    Target,
    /// A target that JavaScript gives away.
    OwnedTarget,
    Service,
    Readable,
    Writable,
    Signal,
    /// Of `env` alone: an RPC stub that is a binding, by its channel.
    BoundStub,
}

/// A target that JavaScript holds by number.
pub(super) struct TargetResource(pub Rc<dyn Target>);

/// A signal that JavaScript holds by number, until it waits for it or sends it on.
pub(super) struct SignalResource(pub RefCell<Option<Signal>>);

/// The end that aborts a signal.
pub(super) struct TriggerResource(pub RefCell<Option<oneshot::Sender<Payload>>>);

/// Calls `each` with kind, first and second value of what `externals.js` lists.
fn each_external<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    list: v8::Local<'s, v8::Array>,
    mut each: impl FnMut(
        &mut v8::PinScope<'s, '_>,
        ExternalKind,
        v8::Local<'s, v8::Value>,
        v8::Local<'s, v8::Value>,
    ),
) {
    for index in (0..list.length()).step_by(3) {
        let entry = [0, 1, 2].map(|offset| list.get_index(scope, index + offset));
        if let [Some(kind), Some(first), Some(second)] = entry
            && let Some(kind) = ExternalKind::from_js(scope, kind)
        {
            each(scope, kind, first, second);
        }
    }
}

/// What `externals.js` lists, taken out of the context's resources; what is not there any more is an error for the receiver.
pub(super) fn take_externals<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    list: Option<v8::Local<'s, v8::Array>>,
) -> Vec<External> {
    let Some(list) = list else { return Vec::new() };
    let mut externals = Vec::with_capacity(list.length() as usize / 3);
    each_external(scope, list, |scope, kind, first, _| {
        externals.extend(take_external(scope, context, kind, first));
    });
    externals
}

fn take_external(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    kind: ExternalKind,
    first: v8::Local<v8::Value>,
) -> Option<External> {
    let number = first.uint32_value(scope).unwrap_or(0);
    let resources = context.resources();
    Some(match kind {
        ExternalKind::Target => {
            External::Target(resources.get::<TargetResource>(number)?.0.clone())
        }
        ExternalKind::OwnedTarget => {
            External::Target(resources.take::<TargetResource>(number)?.0.clone())
        }
        ExternalKind::Service => External::Service(fetch::service_of(scope, context, first)?),
        ExternalKind::Readable => match streams::take_body(context, number) {
            Ok(body) => External::Readable(body),
            Err(error) => {
                error.throw(scope);
                return None;
            }
        },
        ExternalKind::Writable => External::Writable(streams::take_writer(context, number)?),
        ExternalKind::Signal => {
            External::Signal(resources.take::<SignalResource>(number)?.0.take()?)
        }
        ExternalKind::BoundStub => return None,
    })
}

/// The externals for JavaScript, which owns them from now on.
pub(super) fn give_externals<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    externals: Vec<External>,
) -> v8::Local<'s, v8::Array> {
    let Some(context) = current(scope) else {
        return v8::Array::new(scope, 0);
    };
    let resources = context.resources();
    let mut list: Vec<v8::Local<v8::Value>> = Vec::with_capacity(externals.len() * 3);
    for external in externals {
        let mut second = -1.0;
        let (kind, first) = match external {
            External::Target(target) => {
                let target = Rc::new(TargetResource(target));
                (ExternalKind::Target, resources.insert(target))
            }
            External::Readable(body) => {
                second = body.length().map_or(-1.0, |length| length as f64);
                let body = renamed(body, PREMATURE);
                (ExternalKind::Readable, streams::keep_body(&*context, body))
            }
            External::Writable(writer) => {
                let number = streams::give_writer(&*context, writer);
                (ExternalKind::Writable, number)
            }
            External::Signal(signal) => {
                let signal = SignalResource(RefCell::new(Some(signal)));
                (ExternalKind::Signal, resources.insert(Rc::new(signal)))
            }
            External::Service(service) => {
                list.push(ExternalKind::Service.into_js(scope));
                list.push(native_object(scope, ServiceHandle(service)).into());
                list.push(v8::undefined(scope).into());
                continue;
            }
        };
        list.push(kind.into_js(scope));
        list.push(first.into_js(scope));
        list.push(second.into_js(scope));
    }
    v8::Array::new_with_elements(scope, &list)
}

/// Props as two values: JSON, bytes, or null where there are none; and the externals of the bytes.
pub(super) fn push_props<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    props: Option<&Props>,
    values: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    let none: v8::Local<v8::Value> = v8::undefined(scope).into();
    match props {
        None => values.extend([v8::null(scope).into(), none]),
        Some(Props::Json(json)) => values.extend([string(scope, json).into(), none]),
        Some(Props::Value { bytes, caps }) => {
            let externals = caps.iter().map(External::from).collect();
            let bytes = bytes.clone();
            push_payload(scope, Payload { bytes, externals }, values);
        }
    }
}

/// Props as `propsOf` of `rpc` gives them, two arguments of an op: both undefined for none.
#[derive(Arguments)]
pub struct PropsArguments<'s> {
    bytes: Option<Bytes>,
    externals: Option<v8::Local<'s, v8::Array>>,
}

impl<'s> PropsArguments<'s> {
    pub fn read(self, scope: &mut v8::PinScope<'s, '_>, context: &dyn IoContext) -> Option<Props> {
        let (bytes, externals) = self.bytes.zip(self.externals)?;
        Some(props_of(scope, context, bytes, externals))
    }
}

/// Props of what JavaScript's `writeProps` gives.
pub fn props_of<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    bytes: Bytes,
    externals: v8::Local<'s, v8::Array>,
) -> Props {
    let mut caps = Vec::new();
    each_external(scope, externals, |scope, kind, first, second| {
        match take_external(scope, context, kind, first) {
            // What is a class is marked.
            Some(External::Service(service)) if second.is_true() => caps.push(Cap::Class(service)),
            Some(External::Service(service)) => caps.push(Cap::Service(service)),
            Some(External::Target(target)) => caps.push(Cap::Stub(target)),
            _ => {}
        }
    });
    Props::Value {
        bytes,
        caps: caps.into(),
    }
}

/// A payload as two values: its bytes, or undefined where there are none, and its externals.
pub(super) fn push_payload<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    payload: Payload,
    values: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    let Payload { bytes, externals } = payload;
    values.push(if bytes.is_empty() {
        v8::undefined(scope).into()
    } else {
        bytes.into_js(scope)
    });
    values.push(give_externals(scope, externals).into());
}

const PREMATURE: &str = "ReadableStream received over RPC disconnected prematurely.";
const DISCONNECTED: &str = "WritableStream received over RPC was disconnected because the remote execution context has ended.";

/// What the receiver of a stream is told whose source gives anything else: workerd calls it disconnected.
pub(super) const NOT_BYTES: &str = "Only streams of bytes can be sent over RPC: this ReadableStream gave a chunk that is no ArrayBuffer, ArrayBufferView or string.";

/// What a writer elsewhere writes, for the stream here that it stands for.
pub(super) fn sink_body(body: Body) -> Body {
    renamed(body, DISCONNECTED)
}

fn renamed(body: Body, message: &'static str) -> Body {
    match body {
        Body::Stream(inner) => Body::Stream(Box::new(Renamed { inner, message })),
        body => body,
    }
}

/// A stream whose failures are told in one way, as workerd tells them, but for what its sender can do something about.
struct Renamed {
    inner: Box<dyn BodyStream>,
    message: &'static str,
}

impl BodyStream for Renamed {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.inner.poll_chunk(cx).map(|chunk| {
            chunk.map(|chunk| {
                chunk.map_err(|error| match error.message == NOT_BYTES {
                    true => error,
                    false => Error::new(Kind::Internal, self.message),
                })
            })
        })
    }

    fn length(&self) -> Option<u64> {
        self.inner.length()
    }

    fn refuse(&mut self, reason: Error) {
        self.inner.refuse(reason);
    }
}
