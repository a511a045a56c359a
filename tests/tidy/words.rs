//! What no file may contain.

use std::collections::BTreeMap;

use syn::Item;
use syn::visit::{Visit, visit_item};

use crate::complain;
use crate::source::{Source, repository, rust};

const TEXTS: [&str; 8] = [
    ".rs", ".js", ".py", ".sh", ".md", ".toml", ".capnp", ".wd-test",
];

/// Every line that is an offence, with its place.
fn lines(sources: &[Source], is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            if is_wrong(line) {
                found.push(format!("{}:{}: {}", source.name, index + 1, line.trim()));
            }
        }
    }
    found
}

/// Words of a work that is not done. Put together here, so that this file does not find itself.
fn is_left_for_later(line: &str) -> bool {
    let words = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("todo", "!("),
        ("unimple", "mented!("),
        ("for n", "ow"),
        ("placeh", "older"),
    ];
    let names_input = ["::placeholder", "placeholder:", "named placeholder"]
        .iter()
        .any(|name| line.contains(name));
    words
        .iter()
        .any(|(start, end)| line.contains(&format!("{start}{end}")))
        && !names_input
}

/// A path below a folder that only some machine has.
fn names_a_machine(line: &str) -> bool {
    let starts_path =
        |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.)}".contains(c));
    ["work", "farm", "root"].iter().any(|folder| {
        let root = format!("/{folder}/");
        line.match_indices(&root).any(|(at, _)| starts_path(at))
    })
}

#[test]
fn nothing_is_left_for_later() {
    complain(
        "left for later",
        &lines(&repository(&TEXTS), is_left_for_later),
    );
}

#[test]
fn nothing_names_a_machine() {
    let mut sources = repository(&TEXTS);
    sources.extend(repository(&[".lock"]));
    complain("machine paths", &lines(&sources, names_a_machine));
}

#[test]
fn offending_lines_are_found() {
    let later = format!("// TO{}: more", "DO");
    let path = format!("see \"/{}/x\"", "root");
    let source = Source::new(
        "a.md",
        &format!("fine\n{later}\n{path}\nhttp://host/{}/x\n", "root"),
    );
    let sources = [source];
    assert_eq!(
        lines(&sources, is_left_for_later),
        [format!("a.md:2: {later}")]
    );
    assert_eq!(
        lines(&sources, names_a_machine),
        [format!("a.md:3: {path}")]
    );
}

/// Words that many things could be called: each names one type at most.
const ONE_MEANING: [&str; 8] = [
    "Asked", "Entrance", "Found", "Link", "Live", "Outcome", "Place", "Stub",
];

/// Definitions of types by such words.
struct Words<'a> {
    file: &'a str,
    found: BTreeMap<String, Vec<&'a str>>,
}

impl<'ast> Visit<'ast> for Words<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Enum(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        let name = name.map(ToString::to_string);
        if let Some(name) = name.filter(|name| ONE_MEANING.contains(&name.as_str())) {
            self.found.entry(name).or_default().push(self.file);
        }
        visit_item(self, item);
    }
}

/// The words that more than one type has, with the files.
fn words_of_two_meanings(sources: &[Source]) -> Vec<String> {
    let mut words = Words {
        file: "",
        found: BTreeMap::new(),
    };
    for source in sources {
        words.file = &source.name;
        words.visit_file(source.tree());
    }
    let shared = words.found.into_iter().filter(|(_, files)| files.len() > 1);
    shared
        .map(|(word, files)| format!("{word}: {}", files.join(" ")))
        .collect()
}

#[test]
fn a_name_has_one_meaning() {
    complain(
        "words that name more than one type",
        &words_of_two_meanings(&rust()),
    );
}

#[test]
fn a_name_of_two_meanings_is_found() {
    let found = |second: &str| {
        let first = "pub(super) struct Place(usize);";
        words_of_two_meanings(&[Source::new("a.rs", first), Source::new("b.rs", second)])
    };
    assert_eq!(found("enum Place {}"), ["Place: a.rs b.rs"]);
    assert_eq!(found("fn f() { type Place = u8; }"), ["Place: a.rs b.rs"]);
    assert!(found("struct Places; enum E { Place } fn f(place: Place) {}").is_empty());
}

#[test]
fn the_runtime_logs_in_one_place() {
    let sources = repository(&[".rs"]);
    let wrong = sources.iter().filter(|source| {
        source.name.starts_with("worker-proc/")
            && source.name != "worker-proc/src/log.rs"
            && source.text.contains("eprint")
    });
    complain(
        "writes to standard error past worker-proc/src/log.rs",
        &wrong.map(|source| source.name.clone()).collect::<Vec<_>>(),
    );
}
