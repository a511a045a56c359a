//! What is Workers' own: no other platform has it.

pub mod actors;
pub mod ai;
pub mod base64;
pub mod browser_rendering;
pub mod compat_flags;
pub mod d1;
pub mod email;
pub mod html_rewriter;
pub mod hyperdrive_rpc;
pub mod images;
pub mod node_server;
pub mod pipelines;
pub mod queue;
pub mod r2;
pub mod rpc;
pub mod rtti;
pub mod scheduled;
pub mod sockets;
pub mod storage;
pub mod trace;
pub mod vectorize;
pub mod workers;
pub mod workflows;
pub mod wrapped;
