//! Ops that end later: a promise for JavaScript, a future for the request context.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::LazyLock;

use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::context::{Completion, IoContext, require_context};
use super::convert::IntoJs;
use super::error::{OpError, throw};
use super::op::Thrown;
use crate::service::processor;

/// What is resolved with a `T` or rejected with the op's error.
pub struct Promise<'s, T>(v8::Local<'s, v8::Promise>, PhantomData<T>);

impl<'s, T> IntoJs<'s> for Promise<'s, T> {
    fn into_js(self, _: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        self.0.into()
    }
}

/// Runs the future in the context that runs, and gives a promise of its result. Throws at global scope.
pub fn promise<'s, T: for<'a> IntoJs<'a> + 'static>(
    scope: &mut v8::PinScope<'s, '_>,
    future: impl Future<Output = Result<T, OpError>> + 'static,
) -> Result<Promise<'s, T>, Thrown> {
    let context = require_context(scope).ok_or(Thrown)?;
    let resolver = v8::PromiseResolver::new(scope).ok_or(Thrown)?;
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
    Ok(Promise(promise, PhantomData))
}

/// How much long work runs at a time: as many threads as there are processors. The rest waits, and is never begun if
/// its request ends first; what has begun ends in vain.
static LONG_WORK: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Runs long work on a thread of its own and gives a promise of its result. The event pays for its processor time as for its
/// turns': the work sees when there is none left, and the event ends with its next turn.
pub fn thread<'s, T: for<'a> IntoJs<'a> + Send + 'static, E: Into<OpError> + Send + 'static>(
    scope: &mut v8::PinScope<'s, '_>,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<Promise<'s, T>, Thrown> {
    let context = require_context(scope).ok_or(Thrown)?;
    let payer = Rc::downgrade(&context);
    promise(scope, async move {
        let ended = |_| OpError::error("The operation was ended.");
        let permit = LONG_WORK.acquire().await.map_err(ended)?;
        let left = |payer: Rc<dyn IoContext>| {
            let spent = payer.cpu_time()?.get();
            Some(payer.cpu_limit()?.saturating_sub(spent))
        };
        let allowance = payer.upgrade().and_then(left);
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
    })
}

/// What work has made, or a promise of it.
pub enum Made<'s, T> {
    Now(T),
    Later(Promise<'s, T>),
}

impl<'s, T: for<'a> IntoJs<'a> + Send + 'static> Made<'s, T> {
    /// Does the work at once, or `later` on a thread of its own: see [`thread`].
    pub fn of<E: Into<OpError> + Send + 'static>(
        scope: &mut v8::PinScope<'s, '_>,
        later: bool,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Self, Thrown> {
        if later {
            return thread(scope, work).map(Self::Later);
        }
        match work() {
            Ok(made) => Ok(Self::Now(made)),
            Err(error) => {
                throw(scope, &error.into());
                Err(Thrown)
            }
        }
    }
}

impl<'s, T: IntoJs<'s>> IntoJs<'s> for Made<'s, T> {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Self::Now(value) => value.into_js(scope),
            Self::Later(promise) => promise.into_js(scope),
        }
    }
}
