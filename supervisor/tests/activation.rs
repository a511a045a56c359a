//! Sockets and services of other programs: socket activation, passed descriptors, socket files, the service manager's protocol,
//! and the upgrade of the program itself.

mod harness;

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::Path;

use harness::{Client, PATIENCE, Server, Setup, WORKERD, answers, config, read_answer, script};
use nix::sys::signal::Signal;

const PROCESSES: [&str; 2] = ["--processes=2", "--processes=1"];

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

fn ask(stream: UnixStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    (&stream)
        .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    read_answer(&mut BufReader::new(stream)).unwrap()
}

#[test]
fn a_passed_descriptor_serves_its_socket() {
    for processes in PROCESSES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port_of(&listener);
        let mut setup = Setup::new(&answers("hello"), &[processes, "--socket-fd=http=3"]);
        setup.descriptors.push(listener.into());
        let mut server = setup.serve();
        assert_eq!(server.port(), port);
        assert_eq!(server.get(), "hello");
        server.setup.write(&answers("new"));
        server.signal(Signal::SIGHUP);
        assert!(server.wait_for_reload());
        assert_eq!(server.get(), "new");
        assert_eq!(server.stop(), "");
    }
}

#[test]
fn activation_finds_sockets_by_name() {
    for processes in PROCESSES {
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports: Vec<_> = listeners.iter().map(port_of).collect();
        let sockets = [("http", "127.0.0.1:0"), ("other", "127.0.0.1:0")];
        let mut setup = Setup::new(&config(&script("hello", 0), &sockets), &[processes]);
        setup.descriptors.extend(listeners.map(Into::into));
        setup.environment.insert("LISTEN_FDS".into(), "3".into());
        setup
            .environment
            .insert("LISTEN_FDNAMES".into(), "other:http:other".into());
        let mut server = setup.serve();
        server.wait_for(|event| event["socket"] == "other");
        assert_eq!((server.port(), server.ports["other"]), (ports[1], ports[0]));
        for port in ports {
            assert_eq!(Client::connect(port).unwrap().get().unwrap(), "hello");
        }
        assert_eq!(server.stop(), "");
    }
}

#[test]
fn activation_without_names_is_pointed_out() {
    let mut setup = Setup::new(&answers("hello"), &[]);
    setup
        .descriptors
        .push(TcpListener::bind("127.0.0.1:0").unwrap().into());
    setup.environment.insert("LISTEN_FDS".into(), "1".into());
    let errors = setup.serve().stop();
    assert!(errors.contains("pass --socket-fd=<name>=3"), "{errors}");
}

#[test]
fn a_name_without_a_socket_is_an_error() {
    let mut setup = Setup::new(&answers("hello"), &[]);
    setup
        .descriptors
        .push(TcpListener::bind("127.0.0.1:0").unwrap().into());
    setup.environment.insert("LISTEN_FDS".into(), "1".into());
    setup
        .environment
        .insert("LISTEN_FDNAMES".into(), "nobody".into());
    let (status, errors) = setup.start().wait();
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains("\"nobody\""), "{errors}");
}

#[test]
fn unix_sockets_serve_and_leave_no_file() {
    for processes in PROCESSES {
        let setup = Setup::new(&answers("hello"), &[processes]);
        let path = setup.folder.path().join("socket");
        let name = format!("workerd-test-{}-{processes}", std::process::id());
        let sockets = [
            ("http", format!("unix:{}", path.display())),
            ("named", format!("unix-abstract:{name}")),
        ];
        let sockets: Vec<_> = sockets
            .iter()
            .map(|(name, address)| (*name, address.as_str()))
            .collect();
        setup.write(&config(&script("hello", 0), &sockets));
        let server = setup.serve();
        assert_eq!(server.port(), 0);
        assert_eq!(ask(UnixStream::connect(&path).unwrap()), "hello");
        let address = SocketAddr::from_abstract_name(name).unwrap();
        assert_eq!(ask(UnixStream::connect_addr(&address).unwrap()), "hello");
        server.signal(Signal::SIGTERM);
        let mut server = server;
        assert!(server.wait().0.success());
        assert!(!path.exists());
    }
}

