//! The objects of one process: which are live, who starts them, when they go.
//!
//! `dispatch` adds namespaces and hands out their bindings; `boot` says which process owns what. Relies on `context` for a
//! live object, on `placement` for its owner.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::time::Duration;

use ipc::live::{Numbers, Order};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::context::{ActorContext, Owner};
use super::drain::Stage;
use super::facets::Facets;
use super::gates::{Place, Queue};
use super::hibernation::{Object, watch};
use super::id::{BadId, IdFactory};
use super::object::{Gone, Stub};
use super::store::{StoreSpec, Stores};
use super::stub::{Begun, Delivered, Life, Start};
use super::traces::Watchers;
use crate::glue::context::next_id;
use crate::isolate::Isolate;
use crate::service::trace::{Info, Tails, Tracer};
use crate::service::websocket::{Hibernated, Hibernation};
use crate::service::{
    self, ActorId, Address, Channels, Error, Identity, Kind, Lasting, Me, Props, Service, from_hex,
    to_hex,
};
use crate::storage::ObjectLock;

/// How long an object stays live with no caller.
const IDLE: Duration = Duration::from_secs(10);

/// Calls that one object may have waiting to be delivered.
const MAX_WAITING_CALLS: usize = 10_000;

/// What a call beyond them is told; workerd's text.
pub(super) const OVERLOADED: &str = "Durable Object is overloaded. Too many requests queued.";

/// The worker that objects live in.
pub trait Home {
    /// The isolate of its own that there is.
    fn isolate(&self) -> Rc<Isolate>;
    /// Sees to it that it is one that takes new objects. Not within a turn.
    ///
    /// # Errors
    /// It cannot be started anew.
    fn renew(&self) -> Result<(), Error>;
}

/// The class that a namespace's objects are instances of, in its worker.
#[derive(Clone)]
pub struct Class {
    pub home: Rc<dyn Home>,
    pub channels: Rc<dyn Channels>,
    pub name: String,
    pub props: Option<Props>,
    /// Whether ops keep an object from going, as timers and `waitUntil` work do (a compatibility flag).
    pub ops_prevent_eviction: bool,
    /// Whether stubs of its objects may be stored (another).
    pub stores_stubs: bool,
    /// Who is told of its objects' events.
    pub tails: Option<Rc<dyn Tails>>,
}

/// A namespace as the config gives it.
#[derive(Clone, Debug)]
pub struct NamespaceSpec {
    pub class_name: String,
    /// None for objects that are told by name alone and keep nothing.
    pub unique_key: Option<String>,
    pub prevent_eviction: bool,
    pub enable_sql: bool,
}

impl NamespaceSpec {
    /// What tells the namespace in this server: objects without a unique key are told apart by their worker and class.
    pub fn key(&self, worker: &str) -> String {
        match &self.unique_key {
            Some(key) => key.clone(),
            None => format!("{worker}:{}", self.class_name),
        }
    }
}

/// Where the owner of an object is.
pub trait Routes {
    /// Whether the object of that id lives in this process.
    fn owns(&self, id: &ActorId) -> bool;

    /// The object in another process; none if it lives in this one.
    fn elsewhere(&self, address: &Address) -> Option<Rc<dyn Service>>;

    /// Whether this process is to end, and another replaces it.
    fn is_replaced(&self) -> bool;

    /// An object of this process in the one that replaces it; none if it is not.
    fn successor(&self, address: &Address) -> Option<Rc<dyn Service>>;

    /// Whether the process that this one replaces is still there.
    fn has_predecessor(&self) -> bool;
}

/// See the module.
#[derive(Default)]
pub struct Host {
    pub(super) namespaces: RefCell<HashMap<String, Rc<Namespace>>>,
    pub(super) routes: RefCell<Option<Rc<dyn Routes>>>,
    pub(super) stage: Cell<Stage>,
    /// What processes lock for objects that have no folder.
    locks: RefCell<Option<OwnedFd>>,
}

impl Host {
    /// Calls for objects of other processes go this way.
    pub fn set_routes(&self, routes: Rc<dyn Routes>) {
        *self.routes.borrow_mut() = Some(routes);
    }

    /// The server has other processes, which lock in this file. To be called before namespaces are added.
    pub fn set_locks(&self, locks: OwnedFd) {
        *self.locks.borrow_mut() = Some(locks);
    }

