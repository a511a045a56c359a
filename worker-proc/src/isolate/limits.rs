//! What a worker may use: of the processor for one event, of memory for its isolate. Where there is no limit, a turn costs
//! nothing more.
//!
//! `Isolate::run` measures each turn. A thread of its own sees when one has gone on for so long that it may have used up
//! what the event had left, and has V8 ask the turn itself, which then ends if it has. How full a heap is shows after each
//! collection: the turn is ended, and may use more until it has. Bytes of buffers are counted apart; there are no more of
//! them then.

use std::cell::Cell;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use ipc::metrics;

use crate::glue::Budget;
use crate::glue::context::IoContext;
use crate::log;
use crate::service::processor::{
    self, is_used_up, set_deadline, set_limit, thread_time, unlimited,
};
use crate::service::{self, Kind};
use crate::storage::interrupt_when;

/// How often a turn is asked that goes on for longer than its event had left, though it has not used as much.
const ASK_AGAIN: Duration = Duration::from_millis(2);

/// The watcher looks no more often than this at turns that come and go.
const LEAST_LOOK: Duration = Duration::from_millis(1);

/// What clients and callers are told, as on Cloudflare.
pub const CPU_EXCEEDED: &str = "Worker exceeded CPU time limit.";
const ACTOR_EXCEEDED: &str = "Durable Object exceeded its CPU time limit and was reset.";
pub const HEAP_EXCEEDED: &str = "Worker exceeded memory limit.";
const ACTOR_HEAP_EXCEEDED: &str =
    "Durable Object's isolate exceeded its memory limit and was reset.";
/// The same for code that runs before there are events.
pub const STARTUP_EXCEEDED: &str = "Script startup exceeded CPU time limit.";
pub const STARTUP_HEAP_EXCEEDED: &str = "Script startup exceeded memory limit.";

/// By how much a heap may grow beyond its limit until the turn that has filled it is over: one built-in function can ask for
/// much at once, and cannot be ended. V8 ends the process where it has no more. It is told of no lower limit: near one it
/// collects again and again in vain, for many times as long as that function takes.
pub const LEEWAY_BYTES: usize = 2 << 30;

static WATCH: OnceLock<Arc<Watch>> = OnceLock::new();
static HEAP_BYTES: OnceLock<usize> = OnceLock::new();

/// Runs what is not the doing of the turn that goes on, if one does: a debugger's. It may take as long as it likes.
pub fn uncounted<R>(run: impl FnOnce() -> R) -> R {
    let Some(watch) = WATCH.get() else {
        return run();
    };
    let began = thread_time();
    let asks = watch.lock().ask_at.take().is_some();
    let (deadline, result) = unlimited(run);
    let used = thread_time().saturating_sub(began);
    UNCOUNTED.set(UNCOUNTED.get() + used);
    set_deadline(deadline.map(|deadline| deadline + used));
    if asks {
        let mut turn = watch.lock();
        turn.ask_at = Some(Instant::now());
        watch.wake(&mut turn);
    }
    result
}

thread_local! {
    /// Processor time within the turn that goes on that is not its doing.
    static UNCOUNTED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// What the thread that serves and the one that watches share.
#[derive(Default)]
struct Watch {
    turn: Mutex<Turn>,
    begun: Condvar,
}

#[derive(Default)]
struct Turn {
    /// The isolate that is entered, if one is.
    isolate: Option<v8::IsolateHandle>,
    /// When the turn may have used up what it has. The processor's time passes no faster than the clock's.
    ask_at: Option<Instant>,
    /// Turns so far.
    count: u64,
    /// The watcher looks at least so often while there are turns: the least that one might use.
    look_every: Option<Duration>,
    /// The watcher waits for the next turn to begin.
    sleeping: bool,
}

/// Sets the limit of the process, before any isolate is made.
pub fn set_cpu(limit: Duration) {
    set_limit(limit);
    watch();
}

/// What watches turns, from the first on that has a limit.
fn watch() -> &'static Watch {
    WATCH.get_or_init(|| {
        interrupt_when(is_used_up);
        let watch = Arc::new(Watch::default());
        let watcher = watch.clone();
        let run = move || watcher.run();
        let thread = std::thread::Builder::new().name("cpu-limit".to_owned());
        if let Err(error) = thread.spawn(run) {
            log::error(format_args!(
                "limits of processor time have no effect: {error}"
            ));
        }
        watch
    })
}

/// The turn that runs, where there is a limit.
pub struct Meter {
    began: Duration,
    /// What its event had used before.
    spent: Duration,
    watch: &'static Watch,
}

