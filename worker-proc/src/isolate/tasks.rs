//! V8's own tasks for an isolate's thread: callbacks of finalization registries, steps of garbage collection, code that was
//! compiled beside it.
//!
//! V8 posts them from any thread, and [`attend`] runs them on the event loop, between turns.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::{Rc, Weak};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Isolate;

/// How V8 tells an isolate: by its address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(usize);

impl Key {
    pub fn of(isolate: &v8::Isolate) -> Self {
        // SAFETY: the pointer is compared, never followed; it is all that the type holds.
        #[allow(unsafe_code)]
        Self(unsafe {
            std::mem::transmute::<v8::UnsafeRawIsolatePtr, usize>(isolate.as_raw_isolate_ptr())
        })
    }
}

struct Pending {
    due: Instant,
    task: v8::Task,
}

/// Where the tasks of an isolate go.
enum Home {
    /// It is being made: they wait.
    Unknown,
    /// To the thread that attends to it.
    Thread(Arc<Notify>),
    /// Nowhere any more.
    Closing,
}

struct Posted {
    tasks: Vec<Pending>,
    home: Home,
}

static POSTED: LazyLock<Mutex<HashMap<Key, Posted>>> = LazyLock::new(Mutex::default);

fn posted() -> MutexGuard<'static, HashMap<Key, Posted>> {
    POSTED.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// The isolates of this thread.
    static ISOLATES: RefCell<HashMap<Key, Weak<Isolate>>> = RefCell::default();
    static CHANGED: Arc<Notify> = Arc::default();
}

/// What V8's platform does with tasks.
pub struct Foreground;

impl Foreground {
    fn post(isolate: *mut c_void, task: v8::Task, delay: Duration) {
        let mut all = posted();
        let entry = all.entry(Key(isolate as usize)).or_insert(Posted {
            tasks: Vec::new(),
            home: Home::Unknown,
        });
        if !matches!(entry.home, Home::Closing) {
            let due = Instant::now() + delay;
            entry.tasks.push(Pending { due, task });
        }
        if let Home::Thread(changed) = &entry.home {
            changed.notify_one();
        }
    }
}

fn seconds(delay: f64) -> Duration {
    Duration::try_from_secs_f64(delay).unwrap_or_default()
}

impl v8::PlatformImpl for Foreground {
    fn post_task(&self, isolate: *mut c_void, task: v8::Task) {
        Self::post(isolate, task, Duration::ZERO);
    }

    fn post_non_nestable_task(&self, isolate: *mut c_void, task: v8::Task) {
        Self::post(isolate, task, Duration::ZERO);
    }

    fn post_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay: f64) {
        Self::post(isolate, task, seconds(delay));
    }

    fn post_non_nestable_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay: f64) {
        Self::post(isolate, task, seconds(delay));
    }

    /// The platform is made without idle tasks.
    fn post_idle_task(&self, _: *mut c_void, _: v8::IdleTask) {}
}

/// Tasks of the isolate are this thread's from now on.
pub fn register(key: Key, isolate: &Rc<Isolate>) {
    let changed = CHANGED.with(Arc::clone);
    ISOLATES.with_borrow_mut(|isolates| isolates.insert(key, Rc::downgrade(isolate)));
    let mut all = posted();
    let entry = all.entry(key).or_insert(Posted {
        tasks: Vec::new(),
        home: Home::Unknown,
    });
    entry.home = Home::Thread(changed.clone());
    if !entry.tasks.is_empty() {
        changed.notify_one();
    }
}

/// The isolate of this thread that V8 means.
pub fn find(isolate: &v8::Isolate) -> Option<Rc<Isolate>> {
    ISOLATES.with_borrow(|isolates| isolates.get(&Key::of(isolate))?.upgrade())
}

/// The isolates of this thread.
pub fn isolates() -> Vec<Rc<Isolate>> {
    ISOLATES.with_borrow(|isolates| isolates.values().filter_map(Weak::upgrade).collect())
}

/// The isolate is about to be disposed of: what it has posted is dropped.
pub fn close(key: Key) {
    let _ = ISOLATES.try_with(|isolates| isolates.borrow_mut().remove(&key));
    let closing = Posted {
        tasks: Vec::new(),
        home: Home::Closing,
    };
    let dropped = posted().insert(key, closing);
    drop(dropped);
}

/// It is gone, and another one may have its address.
pub fn forget(key: Key) {
    let mut all = posted();
    if all
        .get(&key)
        .is_some_and(|posted| matches!(posted.home, Home::Closing))
    {
        all.remove(&key);
    }
}

/// Takes what is due of the isolate, and tells when the next of the rest is.
fn take_due(key: Key, now: Instant) -> (Vec<v8::Task>, Option<Instant>) {
    let mut all = posted();
    let Some(entry) = all.get_mut(&key) else {
        return (Vec::new(), None);
    };
    let (due, later): (Vec<_>, Vec<_>) = entry.tasks.drain(..).partition(|task| task.due <= now);
    entry.tasks = later;
    let next = entry.tasks.iter().map(|task| task.due).min();
    (due.into_iter().map(|pending| pending.task).collect(), next)
}

/// Runs the tasks of this thread's isolates, for as long as it is awaited.
pub async fn attend() {
    let changed = CHANGED.with(Arc::clone);
    loop {
        let isolates: Vec<_> = ISOLATES.with_borrow(|isolates| {
            let isolates = isolates.iter();
            isolates
                .map(|(key, isolate)| (*key, isolate.clone()))
                .collect()
        });
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        for (key, isolate) in isolates {
            let (tasks, then) = take_due(key, now);
            next = next.into_iter().chain(then).min();
            if let Some(isolate) = isolate.upgrade()
                && !tasks.is_empty()
            {
                isolate.run(None, |_| tasks.into_iter().for_each(v8::Task::run));
            }
        }
        match next {
            None => changed.notified().await,
            Some(due) => {
                let _ = tokio::time::timeout_at(due.into(), changed.notified()).await;
            }
        }
    }
}
