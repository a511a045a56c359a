//! Bytes between JavaScript and Rust: copied once in, moved out.

use super::state::IsolateState;

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
