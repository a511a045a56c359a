//! Stubs that a `[restore]()` has made, or is to make when they are first called.
//!
//! `api/cloudflare/rpc` makes them of what is stored.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use tokio::sync::Mutex;

use super::error::{Class, Error, Kind};
use super::lasting::{Lasting, Me, Origin, Props, Recipe, with_origin};
use super::message::{Event, Request, Response};
use super::rpc::{Answer, Call, External, Operation, Payload, Promised, Target, answer};
use super::service::Service;

/// What a stub's `[restore]()` is called for, as an event.
fn restore(argument: &Props) -> Result<Call, Error> {
    let Props::Value { bytes, caps } = argument else {
        return Err(Error::internal("The argument of [restore]() is no value."));
    };
    Ok(Call {
        path: vec!["restore".to_owned()],
        operation: Operation::Event(Payload {
            bytes: bytes.clone(),
            externals: caps.iter().map(External::from).collect(),
        }),
    })
}

fn other_type(before: &str, now: &str) -> Error {
    Error {
        class: Class::TypeError,
        ..Error::new(
            Kind::Internal,
            format!(
                "The [restore]() method originally returned {before}, but on replay it returned {now} instead. It must always return the same type."
            ),
        )
    }
}

/// A service that a `[restore]()` has made, or is to make.
pub struct RestoredService {
    recipe: Rc<Recipe>,
    lasts: bool,
    made: Mutex<Option<Rc<dyn Service>>>,
    /// Of one that was stored.
    vendor: Option<Rc<dyn Service>>,
}

impl RestoredService {
    /// One that is there.
    pub fn fresh(made: Rc<dyn Service>, recipe: Rc<Recipe>, lasts: bool) -> Rc<Self> {
        Rc::new(Self {
            recipe,
            lasts,
            made: Mutex::new(Some(made)),
            vendor: None,
        })
    }

    /// One that was stored: `vendor` is asked for it when it is first called.
    pub fn stored(vendor: Rc<dyn Service>, recipe: Rc<Recipe>) -> Rc<Self> {
        Rc::new(Self {
            recipe,
            lasts: true,
            made: Mutex::new(None),
            vendor: Some(vendor),
        })
    }

    /// What the calls of the stub go to. `was_stored` tells that they restore another stub, which was stored.
    async fn made(&self, was_stored: bool) -> Result<Rc<dyn Service>, Error> {
        let mut made = self.made.lock().await;
        let service = match (&*made, &self.vendor) {
            (Some(service), _) => service.clone(),
            (None, None) => return Err(Error::internal("there is nothing to restore it by")),
            (None, Some(vendor)) => {
                let call = restore(&self.recipe.argument)?;
                let returned = vendor.clone().rpc(call).result.await?;
                let service = match returned.value.externals.into_iter().next() {
                    Some(External::Service(service)) => service,
                    _ => return Err(other_type("a ServiceStub", "an RpcStub")),
                };
                *made = Some(service.clone());
                service
            }
        };
        let me = Me {
            lasting: Lasting::Restored(self.recipe.clone()),
            lasts: self.lasts,
        };
        let origin = Origin {
            lasts: false,
            was_stored,
            me: Some(me),
        };
        Ok(with_origin(service, origin))
    }

    fn forward(self: Rc<Self>, call: Call, was_stored: bool) -> Answer {
        let (reply, answer) = answer();
        tokio::task::spawn_local(async move {
            match self.made(was_stored).await {
                Ok(service) => reply.forward(service.rpc(call)),
                Err(error) => reply.finish(Err(error)),
            }
        });
        answer
    }
}

impl Service for RestoredService {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move { self.made(false).await?.fetch(request).await })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { self.made(false).await?.event(event).await })
    }

    fn rpc(self: Rc<Self>, call: Call) -> Answer {
        self.forward(call, false)
    }

    fn lasting(&self) -> Option<Lasting> {
        self.lasts.then(|| Lasting::Restored(self.recipe.clone()))
    }

    fn with_origin(self: Rc<Self>, origin: Origin) -> Option<Rc<dyn Service>> {
        Some(Rc::new(Vendor {
            inner: self,
            was_stored: origin.was_stored,
        }))
    }
}

/// A restored service that is to restore another stub, and nothing else.
struct Vendor {
    inner: Rc<RestoredService>,
    was_stored: bool,
}

impl Service for Vendor {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        self.inner.clone().fetch(request)
    }

    fn rpc(self: Rc<Self>, call: Call) -> Answer {
        self.inner.clone().forward(call, self.was_stored)
    }

    fn lasting(&self) -> Option<Lasting> {
        self.inner.lasting()
    }
}

/// An RPC stub that a `[restore]()` has made, or is to make.
pub struct RestoredStub {
    recipe: Rc<Recipe>,
    lasts: bool,
    made: Rc<Promised>,
    /// Of one that was stored and has not been called yet.
    vendor: Cell<Option<Rc<dyn Service>>>,
    /// What it keeps alive.
    held: RefCell<Option<Rc<dyn Target>>>,
}

impl RestoredStub {
    /// One that is there.
    pub fn fresh(made: Rc<dyn Target>, recipe: Rc<Recipe>, lasts: bool) -> Rc<Self> {
        let promised = Promised::new();
        promised.settle(Ok(made));
        Rc::new(Self {
            recipe,
            lasts,
            made: promised,
            vendor: Cell::new(None),
            held: RefCell::new(None),
        })
    }

    /// One that was stored: `vendor` is asked for it when it is first called.
    pub fn stored(vendor: Rc<dyn Service>, recipe: Rc<Recipe>) -> Rc<Self> {
        Rc::new(Self {
            recipe,
            lasts: true,
            made: Promised::new(),
            vendor: Cell::new(Some(vendor)),
            held: RefCell::new(None),
        })
    }

    fn begin(&self, vendor: Rc<dyn Service>) {
        let made = self.made.clone();
        let answer = match restore(&self.recipe.argument) {
            Ok(call) => vendor.rpc(call),
            Err(error) => return made.settle(Err(error)),
        };
        *self.held.borrow_mut() = Some(answer.pipeline);
        let result = answer.result;
        tokio::task::spawn_local(async move {
            made.settle(match result.await {
                Ok(returned) => match returned.value.externals.into_iter().next() {
                    Some(External::Target(target)) => Ok(target),
                    _ => Err(other_type("an RpcStub", "a ServiceStub")),
                },
                Err(error) => Err(error),
            });
        });
    }
}

impl Target for RestoredStub {
    fn call(self: Rc<Self>, call: Call) -> Answer {
        if let Some(vendor) = self.vendor.take() {
            self.begin(vendor);
        }
        self.made.clone().call(call)
    }

    fn is_restored(&self) -> bool {
        true
    }

    fn lasting(&self) -> Option<Lasting> {
        self.lasts.then(|| Lasting::Restored(self.recipe.clone()))
    }
}
