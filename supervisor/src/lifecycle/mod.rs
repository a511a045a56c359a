//! The life of the server: start, crash and restart, reload, upgrade, drain.
//!
//! Called by `main` for `serve` and for compiled executables. One thread, one poll loop, no lock: everything that happens is
//! an event of `supervisor`, and every wait has a deadline there. A server of one process runs this loop in a side thread and
//! the runtime in its main thread, over the same channel and messages as between processes; from its first reload on, it too
//! has its runtime in a child. Nothing here waits for what a worker does: a start and a drain have their time, after which a
//! process is killed, and what is asked for next takes the place of what is not finished.

mod admin;
mod folders;
mod generation;
mod hand_over;
mod health;
mod inspector;
mod links;
mod reload;
mod restart;
mod server;
mod signals;
mod stop;
mod supervisor;
mod systemd;
mod under_way;
mod upgrade;
mod watch;
mod watchdog;

use std::thread;

use ipc::Start;

use crate::observe::fail;
use crate::process::launch::{Executable, Launcher, exit_now, keep_name};
use crate::process::main_thread::{MainThread, main_thread};
pub use server::Server;
use signals::Signals;
use supervisor::Supervisor;

/// The stack of the supervising thread: it parses configs and little else.
const SUPERVISOR_STACK_BYTES: usize = 8 * 1024 * 1024;

/// Serves until told to stop. `runtime` runs a runtime process on the calling thread and is called at most once. Returns the exit status.
pub fn run(server: Server, runtime: impl FnOnce(Start) -> u8) -> u8 {
    keep_name();
    if let Err(error) = Signals::block() {
        fail(&[format_args!("sigprocmask(): {error}")]);
        return 1;
    }
    // Who watches goes on after a start that does not come to an end, which only a child can be killed for.
    if server.options.processes > 1 || server.watch {
        return supervise(server, None).0;
    }
    let (main_thread, place) = main_thread();
    let supervisor = thread::Builder::new()
        .name("supervisor".into())
        .stack_size(SUPERVISOR_STACK_BYTES);
    let supervisor = supervisor.spawn(move || {
        let (status, main_thread) = supervise(server, Some(main_thread));
        if main_thread.is_some_and(|thread| !thread.leave()) {
            exit_now(status);
        }
        status
    });
    let Ok(supervisor) =
        supervisor.inspect_err(|error| fail(&[format_args!("pthread_create(): {error}")]))
    else {
        return 1;
    };
    place.serve(runtime);
    supervisor.join().unwrap_or(1)
}

/// The exit status, and the main thread if it is to be waited for.
fn supervise(server: Server, main_thread: Option<MainThread>) -> (u8, Option<MainThread>) {
    let prepared = Executable::own().and_then(|executable| {
        let options = server.options.clone();
        let inspected = server.inspector.is_some();
        let timeout = server.start_timeout;
        let launcher = Launcher::new(executable, options, inspected, timeout, main_thread)?;
        Supervisor::new(server, launcher)
    });
    match prepared {
        Ok(supervisor) => supervisor.run(),
        Err(error) => {
            fail(&[format_args!("The supervisor cannot start: {error}")]);
            (1, None)
        }
    }
}
