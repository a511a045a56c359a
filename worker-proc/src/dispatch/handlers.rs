//! The functions of JavaScript that a worker's events are calls of.

use crate::glue::IsolateState;

/// What JavaScript's `workers` module exports to be called for events.
pub struct Handlers {
    pub fetch: v8::Global<v8::Function>,
    pub event: v8::Global<v8::Function>,
    pub rpc: v8::Global<v8::Function>,
}

impl Handlers {
    pub fn find(scope: &mut v8::PinScope) -> Option<Self> {
        let state = IsolateState::get(scope);
        let [fetch, event, rpc] = ["fetch", "event", "rpc"].map(|name| {
            let function = state.internal(scope, "workers", name)?;
            Some(v8::Global::new(scope, function))
        });
        Some(Self {
            fetch: fetch?,
            event: event?,
            rpc: rpc?,
        })
    }
}
