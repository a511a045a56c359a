//! What `#[op]` makes of a function, and what it calls to read arguments and to give the result.
//!
//! A debug build stops where JavaScript passes more or fewer arguments than the function takes, or one of another type.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::rc::Rc;

use super::context::{IoContext, Keep, Lifecycle, current, require_context};
use super::convert::{FromJs, IntoJs, has_bytes};
use super::error::{OpError, throw};

/// A function that JavaScript can call.
#[derive(Clone, Copy)]
pub struct Op {
    /// What JavaScript calls it.
    pub name: &'static str,
    pub callback: v8::FunctionCallback,
    #[cfg_attr(not(test), allow(dead_code))]
    pub arity: Arity,
}

/// How many arguments JavaScript passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    pub least: i32,
    pub most: i32,
}

impl Arity {
    pub const NONE: Self = Self { least: 0, most: 0 };
    pub const ONE: Self = Self { least: 1, most: 1 };
    /// One that may be left out if all after it are.
    pub const OPTIONAL: Self = Self { least: 0, most: 1 };

    /// Of these arguments, then others.
    #[must_use]
    pub const fn and(self, next: Self) -> Self {
        Self {
            least: match next.least {
                0 => self.least,
                least => self.most + least,
            },
            most: self.most + next.most,
        }
    }
}

/// A call of an op.
pub struct Call<'a, 's> {
    /// The function's path in Rust.
    pub op: &'static str,
    pub arguments: &'a v8::FunctionCallbackArguments<'s>,
}

impl<'s> Call<'_, 's> {
    pub fn check_count(&self, arity: Arity) {
        let count = self.arguments.length();
        debug_assert!(
            (arity.least..=arity.most).contains(&count),
            "{} was called with {count} arguments, but takes {arity:?}",
            self.op
        );
    }

    fn get(
        &self,
        at: i32,
        name: &str,
        type_name: &str,
        fits: impl FnOnce(v8::Local<'s, v8::Value>) -> bool,
    ) -> v8::Local<'s, v8::Value> {
        let value = self.arguments.get(at);
        debug_assert!(
            fits(value),
            "the argument `{name}` of {} is {}, no {type_name}",
            self.op,
            value.type_repr()
        );
        value
    }
}

/// What an op takes: an argument of the call, several of them, or something of what runs.
pub trait Argument<'s>: Sized {
    /// How many of the call's arguments it is made of.
    const ARITY: Arity;

    /// Reads it from the argument at that place on. None if the op does not run: an exception was thrown, or JavaScript passed
    /// what it may not.
    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self>;
}

impl<'s, T: FromJs<'s>> Argument<'s> for T {
    const ARITY: Arity = if T::OPTIONAL {
        Arity::OPTIONAL
    } else {
        Arity::ONE
    };

    #[inline]
    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self> {
        let value = call.get(at, name, std::any::type_name::<T>(), T::fits);
        T::from_js(scope, value)
    }
}

/// The context that runs, as far as the op needs it. At global scope the op throws, unless it takes an `Option`.
macro_rules! context_arguments {
    ($($capability:ident)*) => {$(
        impl<'s> Argument<'s> for Rc<dyn $capability> {
            const ARITY: Arity = Arity::NONE;

            #[inline]
            fn read(
                scope: &mut v8::PinScope<'s, '_>,
                _: &Call<'_, 's>,
                _: i32,
                _: &'static str,
            ) -> Option<Self> {
                require_context(scope).map(|context| context as Rc<dyn $capability>)
            }
        }

        impl<'s> Argument<'s> for Option<Rc<dyn $capability>> {
            const ARITY: Arity = Arity::NONE;

            #[inline]
            fn read(
                scope: &mut v8::PinScope<'s, '_>,
                _: &Call<'_, 's>,
                _: i32,
                _: &'static str,
            ) -> Option<Self> {
                Some(current(scope).map(|context| context as Rc<dyn $capability>))
            }
        }
    )*};
}
context_arguments!(IoContext Keep Lifecycle);

/// Room for a short text, so that reading it takes nothing from the heap.
pub struct TextBuffer([MaybeUninit<u8>; 512]);

impl TextBuffer {
    #[inline]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self([MaybeUninit::uninit(); 512])
    }
}

/// A `&str` that an op takes; lone surrogates become U+FFFD.
pub fn text_argument<'b, 's>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &Call<'_, 's>,
    at: i32,
    name: &'static str,
    buffer: &'b mut TextBuffer,
) -> Cow<'b, str> {
    let value = call.get(at, name, "str", |value| value.is_string());
    match v8::Local::<v8::String>::try_from(value) {
        Ok(text) => text.to_rust_cow_lossy(scope, &mut buffer.0),
        Err(_) => Cow::Borrowed(""),
    }
}

/// What has the bytes of a `&[u8]` that an op takes.
pub fn bytes_argument<'s>(
    call: &Call<'_, 's>,
    at: i32,
    name: &'static str,
) -> v8::Local<'s, v8::Value> {
    call.get(at, name, "buffer", has_bytes)
}

/// What an op returns: a value, or an error that is thrown.
pub trait OpResult<'s> {
    fn give(self, scope: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>);
}

impl<'s, T: IntoJs<'s>> OpResult<'s> for T {
    #[inline]
    fn give(self, scope: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        IntoJs::give(self, scope, rv);
    }
}

impl<'s, T: IntoJs<'s>, E: Throw> OpResult<'s> for Result<T, E> {
    #[inline]
    fn give(self, scope: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        match self {
            Ok(value) => IntoJs::give(value, scope, rv),
            Err(error) => error.throw(scope),
        }
    }
}

/// An error on its way to JavaScript.
pub trait Throw {
    fn throw(self, scope: &mut v8::PinScope);
}

impl<E: Into<OpError>> Throw for E {
    fn throw(self, scope: &mut v8::PinScope) {
        throw(scope, &self.into());
    }
}

/// Throws the error of a result where JavaScript may still be run.
pub trait OrThrow<T> {
    /// # Errors
    /// The error is thrown.
    fn or_throw(self, scope: &mut v8::PinScope) -> Result<T, Thrown>;
}

impl<T, E: Throw> OrThrow<T> for Result<T, E> {
    fn or_throw(self, scope: &mut v8::PinScope) -> Result<T, Thrown> {
        self.map_err(|error| Thrown::throw(scope, error))
    }
}

/// The exception is thrown already.
#[derive(Debug)]
pub struct Thrown;

impl Thrown {
    /// Throws the error.
    pub fn throw(scope: &mut v8::PinScope, error: impl Throw) -> Self {
        error.throw(scope);
        Self
    }
}

impl Throw for Thrown {
    fn throw(self, _: &mut v8::PinScope) {}
}
