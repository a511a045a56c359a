//! The repository's files, Rust ones with their syntax trees.

use std::cell::OnceCell;
use std::path::Path;

use ::tests::{files_with_ending, root};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{Attribute, ImplItem, Item, Visibility};

/// A file, named from the repository's root.
pub struct Source {
    pub name: String,
    pub text: String,
    tree: OnceCell<syn::File>,
    product: OnceCell<syn::File>,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            tree: OnceCell::new(),
            product: OnceCell::new(),
        }
    }

    /// Of a Rust file, everything.
    pub fn tree(&self) -> &syn::File {
        let parse =
            || syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        self.tree.get_or_init(parse)
    }

    /// Of a Rust file, what is built when its tests are not.
    pub fn product(&self) -> &syn::File {
        self.product.get_or_init(|| {
            let mut product = self.tree().clone();
            product.items = without_tests(product.items);
            product
        })
    }

    /// What a file brings to the program: of the harness and the tests themselves all, elsewhere what is no test.
    pub fn used(&self) -> &syn::File {
        if self.name.starts_with("tests/") {
            self.tree()
        } else {
            self.product()
        }
    }
}

/// All files of the repository with one of these endings but generated ones.
pub fn repository(endings: &[&str]) -> Vec<Source> {
    let paths = endings.iter().flat_map(|ending| files_with_ending(ending));
    let named = paths.map(|path| (name(&path), path));
    named
        .filter(|(name, _)| !name.contains("/generated/") && !name.starts_with("deploy/v8/"))
        .map(|(name, path)| {
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Source::new(&name, &text)
        })
        .collect()
}

/// The repository's Rust files.
pub fn rust() -> Vec<Source> {
    repository(&[".rs"])
}

/// Files of tests alone, by their names and places.
pub fn is_test(name: &str) -> bool {
    name.starts_with("tests/")
        || name.contains("/tests/")
        || name.ends_with("tests.rs")
        || name.contains("-test")
}

fn name(path: &Path) -> String {
    let inside = path.strip_prefix(root()).unwrap_or(path);
    inside.display().to_string()
}

fn without_tests(items: Vec<Item>) -> Vec<Item> {
    let kept = items.into_iter().filter(|item| !is_for_tests(item));
    kept.map(|item| match item {
        Item::Mod(mut module) => {
            if let Some((_, inner)) = &mut module.content {
                *inner = without_tests(std::mem::take(inner));
            }
            Item::Mod(module)
        }
        Item::Impl(mut block) => {
            block.items.retain(
                |item| !matches!(item, ImplItem::Fn(method) if method.attrs.iter().any(means_test)),
            );
            Item::Impl(block)
        }
        other => other,
    })
    .collect()
}

fn is_for_tests(item: &Item) -> bool {
    attributes(item).iter().any(means_test)
}

/// The attributes of the kinds of items that tests consist of.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[test]`, `#[cfg(test)]`.
pub fn means_test(attribute: &Attribute) -> bool {
    let is_cfg = attribute.path().is_ident("cfg");
    attribute.path().is_ident("test")
        || is_cfg
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string() == "test")
}

/// Whether others than the file itself may name an item.
pub fn is_visible(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}

/// A path as it is written, with its line: `crate::a::b`, or `a` alone.
#[derive(Debug, PartialEq)]
pub struct Written {
    pub path: Vec<String>,
    pub line: usize,
}

/// Every path in the tokens, those in macros included; groups of imports are taken apart, `*` is a segment.
pub fn paths(tokens: TokenStream) -> Vec<Written> {
    let mut found = Vec::new();
    collect_paths(tokens, &[], &mut found);
    found
}

fn collect_paths(tokens: TokenStream, prefix: &[String], found: &mut Vec<Written>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let follows = at >= 2 && is_separator(&tokens, at - 2);
        match &tokens[at] {
            // Whom an item is visible to is no import.
            TokenTree::Group(_) if at > 0 && is_word(&tokens[at - 1], "pub") => {}
            TokenTree::Group(group) if follows && group.delimiter() == Delimiter::Brace => {}
            TokenTree::Group(group) => collect_paths(group.stream(), &[], found),
            // A lifetime's name.
            TokenTree::Ident(_) if at > 0 && is_punct(&tokens[at - 1], '\'') => {}
            // The rest of `<T as Trait>::rest`, and what `::name` begins: not ours.
            TokenTree::Ident(_) if follows => {}
            TokenTree::Ident(_) => {
                at = one_path(&tokens, at, prefix, found);
                continue;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

/// Reads the path that begins here, and gives where it ends.
fn one_path(
    tokens: &[TokenTree],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Written>,
) -> usize {
    let line = tokens[at].span().start().line;
    let mut path = prefix.to_vec();
    loop {
        path.push(tokens[at].to_string());
        at += 1;
        if !is_separator(tokens, at) {
            break;
        }
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(_)) => at += 2,
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                grouped(group.stream(), &path, found);
                return at + 3;
            }
            Some(star) if is_punct(star, '*') => {
                path.push("*".to_owned());
                at += 3;
                break;
            }
            // A turbofish: what follows it belongs to a type.
            _ => break,
        }
    }
    found.push(Written { path, line });
    at
}

/// `{self, a, b::{c, d}}` after a path.
fn grouped(group: TokenStream, prefix: &[String], found: &mut Vec<Written>) {
    let tokens: Vec<TokenTree> = group.into_iter().collect();
    for part in tokens.split(|token| is_punct(token, ',')) {
        let Some(first) = part.first() else {
            continue;
        };
        let line = first.span().start().line;
        if is_word(first, "self") {
            found.push(Written {
                path: prefix.to_vec(),
                line,
            });
        } else if is_punct(first, '*') {
            let mut path = prefix.to_vec();
            path.push("*".to_owned());
            found.push(Written { path, line });
        } else {
            one_path(part, 0, prefix, found);
        }
    }
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
    let joint = matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.spacing() == proc_macro2::Spacing::Joint);
    colon(at) && joint && colon(at + 1)
}

fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

/// Every identifier in the tokens.
pub fn identifiers(tokens: TokenStream, each: &mut impl FnMut(String)) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => identifiers(group.stream(), each),
            TokenTree::Ident(ident) => each(ident.to_string()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let found = paths(text.parse().unwrap());
        found.iter().map(|found| found.path.join("::")).collect()
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        assert_eq!(
            all("use crate::{self, http, net::{a, b as c}, x::*};"),
            [
                "use",
                "crate",
                "crate::http",
                "crate::net::a",
                "crate::net::b",
                "crate::x::*"
            ]
        );
        assert_eq!(
            all("pub(super) fn f(x: &'a super::T) { m!(self::g(Vec::<u8>::new())) }"),
            [
                "pub", "fn", "f", "x", "super::T", "m", "self::g", "Vec", "u8"
            ]
        );
    }

    #[test]
    fn tests_are_no_part_of_the_product() {
        let source = Source::new(
            "a.rs",
            "fn a() {} #[cfg(test)] mod tests { fn b() {} } #[test] fn c() {} mod d { #[cfg(test)] fn e() {} }
             impl A { #[cfg(test)] fn f() {} fn g() {} }",
        );
        let mut names = Vec::new();
        identifiers(
            quote::ToTokens::to_token_stream(source.product()),
            &mut |name| names.push(name),
        );
        names.retain(|name| name.len() == 1);
        assert_eq!(names, ["a", "d", "A", "g"]);
    }
}
