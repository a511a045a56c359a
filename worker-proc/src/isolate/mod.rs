//! An isolate and the one way to run in it.
//!
//! `dispatch` makes one for each worker; `request` runs turns in it. It is given the API registry as data.

mod buffers;
mod exception;
pub mod inspector;
pub mod limits;
mod metrics;
pub mod modules;
mod platform;
mod rejections;
pub mod snapshot;
pub mod stall;
mod tasks;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use ipc::metrics::{Limit, MAX_WORKERS, Worker, page};

use crate::glue::context::{IoContext, all_in, set_owner};
use crate::glue::state::IsolateState;
use crate::glue::{BufferBytes, Registry, intern};
use crate::service::processor;

pub use exception::describe;
pub use platform::initialize;
pub use tasks::attend;

/// An isolate with its one context. Entered only by [`Isolate::run`].
pub struct Isolate {
    inner: RefCell<Option<v8::OwnedIsolate>>,
    context: RefCell<Option<v8::Global<v8::Context>>>,
    state: Rc<IsolateState>,
    running: Cell<bool>,
    startup_exceeded: Cell<bool>,
    heap: Option<limits::HeapWatch>,
    over: Cell<bool>,
    /// Whose it is, for the log.
    label: Arc<OnceLock<String>>,
    /// Its worker's place among those that are counted.
    place: OnceCell<usize>,
}

impl Isolate {
    /// Starts an isolate from the snapshot; `flags` are the names of the compat flags that are set.
    pub fn new(flags: &schema::compat::Flags) -> Result<Rc<Self>, String> {
        let snapshot = snapshot::installed();
        let limit = limits::heap_bytes();
        let bytes = Arc::<BufferBytes>::default();
        let buffers = buffers::Buffers {
            bytes: bytes.clone(),
            limit: limit.unwrap_or(usize::MAX),
        };
        let mut params = v8::CreateParams::default()
            .snapshot_blob(snapshot)
            .external_references(snapshot::external_references())
            .array_buffer_allocator(buffers.allocator());
        if let Some(bytes) = limit {
            params = params.heap_limits(0, bytes + limits::LEEWAY_BYTES);
        }
        let mut inner = v8::Isolate::new(params);
        let heap = limits::HeapWatch::new(&mut inner);
        inner.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        // It would block the thread, which serves others too.
        inner.set_allow_atomics_wait(false);
        inner.set_capture_stack_trace_for_uncaught_exceptions(true, MAX_STACK_FRAMES);
        rejections::install(&mut inner);
        modules::install(&mut inner, flags);
        inner.set_prepare_stack_trace_callback(exception::prepare_stack_trace);
        inner.set_modify_code_generation_from_strings_callback(platform::modify_code_generation);
        inner.set_allow_wasm_code_generation_callback(platform::allow_wasm);
        let state = IsolateState::new(bytes);
        state.create_require.set(Some(modules::create_require));
        if let Some(heap) = &heap {
            let _ = state.budget.set(heap.budget());
        }
        inner.set_slot(state.clone());
        let context = {
            v8::scope!(let scope, &mut inner);
            let context =
                platform::with_own_gc(|| v8::Context::new(scope, v8::ContextOptions::default()));
            context.set_allow_generation_from_strings(false);
            let scope = &mut v8::ContextScope::new(scope, context);
            let internals = scope
                .get_context_data_from_snapshot_once::<v8::Object>(snapshot::INTERNALS)
                .map_err(|error| {
                    format!("the start-up snapshot does not fit this binary: {error}")
                })?;
            *state.internals.borrow_mut() = Some(v8::Global::new(scope, internals));
            start_realm(scope, internals, flags)?;
            v8::Global::new(scope, context)
        };
        // `v8::Isolate::new` entered it; from here on `run` alone enters and leaves.
        pass(&mut inner, Way::Out);
        let label = Arc::<OnceLock<String>>::default();
        stall::watch(inner.thread_safe_handle(), &label);
        let key = tasks::Key::of(&inner);
        let isolate = Rc::new(Self {
            inner: RefCell::new(Some(inner)),
            context: RefCell::new(Some(context)),
            state,
            running: Cell::new(false),
            startup_exceeded: Cell::new(false),
            heap,
            over: Cell::new(false),
            label,
            place: OnceCell::new(),
        });
        tasks::register(key, &isolate);
        Ok(isolate)
    }

