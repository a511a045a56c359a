//! Reads op arguments and makes strings. Internal JavaScript has checked the types: a mismatch reads as a neutral value.

/// An internalised string, for property names and constants.
pub fn intern<'s>(scope: &v8::PinScope<'s, '_, ()>, text: &str) -> v8::Local<'s, v8::String> {
    v8::String::new_from_utf8(scope, text.as_bytes(), v8::NewStringType::Internalized)
        .unwrap_or_else(|| v8::String::empty(scope))
}

/// A string; text longer than V8's limit (about 512 MiB) becomes the empty string.
pub fn string<'s>(scope: &v8::PinScope<'s, '_, ()>, text: &str) -> v8::Local<'s, v8::String> {
    if text.is_ascii() {
        v8::String::new_from_one_byte(scope, text.as_bytes(), v8::NewStringType::Normal)
    } else {
        v8::String::new(scope, text)
    }
    .unwrap_or_else(|| v8::String::empty(scope))
}

/// The argument as a `String`; lone surrogates become U+FFFD.
pub fn string_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> String {
    to_string(scope, args.get(index))
}

/// Any value that is a string as a `String`; anything else is empty.
pub fn to_string(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> String {
    match v8::Local::<v8::String>::try_from(value) {
        Ok(value) => value.to_rust_string_lossy(scope),
        Err(_) => String::new(),
    }
}
