//! Workers that a worker loads: the contract between `bindings/worker_loader`, which has their code, and `dispatch`, which runs it.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::code::Source;
use crate::service::{Error, Limits, Props, Service};

/// Everything that a loaded worker is made of.
pub struct WorkerCode {
    pub modules: Vec<(String, Source)>,
    /// The module that it starts with.
    pub main: String,
    pub flags: schema::compat::Flags,
    /// An object whose properties are `env`'s.
    pub env: Option<Props>,
    /// What one of its events may use.
    pub limits: Limits,
    /// Where `fetch` goes; none if it may go nowhere.
    pub global_outbound: Option<Rc<dyn Service>>,
    /// Who is told of its events when they have ended, and while they go on.
    pub tails: Vec<Rc<dyn Service>>,
    pub streaming_tails: Vec<Rc<dyn Service>>,
}

/// Asks for a worker's code. Asked again if the worker has had to go meanwhile.
pub type CodeSource = Rc<dyn Fn() -> LocalBoxFuture<'static, Result<Rc<WorkerCode>, Error>>>;

/// What a binding of a loader leads to.
pub trait Loader {
    /// The worker of that name, which is begun to be started if there is none; without a name always another.
    fn load(&self, name: Option<String>, code: CodeSource) -> Rc<dyn Loaded>;
}

/// A loaded worker. It goes when nobody refers to it, and may go earlier: it is then started again when it is used.
pub trait Loaded {
    /// One of its entrypoints, the default one for none, an event of which may use no more than `limits` either.
    fn entrypoint(
        &self,
        name: Option<String>,
        props: Option<Props>,
        limits: Limits,
    ) -> Rc<dyn Service>;
}

/// A loader as [`Channels::loader`](crate::service::Channels::loader) gives it.
pub struct LoaderHandle(pub Rc<dyn Loader>);
