//! The life of a server, from outside: start, spread, crash, reload, drain, and what a bad start leaves behind (nothing).

mod harness;

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use harness::{
    Client, Server, Setup, answers, config, connections_of, run, script, wait_until_gone,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn serve(body: &str, arguments: &[&str]) -> Server {
    Setup::new(&answers(body), arguments).serve()
}

fn kill_now(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// Ends the load, also when the test fails meanwhile.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends requests from several clients, each on new and on kept connections, until `work` is done. Returns every answer; any
/// failure panics.
fn under_load(server: &mut Server, work: impl FnOnce(&mut Server)) -> BTreeSet<String> {
    let port = server.port();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = BTreeSet::new();
                    while !done.load(Ordering::Relaxed) {
                        let mut client = Client::connect(port).expect("a connection is refused");
                        answers.insert(client.get().expect("a request fails"));
                    }
                    answers
                })
            })
            .collect();
        {
            let _stop = Stop(&done);
            work(server);
        }
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    })
}

#[test]
fn connections_spread_over_the_processes() {
    let server = serve("hello", &["--processes=2"]);
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let mut client = server.connect();
            assert_eq!(client.get().unwrap(), "hello");
            client
        })
        .collect();
    let pids = server.serving();
    assert_eq!(pids.len(), 2);
    let spread: Vec<_> = pids
        .iter()
        .map(|pid| connections_of(*pid, server.port()))
        .collect();
    assert_eq!(spread.iter().sum::<usize>(), 200);
    assert!(spread.iter().all(|count| *count > 20), "{spread:?}");
    drop(clients);
    assert_eq!(server.stop(), "");
}

#[test]
fn one_process_serves_without_another() {
    let server = serve("hello", &[]);
    assert_eq!(server.get(), "hello");
    assert_eq!(server.serving(), BTreeSet::from([server.pid()]));
    assert_eq!(server.stop(), "");
}

#[test]
fn every_phase_is_passed_in_turn() {
    let mut server = Setup::new(&answers("hello"), &["--processes=2"]).start();
    for phase in ["starting", "ready", "serving"] {
        server.wait_for_phase(1, phase);
    }
    server.wait_until_serving();
    server.signal(Signal::SIGINT);
    for phase in ["draining", "stopped"] {
        server.wait_for_phase(1, phase);
    }
    assert!(server.wait().0.success());
}

#[test]
fn a_killed_process_comes_back_and_no_connection_fails_meanwhile() {
    let mut server = serve("hello", &["--processes=2"]);
    for slot in [0, 1] {
        let before = server
            .processes
            .values()
            .map(|(pid, _)| *pid)
            .collect::<BTreeSet<_>>();
        let victim = server.processes[&(1, slot)].0;
        kill_now(victim);
        // Connections that the dead process had not accepted yet are lost with it, those after are not.
        server.wait_for_phase(slot, "stopped");
        under_load(&mut server, |server| {
            let successor = server.wait_for_phase(slot, "serving");
            assert!(!before.contains(&successor));
        });
    }
    assert_eq!(server.serving().len(), 2);
    let errors = server.stop();
    assert!(
        errors.contains("Process 0 was killed by SIGKILL; it is started again in "),
        "{errors}"
    );
}

#[test]
fn a_process_that_is_back_gets_connections_again() {
    let mut server = serve("hello", &["--processes=2"]);
    kill_now(server.processes[&(1, 0)].0);
    server.wait_for_phase(0, "stopped");
    let successor = server.wait_for_phase(0, "serving");
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let mut client = server.connect();
            client.get().unwrap();
            client
        })
        .collect();
    assert!(connections_of(successor, server.port()) > 10);
    drop(clients);
}

#[test]
fn a_reload_fails_no_request() {
    for processes in ["--processes=2", "--processes=1"] {
        let mut server = serve("old", &[processes]);
        let port = server.port();
        let answers = under_load(&mut server, |server| {
            for round in 0..3 {
                server.setup.write(&answers(&format!("new {round}")));
                server.signal(Signal::SIGHUP);
                assert!(server.wait_for_reload());
            }
        });
        assert!(answers.contains("old"), "{answers:?}");
        assert_eq!((server.get().as_str(), server.port()), ("new 2", port));
        assert_eq!(server.stop(), "");
    }
}

#[test]
fn a_kept_connection_survives_a_reload_until_its_answer() {
    let slow = config(&script("old", 300), &[("http", "127.0.0.1:0")]);
    for processes in ["--processes=2", "--processes=1"] {
        let mut server = Setup::new(&slow, &[processes]).serve();
        let mut client = server.connect();
        client.get().unwrap();
        client.send().unwrap();
        server.setup.write(&answers("new"));
        server.signal(Signal::SIGHUP);
        assert!(server.wait_for_reload());
        assert_eq!(client.receive().unwrap(), "old");
        assert_eq!(server.get(), "new");
    }
}

#[test]
fn a_failing_reload_changes_nothing_and_says_why() {
    for processes in ["--processes=2", "--processes=1"] {
        let mut server = serve("old", &[processes]);
        let pids = server.serving();
        for bad in [
            "no config at all",
            &config("throw new Error('no')", &[("http", "127.0.0.1:0")]),
        ] {
            server.setup.write(bad);
            server.signal(Signal::SIGHUP);
            assert!(!server.wait_for_reload());
            assert_eq!(server.get(), "old");
        }
        assert_eq!(server.serving(), pids);
        let errors = server.stop();
        assert_eq!(
            errors
                .matches("The reload failed; the config from before goes on serving.")
                .count(),
            2
        );
        assert_eq!(
            errors.matches("service main: Uncaught Error").count(),
            1,
            "{errors}"
        );
    }
}

