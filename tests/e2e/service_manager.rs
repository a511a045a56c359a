//! What the service manager is told, by the protocol of sd_notify(3).

use std::os::unix::net::UnixDatagram;

use nix::sys::signal::Signal;
use tests::DEADLINE;
use tests::folder::Folder;
use tests::server::{Server, Start};

use super::program;

const HELLO: &str = "export default { fetch() { return new Response('hello'); } };";

/// A service manager that hears a server.
struct Manager(UnixDatagram);

impl Manager {
    /// Starts a server that reports to a manager, with more variables for it.
    fn start(folder: &Folder, processes: u32, variables: &[(&str, &str)]) -> (Self, Server) {
        let path = folder.path(&format!("notify-{processes}"));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut command = program().command();
        command
            .env("NOTIFY_SOCKET", path)
            .envs(variables.iter().copied());
        command.arg("serve").arg(folder.path("config.capnp"));
        (
            Self(socket),
            Start::command(command).processes(processes).start(),
        )
    }

    /// Waits for a message with this line, and returns all of it.
    fn hear(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .0
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("no {line}: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|said| said == line) {
                return message;
            }
        }
    }
}

#[test]
fn ready_reloading_stopping() {
    let folder = Folder::worker(HELLO);
    for processes in [1, 2] {
        folder.write("worker.js", HELLO);
        let (manager, mut server) = Manager::start(&folder, processes, &[]);
        let status = format!("STATUS=Serving with {processes} of {processes} processes");
        assert!(manager.hear("READY=1").contains(&status));
        server.signal(Signal::SIGHUP);
        assert!(manager.hear("RELOADING=1").contains("MONOTONIC_USEC="));
        assert!(manager.hear("READY=1").contains(&status));
        folder.write("worker.js", "export default {");
        server.signal(Signal::SIGHUP);
        manager.hear("RELOADING=1");
        assert!(manager.hear("READY=1").contains("the last reload failed"));
        server.signal(Signal::SIGTERM);
        manager.hear("STOPPING=1");
        assert_eq!(server.wait_for_end().code(), Some(0));
    }
}

#[test]
fn the_watchdog_is_answered() {
    let folder = Folder::worker(HELLO);
    for processes in [1, 2] {
        let (manager, _server) = Manager::start(&folder, processes, &[("WATCHDOG_USEC", "300000")]);
        manager.hear("READY=1");
        for _ in 0..4 {
            manager.hear("WATCHDOG=1");
        }
    }
}
