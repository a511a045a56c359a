//! Where a worker's channels lead: its subrequests, its bindings, its own entrypoints. JavaScript holds them by number.
//!
//! `boot` and `bindings` say what the config names, `dispatch` gives each its number and follows it.

use std::rc::Rc;

use super::lasting::Props;
use super::rpc;
use super::service::Service;

/// What a channel leads to.
#[derive(Clone)]
pub enum Outlet {
    /// Nothing.
    None,
    /// A service of the config.
    Named(Designator),
    /// An entrypoint of the worker's own.
    Own(Option<String>),
    /// A service that is there already.
    Given(Rc<dyn Service>),
    /// A namespace of Durable Objects.
    Namespace {
        /// What it is known by in the process.
        key: String,
        /// Whether its class is the worker's.
        is_own: bool,
        /// Whether its objects keep nothing.
        is_ephemeral: bool,
    },
    /// A loader of workers; those of the same id are one.
    Loader(Option<String>),
    /// An RPC stub.
    Stub(Rc<dyn rpc::Target>),
}

/// A reference to a service, or to one of its entrypoints.
#[derive(Clone, Debug, Default)]
pub struct Designator {
    /// Its name in the config.
    pub service: String,
    /// Of a worker; the default one for none.
    pub entrypoint: Option<String>,
    /// What the entrypoint is told as `ctx.props`.
    pub props: Option<Props>,
}
