//! Binding: one address to the listeners of every process slot.
//!
//! Called by `sockets`. Binds and does not listen: a bound socket takes the port, which finds a port in use, and no client
//! can reach it until [`BoundListener::listen`].
//!
//! For TCP each slot has its own SO_REUSEPORT socket, so the kernel spreads connections over the slots. That option would
//! also let a second server of the same user bind the same port unnoticed. Therefore the first slot's socket binds without it, which
//! any other user of the port prevents, and joins the group afterwards, with SO_REUSEADDR off until it listens, so that
//! nobody can do the same meanwhile.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use ipc::{Listener, ListenerKind};
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};

use super::address::{Address, wildcards};

/// Connections that may wait in one queue; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG_CONNECTIONS: i32 = 65_535;

/// How often a free port is looked for that every address of a socket can have.
const PORT_ATTEMPTS: u32 = 32;

/// A bound socket of one slot, or of all.
#[derive(Debug)]
pub struct BoundListener {
    /// The slot it belongs to, or [`Listener::SHARED`].
    pub slot: u32,
    pub kind: ListenerKind,
    socket: Socket,
    /// Given from outside, listening already.
    pub inherited: bool,
    /// The socket file to remove with the listener.
    pub file: Option<PathBuf>,
}

impl BoundListener {
    /// Begins to listen. Harmless when it does already.
    pub fn listen(&self) -> io::Result<()> {
        if self.inherited || self.kind == ListenerKind::Udp {
            return Ok(());
        }
        if self.kind == ListenerKind::Tcp {
            self.socket.set_reuse_address(true)?;
        }
        self.socket.listen(BACKLOG_CONNECTIONS)
    }

    /// The next connection of one that the supervisor itself serves.
    pub fn accept(&self) -> io::Result<Socket> {
        let (socket, _) = self.socket.accept()?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    /// The port, or 0 when the socket has none.
    pub fn port(&self) -> u16 {
        self.socket
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket())
            .map_or(0, |address| address.port())
    }

    /// A copy of the descriptor for a process, as socket number `socket` of the config.
    pub fn for_process(&self, socket: usize) -> io::Result<Listener> {
        Ok(Listener {
            socket,
            slot: self.slot,
            kind: self.kind,
            fd: self.socket.as_fd().try_clone_to_owned()?,
        })
    }

    /// Wraps a listening socket that was given from outside. One queue for all processes.
    pub fn inherited(fd: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(fd);
        socket.set_nonblocking(true)?;
        let kind = match (socket.local_addr()?.is_unix(), socket.r#type()?) {
            (true, _) => ListenerKind::Unix,
            (false, Type::DGRAM) => ListenerKind::Udp,
            (false, _) => ListenerKind::Tcp,
        };
        Ok(Self {
            slot: Listener::SHARED,
            kind,
            socket,
            inherited: true,
            file: None,
        })
    }

    /// Takes over a listener of the program that this one replaces.
    pub fn handed_over(
        fd: OwnedFd,
        slot: u32,
        inherited: bool,
        file: Option<PathBuf>,
    ) -> io::Result<Self> {
        let mut listener = Self::inherited(fd)?;
        (listener.slot, listener.inherited, listener.file) = (slot, inherited, file);
        Ok(listener)
    }
}

impl AsFd for BoundListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for BoundListener {
    /// Lets go of a socket that processes may still hold copies of: those answer what the queue holds, and nobody new comes.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Someone may have removed it already, which is just as well.
            let _ = std::fs::remove_file(file);
        }
        if self.kind == ListenerKind::Tcp && !self.inherited {
            // Where filters are not allowed, who connects at the very last moment is reset.
            let _ = self.socket.attach_filter(&drop_syn());
        }
    }
}

/// A classic BPF program for a TCP socket, which sees the segment from its TCP header on: drops every SYN. A client that
/// was not answered tries again a second later, and is then refused or finds a successor. Without it, a connection could
/// be completed between the last `accept` and `close`, and be reset.
fn drop_syn() -> [SockFilter; 4] {
    let load_flags = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
    let skip_unless = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
    let take_bytes = libc::BPF_RET | libc::BPF_K;
    [
        SockFilter::new(load_flags as u16, 0, 0, TCP_FLAGS_OFFSET),
        SockFilter::new(skip_unless as u16, 0, 1, TCP_SYN),
        SockFilter::new(take_bytes as u16, 0, 0, 0),
        SockFilter::new(take_bytes as u16, 0, 0, u32::MAX),
    ]
}