    /// Says whose it is, for the log, and as what it counts.
    pub fn set_label(&self, label: &str, counts_as: &str) {
        let _ = self.label.set(label.to_owned());
        let place = page().worker(counts_as);
        if self.place.set(place).is_ok()
            && let Some(inner) = &mut *self.inner.borrow_mut()
        {
            metrics::watch(inner, place);
        }
    }

    /// What is counted of its worker.
    pub fn worker(&self) -> &'static Worker {
        &page().workers[self.place.get().map_or(MAX_WORKERS - 1, |place| *place)]
    }

    fn label(&self) -> &str {
        self.label.get().map_or("", String::as_str)
    }

    /// Why code that ran for no event was ended, if it was.
    pub fn startup_exceeded(&self) -> Option<&'static str> {
        if self.over.get() {
            return Some(limits::STARTUP_HEAP_EXCEEDED);
        }
        self.startup_exceeded
            .get()
            .then_some(limits::STARTUP_EXCEEDED)
    }

    /// Whether it has used more memory than it may: nothing new is to begin in it.
    pub fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Whether the turn that runs is this context's and has used more of the processor than it may: what it has to say comes
    /// too late, and its end tells whoever waits.
    pub fn is_overdue(&self, context: u64) -> bool {
        let runs = self.state.current.borrow();
        runs.as_ref().is_some_and(|io| io.id() == context) && processor::is_used_up()
    }

    /// Tells it from others of the process.
    pub fn number(&self) -> usize {
        Rc::as_ptr(&self.state) as usize
    }

    /// Its heap is full: what is under way in it fails.
    fn give_up(&self) {
        self.over.set(true);
        Limit::Heap.hit();
        limits::log_heap_exceeded(self.label());
        for context in all_in(self.number()) {
            context.abort(limits::heap_exceeded(context.actor().is_some()));
        }
    }

    /// Its worker's place, and how its heap is. Not from within a turn.
    fn heap(&self) -> Option<(usize, v8::HeapStatistics)> {
        let mut inner = self.inner.borrow_mut();
        let heap = inner.as_mut()?.get_heap_statistics();
        Some((*self.place.get()?, heap))
    }

    /// JavaScript heap in use, garbage included. Not from within a turn.
    pub fn heap_bytes(&self) -> u64 {
        let mut inner = self.inner.borrow_mut();
        let heap = inner.as_mut().map(|isolate| isolate.get_heap_statistics());
        heap.map_or(0, |heap| heap.used_heap_size() as u64)
    }

    /// Runs `turn` in the isolate on behalf of `io`, then everything that it made runnable.
    ///
    /// Never called from within itself: calls between workers are tasks of their own.
    pub fn run<R>(
        &self,
        io: Option<Rc<dyn IoContext>>,
        turn: impl FnOnce(&mut v8::PinScope<'_, '_>) -> R,
    ) -> R {
        assert!(
            !self.running.replace(true),
            "an isolate is entered once at a time"
        );
        let mut inner = self.inner.borrow_mut();
        let isolate = inner
            .as_mut()
            .expect("the isolate lives until it is dropped");
        pass(isolate, Way::In);
        ENTERED.set(ENTERED.get() + 1);
        let meter = limits::Meter::begin(isolate, io.as_deref());
        let id = io.as_ref().map_or(0, |io| io.id());
        *self.state.current.borrow_mut() = io;
        let result = {
            v8::scope!(let scope, &mut *isolate);
            let context = self.context.borrow();
            let context = v8::Local::new(scope, context.as_ref().expect("as long as the isolate"));
            let scope = &mut v8::ContextScope::new(scope, context);
            set_owner(scope, id);
            let result = turn(scope);
            scope.perform_microtask_checkpoint();
            rejections::report(scope);
            self.state.buffers.bound_pile(scope);
            result
        };
        let io = self.state.current.borrow_mut().take();
        let exceeded = meter.is_some_and(|meter| meter.end(isolate, io.as_deref(), self.worker()));
        let full = self.heap.as_ref().is_some_and(|heap| heap.take(isolate));
        pass(isolate, Way::Out);
        drop(inner);
        self.running.set(false);
        match &io {
            _ if full => self.give_up(),
            Some(io) if exceeded => {
                Limit::Cpu.hit();
                io.abort(limits::cpu_exceeded(self.label(), &**io));
            }
            None if exceeded => self.startup_exceeded.set(true),
            _ => {}
        }
        drop(io);
        ENTERED.set(ENTERED.get() - 1);
        bury();
        result
    }
}

/// Into an isolate, or out of it.
enum Way {
    In,
    Out,
}

