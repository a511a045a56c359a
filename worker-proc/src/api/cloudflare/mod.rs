//! What is Workers' own: no other platform has it.

pub mod actors;
pub mod compat_flags;
pub mod html_rewriter;
pub mod queue;
pub mod r2;
pub mod rpc;
pub mod scheduled;
pub mod sockets;
pub mod storage;
pub mod trace;
pub mod workers;
