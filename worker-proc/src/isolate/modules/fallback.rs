//! Modules that a worker lacks: a service outside is asked for them, while the isolate waits.
//!
//! `resolve` asks where nothing else has a module. What is found is a module of the worker from then on.

use super::map::{Definition, Scope, map};
use super::names::Naming;
use super::resolve::{Way, builtin};
use crate::glue::code::Source;

/// How often a service may send on before a module counts as missing.
const MAX_REDIRECTS: usize = 16;

/// Who is asked.
pub trait Fallback {
    /// The module, or where to ask; none if there is none. The log says why.
    fn ask(&self, wanted: &Wanted<'_>) -> Option<FallbackAnswer>;
}

/// What is asked for.
pub struct Wanted<'a> {
    /// Whether names are URLs, or else paths without their first slash.
    pub is_url: bool,
    /// The full name.
    pub name: &'a str,
    /// As it stands in the code.
    pub raw: &'a str,
    /// The full name of the module whose code asks.
    pub referrer: &'a str,
    pub is_require: bool,
    /// The `type` of the import's attributes.
    pub kind: Option<&'a str>,
}

/// What the service has.
pub enum FallbackAnswer {
    Module(Source),
    /// Another name for it.
    Redirect(String),
}

/// A question as the code asks it.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub specifier: &'a str,
    pub referrer: &'a str,
    pub way: Way,
    /// The `type` of the import's attributes.
    pub kind: Option<&'a str>,
}

/// The name of the module that `full` means to the fallback service, if there is one and it has the module. The outer option
/// is empty if an exception is pending.
pub(super) fn find(
    scope: &mut v8::PinScope,
    question: Question<'_>,
    full: &str,
) -> Option<Option<String>> {
    let shared = map(scope);
    let (fallback, naming) = {
        let map = shared.borrow();
        if let Some(name) = map.redirects.get(full) {
            return Some(Some(name.clone()));
        }
        match &map.fallback {
            Some(fallback) if !map.is_extension(question.referrer) => {
                (fallback.clone(), map.naming)
            }
            _ => return Some(None),
        }
    };
    let mut names = vec![naming.definition(full).to_owned()];
    while let Some(name) = names.last().filter(|_| names.len() <= MAX_REDIRECTS) {
        let found = fallback.ask(&Wanted {
            is_url: naming == Naming::Urls,
            name,
            raw: question.specifier,
            referrer: question.referrer,
            is_require: question.way == Way::Require,
            kind: question.kind,
        });
        let to = match found {
            None => return Some(None),
            Some(FallbackAnswer::Module(source)) => {
                let scope = Scope::Worker;
                let definition = Definition { source, scope };
                let name = name.clone();
                let mut map = shared.borrow_mut();
                map.definitions.insert(name.clone(), definition);
                if names.len() == 1 {
                    return Some(Some(full.to_owned()));
                }
                map.redirects.insert(full.to_owned(), name.clone());
                return Some(Some(name));
            }
            Some(FallbackAnswer::Redirect(to)) => naming.resolve(&to, name),
        };
        let Some(to) = to.filter(|to| !names.contains(to)) else {
            return Some(None);
        };
        let is_there = shared.borrow().visible(&to, question.referrer);
        let there = match is_there {
            true => Some(to.clone()),
            false => builtin(scope, &to, false)?,
        };
        if let Some(name) = there {
            let mut map = shared.borrow_mut();
            map.redirects.insert(full.to_owned(), name.clone());
            return Some(Some(name));
        }
        names.push(to);
    }
    Some(None)
}
