//! The facets of a live object: objects of its own, each with a class, a context and a file beside the object's.
//!
//! A facet is started when it is first called and ends with its parent at the latest. Relies on `stub` for how a call is
//! delivered, on `tree` for files.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use futures_util::future::LocalBoxFuture;
use tokio::sync::Notify;

use super::class::Class;
use super::context::{ActorContext, Inner, Owner};
use super::events;
use super::gates::{Queue, QueuePlace};
use super::hibernation::{Listener, finish, watch};
use super::store::broken_by;
use super::stub::{self, Callee, Delivered, Delivery, Start};
use super::traces::Watchers;
use super::tree::Tree;
use crate::glue::context::{FacetInfo, FacetIo, FacetStart, next_id};
use crate::service::rpc;
use crate::service::trace::{Info, SpanContext, parent, within};
use crate::service::websocket::{Hibernated, Hibernation, SocketEvent};
use crate::service::{Error, Event, Me, Origin, Request, Response, Service};

/// How deep facets may be in one another, the object itself counted; workerd's limit.
const MAX_TREE_DEPTH: usize = 4;

/// Calls that one facet may have waiting to be delivered.
const MAX_WAITING_CALLS: usize = 10_000;

/// See the module.
pub struct Facets {
    this: Weak<Self>,
    /// Whose they are.
    parent: Weak<ActorContext>,
    tree: Rc<Tree>,
    /// The parent's number in the tree.
    number: u16,
    /// How deep the parent is; an object itself is at 0.
    depth: usize,
    running: RefCell<HashMap<String, Rc<Facet>>>,
    /// What their parent has ended with: from then on none is started.
    ended: RefCell<Option<Error>>,
    /// For each name the facets and the deletions that use its file, one after the other.
    files: RefCell<HashMap<String, Rc<Queue>>>,
}

/// One life of a facet.
struct Facet {
    queue: Rc<Queue>,
    state: RefCell<State>,
    started: Notify,
    calls: Cell<usize>,
    /// Who is told of its events.
    watchers: RefCell<Option<Watchers>>,
    /// They end with it: nobody but the parent's JavaScript could start it for them.
    sockets: Rc<Hibernation>,
    /// Its turn with the file, until the file is closed.
    file: RefCell<Option<QueuePlace>>,
}

enum State {
    Starting,
    Live(Rc<ActorContext>),
    Ended(Error),
}

