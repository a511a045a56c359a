//! A module as a fallback service tells it: a JSON object with a name and a member of `Worker.Module`.
//!
//! `fallback` reads answers by it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::isolate::modules::Source;

/// The module, which must be of that name if it has one. As with a union, of several members the last counts.
///
/// # Errors
/// Why it is none, in words that go after those for what has failed.
pub fn read(text: &str, wanted: &str) -> Result<Source, String> {
    let told: Told = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => format!("; exception = {error}"),
        _ => format!("; exception = Unexpected input in JSON message. ({error})"),
    })?;
    if let Some(name) = told.name.filter(|name| name != wanted) {
        return Err(format!(
            ": returned module name does not match specifier; moduleBuilder.getName() = {name}"
        ));
    }
    let text = |text: Option<String>| text.unwrap_or_default().into();
    Ok(match told.member {
        None => Source::Es(text(None)),
        Some(Member::Es(code)) => Source::Es(text(code)),
        Some(Member::CommonJs(code)) => Source::CommonJs {
            text: text(code),
            named_exports: told.named_exports,
        },
        Some(Member::Text(content)) => Source::Text(text(content)),
        Some(Member::Json(content)) => Source::Json(text(content)),
        Some(Member::Data(bytes)) => Source::Data(bytes.into()),
        Some(Member::Wasm(bytes)) => Source::Wasm(bytes.into()),
        Some(Member::Unsupported(kind)) => {
            return Err(format!("; modules of the type {kind} are not supported"));
        }
    })
}

#[derive(Default)]
struct Told {
    name: Option<String>,
    member: Option<Member>,
    named_exports: Vec<String>,
}

/// What the module is. No text at all is an empty one.
enum Member {
    Es(Option<String>),
    CommonJs(Option<String>),
    Text(Option<String>),
    Json(Option<String>),
    Data(Vec<u8>),
    Wasm(Vec<u8>),
    Unsupported(&'static str),
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Told;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that describes a module")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Told, A::Error> {
        let mut told = Told::default();
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            let member = match &*name {
                "esModule" => Member::Es(members.next_value()?),
                "commonJsModule" => Member::CommonJs(members.next_value()?),
                "text" => Member::Text(members.next_value()?),
                "json" => Member::Json(members.next_value()?),
                "data" => Member::Data(members.next_value()?),
                "wasm" => Member::Wasm(members.next_value()?),
                other => {
                    match other {
                        "name" => told.name = members.next_value()?,
                        "namedExports" => told.named_exports = members.next_value()?,
                        _ => {
                            members.next_value::<IgnoredAny>()?;
                            let kinds = ["pythonModule", "bundled", "obsolete"];
                            let kind = kinds.into_iter().find(|kind| *kind == other);
                            told.member = kind.map(Member::Unsupported).or(told.member);
                        }
                    }
                    continue;
                }
            };
            told.member = Some(member);
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        read(text, "a").map_or_else(|error| error, |source| format!("{source:?}"))
    }

    #[test]
    fn members_are_kinds_of_modules() {
        for (text, expected) in [
            (r#"{"name":"a","esModule":"x"}"#, r#"Es(Owned("x"))"#),
            (r#"{"text":"x","json":"1"}"#, r#"Json(Owned("1"))"#),
            (
                r#"{"json":"1","text":"x","more":[{}]}"#,
                r#"Text(Owned("x"))"#,
            ),
            (r#"{"data":[0,255]}"#, r#"Data(b"\0\xff")"#),
            (r#"{"wasm":[]}"#, r#"Wasm(b"")"#),
            (
                r#"{"namedExports":["b"],"commonJsModule":"x"}"#,
                r#"CommonJs { text: Owned("x"), named_exports: ["b"] }"#,
            ),
            (r#"{"esModule":null}"#, r#"Es(Owned(""))"#),
            ("{}", r#"Es(Owned(""))"#),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for (text, says) in [
            ("", "Unexpected input in JSON message."),
            ("no", "Unexpected input in JSON message."),
            (r#"{"esModule":"#, "Unexpected input in JSON message."),
            (r#"{"esModule":""}x"#, "Unexpected input in JSON message."),
            ("[]", "an object that describes a module"),
            (r#"{"esModule":5}"#, "expected a string"),
            (r#"{"data":[256]}"#, "expected u8"),
            (r#"{"data":"AA=="}"#, "expected a sequence"),
            (r#"{"name":"b"}"#, "moduleBuilder.getName() = b"),
            (r#"{"pythonModule":""}"#, "pythonModule are not supported"),
        ] {
            assert!(shown(text).contains(says), "{text}: {}", shown(text));
        }
        let deep = "[".repeat(100_000);
        assert!(shown(&format!("{{\"x\":{deep}")).contains("exception"));
    }
}
