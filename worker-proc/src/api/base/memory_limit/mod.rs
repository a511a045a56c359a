//! What V8 makes beyond any limit, where there is one (`--limit-heap-mb`), is refused before it is made.
//!
//! Buffers that can grow get their memory from elsewhere than others, and V8 tells nobody: each counts with the length that it
//! may grow to, and whoever copies them asks [`check_copied`]. What waits in bodies is [`Held`]. A text longer than the heap may
//! be costs nothing until it is used, and then the process, where V8 makes more of it than an array may have. JSON of a megabyte
//! may need a hundred, all within one function of V8's, which nothing ends.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::glue::{Api, BufferBytes, IsolateState, JsError, Maybe, Ops, native_object, op};
use crate::isolate::limits::HEAP_EXCEEDED;
use crate::js;

pub const API: Api = Api {
    name: "memory_limit",
    modules: &[js!("memory_limit.js")],
    lazy: &[],
    uses: &["webidl"],
    lazy_uses: &[],
    ops,
};

/// Why a text is not parsed.
#[derive(JsError)]
enum Refused {
    #[error("{HEAP_EXCEEDED}")]
    OverLimit {},
}

fn ops(ops: &mut Ops) {
    ops.add_all(&[limit, reserve, check_json, is_array]);
}

/// `limit()`: the most bytes that the heap may have, and buffers; undefined where there is no limit.
#[op]
fn limit(scope: &mut v8::PinScope) -> Maybe<f64> {
    let state = IsolateState::get(scope);
    Maybe(state.budget.get().map(|budget| budget.limit as f64))
}

/// What a buffer may grow to, counted for as long as it lives.
struct Reservation {
    bytes: usize,
    all: Arc<BufferBytes>,
}

impl Reservation {
    fn new(bytes: usize, all: &Arc<BufferBytes>, limit: usize) -> Option<Self> {
        let before = all.alive.fetch_add(bytes, Ordering::Relaxed);
        // What does not fit is given back as it is dropped.
        let reservation = Self {
            bytes,
            all: all.clone(),
        };
        (before.saturating_add(bytes) <= limit).then_some(reservation)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.all.alive.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// `reserve(bytes)`: an object that counts so many bytes for as long as it lives, or undefined where there are no more.
#[op]
fn reserve<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: f64) -> Maybe<v8::Local<'s, v8::Object>> {
    let state = IsolateState::get(scope);
    let limit = state.budget.get().map_or(usize::MAX, |budget| budget.limit);
    let bytes = bytes as usize;
    if bytes > limit {
        return Maybe(None);
    }
    let reservation = Reservation::new(bytes, &state.buffers, limit).or_else(|| {
        scope.request_garbage_collection_for_testing(v8::GarbageCollectionType::Full);
        Reservation::new(bytes, &state.buffers, limit)
    });
    Maybe(reservation.map(|reservation| native_object(scope, reservation)))
}

/// `isArray(value)`: whether it is an array itself, and no proxy of one.
#[op]
fn is_array(value: v8::Local<v8::Value>) -> bool {
    value.is_array()
}

/// Has what one buffer has reserved count for as long as another lives, which has the same memory.
pub fn adopt(scope: &mut v8::PinScope, from: v8::Local<v8::Value>, to: v8::Local<v8::Value>) {
    let state = IsolateState::get(scope);
    if state.budget.get().is_some()
        && let Some(adopt) = state.internal(scope, "memory_limit", "adopt")
    {
        let this = v8::undefined(scope).into();
        let _ = adopt.call(scope, this, &[from, to]);
    }
}

/// Ends the turn where buffers are more than there may be, those that can grow as well: copies of them are told of by nobody.
pub fn check_copied(scope: &mut v8::PinScope) {
    let state = IsolateState::get(scope);
    let Some(budget) = state.budget.get() else {
        return;
    };
    if scope.get_heap_statistics().external_memory() > budget.limit {
        scope.request_garbage_collection_for_testing(v8::GarbageCollectionType::Full);
        if scope.get_heap_statistics().external_memory() > budget.limit {
            (budget.overrun)();
        }
    }
}

/// What waits outside the heap for an isolate with a limit: it counts as the isolate's buffers do, and what waits alone may
/// come to as much as they.
pub struct Held {
    bytes: usize,
    counted: Option<Counted>,
}