impl Facets {
    /// The facets of the object of that context, itself number `number` of its tree.
    pub fn new(context: &Rc<ActorContext>, tree: Rc<Tree>, number: u16, depth: usize) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            parent: Rc::downgrade(context),
            tree,
            number,
            depth,
            running: RefCell::default(),
            ended: RefCell::default(),
            files: RefCell::default(),
        })
    }

    /// The next turn with the file of that name.
    fn file(&self, name: &str) -> QueuePlace {
        let mut files = self.files.borrow_mut();
        files.entry(name.to_owned()).or_default().enter()
    }

    /// The facet of that name, begun to be started if it is not running.
    fn facet(self: &Rc<Self>, name: &str, start: FacetStart) -> Rc<Facet> {
        if let Some(facet) = self.running.borrow().get(name) {
            return facet.clone();
        }
        let ended = self.ended.borrow().clone();
        let facet = Rc::new(Facet {
            queue: Rc::default(),
            state: RefCell::new(ended.clone().map_or(State::Starting, State::Ended)),
            started: Notify::new(),
            calls: Cell::new(0),
            watchers: RefCell::new(None),
            sockets: Rc::default(),
            file: RefCell::new(None),
        });
        if ended.is_some() {
            return facet;
        }
        let mut running = self.running.borrow_mut();
        running.insert(name.to_owned(), facet.clone());
        let file = self.file(name);
        tokio::task::spawn_local(
            self.clone()
                .start(name.to_owned(), facet.clone(), file, start()),
        );
        facet
    }

    async fn start(
        self: Rc<Self>,
        name: String,
        facet: Rc<Facet>,
        file: QueuePlace,
        info: LocalBoxFuture<'static, Result<FacetInfo, Error>>,
    ) {
        if let Err(error) = self.try_start(&name, &facet, file, info).await {
            facet.end(error);
        }
        facet.started.notify_waiters();
    }

    async fn try_start(
        self: &Rc<Self>,
        name: &str,
        facet: &Rc<Facet>,
        file: QueuePlace,
        info: LocalBoxFuture<'static, Result<FacetInfo, Error>>,
    ) -> Result<(), Error> {
        let info = tokio::select! {
            info = info => info?,
            error = facet.aborted() => return Err(error),
        };
        let class = tokio::select! {
            class = info.class.actor_class() => class?,
            error = facet.aborted() => return Err(error),
        };
        let class = class.downcast::<Class>();
        let class = class.map_err(|_| Error::internal("This is no class of Durable Objects."))?;
        file.first().await;
        let number = self.tree.number(self.number, name).await;
        let number = number.map_err(|error| broken_by(&error))?;
        let store = self.tree.open(number).await?;
        // Whoever aborted it meanwhile does not wait for it; an isolate that filled up meanwhile takes no facet.
        let aborted = match &*facet.state.borrow() {
            State::Ended(error) => Some(error.clone()),
            _ => None,
        };
        if let Some(error) = aborted.or_else(|| class.home.renew().err()) {
            if let Some(store) = store {
                tokio::task::spawn_local(async move {
                    store.close().await;
                    drop(file);
                });
            }
            return Err(error);
        }
        *facet.file.borrow_mut() = Some(file);
        *facet.watchers.borrow_mut() = Watchers::of(&class, &info.id);
        let owner: Weak<dyn Owner> = self.this.clone();
        let context = ActorContext::new(
            next_id(),
            self.parent
                .upgrade()
                .ok_or_else(Error::object_shut_down)?
                .actor_id(),
            info.id.clone(),
            &class,
            owner,
            store,
            facet.sockets.clone(),
        );
        context.set_facets(Self::new(
            &context,
            self.tree.clone(),
            number,
            self.depth + 1,
        ));
        *facet.state.borrow_mut() = State::Live(context.clone());
        context.construct(|scope| events::construct(scope, &class, &info.id))
    }

    /// The facet of which this is the life, with its name.
    fn of_context(&self, context: &Rc<ActorContext>) -> Option<(String, Rc<Facet>)> {
        let running = self.running.borrow();
        let mut all = running.iter();
        all.find(|(_, facet)| facet.is_of(context))
            .map(|(name, facet)| (name.clone(), facet.clone()))
    }

    /// Does something with the files of a name when nobody uses them. Nothing leaves the parent before it is done.
    fn change_files(
        self: &Rc<Self>,
        name: &str,
        change: impl AsyncFnOnce(&Self) -> storage::Result<()> + 'static,
    ) {
        let file = self.file(name);
        let this = self.clone();
        let (sender, done) = tokio::sync::oneshot::channel();
        tokio::task::spawn_local(async move {
            file.first().await;
            let changed = change(&this).await.map_err(|error| broken_by(&error));
            drop(file);
            let _ = sender.send(changed);
        });
        if let Some(parent) = self.parent.upgrade() {
            parent.hold_until(Box::pin(async move { done.await.unwrap_or(Ok(())) }));
        }
    }
}

impl Inner for Facets {
    fn are_busy(&self) -> bool {
        let running = self.running.borrow();
        running.values().any(|facet| match &*facet.state.borrow() {
            State::Starting => true,
            State::Live(context) => {
                facet.calls.get() > 0 || context.is_held() || !facet.sockets.is_empty()
            }
            State::Ended(_) => false,
        })
    }

    fn are_at_rest(&self) -> bool {
        let running = self.running.borrow();
        running.values().all(|facet| match &*facet.state.borrow() {
            State::Starting => false,
            State::Live(context) => facet.calls.get() == 0 && context.is_at_rest(),
            State::Ended(_) => true,
        })
    }

