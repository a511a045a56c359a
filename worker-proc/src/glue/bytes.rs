//! Bytes between JavaScript and Rust: copied once in, moved out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::state::IsolateState;

/// The bytes of an ArrayBuffer or view argument, copied; empty for anything else.
pub fn bytes_arg(args: &v8::FunctionCallbackArguments, index: i32) -> Bytes {
    with_bytes(args.get(index), Bytes::copy_from_slice)
}

/// Calls `use_it` with a value's bytes, which must not outlive the call; empty for what has none.
pub fn with_bytes<R>(value: v8::Local<v8::Value>, use_it: impl FnOnce(&[u8]) -> R) -> R {
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        let length = view.byte_length();
        if length == 0 {
            return use_it(&[]);
        }
        if length <= 64 {
            // A small view may live on the JavaScript heap, where it could move.
            let mut storage = [0u8; 64];
            let copied = view.copy_contents(&mut storage);
            return use_it(&storage[..copied]);
        }
        // SAFETY: data() points at length bytes that live while the handle does; no JavaScript runs in between.
        #[allow(unsafe_code)]
        return use_it(unsafe { std::slice::from_raw_parts(view.data().cast(), length) });
    }
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(value) {
        return match buffer.data() {
            // SAFETY: as above, for the whole buffer.
            #[allow(unsafe_code)]
            Some(data) => use_it(unsafe {
                std::slice::from_raw_parts(data.as_ptr().cast(), buffer.byte_length())
            }),
            None => use_it(&[]),
        };
    }
    use_it(&[])
}

/// A Uint8Array over the bytes; a vector is moved, not copied.
pub fn uint8_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> v8::Local<'s, v8::Uint8Array> {
    let length = bytes.len();
    let buffer = array_buffer(scope, bytes);
    v8::Uint8Array::new(scope, buffer, 0, length).expect("the length is the buffer's own")
}

/// A Uint8Array with a copy of the bytes.
pub fn uint8_array_copy<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> v8::Local<'s, v8::Uint8Array> {
    uint8_array(scope, bytes.to_vec())
}

/// What an isolate's large buffers may come to before its young objects are collected. By itself V8 lets 64 MiB pile up, and
/// more where it has not allocated them; memory that comes back while it is in the processor's caches is the cheapest, too.
const MAX_PILE_BYTES: usize = 2 << 20;

/// Smaller buffers are left to V8.
const LARGE_BYTES: usize = 16 << 10;

/// The bytes that an isolate's buffers have. V8 may free them on any thread.
#[derive(Default)]
pub struct BufferBytes {
    /// What V8 has allocated, and where there is a limit what was moved in.
    pub alive: AtomicUsize,
    /// Large buffers since the last collection for their sake.
    fresh: AtomicUsize,
}

impl BufferBytes {
    /// A buffer was made.
    pub fn pile(&self, bytes: usize) {
        if bytes >= LARGE_BYTES {
            self.fresh.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Collects young objects where large buffers have piled up.
    pub fn bound_pile(&self, isolate: &mut v8::Isolate) {
        if self.fresh.load(Ordering::Relaxed) > MAX_PILE_BYTES {
            self.fresh.store(0, Ordering::Relaxed);
            isolate.request_garbage_collection_for_testing(v8::GarbageCollectionType::Minor);
        }
    }
}

/// An ArrayBuffer over the bytes, moved.
pub fn array_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> v8::Local<'s, v8::ArrayBuffer> {
    let state = IsolateState::get(scope);
    state.buffers.bound_pile(scope);
    state.buffers.pile(bytes.len());
    let store = match state.budget.get() {
        None => v8::ArrayBuffer::new_backing_store_from_vec(bytes),
        Some(budget) => {
            let counted = budget.take(scope, &state.buffers, bytes);
            v8::ArrayBuffer::new_backing_store_from_bytes(Box::new(counted))
        }
    };
    v8::ArrayBuffer::with_backing_store(scope, &store.make_shared())
}

/// The most bytes that the buffers of the isolate may have.
pub fn most_buffer_bytes(scope: &v8::Isolate) -> usize {
    let state = IsolateState::get(scope);
    state.budget.get().map_or(usize::MAX, |budget| budget.limit)
}

/// A limit of the bytes that an isolate's buffers have.
pub struct Budget {
    pub limit: usize,
    /// Called where more is used.
    pub overrun: Box<dyn Fn()>,
}

impl Budget {
    fn take(&self, scope: &mut v8::PinScope, all: &Arc<BufferBytes>, bytes: Vec<u8>) -> Counted {
        all.alive.fetch_add(bytes.len(), Ordering::Relaxed);
        let is_over = || all.alive.load(Ordering::Relaxed) > self.limit;
        if is_over() {
            scope.low_memory_notification();
            if is_over() {
                (self.overrun)();
            }
        }
        Counted {
            bytes,
            all: all.clone(),
        }
    }
}

/// Bytes that are counted until V8 lets go of them.
struct Counted {
    bytes: Vec<u8>,
    all: Arc<BufferBytes>,
}

impl AsMut<[u8]> for Counted {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.all
            .alive
            .fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}