    /// Adds a namespace of a worker that has started.
    ///
    /// # Errors
    /// What is wrong with the folder of its objects.
    pub fn add(
        self: &Rc<Self>,
        worker: &str,
        spec: NamespaceSpec,
        class: Class,
        store: &StoreSpec,
    ) -> Result<(), String> {
        let key = spec.key(worker);
        // Objects that are told by name alone keep nothing.
        let store = match spec.unique_key {
            Some(_) => store,
            None => &StoreSpec::None,
        };
        let locks = self.locks.borrow();
        let locks = locks.as_ref().map(AsFd::as_fd);
        let stores = Stores::open(store, &key, spec.enable_sql, locks)?;
        let namespace = Rc::new_cyclic(|this| Namespace {
            this: Weak::clone(this),
            host: Rc::downgrade(self),
            ids: IdFactory::new(&key),
            key: key.clone(),
            spec,
            class,
            stores,
            actors: RefCell::default(),
            idle: RefCell::default(),
            sweeping: Cell::new(false),
        });
        self.namespaces.borrow_mut().insert(key, namespace);
        Ok(())
    }

    /// Whether this process owns the object of that id, as hex.
    pub(super) fn owns(&self, id: &str) -> bool {
        let routes = self.routes.borrow();
        match (&*routes, from_hex(id)) {
            (Some(routes), Some(id)) => routes.owns(&id),
            _ => true,
        }
    }

    /// The namespace of a class of a worker, by the worker's name for it.
    pub fn namespace(&self, key: &str) -> Option<Rc<Namespace>> {
        self.namespaces.borrow().get(key).cloned()
    }

    /// Every namespace.
    pub(super) fn all(&self) -> Vec<Rc<Namespace>> {
        self.namespaces.borrow().values().cloned().collect()
    }

    /// An object of this process, for a caller in another.
    ///
    /// # Errors
    /// There is no such namespace.
    pub fn resolve(&self, address: Address) -> Result<Rc<dyn Service>, Error> {
        let namespace = self.namespace(&address.namespace).ok_or_else(|| {
            let name = &address.namespace;
            Error::internal(format!(
                "The config that this server runs has no Durable Object namespace \"{name}\"."
            ))
        })?;
        Ok(Rc::new(Stub::local(namespace, address)))
    }
}

/// The objects of one class under one key.
pub struct Namespace {
    this: Weak<Self>,
    pub(super) host: Weak<Host>,
    key: String,
    ids: IdFactory,
    spec: NamespaceSpec,
    class: Class,
    stores: Stores,
    pub(super) actors: RefCell<HashMap<ActorId, Rc<Actor>>>,
    idle: RefCell<BTreeSet<(Instant, ActorId)>>,
    sweeping: Cell<bool>,
}

/// An object that has callers or WebSockets, or is live.
pub(super) struct Actor {
    id: ActorId,
    name: RefCell<Option<String>>,
    pub(super) queue: Rc<Queue>,
    /// What stays open between its lives.
    pub(super) sockets: Rc<Hibernation>,
    pub(super) live: RefCell<Option<Rc<ActorContext>>>,
    /// The number of its last life.
    last_number: Cell<u64>,
    /// Whether its storage is open, if only to be closed.
    pub(super) open: Cell<bool>,
    /// Held while it is.
    lock: RefCell<Option<ObjectLock>>,
    /// Told when a life has ended, and when the last call has.
    ended: Notify,
    /// Calls under way.
    pub(super) calls: Cell<usize>,
    /// Calls there have been, the ones under way included.
    total_calls: Cell<u64>,
    idle_since: Cell<Instant>,
    /// Whether it is in the namespace's list of idle objects.
    listed: Cell<bool>,
}

impl Actor {
    /// Whether it is live, or somebody calls it and so makes it so, or it has not ended quite yet.
    fn is_running(&self) -> bool {
        self.calls.get() > 0 || self.open.get()
    }

    /// Waits until nobody calls it or holds objects of it.
    pub(super) async fn idle(&self) {
        while self.calls.get() > 0 {
            self.ended.notified().await;
        }
    }

    /// Ends its life as idleness does, and waits until its storage is closed.
    pub(super) async fn end_life(&self) {
        let live = self.live.borrow().clone();
        if let Some(live) = live {
            live.end();
        }
        let number = self.last_number.get();
        while self.open.get() && self.last_number.get() == number {
            self.ended.notified().await;
        }
    }

    /// Breaks it, if it is live.
    pub(super) fn abort(&self, error: Error) {
        let live = self.live.borrow().clone();
        if let Some(live) = live {
            live.break_with(error);
        }
    }
}

/// Where an object is when a call has its turn.
enum Found {
    Here(Rc<ActorContext>),
    /// It is to live in the process that replaces this one.
    Successor(Rc<dyn Service>),
}

impl Namespace {
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Whether stubs of its objects may be stored.
    pub(super) fn stores_stubs(&self) -> bool {
        self.class.stores_stubs
    }

