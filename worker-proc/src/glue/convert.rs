//! Values on their way between JavaScript and Rust: what an op takes and gives, one value at a time.
//!
//! `op` uses it for arguments and results, `async_op` for what a promise is resolved with. Internal JavaScript has checked what
//! users pass: a debug build stops at a value of another type than Rust says, another one reads a neutral value.

use std::rc::Rc;

use bytes::Bytes;
use op_macro::JsArray;

use super::args::{string, to_string};
use super::bytes::{array_buffer, uint8_array, uint8_array_copy, with_bytes};
use super::native::native_value;
use crate::service::Class;
use crate::service::websocket::Message;

/// A Rust value made of a JavaScript one.
pub trait FromJs<'s>: Sized {
    /// Whether it may be undefined, and so be left out at the end of a call.
    const OPTIONAL: bool = false;

    /// None for a value that there is no neutral value for: the op that was to have it does nothing.
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self>;

    /// Whether the value is of the type; asked in debug builds.
    fn fits(value: v8::Local<'s, v8::Value>) -> bool;
}

/// A handle of that class.
impl<'s, T> FromJs<'s> for v8::Local<'s, T>
where
    v8::Local<'s, v8::Value>: TryInto<v8::Local<'s, T>>,
{
    fn from_js(_: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        value.try_into().ok()
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        TryInto::<v8::Local<'s, T>>::try_into(value).is_ok()
    }
}

impl<'s> FromJs<'s> for bool {
    fn from_js(_: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(value.is_true())
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_boolean()
    }
}

impl<'s> FromJs<'s> for u32 {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(value.uint32_value(scope).unwrap_or(0))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_uint32()
    }
}

impl<'s> FromJs<'s> for i32 {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(value.int32_value(scope).unwrap_or(0))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_int32()
    }
}

impl<'s> FromJs<'s> for f64 {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(value.number_value(scope).unwrap_or(f64::NAN))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_number()
    }
}

/// Lone surrogates become U+FFFD.
impl<'s> FromJs<'s> for String {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(to_string(scope, value))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_string()
    }
}

/// By its name, as `event.js` describes errors.
impl<'s> FromJs<'s> for Class {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(Self::from(to_string(scope, value).as_str()))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_string()
    }
}

/// The same.
impl<'s> IntoJs<'s> for Class {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        string(scope, &self.name()).into()
    }
}

/// Whether [`with_bytes`] may be asked for the bytes; of shared memory it finds none.
pub(super) fn has_bytes(value: v8::Local<v8::Value>) -> bool {
    value.is_array_buffer_view() || value.is_array_buffer() || value.is_shared_array_buffer()
}

/// A copy of an ArrayBuffer's or a view's bytes.
impl<'s> FromJs<'s> for Bytes {
    fn from_js(_: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(with_bytes(value, Bytes::copy_from_slice))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        has_bytes(value)
    }
}

/// The same.
impl<'s> FromJs<'s> for Vec<u8> {
    fn from_js(_: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(with_bytes(value, <[u8]>::to_vec))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        has_bytes(value)
    }
}

/// The strings of an array.
impl<'s> FromJs<'s> for Vec<String> {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        let array = v8::Local::<v8::Array>::try_from(value).ok()?;
        let item = |index| {
            let value = array.get_index(scope, index)?;
            Some(to_string(scope, value))
        };
        Some((0..array.length()).filter_map(item).collect())
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_array()
    }
}

/// What a native object owns; see `native`.
impl<'s, T: 'static> FromJs<'s> for Rc<T> {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        native_value(scope, value)
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_object()
    }
}

/// Undefined and null are none.
impl<'s, T: FromJs<'s>> FromJs<'s> for Option<T> {
    const OPTIONAL: bool = true;

    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(match value.is_null_or_undefined() {
            true => None,
            false => T::from_js(scope, value),
        })
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_null_or_undefined() || T::fits(value)
    }
}

/// A Rust value that becomes a JavaScript one.
pub trait IntoJs<'s>: Sized {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value>;

    /// Makes it what an op returns: without a handle, where it needs none.
    fn give(self, scope: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        let value = self.into_js(scope);
        rv.set(value);
    }
}

impl<'s, T> IntoJs<'s> for v8::Local<'s, T>
where
    v8::Local<'s, T>: Into<v8::Local<'s, v8::Value>>,
{
    fn into_js(self, _: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        self.into()
    }
}

