//! URL and URLSearchParams, by the URL standard: the ops over the parser. Dates before the flag for it get `original.js`.
//!
//! `url.js` keeps what `parse` and `update` return: the serialised URL and the places of its components.

use ada_url::Url;

use crate::glue::{Api, IntoJs, JsArray, JsNumber, Ops, op, string};
use crate::js;

pub const API: Api = Api {
    name: "url",
    modules: &[
        js!("form.js"),
        js!("search_params.js"),
        js!("url.js"),
        js!("href.js"),
    ],
    lazy: &[js!("original.js")],
    uses: &["webidl"],
    lazy_uses: &[("blob", "only createObjectURL needs it")],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[parse, can_parse, update, origin, percent_decode]);
    ops.share::<Parts>();
    ops.share::<Component>();
}

/// A serialised URL and the places of its components.
#[derive(JsArray)]
struct Parts {
    href: Href,
    protocol_end: u32,
    username_end: u32,
    host_start: u32,
    host_end: u32,
    pathname_start: u32,
    /// Like the next two -1 where the component is absent.
    port: i32,
    search_start: i32,
    hash_start: i32,
}

impl From<Url> for Parts {
    fn from(url: Url) -> Self {
        let places = url.components();
        let or_absent = |place: Option<u32>| place.map_or(-1, |place| place as i32);
        Self {
            protocol_end: places.protocol_end,
            username_end: places.username_end,
            host_start: places.host_start,
            host_end: places.host_end,
            pathname_start: places.pathname_start.unwrap_or(places.host_end),
            port: or_absent(places.port),
            search_start: or_absent(places.search_start),
            hash_start: or_absent(places.hash_start),
            href: Href(url),
        }
    }
}

/// The text of a URL.
struct Href(Url);

impl<'s> IntoJs<'s> for Href {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        string(scope, self.0.href()).into()
    }
}

/// What `update` changes.
#[derive(Clone, Copy, JsNumber)]
enum Component {
    Protocol,
    Username,
    Password,
    Host,
    Hostname,
    Port,
    Pathname,
    Search,
    Hash,
}

/// `parse(url, base | undefined)`: null if it is no URL.
#[op]
fn parse(url: &str, base: Option<String>) -> Option<Parts> {
    Url::parse(url, base.as_deref()).ok().map(Parts::from)
}

/// `canParse(url, base | undefined)`.
#[op]
fn can_parse(url: &str, base: Option<String>) -> bool {
    Url::can_parse(url, base.as_deref())
}

/// `update(href, component, value)`: null where the value changes nothing.
#[op]
fn update(href: &str, component: Component, value: &str) -> Option<Parts> {
    let mut url = Url::parse(href, None).ok()?;
    set_component(&mut url, component, value).then(|| url.into())
}

/// False if the value is refused.
fn set_component(url: &mut Url, component: Component, value: &str) -> bool {
    // An empty query or fragment takes its delimiter along.
    let unless_empty = (!value.is_empty()).then_some(value);
    match component {
        Component::Protocol => url.set_protocol(value).is_ok(),
        Component::Username => url.set_username(Some(value)).is_ok(),
        Component::Password => url.set_password(Some(value)).is_ok(),
        Component::Host => url.set_host(Some(value)).is_ok(),
        Component::Hostname => url.set_hostname(Some(value)).is_ok(),
        Component::Port => url.set_port(Some(value)).is_ok(),
        Component::Pathname => url.set_pathname(Some(value)).is_ok(),
        Component::Search => {
            url.set_search(unless_empty);
            true
        }
        Component::Hash => {
            url.set_hash(unless_empty);
            true
        }
    }
}

/// `origin(href)`: the origin of a URL that is its own, or of the one inside a blob URL.
#[op]
fn origin(href: &str) -> String {
    Url::parse(href, None).map_or_else(|_| "null".to_owned(), |url| url.origin())
}

/// `percentDecode(text)`: bytes that are no UTF-8 become U+FFFD, a % without two digits stays.
#[op]
fn percent_decode(text: &str) -> String {
    String::from_utf8(decode_percent(text))
        .unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned())
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
        assert!(set_component(&mut url, Component::Port, "8080"));
        assert!(set_component(&mut url, Component::Search, ""));
        assert_eq!(url.href(), "http://example.com:8080/a%20b#y");
        assert!(!set_component(&mut url, Component::Hostname, "bad host"));
    }
}
