//! Header lists between `http` and JavaScript: a flat array `name, value, name, value`.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::glue::{FromJs, intern, string};

/// Headers from JavaScript.
pub struct Head(pub HeaderMap);

impl<'s> FromJs<'s> for Head {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(Self(from_js(scope, value)))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_array()
    }
}

/// Headers as a flat array; values are Latin-1, as HTTP has them.
pub fn to_js<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    headers: &HeaderMap,
) -> v8::Local<'s, v8::Array> {
    let mut flat: Vec<v8::Local<v8::Value>> = Vec::with_capacity(headers.len() * 2);
    for (name, value) in headers {
        flat.push(intern(scope, name.as_str()).into());
        flat.push(value_to_js(scope, value).into());
    }
    v8::Array::new_with_elements(scope, &flat)
}

fn value_to_js<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: &HeaderValue,
) -> v8::Local<'s, v8::String> {
    // workerd decodes values as UTF-8 where they are, else byte by byte.
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => string(scope, text),
        Err(_) => v8::String::new_from_one_byte(scope, value.as_bytes(), v8::NewStringType::Normal)
            .unwrap_or_else(|| v8::String::empty(scope)),
    }
}

/// A flat array as headers. JavaScript has checked names and values; what is still wrong is left out.
pub fn from_js(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> HeaderMap {
    let Ok(flat) = v8::Local::<v8::Array>::try_from(value) else {
        return HeaderMap::new();
    };
    let mut headers = HeaderMap::with_capacity(flat.length() as usize / 2);
    let mut index = 0;
    while index + 1 < flat.length() {
        let name = flat.get_index(scope, index);
        let value = flat.get_index(scope, index + 1);
        index += 2;
        let (Some(name), Some(value)) = (name, value) else {
            continue;
        };
        if let (Some(name), Some(value)) = (header_name(scope, name), header_value(scope, value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn header_name(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<HeaderName> {
    let text = v8::Local::<v8::String>::try_from(value).ok()?;
    let mut buffer = [std::mem::MaybeUninit::uninit(); 64];
    HeaderName::from_bytes(text.to_rust_cow_lossy(scope, &mut buffer).as_bytes()).ok()
}

fn header_value(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<HeaderValue> {
    let text = v8::Local::<v8::String>::try_from(value).ok()?;
    let mut buffer = [std::mem::MaybeUninit::uninit(); 256];
    HeaderValue::from_bytes(text.to_rust_cow_lossy(scope, &mut buffer).as_bytes()).ok()
}
