//! The memory of array buffers that V8 makes: counted as it comes and goes, and no more of it than there may be.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::glue::BufferBytes;

/// What an isolate gets the memory of its buffers from. V8 calls the functions with what they gave it, `free` on any thread.
pub struct Buffers {
    pub bytes: Arc<BufferBytes>,
    /// The most bytes that may be alive.
    pub limit: usize,
}

impl Buffers {
    #[allow(unsafe_code)]
    pub fn allocator(self) -> v8::UniqueRef<v8::Allocator> {
        static VTABLE: v8::RustAllocatorVtable<Buffers> = v8::RustAllocatorVtable {
            allocate: Buffers::zeroed,
            allocate_uninitialized: Buffers::uninitialized,
            free: Buffers::free,
            drop: Buffers::drop,
        };
        // SAFETY: `drop` takes the count that is given here.
        unsafe { v8::new_rust_allocator(Arc::into_raw(Arc::new(self)), &VTABLE) }
    }

    /// What `make` returns for so many bytes, if there may be so many more.
    fn take(&self, bytes: usize, make: impl FnOnce(usize) -> *mut c_void) -> *mut c_void {
        let before = self.bytes.alive.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit;
        // V8 wants an address for no bytes too.
        let data = if fits {
            make(bytes.max(1))
        } else {
            std::ptr::null_mut()
        };
        if data.is_null() {
            self.bytes.alive.fetch_sub(bytes, Ordering::Relaxed);
        } else {
            self.bytes.pile(bytes);
        }
        data
    }

    #[allow(unsafe_code)]
    unsafe extern "C" fn zeroed(&self, bytes: usize) -> *mut c_void {
        // SAFETY: any size may be asked for.
        self.take(bytes, |bytes| unsafe { libc::calloc(bytes, 1) })
    }

    #[allow(unsafe_code)]
    unsafe extern "C" fn uninitialized(&self, bytes: usize) -> *mut c_void {
        // SAFETY: as above.
        self.take(bytes, |bytes| unsafe { libc::malloc(bytes) })
    }

    #[allow(unsafe_code)]
    unsafe extern "C" fn free(&self, data: *mut c_void, bytes: usize) {
        if data.is_null() {
            return;
        }
        self.bytes.alive.fetch_sub(bytes, Ordering::Relaxed);
        // SAFETY: it came from `take`.
        unsafe { libc::free(data) };
    }

    #[allow(unsafe_code)]
    unsafe extern "C" fn drop(buffers: *const Self) {
        // SAFETY: the count that `allocator` has given away.
        drop(unsafe { Arc::from_raw(buffers) });
    }
}