/// Enters an isolate or leaves it. Each way in has its way out, or is the last: a panic in between ends the process.
fn pass(isolate: &mut v8::OwnedIsolate, way: Way) {
    // SAFETY: see above; one thread has the isolate, and nothing of it is used outside.
    #[allow(unsafe_code)]
    unsafe {
        match way {
            Way::In => isolate.enter(),
            Way::Out => isolate.exit(),
        }
    }
}

/// Whose an isolate is that runs, and its stack. Called in its turn.
pub fn stack(entered: &mut v8::Isolate) -> Option<(String, Vec<String>)> {
    let isolate = tasks::find(entered)?;
    v8::scope!(let scope, entered);
    let context = isolate.context.borrow();
    let context = v8::Local::new(scope, context.as_ref()?);
    let scope = &mut v8::ContextScope::new(scope, context);
    let stack = v8::StackTrace::current_stack_trace(scope, stall::MAX_FRAMES)?;
    let frames = exception::frames(scope, &stack);
    Some((isolate.label().to_owned(), frames))
}

/// Measures the heaps of this thread's isolates. Not from within a turn.
pub fn measure() {
    let isolates = tasks::isolates();
    metrics::tell(isolates.iter().filter_map(|isolate| isolate.heap()));
}

/// Frames that an uncaught exception keeps for its message.
const MAX_STACK_FRAMES: i32 = 10;

fn start_realm(
    scope: &mut v8::PinScope<'_, '_>,
    internals: v8::Local<v8::Object>,
    flags: &schema::compat::Flags,
) -> Result<(), String> {
    v8::tc_scope!(let scope, scope);
    let bits: Vec<u8> = flags.iter().map(|(_, on)| b'0' + u8::from(on)).collect();
    let bits = v8::String::new_from_one_byte(scope, &bits, v8::NewStringType::Normal)
        .unwrap_or_else(|| v8::String::empty(scope));
    let key = intern(scope, "start");
    let started = internals
        .get(scope, key.into())
        .and_then(|start| v8::Local::<v8::Function>::try_from(start).ok())
        .and_then(|start| {
            let this = v8::undefined(scope).into();
            start.call(scope, this, &[bits.into()])
        });
    match started {
        Some(_) => Ok(()),
        None => Err(match scope.exception() {
            Some(exception) => describe(scope, exception).stack,
            None => "the start-up snapshot holds no start function".to_owned(),
        }),
    }
}

thread_local! {
    /// How many isolates are entered, one within another.
    static ENTERED: Cell<usize> = const { Cell::new(0) };
    /// Isolates that nobody uses any more, to be disposed of when none is entered.
    static DEAD: RefCell<Vec<Remains>> = const { RefCell::new(Vec::new()) };
}

/// What is left of an isolate.
struct Remains {
    inner: v8::OwnedIsolate,
    context: Option<v8::Global<v8::Context>>,
    state: Rc<IsolateState>,
    heap: Option<limits::HeapWatch>,
}

/// Disposes of isolates, unless one is entered: V8 takes none while another collects its garbage, whose finalizers let go
/// of isolates.
fn bury() {
    if ENTERED.get() > 0 {
        return;
    }
    while let Some(dead) = DEAD.with_borrow_mut(Vec::pop) {
        ENTERED.set(1);
        dead.dispose();
        ENTERED.set(0);
    }
}

impl Drop for Isolate {
    fn drop(&mut self) {
        let Some(inner) = self.inner.borrow_mut().take() else {
            return;
        };
        let remains = Remains {
            inner,
            context: self.context.borrow_mut().take(),
            state: self.state.clone(),
            heap: self.heap.take(),
        };
        // At the thread's end there is no later.
        if DEAD.try_with(|_| ()).is_err() {
            return remains.dispose();
        }
        DEAD.with_borrow_mut(|dead| dead.push(remains));
        bury();
    }
}

impl Remains {
    fn dispose(self) {
        let Self {
            mut inner,
            context,
            state,
            heap,
        } = self;
        // V8 wants an isolate entered while it is disposed of; dropping it leaves it.
        pass(&mut inner, Way::In);
        state.clear();
        inspector::clear(&mut inner);
        rejections::clear(&mut inner);
        modules::clear(&mut inner);
        drop(context);
        let key = tasks::Key::of(&inner);
        tasks::close(key);
        drop(inner);
        tasks::forget(key);
        drop(heap);
    }
}

/// Installs the process's API registry and starts V8.
pub fn setup(apis: Vec<&'static crate::glue::Api>, v8_flags: &[String]) -> Result<(), String> {
    Registry::install(apis);
    initialize(v8_flags, tasks::Foreground)
}
