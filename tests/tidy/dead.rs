//! What nobody names: definitions, which rustc does not report where a crate shows them to others, and files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{ImplItem, Item};

use crate::complain;
use crate::modules::test_files;
use crate::source::{Source, attributes, identifiers, is_visible, repository, rust};

type Counts = HashMap<String, usize>;

fn count(tokens: impl ToTokens, counts: &mut Counts) {
    identifiers(tokens.to_token_stream(), &mut |name| {
        *counts.entry(name).or_default() += 1;
    });
}

/// How often the tokens have the name.
fn mentions(tokens: impl ToTokens, name: &str) -> usize {
    let mut found = 0;
    identifiers(tokens.to_token_stream(), &mut |other| {
        found += usize::from(other == name);
    });
    found
}

#[derive(Default)]
struct Definitions {
    /// Name, file, line of what others may name.
    visible: Vec<(String, String, usize)>,
    /// Mentions of a name by its own definition and its own implementations.
    own: Counts,
}

impl Definitions {
    fn add(&mut self, source: &Source, items: &[Item]) {
        for item in items {
            let (ident, visibility) = match item {
                Item::Const(item) => (&item.ident, &item.vis),
                Item::Enum(item) => (&item.ident, &item.vis),
                Item::Fn(item) => (&item.sig.ident, &item.vis),
                Item::Static(item) => (&item.ident, &item.vis),
                Item::Struct(item) => (&item.ident, &item.vis),
                Item::Trait(item) => (&item.ident, &item.vis),
                Item::Type(item) => (&item.ident, &item.vis),
                Item::Impl(block) => {
                    self.add_impl(source, block);
                    continue;
                }
                Item::Mod(module) => {
                    if let Some((_, items)) = &module.content {
                        self.add(source, items);
                    }
                    continue;
                }
                _ => continue,
            };
            self.define(ident, item);
            // A derive is named by what it derives.
            let is_macro = attributes(item)
                .iter()
                .any(|attribute| attribute.path().is_ident("proc_macro_derive"));
            if is_visible(visibility) && !is_macro {
                self.show(source, ident);
            }
        }
    }

    fn add_impl(&mut self, source: &Source, block: &syn::ItemImpl) {
        if let syn::Type::Path(of) = &*block.self_ty
            && let Some(last) = of.path.segments.last()
        {
            let name = last.ident.to_string();
            *self.own.entry(name.clone()).or_default() += mentions(block, &name);
        }
        for item in &block.items {
            let (ident, visibility) = match item {
                ImplItem::Fn(item) => (&item.sig.ident, &item.vis),
                ImplItem::Const(item) => (&item.ident, &item.vis),
                _ => continue,
            };
            // What a trait asks for is named by the trait.
            if block.trait_.is_none() && is_visible(visibility) {
                self.define(ident, item);
                self.show(source, ident);
            }
        }
    }

    fn define(&mut self, ident: &syn::Ident, item: impl ToTokens) {
        let name = ident.to_string();
        let mentions = mentions(item, &name);
        *self.own.entry(name).or_default() += mentions;
    }

    fn show(&mut self, source: &Source, ident: &syn::Ident) {
        let line = ident.span().start().line;
        self.visible
            .push((ident.to_string(), source.name.clone(), line));
    }
}

/// What is named outside of all sources: by the system, and by the registries that the build script writes.
const NAMED_ELSEWHERE: [&str; 3] = ["main", "API", "BINDING"];

/// Visible definitions that nothing but themselves names. A name that is defined twice is alive if either is.
fn unnamed(sources: &[Source]) -> Vec<String> {
    let for_tests = test_files(sources);
    let (mut definitions, mut all) = (Definitions::default(), Counts::new());
    for source in sources {
        if for_tests.contains(&source.name) {
            continue;
        }
        let exports: Vec<_> = source
            .used()
            .items
            .iter()
            .filter(|item| !is_export(item))
            .collect();
        exports.iter().for_each(|item| count(item, &mut all));
        definitions.add(source, &source.used().items);
    }
    let (own, visible) = (definitions.own, definitions.visible.into_iter());
    let dead = visible
        .filter(|(name, ..)| all[name] <= own[name] && !NAMED_ELSEWHERE.contains(&name.as_str()));
    dead.map(|(name, file, line)| format!("{file}:{line}: {name}"))
        .collect()
}

/// A facade's `pub use` shows a name; it does not use it.
fn is_export(item: &Item) -> bool {
    matches!(item, Item::Use(item) if is_visible(&item.vis))
}

#[test]
fn no_definition_is_dead() {
    complain("definitions that nobody names", &unnamed(&rust()));
}

#[test]
fn a_dead_definition_is_found() {
    let found = |user: &str| {
        unnamed(&[
            Source::new("a/src/lib.rs", "mod b; pub use b::{dead, T};"),
            Source::new(
                "a/src/b.rs",
                "pub fn dead() { dead() } pub struct T; impl T { pub fn new() -> T { T } }
                 #[cfg(test)] mod tests { fn t() { super::dead(); super::T::new(); } }",
            ),
            Source::new("b/src/lib.rs", user),
        ])
    };
    assert_eq!(
        found(""),
        ["a/src/b.rs:1: dead", "a/src/b.rs:1: T", "a/src/b.rs:1: new"]
    );
    assert_eq!(found("fn f() { m!(a::dead()); a::T::new() }").len(), 0);
}

/// Every JavaScript file is named by a file beside it or above it: a Rust registry, a config, another script.
fn unnamed_scripts(sources: &[Source]) -> Vec<String> {
    let (scripts, namers): (Vec<_>, Vec<_>) = sources
        .iter()
        .partition(|source| source.name.ends_with(".js"));
    let names = |namer: &Source, script: &Source| {
        let folder = Path::new(&namer.name).parent().unwrap_or(Path::new(""));
        let inside = PathBuf::from(&script.name);
        inside
            .strip_prefix(folder)
            .is_ok_and(|inside| namer.text.contains(&format!("\"{}\"", inside.display())))
    };
    let dead = scripts
        .into_iter()
        .filter(|script| !namers.iter().any(|namer| names(namer, script)));
    dead.map(|script| script.name.clone()).collect()
}

/// Every Rust file below a `src` is declared as a module.
fn undeclared(sources: &[Source]) -> Vec<String> {
    let is_declared = |source: &&Source| {
        let stem = Path::new(&source.name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let forms = [format!("mod {stem};"), format!("/{stem}.rs\"]")];
        let declares = |other: &Source| forms.iter().any(|form| other.text.contains(form));
        !source.name.ends_with(".rs")
            || !source.name.contains("/src/")
            || ["main", "lib", "mod"].contains(&stem.as_str())
            || sources.iter().any(declares)
    };
    let dead = sources.iter().filter(|source| !is_declared(source));
    dead.map(|source| source.name.clone()).collect()
}

#[test]
fn no_file_is_dead() {
    let endings = [".js", ".rs", ".capnp", ".wd-test", ".toml", ".md", ".sh"];
    complain(
        "JavaScript that nothing names",
        &unnamed_scripts(&repository(&endings)),
    );
    complain("Rust files that no module declares", &undeclared(&rust()));
}

#[test]
fn a_dead_file_is_found() {
    let files = |registry: &str| {
        let sources = [
            Source::new("a/src/x/mod.rs", registry),
            Source::new("a/src/x/y.js", ""),
            Source::new("a/src/x/z.rs", ""),
        ];
        (unnamed_scripts(&sources).len(), undeclared(&sources).len())
    };
    assert_eq!(files("mod z; const A: &str = \"y.js\";"), (0, 0));
    assert_eq!(files(""), (1, 1));
}
