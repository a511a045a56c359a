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
    Given(Rc<dyn Service>),
    /// A namespace of Durable Objects, by its key; whether it is the worker's own, and its objects keep nothing.
    Namespace {
        key: String,
        is_own: bool,
        is_ephemeral: bool,
    },
    /// A loader of workers; those of the same id are one.
    Loader(Option<String>),
    Stub(Rc<dyn rpc::Target>),
}

/// A reference to a service, or to one of its entrypoints.
#[derive(Clone, Debug, Default)]
pub struct Designator {
    pub service: String,
    pub entrypoint: Option<String>,
    pub props: Option<Props>,
}
