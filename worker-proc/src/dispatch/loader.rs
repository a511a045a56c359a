//! Workers that other workers load: how they are started, kept, and let go of.
//!
//! `bindings/worker_loader` reaches a [`WorkerLoader`] through its binding. A loaded worker's isolate goes with the last stub of
//! it; named ones are kept for whoever asks next. Both may go earlier, while nothing of theirs is under way, when there are
//! too many: their code is then asked for again.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use futures_util::future::LocalBoxFuture;
use tokio::sync::Notify;

use super::directory::Directory;
use super::entrypoint::Entrypoint;
use super::spec::{self, Code, ExtensionModule, WorkerSpec};
use super::worker::Worker;
use crate::actors::StoreSpec;
use crate::glue::loader::{CodeSource, Loaded, Loader, WorkerCode};
use crate::request::on_behalf;
use crate::service::rpc;
use crate::service::{
    Channels, Error, Event, Limits, Origin, Outlet, Props, Request, Response, Service,
};

/// Loaded workers that have an isolate at once, in one process.
const MAX_LOADED_WORKERS: usize = 100;

/// Names that one loader remembers; beyond them, those whose workers are not running are forgotten.
const MAX_NAMES: usize = 1000;

/// What is told when all of them are busy.
const TOO_MANY: &str = "Too many Dynamic Workers are running at once.";

/// See [`Loader`].
pub struct WorkerLoader {
    this: Weak<Self>,
    directory: Weak<dyn Directory>,
    fleet: Rc<Fleet>,
    id: Option<String>,
    extensions: Rc<Vec<ExtensionModule>>,
    named: RefCell<HashMap<String, Rc<Slot>>>,
}

impl WorkerLoader {
    pub fn new(
        directory: &Rc<dyn Directory>,
        fleet: Rc<Fleet>,
        id: Option<String>,
        extensions: Rc<Vec<ExtensionModule>>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            directory: Rc::downgrade(directory),
            fleet,
            id,
            extensions,
            named: RefCell::default(),
        })
    }

    fn slot(&self, name: Option<String>, code: CodeSource) -> Rc<Slot> {
        let slot = Rc::new_cyclic(|this| Slot {
            this: Weak::clone(this),
            loader: self.this.clone(),
            name,
            code,
            state: RefCell::new(State::Gone),
            started: Notify::new(),
            waiting: Cell::new(0),
            used: Cell::new(0),
        });
        slot.begin();
        slot
    }
}

impl Loader for WorkerLoader {
    fn load(&self, name: Option<String>, code: CodeSource) -> Rc<dyn Loaded> {
        let Some(name) = name else {
            return Rc::new(LoadedWorker(self.slot(None, code)));
        };
        let mut named = self.named.borrow_mut();
        let known = named.get(&name).filter(|slot| !slot.is_gone());
        if let Some(slot) = known {
            return Rc::new(LoadedWorker(slot.clone()));
        }
        if named.len() >= MAX_NAMES {
            named.retain(|_, slot| slot.is_running());
        }
        let slot = self.slot(Some(name.clone()), code);
        named.insert(name, slot.clone());
        Rc::new(LoadedWorker(slot))
    }
}

/// One loaded worker, whether it has an isolate at the moment or not.
pub struct Slot {
    this: Weak<Self>,
    loader: Weak<WorkerLoader>,
    name: Option<String>,
    code: CodeSource,
    state: RefCell<State>,
    started: Notify,
    /// Calls that wait for the start.
    waiting: Cell<usize>,
    /// When it was last used, by the fleet's count.
    used: Cell<u64>,
}

enum State {
    /// It has no isolate, until it is used.
    Gone,
    Starting,
    Running(Rc<Worker>),
    /// It stays so for its name, as on the published binary.
    Failed(Error),
}

impl Slot {
    fn is_gone(&self) -> bool {
        matches!(*self.state.borrow(), State::Gone)
    }

    fn is_running(&self) -> bool {
        matches!(*self.state.borrow(), State::Starting | State::Running(_))
    }

    /// Whether it has an isolate of which nothing is under way.
    fn is_idle(&self) -> bool {
        matches!(&*self.state.borrow(), State::Running(worker) if Rc::strong_count(worker) == 1)
    }

