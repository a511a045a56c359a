//! What no file may contain.

use crate::complain;
use crate::source::{Source, repository};

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
