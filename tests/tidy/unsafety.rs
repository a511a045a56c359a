//! Unsafe code: how much of it there is, and that each piece says why it is sound.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

use crate::complain;
use crate::source::{Source, rust};

/// Unsafe blocks of the program in all, tests' own aside. It only goes down.
const MAX_BLOCKS: usize = 110;

/// Lines above an unsafe block among which its reason begins.
const NEAR: usize = 6;

/// The lines of what is unsafe, in macros too, by what follows the word: a block, or `impl`.
fn places(tokens: TokenStream, is_one: fn(&TokenTree) -> bool) -> Vec<usize> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => found.extend(places(group.stream(), is_one)),
            TokenTree::Ident(word)
                if word == "unsafe" && tokens.get(at + 1).is_some_and(is_one) =>
            {
                found.push(word.span().start().line);
            }
            _ => {}
        }
    }
    found
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_block_or_impl(token: &TokenTree) -> bool {
    is_block(token) || matches!(token, TokenTree::Ident(word) if word == "impl")
}

fn count(sources: &[Source]) -> usize {
    let tokens = sources
        .iter()
        .map(|source| source.product().to_token_stream());
    tokens.map(|tokens| places(tokens, is_block).len()).sum()
}

fn silent(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let speaks = |line: &usize| {
        let near = &lines[line.saturating_sub(NEAR + 1)..*line];
        near.iter().any(|line| line.contains("SAFETY:"))
    };
    let places = places(source.tree().to_token_stream(), is_block_or_impl).into_iter();
    let silent = places.filter(|line| !speaks(line));
    silent
        .map(|line| format!("{}:{line}", source.name))
        .collect()
}

#[test]
fn unsafe_blocks_say_why_they_are_safe() {
    complain(
        "unsafe without SAFETY",
        &rust().iter().flat_map(silent).collect::<Vec<_>>(),
    );
}

#[test]
fn unsafe_blocks_are_few() {
    let count = count(&rust());
    assert!(
        count <= MAX_BLOCKS,
        "{count} unsafe blocks, more than {MAX_BLOCKS}"
    );
}

#[test]
fn a_silent_block_is_found() {
    let found = |text: &str| silent(&Source::new("a.rs", text)).len();
    assert_eq!(found("fn f() {\n// SAFETY: none.\nunsafe { g() }\n}"), 0);
    assert_eq!(found("fn f() {\nunsafe { g() }\n}"), 1);
    assert_eq!(
        found("fn f() {\nm!(unsafe { g() })\n}\nunsafe impl A for B {}\nunsafe fn g() {}"),
        2
    );
}

#[test]
fn blocks_are_counted() {
    let text = "fn f() { unsafe { m!(unsafe { g() }) } }
                unsafe impl A for B {}
                #[cfg(test)] mod tests { fn f() { unsafe { g() } } }";
    assert_eq!(count(&[Source::new("a.rs", text)]), 2);
}
