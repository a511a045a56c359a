//! A worker as the config describes it, free of Cap'n Proto. Text and bytes live as long as the process.

use std::rc::{Rc, Weak};

use ::http::HeaderName;

use crate::actors::{NamespaceSpec, StoreSpec};
use crate::glue::Property;
use crate::isolate::modules;
use crate::service::{Designator, Limits, Outlet, Props};

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
    pub properties: Vec<Property>,
    pub extensions: Rc<Vec<ExtensionModule>>,
    /// Who is asked for modules that the worker lacks.
    pub fallback: Option<Rc<dyn modules::Fallback>>,
    pub global_outbound: Outlet,
    pub cache_outbound: Option<Designator>,
    /// Where it is kept, and what `env` it is given, if another worker has loaded it.
    pub slot: Option<Weak<dyn Slot>>,
    pub given: Option<Props>,
    /// What one of its events may use.
    pub limits: Limits,
    /// The Durable Object namespaces whose classes the worker has, and where their objects are kept.
    pub namespaces: Vec<NamespaceSpec>,
    pub storage: StoreSpec,
    /// Who is told of what the worker has done, and who while it does it.
    pub tails: Vec<Outlet>,
    pub streaming_tails: Vec<Outlet>,
    /// How Cloudflare Access says who a client is.
    pub access: Option<AccessSpec>,
    pub workflows: Option<WorkflowsSpec>,
}

/// Where `ctx.access` comes from.
pub struct AccessSpec {
    /// The header of requests that says who the client is.
    pub header: HeaderName,
    /// Who answers `getIdentity()`.
    pub identity: Option<Designator>,
}

/// The workflows of a worker.
pub struct WorkflowsSpec {
    /// The class of Durable Objects that runs them.
    pub engine: Designator,
    pub all: Vec<WorkflowSpec>,
}

/// One workflow of a worker.
pub struct WorkflowSpec {
    pub name: String,
    pub class_name: String,
    /// The service behind its binding.
    pub binding: Designator,
    /// Where its instances are kept.
    pub storage: StoreSpec,
}

impl WorkflowSpec {
    /// The namespace of its instances, which others bind by the name of a class.
    pub fn namespace(&self) -> NamespaceSpec {
        let name = schema::workflow_namespace(&self.name);
        NamespaceSpec {
            class_name: name.clone(),
            unique_key: Some(name),
            prevent_eviction: false,
            enable_sql: true,
        }
    }
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
