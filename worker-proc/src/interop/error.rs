//! Errors as instances tell each other: a kind, and a text with prefixes that say what JavaScript is to see.
//!
//! `remote.` is an exception of a worker's code, `broken.<what>; ` the reset of an object, and `jsg.<class>: ` comes before a message
//! that JavaScript may see. Whatever else is no business of its own.

use capnp::ErrorKind;

use crate::service::{Class, Error, Flags, Kind};

const RPC: &str = "remote exception: ";
const REMOTE: &str = "remote.";
const BROKEN: &str = "broken.";
const TUNNELED: &str = "jsg.";
const DOM_EXCEPTION: &str = "DOMException(";

/// An error as the other side is told it.
pub fn told(error: &Error) -> capnp::Error {
    let kind = match error.kind {
        _ if error.flags.overloaded => ErrorKind::Overloaded,
        Kind::Disconnected => ErrorKind::Disconnected,
        Kind::Worker | Kind::Internal if error.flags.retryable => ErrorKind::Disconnected,
        Kind::Worker | Kind::Internal => ErrorKind::Failed,
    };
    let remote = if error.kind == Kind::Worker {
        REMOTE
    } else {
        ""
    };
    let reset = match error.flags.durable_object_reset {
        true => "broken.durableObjectReset; ",
        false => "",
    };
    let class = match &error.class {
        Class::Dom(name) => format!("{DOM_EXCEPTION}{name})"),
        Class::Other(_) => "Error".to_owned(),
        class => class.name().into_owned(),
    };
    capnp::Error {
        kind,
        extra: format!("{remote}{reset}{TUNNELED}{class}: {}", error.message),
    }
}

/// The error that the other side has told.
pub fn heard(error: capnp::Error) -> Error {
    let mut text = &*error.extra;
    while let Some(rest) = text.strip_prefix(RPC) {
        text = rest;
    }
    let mut kind = match error.kind {
        ErrorKind::Disconnected => Kind::Disconnected,
        _ => Kind::Internal,
    };
    while let Some(rest) = text.strip_prefix(REMOTE) {
        (text, kind) = (rest, Kind::Worker);
    }
    let mut flags = Flags {
        retryable: error.kind == ErrorKind::Disconnected,
        overloaded: error.kind == ErrorKind::Overloaded,
        ..Flags::default()
    };
    while text.starts_with(BROKEN) {
        flags.durable_object_reset = true;
        text = text.split_once("; ").map_or("", |(_, rest)| rest);
    }
    let Some(tunneled) = text.strip_prefix(TUNNELED) else {
        if error.kind == ErrorKind::Disconnected {
            return Error::lost();
        }
        let (hidden, reference) = Error::hidden();
        crate::log::error(format_args!(
            "another instance of workerd said: {error}; {reference}"
        ));
        return Error { flags, ..hidden };
    };
    let (class, message) = class_of(tunneled);
    Error {
        class,
        flags,
        ..Error::new(kind, message)
    }
}

/// Class and message of `<class>: <message>`.
fn class_of(text: &str) -> (Class, &str) {
    let (name, message) = match text.strip_prefix(DOM_EXCEPTION) {
        Some(rest) => rest.split_once(')').unwrap_or((rest, "")),
        None => text.split_once(':').unwrap_or(("Error", text)),
    };
    let is_dom = text.starts_with(DOM_EXCEPTION);
    let message = message.trim_start_matches([':', ' ']);
    let class = match is_dom {
        true => Class::Dom(name.to_owned().into()),
        false => Class::from(name),
    };
    (class, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_as_they_went() {
        let worker = |class, message: &str| Error {
            class,
            ..Error::new(Kind::Worker, message)
        };
        for error in [
            Error::lost(),
            Error::overloaded("Too many."),
            Error::internal("No: not here."),
            worker(Class::TypeError, "boom; jsg.Error: not this"),
            worker(Class::Dom("AbortError".into()), "gone"),
            worker(Class::Error, ""),
        ] {
            let told = told(&error);
            let heard = heard(capnp::Error {
                extra: format!("{RPC}{}", told.extra),
                ..told
            });
            assert_eq!(heard.kind, error.kind);
            assert_eq!(heard.class, error.class);
            assert_eq!(heard.message, error.message);
            assert_eq!(heard.flags, error.flags);
        }
        let reset = heard(capnp::Error::failed(
            "remote.broken.outputGateBroken; jsg.Error: reset".into(),
        ));
        assert!(reset.flags.durable_object_reset);
        assert_eq!((reset.kind, &*reset.message), (Kind::Worker, "reset"));
        assert_eq!(
            heard(capnp::Error::disconnected("reset".into())).message,
            Error::lost().message
        );
        assert!(
            heard(capnp::Error::failed("expected x".into()))
                .message
                .starts_with("internal error")
        );
    }
}