#[test]
fn a_reload_opens_new_sockets_and_closes_old_ones() {
    let two = |a, b| {
        config(
            &script("hello", 0),
            &[(a, "127.0.0.1:0"), (b, "127.0.0.1:0")],
        )
    };
    let mut server = Setup::new(&two("http", "old"), &["--processes=2"]).serve();
    server.wait_for(|event| event["socket"] == "old");
    let (http, old) = (server.port(), server.ports["old"]);
    server.setup.write(&config(
        &script("hello", 0),
        &[("http", "127.0.0.1:0"), ("new", "localhost:0")],
    ));
    server.signal(Signal::SIGHUP);
    assert!(server.wait_for_reload());
    assert_eq!(server.port(), http);
    let new = server.ports["new"];
    assert_eq!(Client::connect(new).unwrap().get().unwrap(), "hello");
    server.wait_until_stopped(1);
    assert!(TcpStream::connect(("127.0.0.1", old)).is_err());
}

#[test]
fn a_crash_after_a_reload_of_one_process_is_mended() {
    let mut server = serve("old", &[]);
    server.setup.write(&answers("new"));
    server.signal(Signal::SIGHUP);
    assert!(server.wait_for_reload());
    let child = server.processes[&(2, 0)].0;
    assert_ne!(child, server.pid());
    kill_now(child);
    server.wait_for(|event| event["generation"] == 2 && event["phase"] == "stopped");
    // Nobody accepts now, so the connection waits in the queue.
    assert_eq!(server.get(), "new");
    server.stop();
}

#[test]
fn a_stop_answers_what_was_accepted() {
    let slow = config(&script("late", 300), &[("http", "127.0.0.1:0")]);
    for processes in ["--processes=2", "--processes=1"] {
        let mut server = Setup::new(&slow, &[processes]).serve();
        let mut clients: Vec<_> = (0..32).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| client.send().unwrap());
        for client in &mut clients {
            client.receive().unwrap();
            client.send().unwrap();
        }
        // Accepted only from the queue, after the drain has begun.
        let mut late = server.connect();
        late.send().unwrap();
        server.signal_all(Signal::SIGINT);
        server.wait_for_phase(0, "draining");
        for client in clients.iter_mut().chain([&mut late]) {
            assert_eq!(client.receive().unwrap(), "late");
        }
        assert!(server.wait().0.success());
    }
}

#[test]
fn a_drain_has_a_deadline() {
    let endless = config(&script("never", 600_000), &[("http", "127.0.0.1:0")]);
    for processes in ["--processes=2", "--processes=1"] {
        let mut server = Setup::new(&endless, &[processes, "--drain-timeout=200ms"]).serve();
        let mut client = server.connect();
        client.send().unwrap();
        server.signal(Signal::SIGTERM);
        assert!(server.wait().0.success());
        assert!(client.receive().is_err());
    }
}

#[test]
fn the_processes_go_with_the_supervisor() {
    let server = serve("hello", &["--processes=2"]);
    let pids = server.serving();
    assert_eq!(pids.len(), 2);
    kill_now(server.pid());
    pids.into_iter().for_each(wait_until_gone);
}

#[test]
fn a_script_that_does_not_start_is_told_once_and_nothing_accepts() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let bad = config(
        "throw new Error('no')",
        &[("http", &format!("127.0.0.1:{port}"))],
    );
    for processes in ["--processes=3", "--processes=1"] {
        let mut server = Setup::new(&bad, &[processes]).start();
        let mut phases = BTreeSet::new();
        while let Some(event) = server.next_event() {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
            phases.insert(event["phase"].as_str().unwrap().to_owned());
        }
        assert!(!phases.contains("serving"), "{phases:?}");
        let (status, errors) = server.wait();
        assert_eq!(status.code(), Some(1));
        assert_eq!(errors.matches("Uncaught Error").count(), 1, "{errors}");
    }
}

#[test]
fn a_port_in_use_is_told_before_anything_starts() {
    let first = serve("hello", &["--processes=2"]);
    let address = format!("http=127.0.0.1:{}", first.port());
    for processes in ["--processes=2", "--processes=1"] {
        let mut second = Setup::new(&answers("other"), &[processes, "-s", &address]).start();
        assert!(second.next_event().is_none());
        let (status, errors) = second.wait();
        assert_eq!(status.code(), Some(1));
        assert_eq!(
            errors,
            "Socket \"http\": bind(): Address already in use (os error 98)\n"
        );
    }
    assert_eq!(first.get(), "hello");
}

#[test]
fn watch_reloads_what_changes_and_waits_for_a_repair() {
    let mut server = serve("old", &["--watch"]);
    server.setup.write(&answers("new"));
    assert!(server.wait_for_reload());
    assert_eq!(server.get(), "new");
    server.setup.write("broken");
    assert!(!server.wait_for_reload());
    assert_eq!(server.get(), "new");
    server.setup.write(&answers("mended"));
    assert!(server.wait_for_reload());
    assert_eq!(server.get(), "mended");
}

#[test]
fn a_test_run_needs_no_supervisor() {
    let (status, _, errors) = run(&["test", "/nonexistent.capnp"]);
    assert_eq!(status, Some(1));
    assert!(
        errors.starts_with("error: /nonexistent.capnp: No such file.\n"),
        "{errors}"
    );
}
