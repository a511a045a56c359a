//! The program from outside: what it answers, and what it says about what it is given.

mod admin;
mod applications;
mod assets;
mod bad_input;
mod bench;
mod bundled;
mod compile;
mod connections;
mod datagrams;
mod depth;
mod devtools;
mod disk;
mod exchange;
mod fallback;
mod going_away;
mod hibernation;
mod http;
mod inherit;
mod inspector;
mod instances;
mod limits;
mod links;
mod memory_cache;
mod memory_limits;
mod metrics;
mod native_limits;
mod networks;
mod objects;
mod outgoing;
mod sandbox;
mod serve;
mod service_manager;
mod slow_clients;
mod sockets;
mod storage;
mod structured_log;
mod tls;
mod uncaught;
mod unread;
mod workflows;
mod wrangler;
mod wrangler_dev;

use tests::folder::Folder;
use tests::program::Program;
use tests::server::{Server, Start};

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_workerd"))
}

/// Serves the folder's `config.capnp` with one process.
fn serve(folder: &Folder) -> Server {
    Start::serve(&program(), &folder.path("config.capnp")).start()
}
