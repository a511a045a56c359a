//! A worker as the config describes it, free of Cap'n Proto. Text and bytes live as long as the process.

use std::rc::{Rc, Weak};

use crate::actors::{NamespaceSpec, StoreSpec};
use crate::isolate::modules;
use crate::service::{Props, Service};

/// A module that the config gives to every worker.
#[derive(Debug)]
pub struct ExtensionModule {
    pub name: &'static str,
    /// Only extension modules may import it.
    pub internal: bool,
    pub code: &'static str,
}

/// One worker service.
pub struct WorkerSpec {
    pub name: String,
    pub code: Code,
    pub flags: schema::compat::Flags,
    pub bindings: Vec<BindingSpec>,
    pub extensions: Rc<Vec<ExtensionModule>>,
    pub global_outbound: Outlet,
    pub cache_outbound: Option<Designator>,
    /// Where it is kept, if another worker has loaded it.
    pub slot: Option<Weak<dyn Slot>>,
    /// The Durable Object namespaces whose classes the worker has, and where their objects are kept.
    pub namespaces: Vec<NamespaceSpec>,
    pub storage: StoreSpec,
    /// Who is told of what the worker has done, and who while it does it.
    pub tails: Vec<Outlet>,
    pub streaming_tails: Vec<Outlet>,
}

/// What keeps a worker that another one has loaded.
pub trait Slot {
    /// Forgets its name: who asks for it gets another worker.
    fn discard(&self);
}

/// Where a worker's code comes from.
pub enum Code {
    /// ES modules; the first is the main one.
    Modules(Vec<(String, modules::Source)>),
    /// Service-worker syntax.
    Script(&'static str),
}

/// Where a channel of a worker leads.
#[derive(Clone)]
pub enum Outlet {
    /// Nowhere.
    None,
    /// To a service of the config.
    Named(Designator),
    /// To an entrypoint of its own.
    Own(Option<String>),
    Given(Rc<dyn Service>),
}

/// A reference to a service, or to one of its entrypoints.
#[derive(Clone, Debug, Default)]
pub struct Designator {
    pub service: String,
    pub entrypoint: Option<String>,
    pub props: Option<Props>,
}

/// One property of `env`.
pub struct BindingSpec {
    pub name: String,
    pub kind: BindingKind,
}

/// The arguments of `crypto.subtle.importKey()`.
pub struct CryptoKeySpec {
    pub format: &'static str,
    pub material: KeyMaterial,
    /// A name, or JSON of an object.
    pub algorithm: &'static str,
    pub algorithm_is_json: bool,
    pub extractable: bool,
    pub usages: Vec<&'static str>,
}

pub enum KeyMaterial {
    Bytes(Vec<u8>),
    Json(&'static str),
}

/// What the property is.
pub enum BindingKind {
    Text(&'static str),
    Json(&'static str),
    Data(&'static [u8]),
    WasmModule(&'static [u8]),
    /// The value of an environment variable, or null.
    FromEnvironment(Option<String>),
    Service(Designator),
    /// A Durable Object namespace, by its key.
    Namespace {
        key: String,
        ephemeral: bool,
    },
    /// A class to start facets of.
    ActorClass(Designator),
    CryptoKey(CryptoKeySpec),
    UnsafeEval,
    /// Who is told of data points; its name is the dataset's.
    AnalyticsEngine(Designator),
    MemoryCache {
        /// Bindings of the same id share theirs.
        id: Option<String>,
        max_keys: u32,
        max_value_bytes: u32,
        max_total_bytes: u64,
    },
    /// A loader of workers; bindings of the same id share theirs.
    Loader(Option<String>),
    /// Every property of an object.
    Properties(Props),
    /// What a function of an extension module makes of other bindings.
    Wrapped {
        module: String,
        entrypoint: String,
        inner: Vec<BindingSpec>,
    },
}