    /// Whether its objects have ids by which others find them.
    pub(super) fn keeps(&self) -> bool {
        self.spec.unique_key.is_some()
    }

    /// Whether its objects may be ended while they could still be used.
    pub(super) fn is_evictable(&self) -> bool {
        !self.spec.prevent_eviction
    }

    /// The object of that id, if it is live or about to be.
    pub(super) fn running(&self, id: &ActorId) -> Option<Rc<Actor>> {
        let actor = self.actors.borrow().get(id).cloned();
        actor.filter(|actor| actor.is_running())
    }

    pub(super) fn running_ones(&self) -> Vec<Rc<Actor>> {
        let actors = self.actors.borrow();
        let running = actors.values().filter(|actor| actor.is_running());
        running.cloned().collect()
    }

    pub(super) fn actor(&self, address: &Address) -> Rc<Actor> {
        let mut actors = self.actors.borrow_mut();
        let actor = actors.entry(address.id).or_insert_with(|| {
            Rc::new(Actor {
                id: address.id,
                name: RefCell::new(None),
                queue: Rc::default(),
                sockets: Rc::default(),
                live: RefCell::new(None),
                last_number: Cell::new(0),
                open: Cell::new(false),
                lock: RefCell::new(None),
                ended: Notify::new(),
                calls: Cell::new(0),
                total_calls: Cell::new(0),
                idle_since: Cell::new(Instant::now()),
                listed: Cell::new(false),
            })
        });
        if let Some(name) = &address.name {
            actor.name.borrow_mut().get_or_insert_with(|| name.clone());
        }
        actor.clone()
    }

    /// The live object, started if it is not, and if this process still starts any.
    async fn live(
        self: &Rc<Self>,
        actor: &Rc<Actor>,
        address: &Address,
        tracer: Option<&Rc<Tracer>>,
    ) -> Result<Found, Error> {
        if let Some(live) = &*actor.live.borrow() {
            return Ok(Found::Here(live.clone()));
        }
        while actor.open.get() {
            actor.ended.notified().await;
        }
        if let Some(successor) = self.successor(address)? {
            return Ok(Found::Successor(successor));
        }
        let lock = self.stores.lock(&actor.id).await?;
        // It may have come late.
        if let Some(successor) = self.successor(address)? {
            return Ok(Found::Successor(successor));
        }
        let name = actor.name.borrow().clone();
        let store = self.stores.object(&actor.id, name.as_deref()).await?;
        // Only now: an isolate that fills up meanwhile takes no object.
        if let Err(error) = self.class.home.renew() {
            if let Some(store) = store {
                store.close().await;
            }
            return Err(error);
        }
        actor.open.set(true);
        *actor.lock.borrow_mut() = lock;
        let number = next_id();
        let identity = self.identity(actor);
        let owner: Weak<dyn Owner> = self.this.clone();
        let context = ActorContext::new(
            number,
            actor.id,
            identity.clone(),
            &self.class,
            owner,
            store,
            actor.sockets.clone(),
        );
        actor.last_number.set(number);
        *actor.live.borrow_mut() = Some(context.clone());
        if self.spec.unique_key.is_some() {
            context.set_me(Some(Me {
                lasting: Lasting::Actor(self.address_of(actor)),
                lasts: self.class.stores_stubs,
            }));
        }
        let facets = Facets::new(&context, self.stores.tree(&actor.id), 0, 0);
        context.set_facets(facets);
        if let Some(tracer) = tracer {
            context.traces().expect(tracer);
        }
        context.construct(|scope| super::events::construct(scope, &self.class, &identity))?;
        Ok(Found::Here(context))
    }

    /// Who is told of an object's events.
    pub(super) fn watchers(&self, actor: &Actor) -> Option<Watchers> {
        self.class.tails.as_ref()?;
        Watchers::of(&self.class, &self.identity(actor))
    }

    /// What records an event of an object, if anybody is to be told of it. Asked for when the event is caused.
    pub(super) fn tracer(
        &self,
        address: &Address,
        info: impl FnOnce() -> Info,
    ) -> Option<Rc<Tracer>> {
        self.class.tails.as_ref()?;
        let watchers = self.watchers(&self.actor(address))?;
        Some(watchers.tracer(info))
    }

    fn identity(&self, actor: &Actor) -> Identity {
        match (&self.spec.unique_key, &*actor.name.borrow()) {
            (None, Some(name)) => Identity::Text(name.clone()),
            (_, name) => Identity::Id(actor.id, name.clone()),
        }
    }

