//! The house rules that a program can check, a file each; every rule shows on small bad inputs that it finds them.
//!
//! Rust is read as a syntax tree, so that no import hides in a group, a macro, an inline path or behind `super`.

mod bindings;
mod dead;
mod files;
mod functions;
mod layers;
mod licences;
mod loops;
mod messages;
mod modules;
mod ops;
mod source;
mod unsafety;
mod words;

/// Fails with every offence that a rule found.
fn complain(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}
