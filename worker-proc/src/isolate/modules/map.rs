//! What modules an isolate has, and what has become of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::fallback::Fallback;
use super::names::Naming;
use crate::glue::code::{Source, Text};

/// Who may import a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The worker's own modules, which those of extensions do not see.
    Worker,
    /// An extension's module that workers may import.
    Extension,
    /// An extension's module for other extension modules.
    Internal,
}

/// A module that can be loaded.
pub(super) struct Definition {
    pub(super) source: Source,
    pub(super) scope: Scope,
}

/// The modules of one isolate.
///
/// A full name is that of an instance; where names are URLs, those that differ in query and fragment have one definition.
#[derive(Default)]
pub(super) struct ModuleMap {
    pub(super) naming: Naming,
    /// The full name of the module that the worker starts with.
    pub(super) main: Option<String>,
    pub(super) definitions: HashMap<String, Definition>,
    /// The names of the worker's own modules, in the config's order.
    pub(super) own: Vec<String>,
    /// The classic script that the worker is, by its name.
    pub(super) script: Option<(String, Text)>,
    /// By full name.
    pub(super) modules: HashMap<String, v8::Global<v8::Module>>,
    pub(super) names: HashMap<v8::Global<v8::Module>, String>,
    /// `module` of the CommonJS modules that have begun to run, by full name.
    pub(super) common_js: HashMap<String, v8::Global<v8::Object>>,
    /// What JSON and Wasm modules were made into, by full name.
    pub(super) values: HashMap<String, v8::Global<v8::Value>>,
    /// Who is asked for modules that are not here.
    pub(super) fallback: Option<Rc<dyn Fallback>>,
    /// Full names of the modules that it has, by what they were asked for by.
    pub(super) redirects: HashMap<String, String>,
    /// Evaluations that are under way on the stack.
    pub(super) evaluating: u32,
}

impl ModuleMap {
    pub(super) fn scope_of(&self, full: &str) -> Option<Scope> {
        let definition = self.definitions.get(self.naming.definition(full))?;
        Some(definition.scope)
    }

    pub(super) fn source_of(&self, full: &str) -> Option<&Source> {
        let definition = self.definitions.get(self.naming.definition(full))?;
        Some(&definition.source)
    }

    /// Whether code of the module `referrer` may import the module `full`: an extension sees nothing of the worker, which could
    /// put itself in an internal module's place.
    pub(super) fn visible(&self, full: &str, referrer: &str) -> bool {
        match self.scope_of(full) {
            None => false,
            Some(Scope::Worker) => !self.is_extension(referrer),
            Some(Scope::Extension) => true,
            Some(Scope::Internal) => self.is_extension(referrer),
        }
    }

    pub(super) fn is_extension(&self, full: &str) -> bool {
        matches!(
            self.scope_of(full),
            Some(Scope::Extension | Scope::Internal)
        )
    }

    pub(super) fn name_of(
        &self,
        scope: &mut v8::PinScope,
        module: v8::Local<v8::Module>,
    ) -> String {
        let key = v8::Global::new(scope, module);
        self.names.get(&key).cloned().unwrap_or_default()
    }
}

pub(super) type Shared = Rc<RefCell<ModuleMap>>;

/// The map of an isolate.
pub(super) fn map(isolate: &v8::Isolate) -> Shared {
    isolate
        .get_slot::<Shared>()
        .expect("the isolate wrapper installs the map")
        .clone()
}