    fn close_sockets(&self) {
        for facet in self.running.borrow().values() {
            if let State::Live(context) = &*facet.state.borrow() {
                context.close_sockets();
            }
        }
    }

    fn end(&self, error: &Error) {
        self.ended.borrow_mut().get_or_insert_with(|| error.clone());
        for (_, facet) in self.running.take() {
            facet.end(error.clone());
        }
    }

    fn closed(&self) -> LocalBoxFuture<'static, ()> {
        let files = self.files.borrow();
        let places: Vec<_> = files.values().map(Queue::enter).collect();
        Box::pin(async move {
            for place in places {
                place.first().await;
            }
        })
    }
}

impl Owner for Facets {
    fn broken(&self, context: &Rc<ActorContext>) {
        let Some((name, facet)) = self.of_context(context) else {
            return;
        };
        self.running.borrow_mut().remove(&name);
        let error = context.broken().map(Error::of_reset);
        facet.closing(context, error.unwrap_or_else(Error::object_shut_down));
    }

    fn ended(&self, _: &Rc<ActorContext>) {}

    fn accepted(&self, context: &Rc<ActorContext>, socket: Rc<Hibernated>) {
        if let Some((_, facet)) = self.of_context(context) {
            tokio::task::spawn_local(watch(facet, socket));
        }
    }
}

impl Listener for Rc<Facet> {
    fn sockets(&self) -> &Rc<Hibernation> {
        &self.sockets
    }

    fn tell(
        &self,
        socket: u32,
        origin: Option<SpanContext>,
        event: SocketEvent,
    ) -> LocalBoxFuture<'_, Result<(), Error>> {
        let call = Call::new(self);
        let place = self.queue.enter();
        let limit = self.sockets.event_timeout();
        Box::pin(async move {
            place.first().await;
            let context = self.live().await?;
            context.open().await?;
            let watchers = self.watchers.borrow().clone();
            let tracer = watchers.map(|watchers| watchers.socket_tracer(origin, &event));
            let running = context.deliver(tracer, move |scope, _, instance, id| {
                events::socket(scope, instance, id, socket, event);
            });
            drop(place);
            finish(context, running, limit, call);
            Ok(())
        })
    }
}

impl Facet {
    fn is_of(&self, context: &Rc<ActorContext>) -> bool {
        matches!(&*self.state.borrow(), State::Live(live) if Rc::ptr_eq(live, context))
    }

    /// Its context has ended; the file is closed a little later.
    fn closing(&self, context: &Rc<ActorContext>, error: Error) {
        *self.state.borrow_mut() = State::Ended(error);
        self.sockets.clear();
        if let Some(file) = self.file.take() {
            let context = context.clone();
            tokio::task::spawn_local(async move {
                context.closed().await;
                drop(file);
            });
        }
    }

    /// Ends it. A failed start is remembered, as on workerd, until the facet is aborted or deleted.
    fn end(&self, error: Error) {
        let before = std::mem::replace(&mut *self.state.borrow_mut(), State::Ended(error.clone()));
        match before {
            State::Live(context) => {
                self.closing(&context, error.clone());
                context.break_with(error);
            }
            State::Starting => self.started.notify_waiters(),
            State::Ended(first) => *self.state.borrow_mut() = State::Ended(first),
        }
    }

    /// Ends with the reason when it is ended before it is live.
    async fn aborted(&self) -> Error {
        loop {
            let started = self.started.notified();
            if let State::Ended(error) = &*self.state.borrow() {
                return error.clone();
            }
            started.await;
        }
    }

    async fn live(&self) -> Result<Rc<ActorContext>, Error> {
        loop {
            let started = self.started.notified();
            match &*self.state.borrow() {
                State::Live(context) => return Ok(context.clone()),
                State::Ended(error) => return Err(error.clone()),
                State::Starting => {}
            }
            started.await;
        }
    }
}

