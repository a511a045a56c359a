//! A worker's code as values: what `boot` reads from the config, and what a worker gives to a loader.
//!
//! `isolate` makes modules of it.

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use bytes::Bytes;

/// Where a module's exports come from.
#[derive(Clone, Debug)]
pub enum Source {
    Es(Text),
    CommonJs {
        text: Text,
        named_exports: Vec<String>,
    },
    Text(Text),
    Data(Bytes),
    Wasm(Bytes),
    /// Wasm that another isolate has compiled.
    Compiled(Compiled),
    Json(Text),
    /// An internal module, by its internal name.
    Builtin(String),
}

impl Source {
    /// Bytes of the code, before anything is made of it.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// The code as it is in a file; none for an internal module.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Es(text) | Self::CommonJs { text, .. } | Self::Text(text) | Self::Json(text) => {
                text.as_bytes()
            }
            Self::Data(bytes) | Self::Wasm(bytes) => bytes,
            Self::Compiled(module) => module.0.get_wire_bytes_ref(),
            Self::Builtin(_) => &[],
        }
    }

    /// Whether a source-phase import of the module gives something.
    pub fn is_wasm(&self) -> bool {
        matches!(self, Self::Wasm(_) | Self::Compiled(_))
    }
}

/// Source text.
#[derive(Clone, Debug)]
pub enum Text {
    /// In the mapped config, for as long as the process.
    Mapped(&'static str),
    Owned(Rc<str>),
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Mapped(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Mapped(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Owned(text.into())
    }
}

/// A compiled Wasm module, which isolates share.
#[derive(Clone)]
pub struct Compiled(Rc<v8::CompiledWasmModule>);

impl Compiled {
    pub fn of(module: v8::Local<v8::WasmModuleObject>) -> Self {
        Self(Rc::new(module.get_compiled_module()))
    }

    /// The module as an object of the isolate.
    pub fn object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
        v8::WasmModuleObject::from_compiled_module(scope, &self.0)
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled")
    }
}
