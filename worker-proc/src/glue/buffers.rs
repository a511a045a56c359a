//! How much memory an isolate's buffers take, and what is done about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// A limit of the bytes that an isolate's buffers have.
pub struct Budget {
    pub limit: usize,
    /// Called where more is used.
    pub overrun: Box<dyn Fn()>,
}

impl Budget {
    pub fn take(
        &self,
        scope: &mut v8::PinScope,
        all: &Arc<BufferBytes>,
        bytes: Vec<u8>,
    ) -> Counted {
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
pub struct Counted {
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
