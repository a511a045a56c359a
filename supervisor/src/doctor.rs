//! `workerd doctor`: what of the machine a server would use, and what of the sandbox would hold, with the reason why not.
//!
//! Called by `main`, which gives it what a runtime process gives up ([`Sandbox`]). Exit status 1 says that something is missing that
//! a server in production should have.

use std::io::{self, Write};
use std::thread;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::geteuid;

use crate::process::count::ProcessCount;

/// Has the calling thread give up what runtime processes do, for a config without folders. Tells each part: what is in force, or
/// why nothing is.
pub type Sandbox = fn() -> Vec<(&'static str, Result<String, String>)>;

/// Fewer descriptors than this are few for a server.
const FEW_DESCRIPTORS: u64 = 4096;

/// Prints all of it; the exit status.
pub fn run(sandbox: Sandbox) -> u8 {
    // It is given up for good, by a thread that has nothing more to do.
    let parts = thread::spawn(sandbox).join().unwrap_or_default();
    let mut well = !parts.is_empty();
    let mut lines = Vec::new();
    for (name, state) in parts {
        well &= state.is_ok();
        lines.push(match state {
            Ok(state) => format!("ok       {name}: {state}"),
            Err(why) => format!("missing  {name}: {why}"),
        });
    }
    let user = geteuid();
    lines.push(match user.is_root() {
        true => "warning  user: root, whose files in /etc every process can read; let a service manager start \
                 this program as a user of its own"
            .to_owned(),
        false => format!("ok       user: {user}"),
    });
    let processes = ProcessCount::Auto.get();
    lines.push(format!(
        "ok       processes (--processes=auto): {processes}"
    ));
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let (word, hint) = match most < FEW_DESCRIPTORS {
            true => (
                "warning",
                ", which is few: raise the hard limit (LimitNOFILE=, ulimit -Hn)",
            ),
            false => ("ok     ", ""),
        };
        lines.push(format!("{word}  descriptors: {most} each process{hint}"));
    }
    let text = lines.join("\n") + "\n";
    // Whoever closes the pipe wants no more of it.
    let _ = io::stdout().write_all(text.as_bytes());
    u8::from(!well)
}
