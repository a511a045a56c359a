//! HTMLRewriter: the ops that drive a parser and change what its handlers are called with.

mod depth;
mod rewriter;
mod tokens;

use std::rc::Rc;

use encoding_rs::Encoding;
use lol_html::{AsciiCompatibleEncoding, Selector};

use crate::glue::{Api, FromJs, JsError, JsNumber, Maybe, Ops, native_object, native_value, op};
use crate::js;
use rewriter::{Handlers, Rewriter, Step};

pub const API: Api = Api {
    name: "html_rewriter",
    modules: &[],
    lazy: &[
        js!("html_rewriter.js").defining(&["HTMLRewriter"]),
        js!("tokens.js"),
    ],
    uses: &["async_context", "fetch", "headers", "streams", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[parse_selector, open, write, end, proceed, stop, take_output]);
    ops.share::<Handler>();
    tokens::ops(ops);
}

/// What the parser complains of, as workerd words it.
#[derive(JsError)]
enum Complaint {
    #[type_error("Parser error: {0}")]
    Parser(String),
    #[type_error("Parser error: Unsupported syntax in selector.")]
    DeepSelector,
    #[type_error("Parser error: Unknown character encoding has been provided.")]
    UnknownEncoding,
    #[type_error("Parser error: Expected ASCII-compatible encoding.")]
    NotAsciiCompatible,
    #[type_error("Parser error: No end tag.")]
    NoEndTag,
}

impl Complaint {
    fn of(error: impl std::fmt::Display) -> Self {
        Self::Parser(error.to_string())
    }
}

/// `parseSelector(text)`: an object that owns the selector.
#[op]
fn parse_selector<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: &str,
) -> Result<v8::Local<'s, v8::Object>, Complaint> {
    if depth::is_too_deep(text) {
        return Err(Complaint::DeepSelector);
    }
    let selector = text.parse::<Selector>().map_err(Complaint::of)?;
    Ok(native_object(scope, selector))
}

/// `open(charset, esiTags, sets)`: an object that owns a rewriter. `sets` has two values for each set of handlers: its
/// selector or null, and a bit for each [`Handler`] that there is.
#[op]
fn open<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    charset: &str,
    esi_tags: bool,
    sets: Sets,
) -> Result<v8::Local<'s, v8::Object>, Complaint> {
    let encoding =
        Encoding::for_label_no_replacement(charset.as_bytes()).ok_or(Complaint::UnknownEncoding)?;
    let encoding = AsciiCompatibleEncoding::new(encoding).ok_or(Complaint::NotAsciiCompatible)?;
    let rewriter = Rewriter::new(encoding, esi_tags, &sets.0).map_err(Complaint::of)?;
    Ok(native_object(scope, rewriter))
}

/// The handlers of a set, by their bits.
#[derive(Clone, Copy, JsNumber)]
enum Handler {
    Element,
    Comments,
    Text,
    Doctype,
    End,
}

/// See [`open`].
struct Sets(Vec<Handlers>);

impl<'s> FromJs<'s> for Sets {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        let sets = v8::Local::<v8::Array>::try_from(value).ok()?;
        let mut handlers = Vec::new();
        for index in (0..sets.length()).step_by(2) {
            let selector = sets.get_index(scope, index);
            let selector: Option<Rc<Selector>> =
                selector.and_then(|selector| native_value(scope, selector));
            let bits = sets.get_index(scope, index + 1);
            let bits = bits.and_then(|bits| bits.uint32_value(scope)).unwrap_or(0);
            let has = |handler: Handler| bits & (1 << handler as u32) != 0;
            handlers.push(Handlers {
                selector,
                element: has(Handler::Element),
                comments: has(Handler::Comments),
                text: has(Handler::Text),
                doctype: has(Handler::Doctype),
                end: has(Handler::End),
            });
        }
        Some(Self(handlers))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_array()
    }
}

/// The number of the handler that is due, or -1 for more input.
type Due = Result<f64, Complaint>;

/// `write(rewriter, bytes)`.
#[op]
fn write(rewriter: Rc<Rewriter>, bytes: Vec<u8>) -> Due {
    due(rewriter.write(bytes))
}

/// `end(rewriter)`: at the document's end.
#[op]
fn end(rewriter: Rc<Rewriter>) -> Due {
    due(rewriter.end())
}

/// `proceed(rewriter)`: after a handler.
#[op]
fn proceed(rewriter: Rc<Rewriter>) -> Due {
    due(rewriter.proceed())
}

fn due(step: Result<Step, lol_html::errors::RewritingError>) -> Due {
    match step.map_err(Complaint::of)? {
        Step::Idle => Ok(-1.0),
        Step::Due(number) => Ok(number.into()),
    }
}

/// `stop(rewriter)`: ends the parser wherever it is.
#[op]
fn stop(rewriter: Rc<Rewriter>) {
    rewriter.stop();
}

/// `takeOutput(rewriter)`: what has been rewritten since the last call, or undefined for nothing.
#[op]
fn take_output(rewriter: Rc<Rewriter>) -> Maybe<Vec<u8>> {
    let output = rewriter.take_output();
    Maybe((!output.is_empty()).then_some(output))
}
