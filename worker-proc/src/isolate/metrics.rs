//! What is counted of isolates: collections of garbage as they happen, heaps when somebody measures them.
//!
//! A worker's isolates share its place on the process's page, which outlives them.

use std::cell::Cell;
use std::ffi::c_void;
use std::time::Instant;

use ipc::metrics::{MAX_WORKERS, Worker, page};

thread_local! {
    /// When the collection that goes on began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Counts the collections of an isolate at a worker's place.
pub fn watch(isolate: &mut v8::Isolate, place: usize) {
    // No pointer: callbacks get the number of the place.
    let place = std::ptr::without_provenance_mut(place);
    isolate.add_gc_prologue_callback(begin, place, v8::GCType::kGCTypeAll);
    isolate.add_gc_epilogue_callback(end, place, v8::GCType::kGCTypeAll);
}

/// Called by V8 on the isolate's thread, before each collection.
extern "C" fn begin(
    _: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    _: v8::GCCallbackFlags,
    _: *mut c_void,
) {
    BEGAN.set(Some(Instant::now()));
}

/// The same after it.
extern "C" fn end(
    _: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    _: v8::GCCallbackFlags,
    place: *mut c_void,
) {
    let (Some(worker), Some(began)) = (page().workers.get(place.addr()), BEGAN.take()) else {
        return;
    };
    let kind = match kind {
        v8::GCType::kGCTypeMarkSweepCompact => 1,
        v8::GCType::kGCTypeIncrementalMarking => 2,
        _ => 0,
    };
    worker.collections[kind].add(1);
    let time = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    worker.collection_ns[kind].add(time);
}

/// What isolates of one worker have.
#[derive(Clone, Copy, Default)]
struct Heaps {
    isolates: u64,
    used: u64,
    total: u64,
    external: u64,
}

/// Puts the heaps of all isolates on the page, each with its worker's place.
pub fn tell(isolates: impl Iterator<Item = (usize, v8::HeapStatistics)>) {
    let mut all = [Heaps::default(); MAX_WORKERS];
    for (place, heap) in isolates {
        let heaps = &mut all[place];
        heaps.isolates += 1;
        heaps.used += heap.used_heap_size() as u64;
        heaps.total += heap.total_heap_size() as u64;
        heaps.external += heap.external_memory() as u64;
    }
    for (worker, heaps) in page().workers.iter().zip(all) {
        set(worker, heaps);
    }
}

fn set(worker: &Worker, heaps: Heaps) {
    // A page that nobody has touched takes no memory.
    if heaps.isolates == 0 && worker.isolates.get() == 0 {
        return;
    }
    worker.isolates.set(heaps.isolates);
    worker.heap_used_bytes.set(heaps.used);
    worker.heap_total_bytes.set(heaps.total);
    worker.external_bytes.set(heaps.external);
}
