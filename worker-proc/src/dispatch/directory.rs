//! What a worker finds in its process, which `router` keeps: other services, objects, loaders.

use std::rc::Rc;

use super::spec::ExtensionModule;
use crate::actors::Host;
use crate::glue::loader::Loader;
use crate::service::{DebugPort, Designator, Lasting, Service};

/// See the module.
pub trait Directory {
    /// The service that a designator means, or none if the config has none of that name.
    fn find(&self, designator: &Designator) -> Option<Rc<dyn Service>>;

    /// What a stored stub leads to.
    fn revive(&self, lasting: &Lasting) -> Option<Rc<dyn Service>>;

    /// The Durable Objects of the process.
    fn host(&self) -> &Rc<Host>;

    /// What the debug port at an address shows, or for none that of this process; none where there are no others.
    fn debug_port(self: Rc<Self>, address: Option<&str>) -> Option<Rc<dyn DebugPort>>;

    /// The loader of that id, or one that nobody else has.
    fn loader(
        self: Rc<Self>,
        id: Option<String>,
        extensions: &Rc<Vec<ExtensionModule>>,
    ) -> Rc<dyn Loader>;
}