impl FacetIo for Facets {
    fn get(&self, name: String, start: FacetStart) -> Result<Rc<dyn Service>, Error> {
        if self.depth + 1 >= MAX_TREE_DEPTH {
            return Err(Error::internal(format!(
                "Facet nesting depth limit exceeded. The maximum depth including the root Durable Object is {MAX_TREE_DEPTH}."
            )));
        }
        Ok(Rc::new(FacetStub {
            facets: self.this.clone(),
            name,
            start: RefCell::new(Some(start)),
            facet: OnceCell::new(),
            me: None,
        }))
    }

    fn abort(&self, name: &str, error: Error) {
        let facet = self.running.borrow_mut().remove(name);
        if let Some(facet) = facet {
            facet.end(error);
        }
    }

    fn delete(&self, name: &str) {
        self.abort(name, Error::internal("Facet was deleted."));
        if let Some(this) = self.this.upgrade() {
            let of = name.to_owned();
            this.change_files(name, async move |this| {
                this.tree.delete(this.number, &of).await
            });
        }
    }

    fn copy(&self, from: &str, to: &str) {
        self.abort(to, Error::internal("Facet was cloned-over."));
        if from == to {
            return;
        }
        if let Some(this) = self.this.upgrade() {
            let (from, name) = (from.to_owned(), to.to_owned());
            this.change_files(to, async move |this| {
                this.tree.copy(this.number, &from, &name).await
            });
        }
    }

    fn delete_all(&self) {
        let mut names = self.tree.names(self.number);
        names.extend(self.running.borrow().keys().cloned());
        for name in names {
            self.delete(&name);
        }
    }
}

/// A facet as a service: for its parent alone.
struct FacetStub {
    facets: Weak<Facets>,
    name: String,
    start: RefCell<Option<FacetStart>>,
    facet: OnceCell<Rc<Facet>>,
    /// What the facet is found again by, if this is a stub that was restored.
    me: Option<Me>,
}

impl FacetStub {
    /// Found at the first call: from then on it is that life of the facet.
    fn facet(&self) -> Option<Rc<Facet>> {
        if self.facet.get().is_none() {
            let facets = self.facets.upgrade()?;
            let start = self.start.take()?;
            let _ = self.facet.set(facets.facet(&self.name, start));
        }
        self.facet.get().cloned()
    }
}

impl Callee for FacetStub {
    fn deliver<F>(&self, info: impl FnOnce() -> Info + 'static, start: F) -> Delivery
    where
        F: Start + 'static,
    {
        let Some(facet) = self.facet() else {
            return Box::pin(async { Err(Error::object_shut_down()) });
        };
        if facet.queue.len() >= MAX_WAITING_CALLS {
            return Box::pin(async { Err(Error::object_overloaded()) });
        }
        let place = facet.queue.enter();
        let call = Call::new(&facet);
        let me = self.me.clone();
        Box::pin(within(parent(), async move {
            let _call = call;
            place.first().await;
            let context = facet.live().await?;
            context.open().await?;
            context.set_me(me);
            let watchers = facet.watchers.borrow().clone();
            let tracer = watchers.map(|watchers| watchers.tracer(info));
            let outcome = context.deliver(tracer, start);
            drop(place);
            outcome.await.map(Delivered::Ended)
        }))
    }
}

/// A call under way: keeps the parent from being idle.
struct Call(Rc<Facet>);

impl Call {
    fn new(facet: &Rc<Facet>) -> Self {
        facet.calls.set(facet.calls.get() + 1);
        Self(facet.clone())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.calls.set(self.0.calls.get() - 1);
    }
}

impl Service for FacetStub {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        stub::fetch(&*self, request)
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        stub::event(&*self, event)
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        stub::rpc(&*self, call)
    }

    fn with_origin(self: Rc<Self>, origin: Origin) -> Option<Rc<dyn Service>> {
        let facet = self.facet()?;
        Some(Rc::new(Self {
            facets: self.facets.clone(),
            name: self.name.clone(),
            start: RefCell::new(None),
            facet: OnceCell::from(facet),
            me: origin.me,
        }))
    }
}