    pub(super) fn address_of(&self, actor: &Actor) -> Address {
        Address {
            namespace: self.key.clone(),
            id: actor.id,
            name: actor.name.borrow().clone(),
            props: None,
        }
    }

    /// Delivers an event to an object, and waits for its outcome.
    pub(super) fn call<F>(
        self: &Rc<Self>,
        address: &Address,
        tracer: Option<Rc<Tracer>>,
        start: F,
    ) -> impl Future<Output = Result<Delivered, Error>> + use<F>
    where
        F: Start,
    {
        self.call_in(address, &Life::default(), tracer, start)
    }

    /// The same for a stub. The event has its place in the object's queue at once.
    pub(super) fn call_in<F>(
        self: &Rc<Self>,
        address: &Address,
        life: &Life,
        tracer: Option<Rc<Tracer>>,
        start: F,
    ) -> impl Future<Output = Result<Delivered, Error>> + use<F>
    where
        F: Start,
    {
        let actor = self.actor(address);
        let call = Call::new(self, &actor);
        let place = (actor.queue.len() < MAX_WAITING_CALLS).then(|| actor.queue.enter());
        let namespace = self.clone();
        let (life, address) = (life.clone(), address.clone());
        async move {
            let _call = call;
            if let Some(error) = life.end() {
                return Err(error);
            }
            let place = place.ok_or_else(|| Error::overloaded(OVERLOADED))?;
            match namespace
                .deliver(&actor, &address, place, &life, tracer, start)
                .await?
            {
                Begun::Here(_, running) => running.await.map(Delivered::Ended),
                Begun::Moved(successor, place) => Ok(Delivered::Moved(successor, place)),
            }
        }
    }

    /// Delivers an event in its turn, to the object's live instance. A reset of the object, or a start that fails, is the
    /// answer to all who wait at that moment; the next to come starts it anew. An object that only goes away is no answer.
    pub(super) async fn deliver<F>(
        self: &Rc<Self>,
        actor: &Rc<Actor>,
        address: &Address,
        place: Place,
        life: &Life,
        tracer: Option<Rc<Tracer>>,
        start: F,
    ) -> Result<Begun, Error>
    where
        F: Start,
    {
        place.first().await;
        if let Some(error) = place.failure() {
            return Err(error);
        }
        let context = loop {
            let context = match self.live(actor, address, tracer.as_ref()).await {
                Ok(Found::Here(context)) => context,
                Ok(Found::Successor(successor)) => return Ok(Begun::Moved(successor, place)),
                Err(error) => {
                    actor.queue.fail(error.clone());
                    return Err(error);
                }
            };
            life.begin(&context);
            match context.open().await {
                Ok(()) => break context,
                // It had to leave before the event began, which goes where the object lives on.
                Err(error) if error.kind == Kind::Disconnected => {}
                Err(error) => return Err(error),
            }
        };
        let running = context.deliver(tracer, start);
        Ok(Begun::Here(context, running))
    }

    /// Ends objects that have been idle for long enough, until none is.
    async fn sweep(self: Rc<Self>) {
        loop {
            let next = self.idle.borrow().first().copied();
            let Some((due, id)) = next else {
                self.sweeping.set(false);
                return;
            };
            tokio::time::sleep_until(due).await;
            self.idle.borrow_mut().remove(&(due, id));
            let actor = self.actors.borrow().get(&id).cloned();
            if let Some(actor) = actor {
                actor.listed.set(false);
                self.consider(&actor);
            }
        }
    }

    /// Forgets an object of which there is nothing.
    fn forget(&self, actor: &Actor) {
        if actor.sockets.is_empty() {
            self.actors.borrow_mut().remove(&actor.id);
        }
    }

    /// Ends an idle object, or lists it for later.
    pub(super) fn consider(self: &Rc<Self>, actor: &Rc<Actor>) {
        if actor.calls.get() > 0 {
            return;
        }
        let live = actor.live.borrow().clone();
        let Some(live) = live else {
            if !actor.open.get() {
                self.forget(actor);
            }
            return;
        };
        if self.is_leaving() {
            if live.is_at_rest() {
                live.end();
            }
            return;
        }
        if self.spec.prevent_eviction || actor.listed.get() {
            return;
        }
        let mut due = actor.idle_since.get() + IDLE;
        let now = Instant::now();
        if due <= now {
            let works = live.is_working(self.class.ops_prevent_eviction);
            if !live.is_held() && !works {
                live.end();
                return;
            }
            due = now + IDLE;
        }
        actor.listed.set(true);
        self.idle.borrow_mut().insert((due, actor.id));
        if !self.sweeping.replace(true) {
            tokio::task::spawn_local(self.clone().sweep());
        }
    }
}

