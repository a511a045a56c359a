//! Where the server listens: ports, Unix sockets, descriptors from whoever started it.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Command;

use tests::folder::{Folder, ONE_WORKER};
use tests::http::get;
use tests::server::Start;
use tests::stream::Address;

use super::program;

const HELLO: &str = "export default { fetch() { return new Response('hello'); } };";

fn listener() -> (OwnedFd, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Loopback(listener.local_addr().unwrap().port());
    (listener.into(), address)
}

#[test]
fn a_unix_socket_and_an_abstract_one() {
    let folder = Folder::worker(HELLO);
    let path = folder.path("socket");
    let name = format!("workerd-tests-{}", std::process::id());
    for processes in [1, 2] {
        for (text, address) in [
            (
                format!("unix:{}", path.display()),
                Address::Unix(path.clone()),
            ),
            (
                format!("unix-abstract:{name}"),
                Address::UnixAbstract(name.clone()),
            ),
        ] {
            let start = Start::serve(&program(), &folder.path("config.capnp"));
            let mut server = start
                .arg(format!("--socket-addr=http={text}"))
                .processes(processes)
                .spawn();
            for slot in 0..u64::from(processes) {
                server.phase(slot, "serving", 0);
            }
            assert_eq!(get(&address, "/").unwrap().text(), "hello");
            assert_eq!(server.stop().code(), Some(0));
        }
        assert!(!path.exists());
    }
}

#[test]
fn every_form_of_address() {
    let folder = Folder::worker(HELLO);
    for address in ["localhost:0", "*:0", "127.0.0.1:0", "[::]:0"] {
        for processes in [1, 2] {
            let start = Start::serve(&program(), &folder.path("config.capnp"));
            let server = start
                .arg(format!("--socket-addr=http={address}"))
                .processes(processes)
                .start();
            assert_eq!(server.get("/").text(), "hello", "{address}");
        }
    }
}

#[test]
fn several_sockets() {
    let folder = Folder::worker(HELLO);
    let socket = r#"(name = "http", address = "127.0.0.1:0", http = (), service = "main")"#;
    let both = format!("{socket}, {}", socket.replace("http\",", "more\","));
    folder.write("config.capnp", &ONE_WORKER.replace(socket, &both));
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .processes(2)
        .start();
    assert_ne!(server.port("http"), server.port("more"));
    assert_eq!(get(&server.address("more"), "/").unwrap().text(), "hello");
}

#[test]
fn a_descriptor_for_a_socket() {
    let folder = Folder::worker(HELLO);
    for processes in [1, 2] {
        let (fd, address) = listener();
        let start = Start::serve(&program(), &folder.path("config.capnp"));
        let _server = start
            .arg("--socket-fd=http=0")
            .give(fd)
            .processes(processes)
            .start();
        assert_eq!(get(&address, "/").unwrap().text(), "hello");
    }
}

/// What systemd does for a service with a socket unit, with and without a name for the descriptor.
#[test]
fn descriptors_by_the_protocol_of_systemd() {
    let folder = Folder::worker(HELLO);
    for (environment, option) in [
        ("LISTEN_FDNAMES=http", "--verbose"),
        ("LISTEN_FDNAMES=", "--socket-fd=http=3"),
    ] {
        let (fd, address) = listener();
        let mut command = Command::new("sh");
        let script = format!(r#"export LISTEN_PID=$$ LISTEN_FDS=1 {environment}; exec "$@" 3<&0"#);
        command
            .args(["-c", &script, "sh"])
            .arg(program().path())
            .arg("serve")
            .arg(folder.path("config.capnp"));
        let _server = Start::command(command)
            .arg(option)
            .give(fd)
            .processes(2)
            .start();
        assert_eq!(get(&address, "/").unwrap().text(), "hello", "{environment}");
    }
}

#[test]
fn descriptors_that_no_socket_takes() {
    let folder = Folder::worker(HELLO);
    for (names, complaint) in [
        ("", "pass --socket-fd=<name>=3"),
        ("nobody", "any socket named \"nobody\""),
    ] {
        let mut command = Command::new("sh");
        let script =
            format!(r#"export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={names}; exec "$@" 3<&0"#);
        command
            .args(["-c", &script, "sh"])
            .arg(program().path())
            .arg("serve")
            .arg(folder.path("config.capnp"));
        let server = Start::command(command).give(listener().0).spawn();
        server.complaint(complaint);
    }
}

/// The tool is part of systemd, which a machine need not have; `.ci/run` has it.
#[test]
fn systemd_socket_activate() {
    let tool = "systemd-socket-activate";
    if Command::new(tool).arg("--version").output().is_err() {
        assert!(std::env::var_os("CI_RUN").is_none(), "{tool} is missing");
        return;
    }
    let folder = Folder::worker(HELLO);
    for (name, option) in [
        ("--fdname=http", "--verbose"),
        ("--fdname=unknown", "--socket-fd=http=3"),
    ] {
        let (fd, address) = listener();
        let Address::Loopback(port) = address else {
            unreachable!("a loopback address")
        };
        drop(fd);
        let mut command = Command::new(tool);
        command.args([name, &format!("--listen=127.0.0.1:{port}")]);
        command
            .arg(program().path())
            .arg("serve")
            .arg(folder.path("config.capnp"));
        // The tool starts the program when the first connection comes, without its descriptor 0.
        let server = Start::command(command)
            .arg(option)
            .without_control()
            .spawn();
        server.complaint("Listening on");
        assert_eq!(get(&address, "/").unwrap().text(), "hello", "{name}");
    }
}