struct Counted {
    /// Of the isolate, in buffers and all that waits.
    alive: Arc<BufferBytes>,
    waiting: Rc<Waiting>,
    limit: usize,
}

/// What waits for one isolate, bytes.
#[derive(Default)]
struct Waiting(Cell<usize>);

impl Held {
    /// Nothing yet.
    pub fn new(isolate: &v8::Isolate) -> Self {
        let state = IsolateState::get(isolate);
        let counted = state.budget.get().map(|budget| Counted {
            alive: state.buffers.clone(),
            waiting: state.extension::<Waiting>(),
            limit: budget.limit,
        });
        Self { bytes: 0, counted }
    }

    /// Of the same isolate.
    pub fn another(&self) -> Self {
        let counted = self.counted.as_ref().map(|counted| Counted {
            alive: counted.alive.clone(),
            waiting: counted.waiting.clone(),
            limit: counted.limit,
        });
        Self { bytes: 0, counted }
    }

    #[cfg(test)]
    pub fn unlimited() -> Self {
        Self {
            bytes: 0,
            counted: None,
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether so many more may wait.
    #[must_use]
    pub fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.counted.as_ref().is_none_or(|counted| {
            counted.alive.alive.fetch_add(bytes, Ordering::Relaxed);
            let all = counted.waiting.0.get() + bytes;
            counted.waiting.0.set(all);
            all <= counted.limit
        })
    }

    /// So many wait no more.
    pub fn give_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
        if let Some(counted) = &self.counted {
            counted.alive.alive.fetch_sub(bytes, Ordering::Relaxed);
            counted.waiting.0.set(counted.waiting.0.get() - bytes);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// `checkJson(text)`: ends the turn where JSON needs more memory than there may be.
#[op]
fn check_json<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: v8::Local<'s, v8::String>,
) -> Result<(), Refused> {
    let view = v8::ValueView::new(scope, text);
    let least = match view.data() {
        v8::ValueViewData::OneByte(text) => least_bytes(text.iter().copied()),
        v8::ValueViewData::TwoByte(text) => {
            least_bytes(text.iter().map(|unit| u8::try_from(*unit).unwrap_or(0)))
        }
    };
    drop(view);
    let state = IsolateState::get(scope);
    if let Some(budget) = state.budget.get()
        && least > budget.limit
    {
        (budget.overrun)();
        return Err(Refused::OverLimit {});
    }
    Ok(())
}

/// The least that V8 needs for what JSON says: three words for an object, four for an array, one for each further member.
fn least_bytes(text: impl Iterator<Item = u8>) -> usize {
    const WORD_BYTES: usize = 8;
    let (mut words, mut in_string, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' => words += 3,
            b'[' => words += 4,
            b',' => words += 1,
            _ => {}
        }
    }
    words * WORD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_needs_what_its_marks_say() {
        for (text, words) in [
            ("", 0),
            ("1", 0),
            ("{}", 3),
            ("[1,2,3]", 6),
            (r#"[{},{"a":1,"b":[]}]"#, 16),
            (r#""{[,\"{[,""#, 0),
            (r#"["\\",{}]"#, 8),
        ] {
            assert_eq!(least_bytes(text.bytes()), words * 8, "{text}");
        }
    }

    #[test]
    fn what_waits_counts_until_it_leaves() {
        let counted = Counted {
            alive: Arc::default(),
            waiting: Rc::default(),
            limit: 100,
        };
        let alive = counted.alive.clone();
        let mut one = Held {
            bytes: 0,
            counted: Some(counted),
        };
        let mut other = one.another();
        assert!(one.add(60));
        assert!(other.add(40));
        assert!(!other.add(1));
        one.give_back(30);
        assert!(other.add(1));
        assert_eq!(alive.alive.load(Ordering::Relaxed), 72);
        drop((one, other));
        assert_eq!(alive.alive.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_reservation_is_given_back() {
        let all = Arc::default();
        let one = Reservation::new(60, &all, 100);
        assert!(one.is_some());
        assert!(Reservation::new(60, &all, 100).is_none());
        assert!(Reservation::new(40, &all, 100).is_some());
        drop(one);
        assert_eq!(all.alive.load(Ordering::Relaxed), 0);
    }
}