impl Meter {
    /// A turn begins, of an event if there is one.
    pub fn begin(isolate: &v8::Isolate, io: Option<&dyn IoContext>) -> Option<Self> {
        let limit = io.map_or_else(processor::limit, |io| io.cpu_limit())?;
        let watch = watch();
        let spent = io.and_then(|io| io.cpu_time());
        let spent = spent.map_or(Duration::ZERO, Cell::get);
        let began = thread_time();
        let left = limit.saturating_sub(spent);
        UNCOUNTED.set(Duration::ZERO);
        set_deadline(Some(began + left));
        let mut turn = watch.lock();
        turn.isolate = Some(isolate.thread_safe_handle());
        turn.ask_at = Some(Instant::now() + left);
        turn.count += 1;
        let look_every = limit.max(LEAST_LOOK);
        if turn.look_every.is_none_or(|every| look_every < every) {
            turn.look_every = Some(look_every);
            watch.begun.notify_one();
        }
        watch.wake(&mut turn);
        drop(turn);
        Some(Self {
            began,
            spent,
            watch,
        })
    }

    /// It has ended: whether it has used more than it may. What a function of V8's has used up to the turn's last word counts too.
    pub fn end(
        self,
        isolate: &mut v8::Isolate,
        io: Option<&dyn IoContext>,
        worker: &metrics::Worker,
    ) -> bool {
        let mut turn = self.watch.lock();
        turn.isolate = None;
        turn.ask_at = None;
        drop(turn);
        let is_over = is_used_up();
        set_deadline(None);
        if is_over {
            isolate.cancel_terminate_execution();
        }
        let began = self.began + UNCOUNTED.get();
        let used = thread_time().saturating_sub(began);
        let used_ns = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        worker.cpu_ns.add(used_ns);
        if let Some(spent) = io.and_then(|io| io.cpu_time()) {
            spent.set(self.spent + used);
        }
        is_over
    }
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// There is something to watch.
    fn wake(&self, turn: &mut Turn) {
        if turn.sleeping {
            turn.sleeping = false;
            self.begun.notify_one();
        }
    }

    /// Watches for as long as the process lives.
    fn run(&self) {
        let mut turn = self.lock();
        let mut seen = 0;
        loop {
            let wait = match (turn.ask_at, &turn.isolate) {
                (Some(at), Some(isolate)) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        isolate.request_interrupt(ask, std::ptr::null_mut());
                        turn.ask_at = Some(Instant::now() + ASK_AGAIN);
                        ASK_AGAIN
                    } else {
                        turn.look_every.map_or(left, |every| left.min(every))
                    }
                }
                // Turns come and go: it is enough to look now and then.
                _ if turn.count != seen => turn.look_every.unwrap_or(ASK_AGAIN),
                _ => {
                    turn.sleeping = true;
                    turn = self.wait(turn, None);
                    continue;
                }
            };
            seen = turn.count;
            turn = self.wait(turn, Some(wait));
        }
    }

    fn wait<'a>(&self, turn: MutexGuard<'a, Turn>, most: Option<Duration>) -> MutexGuard<'a, Turn> {
        match most {
            None => self
                .begun
                .wait(turn)
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
            Some(most) => {
                let waited = self.begun.wait_timeout(turn, most);
                waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
            }
        }
    }
}

/// Runs in the turn that goes on, or in a later one: ends it if it has used up what it has.
///
/// # Safety
/// V8 calls it with the isolate that runs.
#[allow(unsafe_code)]
unsafe extern "C" fn ask(isolate: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    if is_used_up() {
        // SAFETY: see above.
        unsafe { v8::Isolate::ref_from_raw_isolate_ptr(&isolate) }.terminate_execution();
    }
}

/// What ends an event that has used up its time, or the object whose event it was.
pub fn cpu_exceeded(service: &str, io: &dyn IoContext) -> service::Error {
    let limit = io.cpu_limit();
    let whose = match limit == processor::limit() {
        true => "--limit-cpu-ms",
        false => "its limits.cpuMs",
    };
    let limit = limit.map_or(0, |limit| limit.as_millis());
    log::error(format_args!(
        "service {service}: an event has used more than {limit} ms of processor time ({whose}) and was ended"
    ));
    let is_actor = io.actor().is_some();
    over_limit(
        if is_actor {
            ACTOR_EXCEEDED
        } else {
            CPU_EXCEEDED
        },
        is_actor,
    )
}

fn over_limit(message: &str, is_actor: bool) -> service::Error {
    let mut error = service::Error::new(Kind::Worker, message);
    error.flags.over_limit = true;
    error.flags.durable_object_reset = is_actor;
    error
}

/// Sets the most that the heap of an isolate may hold, and its buffers, before any isolate is made.
pub fn set_heap(bytes: usize) {
    HEAP_BYTES.get_or_init(|| bytes);
}

/// What ends events and objects whose isolate has used too much memory.
pub fn heap_exceeded(is_actor: bool) -> service::Error {
    over_limit(
        if is_actor {
            ACTOR_HEAP_EXCEEDED
        } else {
            HEAP_EXCEEDED
        },
        is_actor,
    )
}

/// Tells the log of an isolate that has.
pub fn log_heap_exceeded(service: &str) {
    let limit = HEAP_BYTES.get().map_or(0, |bytes| bytes >> 20);
    log::error(format_args!(
        "service {service}: its heap has grown beyond {limit} MiB (--limit-heap-mb); a new isolate takes its place"
    ));
}

