//! The registry of APIs: what each folder under `api` and `bindings` brings, as data.
//!
//! `boot` installs it once a process; the snapshot builder and the JavaScript loader read it.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::context::IoContext;
use super::convert::Shared;
use super::op::Op;
use crate::service::{Props, Request, rpc, trace};

/// One API: a folder with its JavaScript and its ops.
pub struct Api {
    /// The prefix of its internal modules: the folder's name, in a wing of families after the wing's (`node/buffer`).
    pub name: &'static str,
    /// Modules evaluated into the start-up snapshot, in this order.
    pub modules: &'static [JsSource],
    /// Modules compiled when first required, or when a global of theirs is first read.
    pub lazy: &'static [JsSource],
    /// The APIs whose modules these require when they are loaded. APIs use each other in no loop, at once or later.
    pub uses: &'static [&'static str],
    /// The APIs whose modules these require only in functions, each with the reason for not using it at once.
    pub lazy_uses: &'static [(&'static str, &'static str)],
    /// Adds the folder's ops.
    pub ops: fn(&mut Ops),
}

/// One file of internal JavaScript: the body of a function of `(exports, require, ops, primordials)`, in strict mode.
#[derive(Clone, Copy)]
pub struct JsSource {
    /// The file's name, `url.js`.
    pub file: &'static str,
    /// The internal module's name where it is not made from folder and file (`node:util`).
    pub name: Option<&'static str>,
    /// The Rust file that names it; its folder holds the JavaScript.
    #[cfg_attr(not(debug_assertions), allow(dead_code))]
    pub beside: &'static str,
    /// The text, as compiled in: ASCII, which V8 uses where it lies, so that no isolate holds a copy.
    pub text: &'static v8::OneByteConst,
    /// Of a lazy module: the globals that it defines.
    pub globals: &'static [&'static str],
}

/// Names a JavaScript file that lies beside the calling Rust file: `js!("url.js")`, `js!("util.js" as "node:util")`.
#[macro_export]
macro_rules! js {
    ($file:literal) => {
        $crate::js!(@named $file, None)
    };
    ($file:literal as $name:literal) => {
        $crate::js!(@named $file, Some($name))
    };
    (@named $file:literal, $name:expr) => {{
        static TEXT: v8::OneByteConst = v8::String::create_external_onebyte_const(
            concat!($crate::strict!(), include_str!($file)).as_bytes(),
        );
        $crate::glue::JsSource {
            file: $file,
            name: $name,
            beside: file!(),
            text: &TEXT,
            globals: &[],
        }
    }};
}

/// What stands before every text, on its first line, so that all of it is in strict mode.
#[macro_export]
macro_rules! strict {
    () => {
        "\"use strict\";"
    };
}

impl JsSource {
    /// The same module with globals that load it when they are first read.
    pub const fn defining(self, globals: &'static [&'static str]) -> Self {
        Self { globals, ..self }
    }

    /// `url` for `url.js` of the API `url`, `streams/pipe` for `pipe.js` of `streams`, or the name given.
    fn module_name(&self, api: &str) -> String {
        if let Some(name) = self.name {
            return name.to_owned();
        }
        let stem = self.file.trim_end_matches(".js");
        if api.rsplit('/').next() == Some(stem) {
            api.to_owned()
        } else {
            format!("{api}/{stem}")
        }
    }

    /// The text: compiled in, or read from the source tree where a debug build is told to (`WORKERD_JS_FROM_DISK`).
    pub fn read(&self) -> std::borrow::Cow<'static, str> {
        #[cfg(debug_assertions)]
        if from_disk() {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let path = root.join(self.beside).with_file_name("").join(self.file);
            match std::fs::read_to_string(&path) {
                Ok(text) => return format!("{}{text}", crate::strict!()).into(),
                Err(error) => crate::log::error(format_args!(
                    "{}: {error}; the built-in text is used",
                    path.display()
                )),
            }
        }
        self.text.as_str().into()
    }

    /// The text as a V8 string.
    pub fn to_v8<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::String>> {
        match self.read() {
            std::borrow::Cow::Borrowed(_) => v8::String::new_from_onebyte_const(scope, self.text),
            std::borrow::Cow::Owned(text) => v8::String::new(scope, &text),
        }
    }

    fn reference(&self) -> v8::ExternalReference {
        v8::ExternalReference {
            pointer: std::ptr::from_ref(self.text).cast_mut().cast(),
        }
    }
}

/// Whether internal JavaScript is read from the source tree: a debug build's way to try a change with no rebuild.
pub fn from_disk() -> bool {
    cfg!(debug_assertions) && std::env::var_os("WORKERD_JS_FROM_DISK").is_some()
}

/// Adds what JavaScript's `workers.fetch` takes of a request to the arguments of a call.
pub type PushRequest = for<'s> fn(
    &mut v8::PinScope<'s, '_>,
    &dyn IoContext,
    Request,
    &mut Vec<v8::Local<'s, v8::Value>>,
);

/// Adds what JavaScript's functions that serve an RPC session's first call take of it to the arguments of a call.
pub type PushCall = for<'s> fn(
    &mut v8::PinScope<'s, '_>,
    &dyn IoContext,
    rpc::Call,
    &rpc::SharedReply,
    &mut Vec<v8::Local<'s, v8::Value>>,
);

/// Adds what JavaScript makes `ctx.props` of to the arguments of a call: JSON, bytes or null, and a list of externals.
pub type PushProps =
    for<'s> fn(&mut v8::PinScope<'s, '_>, Option<&Props>, &mut Vec<v8::Local<'s, v8::Value>>);

/// Adds what JavaScript's functions that handle a tail worker's event take of it to the arguments of a call.
pub type PushTold = for<'s> fn(
    &mut v8::PinScope<'s, '_>,
    &dyn IoContext,
    trace::Told,
    &mut Vec<v8::Local<'s, v8::Value>>,
);