impl<'s> IntoJs<'s> for () {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::undefined(scope).into()
    }

    fn give(self, _: &mut v8::PinScope<'s, '_>, _: &mut v8::ReturnValue<'s, v8::Value>) {}
}

impl<'s> IntoJs<'s> for bool {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::Boolean::new(scope, self).into()
    }

    fn give(self, _: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        rv.set_bool(self);
    }
}

impl<'s> IntoJs<'s> for u32 {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::Integer::new_from_unsigned(scope, self).into()
    }

    fn give(self, _: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        rv.set_uint32(self);
    }
}

impl<'s> IntoJs<'s> for i32 {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::Integer::new(scope, self).into()
    }

    fn give(self, _: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        rv.set_int32(self);
    }
}

impl<'s> IntoJs<'s> for f64 {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        v8::Number::new(scope, self).into()
    }

    fn give(self, _: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        rv.set_double(self);
    }
}

impl<'s> IntoJs<'s> for &str {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        string(scope, self).into()
    }
}

impl<'s> IntoJs<'s> for Rc<str> {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        string(scope, &self).into()
    }
}

impl<'s> IntoJs<'s> for String {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        string(scope, &self).into()
    }
}

impl<'s> IntoJs<'s> for Vec<u8> {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        uint8_array(scope, self).into()
    }
}

/// Bytes up to this length are copied into JavaScript's own memory: chunks of streams, of which many come and go.
const COPIED_CHUNK_BYTES: usize = 256 * 1024;

impl<'s> IntoJs<'s> for Bytes {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        if self.len() <= COPIED_CHUNK_BYTES {
            uint8_array_copy(scope, &self).into()
        } else {
            uint8_array(scope, self.into()).into()
        }
    }
}

/// An array of values of one kind.
pub struct List<T>(pub Vec<T>);

impl<'s, T: FromJs<'s>> FromJs<'s> for List<T> {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        let array = v8::Local::<v8::Array>::try_from(value).ok()?;
        let item = |index| {
            let value = array.get_index(scope, index)?;
            T::from_js(scope, value)
        };
        Some(Self((0..array.length()).filter_map(item).collect()))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_array()
    }
}

impl<'s, T: IntoJs<'s>> IntoJs<'s> for List<T> {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let items: Vec<_> = self.0.into_iter().map(|item| item.into_js(scope)).collect();
        v8::Array::new_with_elements(scope, &items).into()
    }
}

/// An array of so many.
impl<'s, T: IntoJs<'s>, const N: usize> IntoJs<'s> for [T; N] {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let items = self.map(|item| item.into_js(scope));
        v8::Array::new_with_elements(scope, &items).into()
    }
}

/// How a WebSocket's other end has closed it.
#[derive(JsArray)]
pub struct Closed {
    code: u32,
    reason: String,
}

/// A WebSocket's message: a string, an ArrayBuffer, or [`Closed`].
impl<'s> IntoJs<'s> for Message {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Self::Text(text) => v8::String::new_from_utf8(scope, &text, v8::NewStringType::Normal)
                .unwrap_or_else(|| v8::String::empty(scope))
                .into(),
            Self::Binary(bytes) => array_buffer(scope, bytes.into()).into(),
            Self::Close(close) => {
                let closed = Closed {
                    code: close.code.into(),
                    reason: close.reason,
                };
                closed.into_js(scope)
            }
        }
    }
}

/// None is null.
impl<'s, T: IntoJs<'s>> IntoJs<'s> for Option<T> {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Some(value) => value.into_js(scope),
            None => v8::null(scope).into(),
        }
    }

    fn give(self, scope: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        match self {
            Some(value) => value.give(scope, rv),
            None => rv.set_null(),
        }
    }
}

/// None is undefined: for what users see so.
pub struct Maybe<T>(pub Option<T>);

impl<'s, T: IntoJs<'s>> IntoJs<'s> for Maybe<T> {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self.0 {
            Some(value) => value.into_js(scope),
            None => v8::undefined(scope).into(),
        }
    }

    fn give(self, scope: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
        if let Some(value) = self.0 {
            value.give(scope, rv);
        }
    }
}

/// A type whose layout JavaScript reads from Rust: constants that count from 0, see `Ops::share`.
pub trait Shared {
    /// What the constants are under in `ops`.
    const NAME: &'static str;
    const CONSTANTS: &'static [&'static str];
}
