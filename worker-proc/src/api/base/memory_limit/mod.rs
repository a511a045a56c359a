//! What V8 makes beyond any limit, where there is one (`--limit-heap-mb`), is refused before it is made.
//!
//! Buffers that can grow get their memory from elsewhere than others, and V8 tells nobody: each counts with the length that it
//! may grow to. A text longer than the heap may be costs nothing until it is used, and then the process, where V8 makes more
//! of it than an array may have. JSON of a megabyte may need a hundred, all within one function of V8's, which nothing ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::glue::{Api, BufferBytes, IsolateState, Ops, f64_arg, native_object, throw_error};
use crate::js;

pub const API: Api = Api {
    name: "memory_limit",
    modules: &[js!("memory_limit.js")],
    lazy: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("limit", limit);
    ops.add("reserve", reserve);
    ops.add("checkJson", check_json);
}

/// `limit()`: the most bytes that the heap may have, and buffers; undefined where there is no limit.
fn limit(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let state = IsolateState::get(scope);
    if let Some(budget) = state.budget.get() {
        rv.set_double(budget.limit as f64);
    }
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
fn reserve(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let state = IsolateState::get(scope);
    let limit = state.budget.get().map_or(usize::MAX, |budget| budget.limit);
    let bytes = f64_arg(scope, &args, 0) as usize;
    if bytes > limit {
        return;
    }
    let reservation = Reservation::new(bytes, &state.buffers, limit).or_else(|| {
        scope.request_garbage_collection_for_testing(v8::GarbageCollectionType::Full);
        Reservation::new(bytes, &state.buffers, limit)
    });
    if let Some(reservation) = reservation {
        rv.set(native_object(scope, reservation).into());
    }
}

/// Ends the turn where JSON needs more memory than there may be.
fn check_json(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Ok(text) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        return;
    };
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
        throw_error(scope, "Worker exceeded memory limit.");
    }
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
