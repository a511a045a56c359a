//! The objects of one namespace: who starts them, in which order they are called, when they go.
//!
//! `host` makes one for each class of a worker, `object` calls it. Relies on `context` for a live object, on `stores` for what it
//! has stored.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use ipc::live::{Numbers, Order};
use ipc::metrics::page;
use tokio::time::Instant;

use super::actor::Actor;
use super::class::{Class, NamespaceSpec};
use super::context::{ActorContext, Owner};
use super::events;
use super::facets::Facets;
use super::gates::QueuePlace;
use super::hibernation::{Listener, finish, watch};
use super::id::IdFactory;
use super::routes::Standing;
use super::stores::Stores;
use super::stub::{Begun, Delivered, Life, Start};
use super::traces::Watchers;
use crate::glue::context::next_id;
use crate::isolate::Isolate;
use crate::service::trace::{Info, SpanContext, Tracer};
use crate::service::websocket::{Hibernated, Hibernation, SocketEvent};
use crate::service::{ActorId, Address, Error, Identity, Kind, Lasting, Me, Service, to_hex};

/// How long an object stays live with no caller.
const IDLE: Duration = Duration::from_secs(10);

/// Calls that one object may have waiting to be delivered.
const MAX_WAITING_CALLS: usize = 10_000;

/// The objects of one class under one key.
pub struct Namespace {
    this: Weak<Self>,
    standing: Weak<Standing>,
    key: String,
    ids: IdFactory,
    spec: NamespaceSpec,
    class: Class,
    stores: Stores,
    pub(super) actors: RefCell<HashMap<ActorId, Rc<Actor>>>,
    idle: RefCell<BTreeSet<(Instant, ActorId)>>,
    sweeping: Cell<bool>,
}

/// Where an object is when a call has its turn.
enum Lives {
    Here(Rc<ActorContext>),
    /// It is to live in the process that replaces this one.
    Successor(Rc<dyn Service>),
}

impl Namespace {
    /// The objects of a worker's class.
    pub(super) fn new(
        standing: &Rc<Standing>,
        key: &str,
        spec: NamespaceSpec,
        class: Class,
        stores: Stores,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            standing: Rc::downgrade(standing),
            ids: IdFactory::new(key),
            key: key.to_owned(),
            spec,
            class,
            stores,
            actors: RefCell::default(),
            idle: RefCell::default(),
            sweeping: Cell::new(false),
        })
    }

    /// How far its process is, and where others are; none once the server has gone.
    pub(super) fn standing(&self) -> Option<Rc<Standing>> {
        self.standing.upgrade()
    }

    /// This namespace, unless it is going.
    pub(super) fn this(&self) -> Option<Rc<Self>> {
        self.this.upgrade()
    }

    pub(super) fn ids(&self) -> &IdFactory {
        &self.ids
    }

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
        let actor = actors
            .entry(address.id)
            .or_insert_with(|| Rc::new(Actor::new(address.id)));
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
    ) -> Result<Lives, Error> {
        if let Some(live) = &*actor.live.borrow() {
            return Ok(Lives::Here(live.clone()));
        }
        while actor.open.get() {
            actor.ended.notified().await;
        }
        if let Some(successor) = self.successor(address)? {
            return Ok(Lives::Successor(successor));
        }
        let lock = self.stores.lock(&actor.id).await?;
        // It may have come late.
        if let Some(successor) = self.successor(address)? {
            return Ok(Lives::Successor(successor));
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
        page().process.objects.grow();
        page().process.object_starts.add(1);
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
        context.construct(|scope| events::construct(scope, &self.class, &identity))?;
        Ok(Lives::Here(context))
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
            let place = place.ok_or_else(Error::object_overloaded)?;
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
        place: QueuePlace,
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
                Ok(Lives::Here(context)) => context,
                Ok(Lives::Successor(successor)) => return Ok(Begun::Moved(successor, place)),
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
        page().process.objects.shrink();
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

/// An object of a namespace.
struct Object {
    namespace: Rc<Namespace>,
    actor: Rc<Actor>,
}

impl Listener for Object {
    fn sockets(&self) -> &Rc<Hibernation> {
        &self.actor.sockets
    }

    fn tell(
        &self,
        socket: u32,
        origin: Option<SpanContext>,
        event: SocketEvent,
    ) -> LocalBoxFuture<'_, Result<(), Error>> {
        let Self { namespace, actor } = self;
        let call = Call::new(namespace, actor);
        let place = actor.queue.enter();
        let limit = actor.sockets.event_timeout();
        let watchers = namespace.watchers(actor);
        let tracer = watchers.map(|watchers| watchers.socket_tracer(origin, &event));
        Box::pin(async move {
            let (life, address) = (Life::default(), namespace.address_of(actor));
            let begun = namespace.deliver(
                actor,
                &address,
                place,
                &life,
                tracer,
                move |scope, _, instance, id| {
                    events::socket(scope, instance, id, socket, event);
                },
            );
            // A connection stays with the process that has it.
            let Begun::Here(context, running) = begun.await? else {
                return Err(Error::object_moved());
            };
            finish(context, running, limit, call);
            Ok(())
        })
    }

    fn lost(&self) {
        self.namespace.consider(&self.actor);
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