/// A server with a service manager that hears it.
fn managed(processes: &str, watchdog: bool) -> (Server, UnixDatagram) {
    let mut setup = Setup::new(&answers("hello"), &[processes]);
    let path = setup.folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    setup
        .environment
        .insert("NOTIFY_SOCKET".into(), path.display().to_string());
    if watchdog {
        setup
            .environment
            .insert("WATCHDOG_USEC".into(), "300000".into());
    }
    (setup.serve(), manager)
}

/// Takes messages until one has this line.
fn hear(manager: &UnixDatagram, line: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let length = manager
            .recv(&mut buffer)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if message.lines().any(|said| said == line) {
            return message;
        }
    }
}

#[test]
fn the_service_manager_is_told() {
    for processes in PROCESSES {
        let (mut server, manager) = managed(processes, false);
        let ready = hear(&manager, "READY=1");
        assert!(ready.contains("STATUS=Serving with "), "{ready}");
        server.signal(Signal::SIGHUP);
        assert!(hear(&manager, "RELOADING=1").contains("MONOTONIC_USEC="));
        hear(&manager, "READY=1");
        assert!(server.wait_for_reload());
        server.setup.write("broken");
        server.signal(Signal::SIGHUP);
        hear(&manager, "RELOADING=1");
        assert!(hear(&manager, "READY=1").contains("the last reload failed"));
        server.signal(Signal::SIGTERM);
        hear(&manager, "STOPPING=1");
        assert!(server.wait().0.success());
    }
}

#[test]
fn the_watchdog_is_answered() {
    for processes in PROCESSES {
        let (_server, manager) = managed(processes, true);
        hear(&manager, "READY=1");
        for _ in 0..4 {
            hear(&manager, "WATCHDOG=1");
        }
    }
}

#[test]
fn an_upgrade_goes_on_with_the_new_program() {
    for processes in PROCESSES {
        let mut setup = Setup::new(&answers("hello"), &[processes]);
        setup.program = setup.folder.path().join("workerd");
        let install = |program: &Path| {
            let new = program.with_extension("new");
            fs::copy(WORKERD, &new).unwrap();
            fs::rename(&new, program).unwrap();
        };
        install(&setup.program);
        let mut server = setup.serve();
        let (pid, port) = (server.pid(), server.port());
        let program = server.setup.program.clone();

        // A program that does not start changes nothing.
        let pids = server.serving();
        fs::remove_file(&program).unwrap();
        fs::write(&program, "not a program").unwrap();
        server.signal(Signal::SIGUSR2);
        assert!(!server.wait_for_reload());
        assert_eq!((server.get().as_str(), server.serving()), ("hello", pids));

        install(&program);
        server.signal(Signal::SIGUSR2);
        assert!(server.wait_for_reload());
        server.wait_for(|event| event["event"] == "upgraded");
        assert_eq!(
            (server.pid(), server.port(), server.get().as_str()),
            (pid, port, "hello")
        );
        let running = |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).unwrap();
        assert_eq!(running(pid), program);
        assert!(
            server
                .serving()
                .into_iter()
                .all(|pid| running(pid) == program)
        );

        // The new program supervises what the old one started.
        server.setup.write(&answers("new"));
        server.signal(Signal::SIGHUP);
        assert!(server.wait_for_reload());
        assert_eq!(server.get(), "new");
        let generation = server
            .processes
            .keys()
            .map(|(generation, _)| *generation)
            .max()
            .unwrap();
        let victim = server.processes[&(generation, 0)].0;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(victim), Signal::SIGKILL).unwrap();
        server.wait_for_phase(0, "stopped");
        server.wait_for_phase(0, "serving");
        assert_eq!(server.get(), "new");
        server.stop();
    }
}
