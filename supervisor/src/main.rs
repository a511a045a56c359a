//! temporary
use std::os::fd::OwnedFd;
static SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/snapshot.bin"));
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&a[2]).unwrap();
    let config = ipc::ConfigBytes::copy_from(&bytes);
    let mut listeners = vec![];
    for (i, p) in a[3..].iter().enumerate() {
        let l = std::net::TcpListener::bind(format!("127.0.0.1:{p}")).unwrap();
        listeners.push(ipc::Listener { socket: i, slot: 0, fd: OwnedFd::from(l), kind: ipc::ListenerKind::Tcp });
    }
    let mut start = ipc::Start { config, listeners, options: ipc::Options::default(), control: None };
    start.options.verbose = true;
    let code = if a[1] == "test" { worker_proc::test(start, SNAPSHOT) } else { worker_proc::serve(start, SNAPSHOT) };
    std::process::exit(code.into());
}
