//! URL and URLSearchParams, by the URL standard: the ops over the parser. Dates before the flag for it get `original.js`.
//!
//! `url.js` keeps what `parse` and `update` return: the serialised URL and the places of its components.

use ada_url::Url;

use crate::glue::{Api, Ops, i32_arg, str_arg, string, string_arg};
use crate::js;

pub const API: Api = Api {
    name: "url",
    modules: &[js!("form.js"), js!("search_params.js"), js!("url.js")],
    lazy: &[js!("original.js")],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("parse", parse);
    ops.add("canParse", can_parse);
    ops.add("update", update);
    ops.add("origin", origin);
    ops.add("percentDecode", percent_decode);
}

/// `parse(url, base | undefined)`: the parts, or null.
fn parse(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let base = base_arg(scope, &args);
    let parsed = str_arg(scope, &args, 0, |_, url| {
        Url::parse(url, base.as_deref()).ok()
    });
    return_parts(scope, parsed, &mut rv);
}

/// `canParse(url, base | undefined)`.
fn can_parse(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let base = base_arg(scope, &args);
    rv.set_bool(str_arg(scope, &args, 0, |_, url| {
        Url::can_parse(url, base.as_deref())
    }));
}

/// `update(href, what, value)`: the parts with a component changed, or null where the value changes nothing.
fn update(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Ok(mut url) = Url::parse(string_arg(scope, &args, 0), None) else {
        return rv.set_null();
    };
    let what = i32_arg(scope, &args, 1);
    let changed = str_arg(scope, &args, 2, |_, value| {
        set_component(&mut url, what, value)
    });
    return_parts(scope, changed.then_some(url), &mut rv);
}

/// The numbers are `url.js`'s `SET_*`. False if the value is refused.
fn set_component(url: &mut Url, what: i32, value: &str) -> bool {
    // An empty query or fragment takes its delimiter along.
    let unless_empty = (!value.is_empty()).then_some(value);
    match what {
        0 => url.set_protocol(value).is_ok(),
        1 => url.set_username(Some(value)).is_ok(),
        2 => url.set_password(Some(value)).is_ok(),
        3 => url.set_host(Some(value)).is_ok(),
        4 => url.set_hostname(Some(value)).is_ok(),
        5 => url.set_port(Some(value)).is_ok(),
        6 => url.set_pathname(Some(value)).is_ok(),
        7 => {
            url.set_search(unless_empty);
            true
        }
        8 => {
            url.set_hash(unless_empty);
            true
        }
        _ => false,
    }
}

/// `origin(href)`: the origin of a URL that is its own, or of the one inside a blob URL.
fn origin(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let origin = str_arg(scope, &args, 0, |_, url| {
        Url::parse(url, None).map(|url| url.origin()).ok()
    });
    let origin = string(scope, origin.as_deref().unwrap_or("null"));
    rv.set(origin.into());
}

/// `percentDecode(text)`: bytes that are no UTF-8 become U+FFFD, a % without two digits stays.
fn percent_decode(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let bytes = decode_percent(&string_arg(scope, &args, 0));
    let text = string(scope, &String::from_utf8_lossy(&bytes));
    rv.set(text.into());
}

fn decode_percent(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match (bytes[i], digit(bytes.get(i + 1)), digit(bytes.get(i + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                i += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                i += 1;
            }
        }
    }
    decoded
}

fn base_arg(scope: &mut v8::PinScope, args: &v8::FunctionCallbackArguments) -> Option<String> {
    (!args.get(1).is_undefined()).then(|| string_arg(scope, args, 1))
}

/// Sets the array that `url.js` describes, or null.
fn return_parts(scope: &mut v8::PinScope, url: Option<Url>, rv: &mut v8::ReturnValue) {
    let Some(url) = url else { return rv.set_null() };
    let places = url.components();
    let or_absent = |place: Option<u32>| place.map_or(-1, |place| place as i32);
    let href = string(scope, url.href());
    let integer = |place: i32| v8::Integer::new(scope, place).into();
    let parts = [
        href.into(),
        integer(places.protocol_end as i32),
        integer(places.username_end as i32),
        integer(places.host_start as i32),
        integer(places.host_end as i32),
        integer(places.pathname_start.unwrap_or(places.host_end) as i32),
        integer(or_absent(places.port)),
        integer(or_absent(places.search_start)),
        integer(or_absent(places.hash_start)),
    ];
    rv.set(v8::Array::new_with_elements(scope, &parts).into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_decoding_keeps_what_is_no_escape() {
        assert_eq!(decode_percent("a%20b%zz%4%"), b"a b%zz%4%");
        assert_eq!(decode_percent("%E0%A4"), [0xe0, 0xa4]);
    }

    #[test]
    fn the_parser_links_beside_the_engine() {
        let mut url = Url::parse("HTTP://ex%41mple.com:80/../a b?x#y", None).expect("a URL");
        assert_eq!(url.href(), "http://example.com/a%20b?x#y");
        assert!(set_component(&mut url, 5, "8080") && set_component(&mut url, 7, ""));
        assert_eq!(url.href(), "http://example.com:8080/a%20b#y");
        assert!(!set_component(&mut url, 4, "bad host"));
    }
}
