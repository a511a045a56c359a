//! What is Workers' own: no other platform has it.

pub mod actors;
pub mod analytics_engine;
pub mod compat_flags;
pub mod html_rewriter;
pub mod memory_cache;
pub mod queue;
pub mod rpc;
pub mod scheduled;
pub mod sockets;
pub mod storage;
pub mod trace;
pub mod worker_loader;
pub mod workers;