    /// Starts it in a task of its own: never within a turn of another worker. The task keeps it until it has started.
    fn begin(&self) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        *self.state.borrow_mut() = State::Starting;
        let start = on_behalf(async move {
            let started = this.start().await;
            *this.state.borrow_mut() = match started {
                Ok(worker) => State::Running(worker),
                Err(error) => State::Failed(error),
            };
            this.started.notify_waiters();
        });
        tokio::task::spawn_local(start);
    }

    async fn start(&self) -> Result<Rc<Worker>, Error> {
        let code = (self.code)().await?;
        let loader = self.loader.upgrade();
        let directory = loader
            .as_ref()
            .and_then(|loader| loader.directory.upgrade());
        let (Some(loader), Some(directory)) = (loader, directory) else {
            return Err(Error::shutting_down());
        };
        loader.fleet.make_room()?;
        let spec = self.spec(&loader, &code)?;
        let worker =
            Worker::start(spec, &directory).map_err(|errors| failed(&errors.join("\n")))?;
        loader.fleet.add(self);
        Ok(worker)
    }

    fn spec(&self, loader: &WorkerLoader, code: &WorkerCode) -> Result<WorkerSpec, Error> {
        let mut modules = code.modules.clone();
        let main = modules.iter().position(|(name, _)| *name == code.main);
        match main {
            Some(main) => modules.swap(0, main),
            None => {
                let main = &code.main;
                return Err(failed(&format!("Uncaught Error: No such module: {main}")));
            }
        }
        Ok(WorkerSpec {
            name: format!(
                "{}:{}",
                loader.id.as_deref().unwrap_or("loader"),
                self.name.as_deref().unwrap_or("dynamic")
            ),
            code: Code::Modules(modules),
            flags: code.flags,
            properties: Vec::new(),
            extensions: loader.extensions.clone(),
            fallback: None,
            global_outbound: Outlet::Given(match &code.global_outbound {
                Some(service) => service.clone(),
                None => Rc::new(NoOutbound),
            }),
            cache_outbound: None,
            tails: code.tails.iter().cloned().map(Outlet::Given).collect(),
            streaming_tails: code
                .streaming_tails
                .iter()
                .cloned()
                .map(Outlet::Given)
                .collect(),
            access: None,
            workflows: None,
            slot: Some(self.this.clone() as Weak<dyn spec::Slot>),
            given: code.env.clone(),
            limits: code.limits,
            namespaces: Vec::new(),
            storage: StoreSpec::None,
        })
    }

    /// The worker, started if it has no isolate.
    async fn worker(&self) -> Result<Rc<Worker>, Error> {
        loop {
            let started = self.started.notified();
            match &*self.state.borrow() {
                State::Running(worker) => {
                    self.touch();
                    return Ok(worker.clone());
                }
                State::Failed(error) => return Err(error.clone()),
                State::Starting | State::Gone => {}
            }
            if self.is_gone() {
                self.begin();
            }
            started.await;
        }
    }

    /// The worker, if a call can go straight to it: none waits for its start.
    fn running(&self) -> Option<Rc<Worker>> {
        match &*self.state.borrow() {
            State::Running(worker) if self.waiting.get() == 0 => {
                self.touch();
                Some(worker.clone())
            }
            _ => None,
        }
    }

    fn touch(&self) {
        if let Some(loader) = self.loader.upgrade() {
            self.used.set(loader.fleet.next_use());
        }
    }
}

impl spec::Slot for Slot {
    fn discard(&self) {
        let (Some(loader), Some(name)) = (self.loader.upgrade(), &self.name) else {
            return;
        };
        let mut named = loader.named.borrow_mut();
        let is_this = |slot: &Rc<Self>| std::ptr::eq(&**slot, self);
        if named.get(name).is_some_and(is_this) {
            named.remove(name);
        }
    }
}

fn failed(why: &str) -> Error {
    Error::internal(format!("Failed to start Worker:\n{why}"))
}

/// The loaded workers of a process that have an isolate.
#[derive(Default)]
pub struct Fleet {
    running: RefCell<Vec<Weak<Slot>>>,
    uses: Cell<u64>,
}

impl Fleet {
    fn next_use(&self) -> u64 {
        self.uses.set(self.uses.get() + 1);
        self.uses.get()
    }

    fn add(&self, slot: &Slot) {
        slot.touch();
        self.running.borrow_mut().push(slot.this.clone());
    }