/// The most that the heap of an isolate may hold, and its buffers, if there is one.
pub fn heap_bytes() -> Option<usize> {
    HEAP_BYTES.get().copied()
}

/// Sees when the heap of an isolate is full.
pub struct HeapWatch(Rc<Full>);

struct Full {
    isolate: v8::IsolateHandle,
    is_full: Cell<bool>,
    /// More is used than there may be, garbage included: it is to be collected to see.
    is_suspect: Cell<bool>,
    /// What the last whole collection has left.
    left_bytes: Cell<usize>,
    turns: Cell<u32>,
}

impl Full {
    /// Ends the turn.
    fn fill(&self) {
        self.is_full.set(true);
        self.isolate.terminate_execution();
    }

    /// Whether what is alive is more than there may be. Of twice as much, no further collection is needed to say so.
    fn is_over(&self, isolate: &mut v8::Isolate) -> bool {
        if heap_bytes().is_some_and(|limit| self.left_bytes.get() / 2 <= limit) {
            isolate.request_garbage_collection_for_testing(v8::GarbageCollectionType::Full);
        }
        self.is_suspect.set(false);
        uses_too_much(isolate)
    }
}

/// Whether a heap is larger than its limit, garbage included.
fn uses_too_much(isolate: &mut v8::Isolate) -> bool {
    let limit = heap_bytes().unwrap_or(usize::MAX);
    isolate.get_heap_statistics().used_heap_size() > limit
}

/// Turns between two looks at how large a heap is.
const LOOK_AFTER_TURNS: u32 = 64;

impl HeapWatch {
    /// To be kept for as long as the isolate; none where there is no limit.
    pub fn new(isolate: &mut v8::Isolate) -> Option<Self> {
        heap_bytes()?;
        let full = Rc::new(Full {
            isolate: isolate.thread_safe_handle(),
            is_full: Cell::new(false),
            is_suspect: Cell::new(false),
            left_bytes: Cell::new(0),
            turns: Cell::new(0),
        });
        let data = std::ptr::from_ref(&*full).cast_mut().cast();
        isolate.add_gc_epilogue_callback(after_collection, data, v8::GCType::kGCTypeAll);
        isolate.add_near_heap_limit_callback(near_end, data);
        Some(Self(full))
    }

    /// For buffers that are made elsewhere. What goes beyond it fills the heap.
    pub fn budget(&self) -> Budget {
        let full = self.0.clone();
        Budget {
            limit: heap_bytes().unwrap_or(usize::MAX),
            overrun: Box::new(move || full.fill()),
        }
    }

    /// Whether it was full in the turn that has ended, which was ended for that, or is by now: what V8 does itself cannot be
    /// ended, and lets large objects pass.
    pub fn take(&self, isolate: &mut v8::Isolate) -> bool {
        if self.0.is_full.replace(false) {
            isolate.cancel_terminate_execution();
            return true;
        }
        let turns = self.0.turns.get().wrapping_add(1);
        self.0.turns.set(turns);
        let is_suspect = self.0.is_suspect.get()
            || turns.is_multiple_of(LOOK_AFTER_TURNS) && uses_too_much(isolate);
        is_suspect && self.0.is_over(isolate)
    }
}

/// Called after each collection, of young objects or all. Has V8 ask the turn where more is left than there may be: it cannot
/// be ended in the middle of a collection, nor told how much of that is garbage.
///
/// # Safety
/// `data` is what `HeapWatch::new` has given, which outlives the isolate.
#[allow(unsafe_code)]
unsafe extern "C" fn after_collection(
    mut isolate: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    _: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: see above; V8 calls it with the isolate that collects.
    let (full, isolate) = unsafe {
        (
            &*data.cast::<Full>(),
            v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate),
        )
    };
    if kind == v8::GCType::kGCTypeMarkSweepCompact {
        let left = isolate.get_heap_statistics().used_heap_size();
        full.left_bytes.set(left);
    }
    if uses_too_much(isolate) && !full.is_suspect.replace(true) {
        full.isolate.request_interrupt(look, data);
    }
}

/// Runs in the turn that goes on, or in a later one: ends it if what is alive is too much.
///
/// # Safety
/// As for [`after_collection`].
#[allow(unsafe_code)]
unsafe extern "C" fn look(mut isolate: v8::UnsafeRawIsolatePtr, data: *mut c_void) {
    // SAFETY: see above; V8 calls it with the isolate that runs.
    let (full, isolate) = unsafe {
        (
            &*data.cast::<Full>(),
            v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate),
        )
    };
    if full.is_suspect.get() && full.is_over(isolate) {
        full.fill();
    }
}

/// Called on the isolate's thread where even the leeway is used up. Returns the new limit.
///
/// # Safety
/// As for [`after_collection`].
#[allow(unsafe_code)]
unsafe extern "C" fn near_end(data: *mut c_void, current: usize, initial: usize) -> usize {
    // SAFETY: see above.
    let full = unsafe { &*data.cast::<Full>() };
    full.fill();
    current.max(initial + LEEWAY_BYTES / 2)
}
