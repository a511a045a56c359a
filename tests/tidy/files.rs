//! What a file is like from outside: how long it is, and that it says what it is.

use crate::complain;
use crate::source::{Source, is_test, repository, rust};

/// Lines of a file without its tests.
const MAX_LINES: usize = 800;

/// The text before a Rust file's own tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
}

fn long(source: &Source) -> Option<String> {
    let lines = without_tests(&source.text).lines().count();
    let is_long = lines > MAX_LINES && !is_test(&source.name);
    is_long.then(|| format!("{}: {lines} lines", source.name))
}

fn is_silent(source: &Source) -> bool {
    !source.text.starts_with("//!")
}

#[test]
fn files_are_short() {
    let sources = repository(&[".rs", ".js", ".py", ".sh"]);
    complain(
        "longer than 800 lines",
        &sources.iter().filter_map(long).collect::<Vec<_>>(),
    );
}

#[test]
fn a_long_file_is_found() {
    let with_lines = |lines: usize| long(&Source::new("a.js", &"\n".repeat(lines)));
    assert_eq!((with_lines(800), with_lines(801).is_some()), (None, true));
    let tests = format!("{}#[cfg(test)]\nmod tests {{\n}}\n", "\n".repeat(800));
    assert_eq!(long(&Source::new("a.rs", &tests)), None);
}

#[test]
fn files_say_what_they_are() {
    let sources = rust();
    let silent = sources.iter().filter(|source| is_silent(source));
    complain(
        "Rust files without a first comment",
        &silent.map(|source| source.name.clone()).collect::<Vec<_>>(),
    );
    assert!(is_silent(&Source::new("a.rs", "use a::b;\n")));
}
