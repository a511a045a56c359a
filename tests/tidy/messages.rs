//! A message that users see is written once.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use swc_common::sync::Lrc;
use swc_common::{FileName, SourceMap};
use swc_ecma_ast::{EsVersion, Str, Tpl};
use swc_ecma_parser::{EsSyntax, Syntax, parse_file_as_program};
use swc_ecma_visit::{Visit, VisitWith};

use crate::complain;
use crate::source::{Source, is_test, repository};

/// Words that make a text a message.
const MIN_WORDS: usize = 5;

/// Messages that are written in two places. It only gets shorter: one that is written once is no more in it.
const TWICE: &[&str] = &[
    // By an op, and by JavaScript that finds the same out without one.
    "Attempt to write too many bytes through a FixedLengthStream.",
    "Can't read from request stream after responding with an exception.",
    "Can't read from request stream because client disconnected.",
    "Cannot call deleteAll() within a transaction",
    "Cannot convert a BigInt value to a number",
    "Expected exactly one result from SQL query, but got no results.",
    "FixedLengthStream did not see all expected bytes before close().",
    "This WritableStream has been closed.",
    "Top-level await in module is unsettled.",
    "Unable to deserialize cloned data.",
    "WebSocket disconnected without sending Close frame.",
    // Of two products.
    "Failed to parse body as JSON, got: {}",
    // A type's name, each time in a sentence of its own.
    "Headers or Sequence or object",
];

/// What is for a database, not for a user.
const SQL: [&str; 5] = ["CREATE ", "DELETE ", "INSERT ", "SELECT ", "UPDATE "];

fn is_message(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.split_whitespace().count() >= MIN_WORDS
        && !text.contains('\n')
        && !SQL.iter().any(|word| text.starts_with(word))
}

fn rust_texts(tokens: TokenStream, found: &mut Vec<String>) {
    let mut before = String::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => rust_texts(group.stream(), found),
            TokenTree::Literal(literal) if before != "doc=" => {
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                found.extend(text.map(|text| text.value()));
            }
            TokenTree::Ident(ident) => {
                before = ident.to_string();
                continue;
            }
            TokenTree::Punct(punct) => {
                before.push(punct.as_char());
                continue;
            }
            TokenTree::Literal(_) => {}
        }
        before.clear();
    }
}

struct Texts<'a>(&'a mut Vec<String>);

impl Visit for Texts<'_> {
    fn visit_str(&mut self, text: &Str) {
        self.0.push(text.value.to_string_lossy().into_owned());
    }

    fn visit_tpl(&mut self, template: &Tpl) {
        let parts: Vec<_> = template.quasis.iter().map(|part| &*part.raw).collect();
        self.0.push(parts.join("{}"));
        template.visit_children_with(self);
    }
}

fn script_texts(source: &Source, found: &mut Vec<String>) {
    let map: Lrc<SourceMap> = Lrc::default();
    let file = map.new_source_file(Lrc::new(FileName::Anon), source.text.clone());
    let syntax = Syntax::Es(EsSyntax::default());
    let parsed = parse_file_as_program(&file, syntax, EsVersion::EsNext, None, &mut Vec::new());
    let program = parsed.unwrap_or_else(|error| panic!("{}: {error:?}", source.name));
    program.visit_with(&mut Texts(found));
}

/// The messages that are written more than once, with the files.
fn repeated(sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources {
        let mut found = Vec::new();
        if source.name.ends_with(".js") {
            script_texts(source, &mut found);
        } else {
            rust_texts(source.product().to_token_stream(), &mut found);
        }
        for text in found.into_iter().filter(|text| is_message(text)) {
            places.entry(text).or_default().push(source.name.clone());
        }
    }
    places.retain(|_, files| files.len() > 1);
    places
}

#[test]
fn messages_are_written_once() {
    let mut sources = repository(&[".rs", ".js"]);
    sources.retain(|source| {
        source.name.starts_with("worker-proc/")
            && !source.name.ends_with("/build.rs")
            && !source.name.ends_with(".test.js")
            && !is_test(&source.name)
    });
    let found = repeated(&sources);
    let twice: BTreeSet<&str> = TWICE.iter().copied().collect();
    let wrong = found
        .iter()
        .filter(|(text, _)| !twice.contains(text.as_str()));
    let wrong: Vec<_> = wrong
        .map(|(text, files)| format!("{text:?}: {}", files.join(" ")))
        .collect();
    complain("messages written twice", &wrong);
    let idle = twice.iter().filter(|text| !found.contains_key(**text));
    complain(
        "messages that are written once by now",
        &idle.map(ToString::to_string).collect::<Vec<_>>(),
    );
}

#[test]
fn a_message_in_two_places_is_found() {
    let found = |rust: &str, script: &str| {
        let sources = [Source::new("a.rs", rust), Source::new("b.js", script)];
        repeated(&sources).into_keys().collect::<Vec<_>>()
    };
    let message = "There is no such thing here.";
    let rust = format!("fn f() {{ m!(throw(\"{message}\")) }}");
    assert_eq!(found(&rust, &format!("throw `{message}`;")), [message]);
    assert_eq!(
        found("", &format!("f(\"{message}\", '{message}');")),
        [message]
    );
    let comment = format!("/// {message}\nfn f() {{ g(\"a b c d e f\") }}");
    assert!(found(&comment, &format!("// {message}\nf(\"{message}\");")).is_empty());
}
