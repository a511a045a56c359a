//! What a process does whose event loop does not turn: told to the log, with the worker's name, before the process is replaced.
//!
//! The supervisor's watchdog asks by SIGUSR1, which a thread of its own waits for, since the loop hears nothing. The thread has
//! V8 ask the code that runs for its JavaScript stack, and interrupts the main thread for its native one. Nothing of it
//! costs a turn anything.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use ipc::ASKS_WHERE;
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::log;

/// By which the main thread is interrupted; nothing else uses it.
const INTERRUPTS: Signal = Signal::SIGSTKFLT;

/// How long code may take to say where it is: V8 asks where it loops or calls.
const JAVASCRIPT_TIME: Duration = Duration::from_millis(300);

/// The same for the main thread, unless it is stopped.
const NATIVE_TIME: Duration = Duration::from_millis(300);

pub const MAX_FRAMES: usize = 32;

/// All that can be asked, each for as long as what is beside it lives.
static ISOLATES: Mutex<Vec<(v8::IsolateHandle, Weak<OnceLock<String>>)>> = Mutex::new(Vec::new());

/// Whose an isolate is, and the stack of the code that runs in it.
type Stack = fn(&mut v8::Isolate) -> Option<(String, Vec<String>)>;

static STACK: OnceLock<Stack> = OnceLock::new();

static ANSWER: Mutex<Answer> = Mutex::new(Answer::NotAsked);
static ANSWERED: Condvar = Condvar::new();

enum Answer {
    /// Those that did not run when they were asked hear of it in their next turn, when nobody wants to know.
    NotAsked,
    Awaited,
    /// Whose code runs, and its stack.
    Runs(String, Vec<String>),
}

/// The native stack, innermost first.
static FRAMES: [AtomicUsize; MAX_FRAMES] = [const { AtomicUsize::new(0) }; MAX_FRAMES];
static IS_SAMPLED: AtomicBool = AtomicBool::new(false);

/// The loop stands for a reason that is not the worker's.
static IS_EXCUSED: AtomicBool = AtomicBool::new(false);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the code of an isolate be asked too, for as long as the label lives.
pub(super) fn watch(isolate: v8::IsolateHandle, label: &Arc<OnceLock<String>>) {
    let mut all = lock(&ISOLATES);
    all.retain(|(_, label)| label.strong_count() > 0);
    all.push((isolate, Arc::downgrade(label)));
}

/// Waits for something outside, while the loop stands: that is no stall.
pub fn excused<R>(wait: impl FnOnce() -> R) -> R {
    IS_EXCUSED.store(true, Ordering::Relaxed);
    let result = wait();
    IS_EXCUSED.store(false, Ordering::Relaxed);
    result
}

/// Begins to wait for the supervisor's question, for as long as the process lives. Called by the main thread; the
/// signal is blocked in all. `alive` tells the supervisor that nothing is wrong.
pub fn attend(stack: Stack, alive: impl Fn() + Send + 'static) {
    let _ = STACK.set(stack);
    let asks = SigSet::from(ASKS_WHERE);
    let main = pthread_self();
    let prepared = asks.thread_block().and_then(|()| {
        let action = SigAction::new(
            SigHandler::Handler(sample),
            SaFlags::SA_RESTART,
            SigSet::empty(),
        );
        // SAFETY: the handler stores numbers and calls the unwinder, which is loaded by the call below.
        #[allow(unsafe_code)]
        unsafe {
            sigaction(INTERRUPTS, &action)
        }
    });
    backtrace::trace(|_| false);
    let listen = move || {
        while asks.wait().is_ok() {
            match IS_EXCUSED.load(Ordering::Relaxed) {
                true => alive(),
                false => tell(main),
            }
        }
    };
    let thread = std::thread::Builder::new().name("stall".to_owned());
    let started = thread.spawn(listen).map(drop);
    if let Err(error) = prepared.map_err(std::io::Error::from).and(started) {
        log::error(format_args!(
            "where the event loop stands cannot be told: {error}"
        ));
    }
}

/// Tells the log what runs: whose code first, as names of native functions take their time.
fn tell(main: Pthread) {
    let native = native(main);
    match javascript() {
        Some((name, frames)) => log::error(format_args!(
            "The event loop stands in service {name}:\n{}",
            frames.join("\n")
        )),
        None => log::error("The event loop stands, in no JavaScript that can be asked."),
    }
    let names: Vec<String> = native.into_iter().map(name_of).collect();
    // The handler's own frames, and that of the kernel's return from it.
    let own = names
        .iter()
        .rposition(|name| name.contains("stall::sample"));
    let rest = names.iter().skip(own.map_or(0, |own| own + 2));
    let lines: Vec<String> = rest.map(|name| format!("  at {name}")).collect();
    if !lines.is_empty() {
        log::error(format_args!("Its native stack:\n{}", lines.join("\n")));
    }
}

/// Whose code runs, and its stack.
fn javascript() -> Option<(String, Vec<String>)> {
    let mut answer = lock(&ANSWER);
    *answer = Answer::Awaited;
    for (isolate, label) in &*lock(&ISOLATES) {
        if label.strong_count() > 0 {
            isolate.request_interrupt(say, std::ptr::null_mut());
        }
    }
    let awaited = |answer: &mut Answer| matches!(answer, Answer::Awaited);
    let waited = ANSWERED.wait_timeout_while(answer, JAVASCRIPT_TIME, awaited);
    let mut answer = waited.unwrap_or_else(PoisonError::into_inner).0;
    match std::mem::replace(&mut *answer, Answer::NotAsked) {
        Answer::Runs(name, frames) => Some((name, frames)),
        Answer::NotAsked | Answer::Awaited => None,
    }
}

/// Runs in the turn that goes on.
extern "C" fn say(mut raw: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    if !matches!(*lock(&ANSWER), Answer::Awaited) {
        return;
    }
    // SAFETY: V8 calls it with the isolate that runs, on its thread.
    #[allow(unsafe_code)]
    let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut raw) };
    let Some((name, frames)) = STACK.get().and_then(|stack| stack(isolate)) else {
        return;
    };
    *lock(&ANSWER) = Answer::Runs(name, frames);
    ANSWERED.notify_all();
}

/// The addresses that the main thread returns to, innermost first; none if it cannot be interrupted.
fn native(main: Pthread) -> Vec<usize> {
    IS_SAMPLED.store(false, Ordering::Relaxed);
    FRAMES
        .iter()
        .for_each(|frame| frame.store(0, Ordering::Relaxed));
    if pthread_kill(main, INTERRUPTS).is_err() {
        return Vec::new();
    }
    let asked = Instant::now();
    while !IS_SAMPLED.load(Ordering::Acquire) {
        if asked.elapsed() > NATIVE_TIME {
            return Vec::new();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let frames = FRAMES.iter().map(|frame| frame.load(Ordering::Relaxed));
    frames.take_while(|address| *address != 0).collect()
}

/// Runs on the main thread, wherever that is.
extern "C" fn sample(_: c_int) {
    let mut frames = FRAMES.iter();
    backtrace::trace(|frame| match frames.next() {
        Some(place) => {
            place.store(frame.ip().addr(), Ordering::Relaxed);
            true
        }
        None => false,
    });
    IS_SAMPLED.store(true, Ordering::Release);
}

fn name_of(address: usize) -> String {
    let mut name = None;
    backtrace::resolve(address as *mut c_void, |symbol| {
        if name.is_none() {
            name = symbol.name().map(|name| format!("{name:#}"));
        }
    });
    name.unwrap_or_else(|| format!("{address:#x}"))
}
