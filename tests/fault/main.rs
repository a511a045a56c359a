//! The server under load and misfortune: crash, reload, stop, JavaScript that does not return. Run alone, one test at a time: each needs the machine.

mod busy;
mod clients;
mod crash;
mod objects;
mod reload;
mod stalled;
mod stop;
mod upgrade;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tests::folder::Folder;
use tests::program::Program;
use tests::server::{Server, Start};

/// Keep-alive clients of a load.
const CLIENTS: usize = 64;

/// Answers with a version, and a name that each process gives itself.
const WHO: &str = r#"
let name;
export default { fetch() { name ??= crypto.randomUUID(); return new Response("VERSION " + name); } };
"#;

fn who(version: &str) -> String {
    WHO.replace("VERSION", version)
}

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_workerd"))
}

/// Starts two processes and waits until both serve.
fn two_processes(folder: &Folder) -> Server {
    Start::serve(&program(), &folder.path("config.capnp"))
        .processes(2)
        .start()
}
