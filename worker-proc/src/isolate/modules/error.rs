//! Why a module cannot be had. Where names are paths, messages of static imports tell who imports.

use crate::glue::JsError;
use crate::glue::error::{OpError, throw};

/// Of a script that V8 has no string for.
pub const TOO_LONG: &str = "The script is too long.";

/// See the module.
#[derive(JsError)]
pub(super) enum Error {
    #[error("Invalid module name: \"{name}\"")]
    InvalidName { name: String },
    #[error("Module \"{name}\" already added to bundle")]
    AlreadyAdded { name: String },
    #[type_error("Main module must be an ES module.")]
    MainIsNoEsModule,
    #[error("{TOO_LONG}")]
    TooLong,

    /// Where names are URLs.
    #[type_error("Invalid module specifier: {specifier}")]
    InvalidUrl { specifier: String },
    #[type_error("Invalid module specifier \"{specifier}\".")]
    InvalidPath { specifier: String },
    #[type_error("Invalid module specifier \"{specifier}\".\n  imported from \"{referrer}\".")]
    InvalidImport { specifier: String, referrer: String },
    /// What `import()` says of a name that is no path.
    #[error("No such module \"{specifier}\"")]
    InvalidDynamicImport { specifier: String },
    /// Where names are URLs.
    #[error("Module not found: {name}")]
    NotFound { name: String },
    #[error("No such module \"{name}\".")]
    NoSuchModule { name: String },
    #[error("No such module \"{name}\".\n  imported from \"{referrer}\"")]
    NoSuchImport { name: String, referrer: String },

    #[type_error("Unsupported import attribute: \"{key}\"")]
    UnsupportedAttribute { key: String },
    #[type_error("Unsupported import attribute type: \"{kind}\"")]
    UnsupportedType { kind: String },
    #[type_error("Import attribute type \"{kind}\" is not yet supported")]
    TypeOfNothing { kind: String },
    #[type_error("Module \"{specifier}\" is not of type \"json\"")]
    NotJson { specifier: String },
    #[syntax_error("Source phase import not available for module: {name}")]
    NoSource { name: String },
    #[syntax_error(
        "Source phase import not available for module: {name}.\n  imported from \"{referrer}\""
    )]
    NoSourceImport { name: String, referrer: String },

    #[error("Circular dependency when resolving module: {name}")]
    Circular { name: String },
    #[error("import.meta could not be filled")]
    NoMeta,
    /// `__filename` and `__dirname` of a module without a file.
    #[error("Module specifier has no filename")]
    NoFile,
    /// A `require` where names are URLs.
    #[error("Top-level await is not supported in this context for module: {name}")]
    AwaitUnsupported { name: String },
    #[error("Top-level await in module is not permitted at this time.")]
    AwaitRefused,
    #[error("Top-level await in module is unsettled.")]
    Unsettled,
}

impl Error {
    /// Throws it in the current context. Gives nothing, as a caller does whose exception is pending.
    pub fn throw<T>(self, scope: &mut v8::PinScope) -> Option<T> {
        throw(scope, &OpError::from(self));
        None
    }
}
