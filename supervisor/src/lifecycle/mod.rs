//! The life of the server: start, crash and restart, reload, upgrade, drain.
//!
//! Called by `main` for `serve` and for compiled executables. One thread, one poll loop, no lock: everything that happens is
//! an event of `supervisor`, and every wait has a deadline there. A server of one process runs this loop in a side thread and
//! the runtime in its main thread, over the same channel and messages as between processes; from its first reload on, it too
//! has its runtime in a child.

mod admin;
mod folders;
mod generation;
mod links;
mod reload;
mod restart;
mod signals;
mod stop;
mod supervisor;
mod systemd;
mod upgrade;
mod watch;

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use ipc::{Options, Start};

use crate::admin::AdminAddress;
use crate::config::{ConfigErrors, Loaded};
use crate::observe::tell;
use crate::process::launch::{Executable, Launcher};
use crate::sockets::inherit::InheritedFds;
use crate::sockets::report::Reporter;
use folders::LockFolder;
use signals::Signals;
use supervisor::Supervisor;

/// How long the main thread may take to leave when all else has ended.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The stack of the supervising thread: it parses configs and little else.
const SUPERVISOR_STACK_BYTES: usize = 8 * 1024 * 1024;

/// Loads the config as the command line says, again for each reload.
pub type Loader = Box<dyn FnMut() -> Result<Loaded, ConfigErrors> + Send>;

/// What to serve and how.
pub struct Server {
    pub load: Loader,
    /// Shows what is wrong with a config.
    pub show: fn(&ConfigErrors),
    pub lock_folder: LockFolder,
    pub options: Options,
    pub inherited: InheritedFds,
    pub reporter: Reporter,
    /// `--watch`.
    pub watch: bool,
    /// `--admin-addr`.
    pub admin: Option<AdminAddress>,
}

/// Serves until told to stop. `runtime` runs a runtime process on the calling thread and is called at most once. Returns the exit status.
pub fn run(server: Server, runtime: impl FnOnce(Start) -> u8) -> u8 {
    if let Err(error) = Signals::block() {
        tell(format_args!("sigprocmask(): {error}"));
        return 1;
    }
    if server.options.processes > 1 {
        return supervise(server, None);
    }
    let (start, starts) = sync_channel(1);
    // Nothing is ever sent here: it closes when the main thread has no more to do.
    let (busy, left) = sync_channel::<()>(0);
    let supervisor = thread::Builder::new()
        .name("supervisor".into())
        .stack_size(SUPERVISOR_STACK_BYTES);
    let supervisor = supervisor.spawn(move || {
        let status = supervise(server, Some(start));
        if left.recv_timeout(LEAVE_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            crate::process::launch::exit_now(status);
        }
        status
    });
    let Ok(supervisor) =
        supervisor.inspect_err(|error| tell(format_args!("pthread_create(): {error}")))
    else {
        return 1;
    };
    if let Ok(start) = starts.recv() {
        runtime(start);
    }
    drop((starts, busy));
    supervisor.join().unwrap_or(1)
}

fn supervise(server: Server, local: Option<SyncSender<Start>>) -> u8 {
    let prepared = Executable::own().and_then(|executable| {
        let launcher = Launcher::new(executable, server.options.clone(), local)?;
        Supervisor::new(server, launcher)
    });
    match prepared {
        Ok(supervisor) => supervisor.run(),
        Err(error) => {
            tell(format_args!("The supervisor cannot start: {error}"));
            1
        }
    }
}
