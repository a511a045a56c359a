//! Ops that end later: a promise for JavaScript, a future for the request context.

use std::rc::Rc;
use std::sync::LazyLock;

use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::args::string;
use super::bytes::{array_buffer, uint8_array, uint8_array_copy};
use super::context::{Completion, require_context};
use super::error::OpError;
use crate::service::processor;
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

/// How much long work runs at a time: as many threads as there are processors. The rest waits, and is never begun if
/// its request ends first; what has begun ends in vain.
static LONG_WORK: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Runs long work on a thread of its own and returns a promise. The event pays for its processor time as for its turns': the
/// work sees when there is none left, and the event ends with its next turn.
pub fn thread_op<T: IntoJs + Send, E: Into<OpError> + Send + 'static>(
    scope: &mut v8::PinScope,
    rv: &mut v8::ReturnValue,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let payer = Rc::downgrade(&context);
    async_op(scope, rv, async move {
        let ended = |_| OpError::error("The operation was ended.");
        let permit = LONG_WORK.acquire().await.map_err(ended)?;
        let spent = || Some(payer.upgrade()?.cpu_time()?.get());
        let allowance = processor::limit()
            .zip(spent())
            .map(|(limit, spent)| limit.saturating_sub(spent));
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            processor::metered(allowance, work)
        });
        let ended = |_| OpError::error("The operation was ended.");
        let (result, used) = done.await.map_err(ended)?;
        if let Some(payer) = payer.upgrade()
            && let Some(spent) = payer.cpu_time()
        {
            spent.set(spent.get() + used);
        }
        result.map_err(Into::into)
    });
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
