//! Errors on their way from an op to JavaScript.

use std::borrow::Cow;

use super::args::{intern, string};
use crate::service;

pub use crate::service::Class;

/// An op's failure: a JavaScript class and a message that user code sees.
#[derive(Clone, Debug)]
pub struct OpError {
    pub class: Class,
    pub message: String,
    /// It was thrown on the other side of a call.
    pub remote: bool,
    pub flags: service::Flags,
    /// A connection was lost, which is not the worker's fault: the exception is marked for [`is_disconnection`].
    pub disconnected: bool,
}

impl OpError {
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            remote: false,
            flags: service::Flags::default(),
            disconnected: false,
        }
    }

    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Class::Error, message)
    }

    pub fn type_error(message: impl Into<String>) -> Self {
        Self::new(Class::TypeError, message)
    }

    pub fn range_error(message: impl Into<String>) -> Self {
        Self::new(Class::RangeError, message)
    }

    pub fn dom(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(Class::Dom(Cow::Borrowed(name)), message)
    }

    /// The exception object.
    pub fn to_exception<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let message = string(scope, &self.message);
        let exception = match &self.class {
            Class::Error | Class::Other(_) => v8::Exception::error(scope, message),
            Class::TypeError => v8::Exception::type_error(scope, message),
            Class::RangeError => v8::Exception::range_error(scope, message),
            Class::SyntaxError => v8::Exception::syntax_error(scope, message),
            Class::Dom(name) => dom_exception(scope, message, name)
                .unwrap_or_else(|| v8::Exception::error(scope, message)),
        };
        if let Ok(object) = v8::Local::<v8::Object>::try_from(exception) {
            let flags = [
                ("remote", self.remote),
                ("retryable", self.flags.retryable),
                ("overloaded", self.flags.overloaded),
                ("durableObjectReset", self.flags.durable_object_reset),
            ];
            for (flag, _) in flags.into_iter().filter(|(_, on)| *on) {
                let key = intern(scope, flag);
                let yes = v8::Boolean::new(scope, true);
                object.create_data_property(scope, key.into(), yes.into());
            }
            if self.disconnected {
                mark_disconnection(scope, object);
            }
            if let Some(why) = self.flags.unreachable {
                let (key, why) = (unreachable(scope), intern(scope, why.name()));
                object.set_private(scope, key, why.into());
            }
        }
        exception
    }
}

/// The worker's code is at fault.
impl From<OpError> for service::Error {
    fn from(error: OpError) -> Self {
        Self {
            class: error.class,
            ..Self::new(service::Kind::Worker, error.message)
        }
    }
}

impl From<service::Error> for OpError {
    fn from(error: service::Error) -> Self {
        let mut made = Self::new(error.class, error.message);
        made.remote = error.kind == service::Kind::Worker;
        made.flags = error.flags;
        made.disconnected = error.kind == service::Kind::Disconnected;
        made
    }
}

/// The mark of exceptions that tell of a lost connection; user code cannot see it.
fn disconnection<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Private> {
    let name = intern(scope, "disconnection");
    v8::Private::for_api(scope, Some(name))
}

/// Makes an exception tell of a lost connection.
pub fn mark_disconnection<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    exception: v8::Local<'s, v8::Object>,
) {
    let mark = disconnection(scope);
    let yes = v8::Boolean::new(scope, true);
    exception.set_private(scope, mark, yes.into());
}

/// Whether an exception, wherever it was caught and thrown again, tells of a lost connection.
pub fn is_disconnection(scope: &mut v8::PinScope, exception: v8::Local<v8::Value>) -> bool {
    let Ok(object) = v8::Local::<v8::Object>::try_from(exception) else {
        return false;
    };
    let mark = disconnection(scope);
    object.has_private(scope, mark).unwrap_or(false)
}

/// What exceptions of connections that could not be made have the errno's name under; user code cannot see it.
fn unreachable<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Private> {
    let name = intern(scope, "unreachable");
    v8::Private::for_api(scope, Some(name))
}

/// The name of the errno that kept a connection from being made, of its exception; `undefined` where none is known.
pub fn why_unreachable<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    exception: v8::Local<'s, v8::Value>,
) -> v8::Local<'s, v8::Value> {
    let key = unreachable(scope);
    v8::Local::<v8::Object>::try_from(exception)
        .ok()
        .and_then(|object| object.get_private(scope, key))
        .unwrap_or_else(|| v8::undefined(scope).into())
}

fn dom_exception<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    message: v8::Local<'s, v8::String>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let make = super::state::IsolateState::get(scope).internal(scope, "dom_exception", "create")?;
    let name = intern(scope, name);
    let this = v8::undefined(scope).into();
    make.call(scope, this, &[message.into(), name.into()])
}

/// Throws the error in the current context.
pub fn throw(scope: &mut v8::PinScope, error: &OpError) {
    let exception = error.to_exception(scope);
    scope.throw_exception(exception);
}

pub fn throw_error(scope: &mut v8::PinScope, message: &str) {
    throw(scope, &OpError::error(message));
}
