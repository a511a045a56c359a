//! Bytes between JavaScript and Rust: copied once in, moved out.

use bytes::Bytes;

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

/// A Uint8Array with a copy of the bytes, in memory that V8 allocates: unlike bytes moved in, that counts towards the
/// next collection of young objects, so that chunks passing through JavaScript do not pile up.
pub fn uint8_array_copy<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> v8::Local<'s, v8::Uint8Array> {
    let buffer = v8::ArrayBuffer::new(scope, bytes.len());
    if let Some(data) = buffer.data() {
        // SAFETY: the buffer is new, so its bytes.len() bytes are nobody else's, and no JavaScript runs in between.
        #[allow(unsafe_code)]
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.as_ptr().cast::<u8>(), bytes.len());
        }
    }
    v8::Uint8Array::new(scope, buffer, 0, bytes.len()).expect("the length is the buffer's own")
}

/// An ArrayBuffer over the bytes, moved.
pub fn array_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> v8::Local<'s, v8::ArrayBuffer> {
    let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes).make_shared();
    v8::ArrayBuffer::with_backing_store(scope, &store)
}
