//! What the other wings stand on: Web IDL, built-in modules, the clock, async context. Nearly nothing here is seen by workers.

pub mod async_context;
pub mod clock;
pub mod event;
pub mod memory_limit;
pub mod modules;
pub mod stack_trace;
pub mod webidl;