/// Where the TCP header has its flags (RFC 9293, section 3.1).
const TCP_FLAGS_OFFSET: u32 = 13;
const TCP_SYN: u32 = 0x02;

/// Binds an address for `slots` processes.
pub fn bind(address: &Address, slots: u32) -> io::Result<Vec<BoundListener>> {
    bind_kind(address, Type::STREAM, slots)
}

/// The same for UDP. The kernel gives all datagrams of a peer to one slot.
pub fn bind_datagrams(address: &Address, slots: u32) -> io::Result<Vec<BoundListener>> {
    bind_kind(address, Type::DGRAM, slots)
}

fn bind_kind(address: &Address, kind: Type, slots: u32) -> io::Result<Vec<BoundListener>> {
    match address {
        Address::Inet(addresses) => bind_all(addresses, kind, slots),
        Address::Wildcard { port } => {
            let [v6, v4] = wildcards(*port);
            match bind_all(&[v6], kind, slots) {
                Err(error) if lacks_family(&error) => bind_all(&[v4], kind, slots),
                bound => bound,
            }
        }
        Address::Unix(_) | Address::UnixAbstract(_) if kind == Type::DGRAM => {
            let text = "datagrams have no Unix sockets here: write host:port";
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
        Address::Unix(path) => {
            let file = (!path.as_os_str().is_empty()).then(|| path.clone());
            Ok(vec![bind_unix(&SockAddr::unix(path)?, file)?])
        }
        Address::UnixAbstract(name) => Ok(vec![bind_unix(
            &SockAddr::unix(format!("\0{name}"))?,
            None,
        )?]),
    }
}

fn bind_unix(address: &SockAddr, file: Option<PathBuf>) -> io::Result<BoundListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(address)?;
    Ok(BoundListener {
        slot: Listener::SHARED,
        kind: ListenerKind::Unix,
        socket,
        inherited: false,
        file,
    })
}

/// Binds all addresses of a name, at one port. A family that the machine lacks is left out as long as another binds.
fn bind_all(addresses: &[SocketAddr], kind: Type, slots: u32) -> io::Result<Vec<BoundListener>> {
    let any_port = addresses.iter().all(|address| address.port() == 0);
    let mut attempt = 1;
    loop {
        match bind_at_one_port(addresses, kind, slots) {
            Err(error)
                if any_port
                    && error.kind() == io::ErrorKind::AddrInUse
                    && attempt < PORT_ATTEMPTS =>
            {
                attempt += 1;
            }
            bound => return bound,
        }
    }
}

