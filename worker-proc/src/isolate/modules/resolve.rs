//! What a specifier means where it stands, and what is said if it means nothing.

use super::error::Error;
use super::fallback::{self, Question};
use super::map::{Definition, Scope, map};
use super::names::Naming;
use crate::glue::args::{string, to_string};
use crate::glue::code::Source;
use crate::glue::state::IsolateState;

/// Before the full names of built-in modules: no specifier means a name with a NUL.
pub(super) const BUILTIN: &str = "\0builtin:";

/// What a specifier means.
pub(super) enum Resolved {
    /// The module of this full name, which is there.
    Found(String),
    /// A name that no module has.
    Missing(String),
    /// No name at all.
    Malformed,
}

/// How a module is asked for; messages tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Static,
    Dynamic,
    Require,
}

/// The module that a specifier means: of the config, or a built-in one, which is added, or one that the fallback service has.
/// Empty if an exception is pending.
pub(super) fn resolve(scope: &mut v8::PinScope, question: Question<'_>) -> Option<Resolved> {
    match here(scope, question)? {
        Resolved::Missing(full) => Some(match fallback::find(scope, question, &full)? {
            Some(name) => Resolved::Found(name),
            None => Resolved::Missing(full),
        }),
        known => Some(known),
    }
}

/// The same of what is here.
fn here(scope: &mut v8::PinScope, question: Question<'_>) -> Option<Resolved> {
    let Question {
        specifier,
        referrer,
        ..
    } = question;
    let renamed = rename(scope, specifier)?;
    let specifier = renamed.as_deref().unwrap_or(specifier);
    let shared = map(scope);
    let full = {
        let map = shared.borrow();
        // Modules of extensions name one another in full.
        let base = if map.is_extension(referrer) {
            ""
        } else {
            referrer
        };
        let Some(full) = map.naming.resolve(specifier, base) else {
            return Some(Resolved::Malformed);
        };
        if map.visible(&full, referrer) {
            return Some(Resolved::Found(full));
        }
        full
    };
    let name = shared.borrow().naming.definition(&full).to_owned();
    let extension = shared.borrow().is_extension(referrer);
    Some(match builtin(scope, &name, extension)? {
        Some(name) => Resolved::Found(name),
        None => Resolved::Missing(full),
    })
}

/// The built-in module of a name, which is added; some of them are for extensions alone. The outer option is empty if an
/// exception is pending.
pub(super) fn builtin(
    scope: &mut v8::PinScope,
    name: &str,
    extension: bool,
) -> Option<Option<String>> {
    let state = IsolateState::get(scope);
    let find = state.internal(scope, "modules", "resolve")?;
    let argument = string(scope, name).into();
    let extension = v8::Boolean::new(scope, extension).into();
    let this = v8::undefined(scope).into();
    let internal = find.call(scope, this, &[argument, extension])?;
    if !internal.is_string() {
        return Some(None);
    }
    let internal = to_string(scope, internal);
    let name = format!("{BUILTIN}{internal}");
    let shared = map(scope);
    let mut map = shared.borrow_mut();
    map.definitions.entry(name.clone()).or_insert(Definition {
        source: Source::Builtin(internal),
        scope: Scope::Worker,
    });
    Some(Some(name))
}

/// What Node's modules are called with their prefix, if `specifier` is one without; the outer option is empty if an
/// exception is pending.
fn rename(scope: &mut v8::PinScope, specifier: &str) -> Option<Option<String>> {
    let bare = !specifier.starts_with(['.', '/']) && !specifier.contains(':');
    if !bare && specifier != "node:sys" {
        return Some(None);
    }
    let state = IsolateState::get(scope);
    let rename = state.internal(scope, "modules", "rename")?;
    let argument = string(scope, specifier).into();
    let this = v8::undefined(scope).into();
    let renamed = rename.call(scope, this, &[argument])?;
    Some(renamed.is_string().then(|| to_string(scope, renamed)))
}

/// Why an import or a `require` finds nothing.
pub(super) fn complain(scope: &v8::PinScope, question: Question<'_>, resolved: &Resolved) -> Error {
    let specifier = question.specifier.to_owned();
    let referrer = question.referrer.to_owned();
    let naming = map(scope).borrow().naming;
    match (naming, resolved, question.way) {
        (Naming::Urls, Resolved::Malformed, _) => Error::InvalidUrl { specifier },
        (Naming::Urls, _, Way::Require) => Error::NotFound { name: specifier },
        (Naming::Urls, Resolved::Found(full) | Resolved::Missing(full), _) => {
            let name = full.clone();
            Error::NotFound { name }
        }
        (Naming::Paths, Resolved::Malformed, Way::Static) => Error::InvalidImport {
            specifier,
            referrer,
        },
        (Naming::Paths, Resolved::Malformed, Way::Dynamic) => {
            Error::InvalidDynamicImport { specifier }
        }
        (Naming::Paths, Resolved::Malformed, Way::Require) => Error::InvalidPath { specifier },
        (Naming::Paths, Resolved::Found(full) | Resolved::Missing(full), way) => {
            let name = naming.show(full).to_owned();
            match way {
                Way::Static => Error::NoSuchImport { name, referrer },
                Way::Dynamic | Way::Require => Error::NoSuchModule { name },
            }
        }
    }
}
