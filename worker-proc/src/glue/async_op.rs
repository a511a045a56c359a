//! Ops that end later: a promise for JavaScript, a future for the request context.

use futures_util::FutureExt;

use super::args::string;
use super::bytes::{array_buffer, uint8_array, uint8_array_copy};
use super::context::{Completion, require_context};
use super::error::OpError;
use crate::service::websocket::Message;

/// A Rust result that becomes a JavaScript value, after the future has ended.
pub trait IntoJs: 'static {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value>;
}

impl IntoJs for () {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::undefined(scope).into()
    }
}

impl IntoJs for bool {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::Boolean::new(scope, self).into()
    }
}

impl IntoJs for u32 {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::Integer::new_from_unsigned(scope, self).into()
    }
}

impl IntoJs for f64 {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::Number::new(scope, self).into()
    }
}

impl IntoJs for String {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        string(scope, &self).into()
    }
}

impl IntoJs for Vec<u8> {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        uint8_array(scope, self).into()
    }
}

/// Bytes up to this length are copied into JavaScript's own memory: chunks of streams, of which many come and go.
const COPIED_CHUNK_BYTES: usize = 256 * 1024;

impl IntoJs for bytes::Bytes {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        if self.len() <= COPIED_CHUNK_BYTES {
            uint8_array_copy(scope, &self).into()
        } else {
            uint8_array(scope, self.into()).into()
        }
    }
}

/// A WebSocket's message: a string, an ArrayBuffer, or `[code, reason]`.
impl IntoJs for Message {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Self::Text(text) => v8::String::new_from_utf8(scope, &text, v8::NewStringType::Normal)
                .unwrap_or_else(|| v8::String::empty(scope))
                .into(),
            Self::Binary(bytes) => array_buffer(scope, bytes.into()).into(),
            Self::Close(close) => {
                let code = v8::Integer::new(scope, i32::from(close.code)).into();
                let reason = string(scope, &close.reason).into();
                v8::Array::new_with_elements(scope, &[code, reason]).into()
            }
        }
    }
}

/// `None` is null.
impl<T: IntoJs> IntoJs for Option<T> {
    fn into_js<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Some(value) => value.into_js(scope),
            None => v8::null(scope).into(),
        }
    }
}

/// Returns a promise to JavaScript and runs the future in the request's context. Throws at global scope.
pub fn async_op<T: IntoJs>(
    scope: &mut v8::PinScope,
    rv: &mut v8::ReturnValue,
    future: impl Future<Output = Result<T, OpError>> + 'static,
) {
    if let Some(promise) = start(scope, future) {
        rv.set(promise.into());
    }
}

/// The same for an op that returns more than the promise.
pub fn start<'s, T: IntoJs>(
    scope: &mut v8::PinScope<'s, '_>,
    future: impl Future<Output = Result<T, OpError>> + 'static,
) -> Option<v8::Local<'s, v8::Promise>> {
    let context = require_context(scope)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    let resolver = v8::Global::new(scope, resolver);
    let op = async move {
        let result = future.await;
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
            let resolver = v8::Local::new(scope, resolver);
            match result {
                Ok(value) => {
                    let value = value.into_js(scope);
                    resolver.resolve(scope, value);
                }
                Err(error) => {
                    let exception = error.to_exception(scope);
                    resolver.reject(scope, exception);
                }
            }
        }) as Completion
    };
    context.spawn(op.boxed_local());
    Some(promise)
}