    /// Lets go of the isolate that has been idle for longest, if there are as many as there may be.
    fn make_room(&self) -> Result<(), Error> {
        let mut running = self.running.borrow_mut();
        running.retain(|slot| slot.upgrade().is_some_and(|slot| slot.is_running()));
        if running.len() < MAX_LOADED_WORKERS {
            return Ok(());
        }
        let slots = running.iter().filter_map(Weak::upgrade);
        let idle = slots.filter(|slot| slot.is_idle());
        let Some(oldest) = idle.min_by_key(|slot| slot.used.get()) else {
            return Err(Error::overloaded(TOO_MANY));
        };
        *oldest.state.borrow_mut() = State::Gone;
        Ok(())
    }
}

/// What the loading worker holds.
struct LoadedWorker(Rc<Slot>);

impl Loaded for LoadedWorker {
    fn entrypoint(
        &self,
        name: Option<String>,
        props: Option<Props>,
        limits: Limits,
    ) -> Rc<dyn Service> {
        Rc::new(LoadedEntrypoint {
            slot: self.0.clone(),
            name,
            props,
            limits,
            origin: Origin::default(),
        })
    }
}

/// An entrypoint of a loaded worker, for the worker that has loaded it.
struct LoadedEntrypoint {
    slot: Rc<Slot>,
    name: Option<String>,
    props: Option<Props>,
    limits: Limits,
    origin: Origin,
}

impl LoadedEntrypoint {
    fn of(&self, worker: &Rc<Worker>) -> Result<Rc<dyn Service>, Error> {
        match &self.name {
            Some(name) if !worker.has(name) => Err(Error::internal(format!(
                "Worker has no such entrypoint: {name}"
            ))),
            None if !worker.has("default") => {
                Err(Error::internal("Worker has no default entrypoint."))
            }
            name => {
                let (name, props) = (name.clone(), self.props.clone());
                let entrypoint = Entrypoint::new(worker.clone(), name, props, self.origin.clone());
                Ok(Rc::new(entrypoint.limited(self.limits)))
            }
        }
    }

    /// The entrypoint once the worker has started.
    async fn started(self: Rc<Self>) -> Result<Rc<dyn Service>, Error> {
        let worker = self.slot.worker().await?;
        self.of(&worker)
    }
}

impl Service for LoadedEntrypoint {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move { self.started().await?.fetch(request).await })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { self.started().await?.event(event).await })
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        if let Some(worker) = self.slot.running() {
            return match self.of(&worker) {
                Ok(entrypoint) => entrypoint.rpc(call),
                Err(error) => rpc::Answer::failed(error),
            };
        }
        let (reply, answer) = rpc::answer();
        let waiting = Waiting::new(&self.slot);
        tokio::task::spawn_local(on_behalf(async move {
            let entrypoint = self.started().await;
            match entrypoint {
                Ok(entrypoint) => reply.forward(entrypoint.rpc(call)),
                Err(error) => reply.finish(Err(error)),
            }
            drop(waiting);
        }));
        answer
    }

    fn with_origin(self: Rc<Self>, origin: Origin) -> Option<Rc<dyn Service>> {
        Some(Rc::new(Self {
            slot: self.slot.clone(),
            name: self.name.clone(),
            props: self.props.clone(),
            limits: self.limits,
            origin,
        }))
    }

    fn actor_class(self: Rc<Self>) -> LocalBoxFuture<'static, Result<Rc<dyn Any>, Error>> {
        Box::pin(async move {
            let worker = self.slot.worker().await?;
            let name = self.name.clone().unwrap_or_else(|| "default".to_owned());
            let limits = self.limits.within(worker.limits());
            let class = worker.class(name, self.props.clone(), limits);
            Ok(Rc::new(class) as Rc<dyn Any>)
        })
    }
}

/// A call that waits for the start: later ones wait behind it.
struct Waiting(Rc<Slot>);

impl Waiting {
    fn new(slot: &Rc<Slot>) -> Self {
        slot.waiting.set(slot.waiting.get() + 1);
        Self(slot.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

/// The global outbound of a worker that may not reach the internet.
struct NoOutbound;

impl Service for NoOutbound {
    fn fetch(self: Rc<Self>, _: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async {
            Err(Error::internal(
                "This worker is not permitted to access the internet via global functions like fetch(). It must use capabilities (such as bindings in 'env') to talk to the outside world.",
            ))
        })
    }
}
