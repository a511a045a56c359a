//! A Durable Object as a service: what its stubs call.
//!
//! Bindings and other processes are given them. A call goes to the object's place in its queue, or to the process that the object lives in.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::id::BadId;
use super::namespace::Namespace;
use super::stub::{self, Callee, Delivery, Life, Start};
use crate::service::rpc;
use crate::service::trace::Info;
use crate::service::{
    self, ActorId, Address, Class, Designation, Error, Event, Kind, Lasting, Origin, Request,
    Response, Service,
};

/// An object as a service.
pub(super) struct ObjectStub {
    life: Life,
    namespace: Rc<Namespace>,
    address: Address,
    /// It is this process's, whatever the routes say: the caller has asked them.
    local: bool,
    origin: Origin,
}

impl ObjectStub {
    /// The object, wherever it lives.
    pub fn new(namespace: Rc<Namespace>, address: Address) -> Self {
        Self {
            life: Life::default(),
            namespace,
            address,
            local: false,
            origin: Origin::default(),
        }
    }

    /// The object in this process.
    pub fn local(namespace: Rc<Namespace>, address: Address) -> Self {
        Self {
            local: true,
            ..Self::new(namespace, address)
        }
    }

    fn refused(&self) -> Option<Error> {
        self.origin.check(self.namespace.stores_stubs()).err()
    }

    /// The object in another process: it lives there, or is to, and no call that came before waits for it here.
    fn elsewhere(&self) -> Option<Rc<dyn Service>> {
        let routes = self.namespace.standing()?.routes()?;
        let other = (!self.local).then(|| routes.elsewhere(&self.address));
        other.flatten().or_else(|| {
            let here = self
                .namespace
                .actors
                .borrow()
                .contains_key(&self.address.id);
            (!here).then(|| routes.successor(&self.address)).flatten()
        })
    }
}

impl Callee for ObjectStub {
    fn deliver<F>(&self, info: impl FnOnce() -> Info + 'static, start: F) -> Delivery
    where
        F: Start + 'static,
    {
        let Self {
            namespace, address, ..
        } = self;
        let tracer = namespace.tracer(address, info);
        Box::pin(namespace.call_in(address, &self.life, tracer, start))
    }
}

impl Service for ObjectStub {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        if let Some(error) = self.refused() {
            return Box::pin(async { Err(error) });
        }
        match self.elsewhere() {
            Some(remote) => remote.fetch(request),
            None => stub::fetch(&*self, request),
        }
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        match self.elsewhere() {
            Some(remote) => remote.event(event),
            None => stub::event(&*self, event),
        }
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        if let Some(error) = self.refused() {
            return rpc::Answer::failed(error);
        }
        match self.elsewhere() {
            Some(remote) => remote.rpc(call),
            None => stub::rpc(&*self, call),
        }
    }

    fn designation(&self) -> Option<Designation> {
        Some(Designation::Actor(self.address.clone()))
    }

    fn lasting(&self) -> Option<Lasting> {
        let lasts = self.origin.lasts && self.namespace.keeps();
        lasts.then(|| Lasting::Actor(self.address.clone()))
    }

    fn with_origin(self: Rc<Self>, origin: Origin) -> Option<Rc<dyn Service>> {
        Some(Rc::new(Self {
            life: self.life.clone(),
            namespace: self.namespace.clone(),
            address: self.address.clone(),
            local: self.local,
            origin,
        }))
    }
}

/// What is left of a namespace whose server has gone.
pub(super) struct Gone;

impl Service for Gone {
    fn fetch(self: Rc<Self>, _: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async { Err(Error::shutting_down()) })
    }
}

impl service::Namespace for Namespace {
    fn unique_id(&self) -> Result<ActorId, Error> {
        self.ids()
            .unique()
            .ok_or_else(|| Error::internal("the system gives no random bytes"))
    }

    fn id_from_name(&self, name: &str) -> ActorId {
        self.ids().named(name)
    }

    fn id_from_string(&self, text: &str) -> Result<ActorId, Error> {
        self.ids().parse(text).map_err(|bad| Error {
            class: Class::TypeError,
            ..Error::new(
                Kind::Worker,
                match bad {
                    BadId::NotHex => "Invalid Durable Object ID: must be 64 hex digits",
                    BadId::OtherNamespace => "Durable Object ID is not valid for this namespace.",
                },
            )
        })
    }

    fn object(&self, id: ActorId, name: Option<String>) -> Rc<dyn Service> {
        let address = Address {
            namespace: self.key().to_owned(),
            id,
            name,
            props: None,
        };
        match self.this() {
            Some(namespace) => Rc::new(ObjectStub::new(namespace, address)),
            None => Rc::new(Gone),
        }
    }
}
