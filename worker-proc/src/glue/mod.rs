//! Between Rust and V8: the registry of APIs, op helpers, the internal JavaScript loader and per-isolate state.
//!
//! `isolate`, `request` and every folder under `api` and `bindings` use it; it relies on `service` and V8 alone.

pub mod args;
pub mod async_op;
pub mod base64;
pub mod binding;
pub mod buffers;
pub mod bytes;
pub mod code;
pub mod context;
pub mod convert;
pub mod error;
pub mod js;
pub mod loader;
pub mod native;
pub mod op;
pub mod registry;
pub mod state;

pub use args::{intern, string};
pub use async_op::{Made, Promise, promise, thread};
pub use binding::{Binding, Property, Reference, Value, as_given};
pub use buffers::{Budget, BufferBytes};
pub use bytes::{uint8_array_copy, with_bytes};
pub use context::{IoContext, context_id, current, in_event, require_context, terminate};
pub use convert::{FromJs, IntoJs, List, Maybe, Shared};
pub use error::{OpError, throw, why_unreachable};
pub use native::{ServiceHandle, native_object, native_value};
pub use op::{
    Argument, Arity, Call, Op, OpResult, OrThrow, TextBuffer, Throw, Thrown, bytes_argument,
    text_argument,
};
pub use op_macro::{Arguments, FromJsArray, JsArray, JsError, JsNumber, JsParameters, op};
pub use registry::{Api, JsSource, Ops, Registry};
pub use state::IsolateState;