fn bind_at_one_port(
    addresses: &[SocketAddr],
    kind: Type,
    slots: u32,
) -> io::Result<Vec<BoundListener>> {
    let mut bound: Vec<BoundListener> = Vec::new();
    let mut lacking = None;
    for address in addresses {
        let mut address = *address;
        if let (0, Some(first)) = (address.port(), bound.first()) {
            address.set_port(first.port());
        }
        match bind_slots(address, kind, slots) {
            Ok(listeners) => bound.extend(listeners),
            Err(error) if lacks_family(&error) && addresses.len() > 1 => lacking = Some(error),
            Err(error) => return Err(error),
        }
    }
    match lacking {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

fn lacks_family(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

fn bind_slots(mut address: SocketAddr, kind: Type, slots: u32) -> io::Result<Vec<BoundListener>> {
    let mut listeners = Vec::new();
    // A port of datagrams has no connections that stay: whoever reuses its address shares it.
    let is_stream = kind == Type::STREAM;
    for slot in 0..slots {
        let socket = Socket::new(Domain::for_address(address), kind, None)?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(is_stream)?;
        socket.set_reuse_port(slot > 0)?;
        socket.bind(&address.into())?;
        if slots > 1 {
            socket.set_reuse_address(false)?;
            socket.set_reuse_port(true)?;
        }
        let listener = BoundListener {
            slot,
            kind: if is_stream {
                ListenerKind::Tcp
            } else {
                ListenerKind::Udp
            },
            socket,
            inherited: false,
            file: None,
        };
        address.set_port(listener.port());
        listeners.push(listener);
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::address::resolve;
    use std::net::TcpStream;
    use std::time::Duration;

    fn bind_text(text: &str, slots: u32) -> io::Result<Vec<BoundListener>> {
        bind(&resolve(text, 80).unwrap(), slots)
    }

    fn in_use(text: &str, slots: u32) -> bool {
        bind_text(text, slots).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    }

    #[test]
    fn every_slot_has_the_same_port() {
        let listeners = bind_text("127.0.0.1:0", 3).unwrap();
        let port = listeners[0].port();
        assert!(port != 0 && listeners.iter().all(|listener| listener.port() == port));
        assert!(listeners.iter().map(|listener| listener.slot).eq(0..3));
    }

    #[test]
    fn every_slot_receives_the_datagrams_of_some() {
        let listeners = bind_datagrams(&resolve("127.0.0.1:0", 0).unwrap(), 2).unwrap();
        let port = listeners[0].port();
        assert!(in_use_by_datagrams(port));
        for _ in 0..200 {
            let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            client.send_to(b"hello", ("127.0.0.1", port)).unwrap();
        }
        for listener in &listeners {
            listener.listen().unwrap();
            let socket = std::net::UdpSocket::from(listener.for_process(0).unwrap().fd);
            assert!(socket.recv(&mut [0; 5]).is_ok(), "slot {}", listener.slot);
        }
        assert!(bind_datagrams(&resolve("unix:/x", 0).unwrap(), 1).is_err());
    }

    fn in_use_by_datagrams(port: u16) -> bool {
        let bound = std::net::UdpSocket::bind(("127.0.0.1", port));
        bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    }

    #[test]
    fn nobody_reaches_a_bound_socket_until_it_listens() {
        let listeners = bind_text("127.0.0.1:0", 2).unwrap();
        let port = listeners[0].port();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        listeners[1].listen().unwrap();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn a_second_server_finds_the_port_in_use() {
        for (ours, theirs) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let listeners = bind_text("127.0.0.1:0", ours).unwrap();
            let address = format!("127.0.0.1:{}", listeners[0].port());
            // One process alone keeps SO_REUSEADDR: until it listens, another with that option can bind too.
            if ours > 1 {
                assert!(
                    in_use(&address, theirs),
                    "bound by {ours}, then by {theirs}"
                );
            }
            listeners
                .iter()
                .try_for_each(BoundListener::listen)
                .unwrap();
            assert!(
                in_use(&address, theirs),
                "listening by {ours}, then by {theirs}"
            );
            assert!(in_use(&format!("*:{}", listeners[0].port()), theirs));
        }
    }

    #[test]
    fn connections_spread_over_the_slots() {
        let listeners = bind_text("127.0.0.1:0", 2).unwrap();
        listeners
            .iter()
            .try_for_each(BoundListener::listen)
            .unwrap();
        let port = listeners[0].port();
        let _clients: Vec<_> = (0..200)
            .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
            .collect();
        for listener in &listeners {
            assert!(
                listener.socket.accept().is_ok(),
                "slot {} got nothing",
                listener.slot
            );
        }
    }

    #[test]
    fn a_port_is_free_again_after_its_connections() {
        let listeners = bind_text("127.0.0.1:0", 2).unwrap();
        listeners
            .iter()
            .try_for_each(BoundListener::listen)
            .unwrap();
        let port = listeners[0].port();
        let clients: Vec<_> = (0..20)
            .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
            .collect();
        // The server closes first, so its side of the connections stays in TIME_WAIT.
        for listener in &listeners {
            while listener.socket.accept().is_ok() {}
        }
        drop(listeners);
        drop(clients);
        let again = bind_text(&format!("127.0.0.1:{port}"), 2).unwrap();
        again.iter().try_for_each(BoundListener::listen).unwrap();
    }

    #[test]
    fn after_its_end_a_listener_keeps_its_queue_and_takes_nobody_new() {
        let listener = bind_text("127.0.0.1:0", 1).unwrap().remove(0);
        listener.listen().unwrap();
        let address = ([127, 0, 0, 1], listener.port()).into();
        let _queued = TcpStream::connect(address).unwrap();
        let copy = Socket::from(listener.for_process(0).unwrap().fd);
        drop(listener);
        let new = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        assert_eq!(new.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(copy.accept().is_ok());
        assert!(copy.accept().is_err());
        drop(copy);
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_socket_file_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let text = format!("unix:{}", path.display());
        let listeners = bind_text(&text, 4).unwrap();
        assert_eq!(listeners.len(), 1);
        assert_eq!(
            (listeners[0].slot, listeners[0].kind),
            (Listener::SHARED, ListenerKind::Unix)
        );
        assert!(path.exists());
        assert!(in_use(&text, 1));
        assert!(path.exists());
        drop(listeners);
        assert!(!path.exists());
    }

    #[test]
    fn an_abstract_name_is_bound_once() {
        let name = format!("unix-abstract:workerd-test-{}", std::process::id());
        let _listeners = bind_text(&name, 2).unwrap();
        assert!(in_use(&name, 1));
    }
}