/// Module, function, and names of its last parameters.
type Passed = (&'static str, &'static str, &'static [&'static str]);

/// The ops of one API, in the order added: the order is part of the snapshot.
#[derive(Default)]
pub struct Ops {
    pub(crate) list: Vec<Op>,
    /// What JavaScript reads of Rust's layouts: a name, and the names of constants that count from 0.
    pub(crate) shared: Vec<(&'static str, &'static [&'static str])>,
    /// What JavaScript's functions are called with.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) passed: Vec<Passed>,
    push_request: Option<PushRequest>,
    push_call: Option<PushCall>,
    push_props: Option<PushProps>,
    push_told: Option<PushTold>,
}

impl Ops {
    /// Adds what `#[op]` has made.
    pub fn add_all(&mut self, ops: &[fn() -> Op]) {
        self.list.extend(ops.iter().map(|op| op()));
    }

    /// Says which functions, by module and name, are called with the fields of a type; a test compares.
    pub fn passes<T: Shared>(&mut self, functions: &[(&'static str, &'static str)]) {
        let all = functions.iter();
        self.passed
            .extend(all.map(|(module, function)| (*module, *function, T::CONSTANTS)));
    }

    /// Gives JavaScript a type's layout, as constants in `ops` under the type's name.
    pub fn share<T: Shared>(&mut self) {
        self.shared.push((T::NAME, T::CONSTANTS));
    }

    /// Makes this API the one that turns requests into JavaScript.
    pub fn receive_requests(&mut self, push: PushRequest) {
        self.push_request = Some(push);
    }

    /// The same for RPC calls.
    pub fn receive_calls(&mut self, push: PushCall) {
        self.push_call = Some(push);
    }

    /// Says how props reach JavaScript.
    pub fn receive_props(&mut self, push: PushProps) {
        self.push_props = Some(push);
    }

    /// Makes this API the one that turns traces into JavaScript.
    pub fn receive_traces(&mut self, push: PushTold) {
        self.push_told = Some(push);
    }
}

/// An internal module: its source and the API it belongs to.
pub struct Module {
    pub source: JsSource,
    pub api: usize,
}

/// All APIs, indexed.
pub struct Registry {
    pub apis: Vec<&'static Api>,
    pub ops: Vec<Ops>,
    pub modules: HashMap<String, Module>,
    /// Names of the snapshot's modules in order of evaluation.
    pub eager: Vec<String>,
    /// Globals of lazy modules: name and module.
    pub lazy_globals: Vec<(&'static str, String)>,
    /// How requests reach JavaScript; without an API that does it they carry nothing.
    pub push_request: Option<PushRequest>,
    /// The same for RPC calls.
    pub push_call: Option<PushCall>,
    /// See [`PushProps`].
    pub push_props: Option<PushProps>,
    /// See [`PushTold`].
    pub push_told: Option<PushTold>,
}

static REGISTRY: OnceLock<Registry> = OnceLock::new();

impl Registry {
    /// Installs the process's registry; later calls return the first.
    pub fn install(apis: Vec<&'static Api>) -> &'static Registry {
        REGISTRY.get_or_init(|| {
            let mut registry = Registry {
                apis: Vec::new(),
                ops: Vec::new(),
                modules: HashMap::new(),
                eager: Vec::new(),
                lazy_globals: Vec::new(),
                push_request: None,
                push_call: None,
                push_props: None,
                push_told: None,
            };
            debug_assert!(
                apis.iter().all(|api| {
                    let later = api.lazy_uses.iter().map(|(name, _)| name);
                    let mut used = api.uses.iter().chain(later);
                    used.all(|name| apis.iter().any(|other| other.name == *name))
                }),
                "an API uses one that is not there"
            );
            for (index, api) in apis.into_iter().enumerate() {
                let mut ops = Ops::default();
                (api.ops)(&mut ops);
                registry.push_request = registry.push_request.or(ops.push_request);
                registry.push_call = registry.push_call.or(ops.push_call);
                registry.push_props = registry.push_props.or(ops.push_props);
                registry.push_told = registry.push_told.or(ops.push_told);
                registry.apis.push(api);
                registry.ops.push(ops);
                for (list, lazy) in [(api.modules, false), (api.lazy, true)] {
                    for source in list {
                        let name = source.module_name(api.name);
                        if !lazy {
                            registry.eager.push(name.clone());
                        }
                        let globals = source.globals.iter();
                        registry
                            .lazy_globals
                            .extend(globals.map(|global| (*global, name.clone())));
                        let module = Module {
                            source: *source,
                            api: index,
                        };
                        let earlier = registry.modules.insert(name, module);
                        debug_assert!(earlier.is_none(), "two internal modules of one name");
                    }
                }
            }
            registry
        })
    }

    /// The installed registry.
    pub fn get() -> &'static Registry {
        REGISTRY
            .get()
            .expect("boot installs the registry before any isolate")
    }

    /// The addresses that a snapshot refers to, in an order that is the same in every build of the same source.
    pub fn external_references(&self) -> Vec<v8::ExternalReference> {
        let mut all: Vec<_> = super::js::NATIVE
            .iter()
            .map(|(_, function)| v8::ExternalReference {
                function: function(),
            })
            .collect();
        for ops in &self.ops {
            all.extend(ops.list.iter().map(|entry| v8::ExternalReference {
                function: entry.callback,
            }));
        }
        all.push(super::js::lazy_global_reference());
        all.extend(super::js::OWN.iter().map(JsSource::reference));
        let sources = self.apis.iter().flat_map(|api| [api.modules, api.lazy]);
        all.extend(sources.flatten().map(JsSource::reference));
        all
    }
}