/// A live object, as others look at it.
pub(super) struct Seen<'a> {
    pub id: ActorId,
    pub name: Option<&'a str>,
    pub numbers: Numbers,
}

impl Namespace {
    pub(super) fn isolate(&self) -> Rc<Isolate> {
        self.class.home.isolate()
    }

    /// Shows every object that is live or has callers, with the numbers that it takes to put them in order.
    pub(super) fn each_live(&self, order: Order, mut show: impl FnMut(Seen)) {
        for actor in self.actors.borrow().values() {
            self.see(
                actor,
                order == Order::Memory,
                order == Order::Alarm,
                &mut show,
            );
        }
    }

    /// Shows one of them, if it still is one.
    pub(super) fn live_object<T>(&self, id: &ActorId, show: impl FnOnce(Seen) -> T) -> Option<T> {
        let actor = self.actors.borrow().get(id).cloned()?;
        Some(self.see(&actor, true, true, show))
    }

    fn see<T>(&self, actor: &Actor, memory: bool, alarm: bool, show: impl FnOnce(Seen) -> T) -> T {
        let live = actor.live.borrow();
        let live = live.as_ref();
        let schedule = self.stores.schedule().filter(|_| alarm);
        show(Seen {
            id: actor.id,
            name: actor.name.borrow().as_deref(),
            numbers: Numbers {
                calls: u32::try_from(actor.calls.get()).unwrap_or(u32::MAX),
                total_calls: actor.total_calls.get(),
                storage_bytes: live
                    .filter(|_| memory)
                    .map_or(0, |live| live.storage_bytes()),
                sockets: u32::try_from(actor.sockets.len()).unwrap_or(u32::MAX),
                next_alarm_ms: schedule.and_then(|schedule| schedule.next_of(&to_hex(&actor.id))),
            },
        })
    }

    /// The object of which this was the last life.
    fn last_life(&self, context: &Rc<ActorContext>) -> Option<Rc<Actor>> {
        let actor = self.actors.borrow().get(&context.actor_id())?.clone();
        let last = actor.last_number.get() == context.number();
        last.then_some(actor)
    }
}

impl Owner for Namespace {
    fn broken(&self, context: &Rc<ActorContext>) {
        if let Some(actor) = self.last_life(context) {
            actor.live.borrow_mut().take();
            // An object that only went away comes back, and finds them.
            if let Some(error) = context.broken()
                && error.kind != Kind::Disconnected
            {
                actor.sockets.clear();
                actor.queue.fail(error);
            }
        }
    }

    fn ended(&self, context: &Rc<ActorContext>) {
        let Some(actor) = self.last_life(context) else {
            return;
        };
        actor.open.set(false);
        actor.lock.take();
        actor.ended.notify_waiters();
        if actor.calls.get() == 0 {
            self.forget(&actor);
        }
    }

    fn accepted(&self, context: &Rc<ActorContext>, socket: Rc<Hibernated>) {
        if let (Some(namespace), Some(actor)) = (self.this.upgrade(), self.last_life(context)) {
            tokio::task::spawn_local(watch(Object { namespace, actor }, socket));
        }
    }
}

/// A call under way: keeps the object from being idle.
pub(super) struct Call {
    namespace: Rc<Namespace>,
    actor: Rc<Actor>,
}

impl Call {
    pub(super) fn new(namespace: &Rc<Namespace>, actor: &Rc<Actor>) -> Self {
        actor.calls.set(actor.calls.get() + 1);
        actor.total_calls.set(actor.total_calls.get() + 1);
        Self {
            namespace: namespace.clone(),
            actor: actor.clone(),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let left = self.actor.calls.get() - 1;
        self.actor.calls.set(left);
        if left == 0 {
            self.actor.idle_since.set(Instant::now());
            self.actor.ended.notify_waiters();
            self.namespace.consider(&self.actor);
        }
    }
}

impl service::Namespace for Namespace {
    fn unique_id(&self) -> Result<ActorId, Error> {
        self.ids
            .unique()
            .ok_or_else(|| Error::internal("the system gives no random bytes"))
    }

    fn id_from_name(&self, name: &str) -> ActorId {
        self.ids.named(name)
    }

    fn id_from_string(&self, text: &str) -> Result<ActorId, Error> {
        self.ids.parse(text).map_err(|bad| Error {
            class: "TypeError".to_owned(),
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
            namespace: self.key.clone(),
            id,
            name,
            props: None,
        };
        match self.this.upgrade() {
            Some(namespace) => Rc::new(Stub::new(namespace, address)),
            None => Rc::new(Gone),
        }
    }
}
