//! The inspector's thread: takes clients from the supervisor, reads and writes their WebSockets (RFC 6455), and never waits for
//! JavaScript.
//!
//! So a client gets in, and can stop the code, while that runs on and on, and a session that has stopped it hears the client.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipc::{ChannelError, FromInspector, InspectorEnd, ToInspector};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{SockRef, TcpKeepalive};

use super::line::{Bell, ClientId, Event, Line, Mailbox};
use crate::log;
use crate::service::websocket::framing::{self, Decoder, Item};
use crate::service::websocket::{Close, MAX_MESSAGE_BYTES, Message};

/// Clients of one process; more are refused.
const MAX_CLIENTS: usize = 64;

/// How long a client that leaves may take to read the last of what it is told.
const LINGER: Duration = Duration::from_secs(2);

/// A client that is gone without a word is noticed by then: it may have stopped the process.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// What the thread and those that run JavaScript share.
pub struct Hub {
    end: InspectorEnd,
    pub bell: Arc<Bell>,
    /// The workers' isolates by the workers' names; none once nobody is to inspect any more.
    isolates: Mutex<Option<HashMap<String, Arc<Mailbox>>>>,
}

impl Hub {
    fn isolates(&self) -> MutexGuard<'_, Option<HashMap<String, Arc<Mailbox>>>> {
        self.isolates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's isolate can be inspected from now on, in place of an earlier one.
    pub fn add(&self, name: &str, mailbox: Arc<Mailbox>) {
        if let Some(isolates) = &mut *self.isolates() {
            isolates.insert(name.to_owned(), mailbox);
        }
    }

    /// It is gone.
    pub fn remove(&self, mailbox: &Arc<Mailbox>) {
        if let Some(isolates) = &mut *self.isolates() {
            isolates.retain(|_, other| !Arc::ptr_eq(other, mailbox));
        }
    }

    /// Tells the supervisor that JavaScript has been stopped, or runs again.
    pub fn tell_paused(&self, paused: bool) {
        // One that does not read has more to worry about.
        let _ = self.end.try_send(&FromInspector::Paused(paused));
    }

    fn find(&self, name: &str) -> Option<Arc<Mailbox>> {
        self.isolates().as_ref()?.get(name).cloned()
    }
}

/// Starts the thread. `accept` answers a `Sec-WebSocket-Key`.
pub fn start(end: InspectorEnd, accept: fn(&[u8]) -> String) -> std::io::Result<Arc<Hub>> {
    let hub = Arc::new(Hub {
        end,
        bell: Arc::new(Bell::new()?),
        isolates: Mutex::new(Some(HashMap::new())),
    });
    let thread = Thread {
        hub: hub.clone(),
        accept,
        clients: Vec::new(),
        last: 0,
    };
    let builder = std::thread::Builder::new().name("inspector".to_owned());
    builder.spawn(move || thread.run())?;
    Ok(hub)
}

struct Thread {
    hub: Arc<Hub>,
    accept: fn(&[u8]) -> String,
    clients: Vec<Client>,
    last: ClientId,
}

struct Client {
    id: ClientId,
    socket: File,
    decoder: Decoder,
    mailbox: Arc<Mailbox>,
    line: Arc<Line>,
    /// Nothing more is read; it is closed when all is sent, or then.
    leaves: Option<Instant>,
}

impl Thread {
    /// Until the supervisor wants no more of it, or is gone, and the clients too.
    fn run(mut self) {
        let mut open = true;
        while open || !self.clients.is_empty() {
            if let Err(error) = self.turn(&mut open) {
                log::error(format_args!("the inspector ends: {error}"));
                break;
            }
        }
        for client in &mut self.clients {
            client.leave();
        }
    }

    fn turn(&mut self, open: &mut bool) -> nix::Result<()> {
        let mut fds = vec![PollFd::new(self.hub.bell.as_fd(), PollFlags::POLLIN)];
        if *open {
            fds.push(PollFd::new(self.hub.end.as_fd(), PollFlags::POLLIN));
        }
        let first = fds.len();
        for client in &self.clients {
            fds.push(PollFd::new(client.socket.as_fd(), client.wants()));
        }
        let deadlines = self.clients.iter().filter_map(|client| client.leaves);
        let timeout = deadlines.min().map_or(PollTimeout::NONE, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        drop(fds);
        if ready[0] {
            self.hub.bell.silence();
        }
        let now = Instant::now();
        let mut ready_clients = ready[first..].iter();
        self.clients.retain_mut(|client| {
            let ready = ready_clients.next().is_some_and(|ready| *ready);
            client.go_on(ready, now)
        });
        if *open && ready[1] {
            *open = self.take_clients();
        }
        Ok(())
    }

    /// Takes what has come from the supervisor; whether more can.
    fn take_clients(&mut self) -> bool {
        loop {
            match self.hub.end.try_recv() {
                Ok(attach) => self.attach(attach),
                Err(ChannelError::WouldBlock) => return true,
                Err(_) => break,
            }
        }
        self.hub.isolates().take();
        for client in &mut self.clients {
            client.say_goodbye(1001);
            client.leave();
        }
        false
    }

    fn attach(&mut self, attach: ToInspector) {
        let ToInspector::Attach {
            service,
            key,
            received,
            socket,
        } = attach;
        let mut client = match self.hub.find(&service) {
            Some(mailbox) if self.clients.len() < MAX_CLIENTS => {
                self.last += 1;
                Client::new(self.last, socket, mailbox, self.hub.bell.clone())
            }
            // It has been found by then, so it was there a moment ago.
            found => return refuse(socket, found.is_some()),
        };
        let accept = (self.accept)(key.as_bytes());
        client.line.send_raw(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        client.tell(Event::Opened(client.id, client.line.clone()));
        client.hear(&mut received.clone());
        self.clients.push(client);
        self.hub.bell.ring();
    }
}

fn refuse(socket: OwnedFd, is_full: bool) {
    use std::io::Write;
    let (status, why) = match is_full {
        true => (503, "Too many inspector clients"),
        false => (404, "Unknown worker session"),
    };
    let length = why.len();
    let head = format!("HTTP/1.1 {status} {why}\r\nContent-Length: {length}");
    // A new connection has room for so little.
    let _ = File::from(socket)
        .write_all(format!("{head}\r\nConnection: close\r\n\r\n{why}").as_bytes());
}

impl Client {
    fn new(id: ClientId, socket: OwnedFd, mailbox: Arc<Mailbox>, bell: Arc<Bell>) -> Self {
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_AFTER)
            .with_interval(KEEPALIVE_INTERVAL);
        // A Unix socket needs none, and neither needs the other.
        let _ = SockRef::from(&socket).set_tcp_keepalive(&keepalive);
        let _ = SockRef::from(&socket).set_tcp_nodelay(true);
        Self {
            id,
            socket: File::from(socket),
            decoder: Decoder::new(true, None),
            mailbox,
            line: Arc::new(Line::new(bell)),
            leaves: None,
        }
    }

    fn wants(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(
            PollFlags::POLLIN,
            self.leaves.is_none() && self.line.listens(),
        );
        flags.set(PollFlags::POLLOUT, self.line.has_unsent());
        flags
    }

    /// Reads and writes what can be; whether there is more to do.
    fn go_on(&mut self, ready: bool, now: Instant) -> bool {
        if ready && self.wants().is_empty() {
            // Nothing but its end can have come.
            self.leave();
        }
        if ready && self.leaves.is_none() && self.line.listens() {
            let mut bytes = vec![0; 64 << 10];
            match self.socket.read(&mut bytes) {
                Ok(0) => self.leave(),
                Ok(count) => {
                    bytes.truncate(count);
                    self.hear(&mut bytes);
                }
                Err(error) if is_temporary(error.kind()) => {}
                Err(_) => self.leave(),
            }
        }
        if self.line.is_closed() && self.leaves.is_none() {
            self.say_goodbye(1001);
            self.leave();
        }
        match self.line.write_to(&self.socket) {
            Ok(()) => self.leaves.is_none(),
            Err(error) if is_temporary(error.kind()) => self.leaves.is_none_or(|end| now < end),
            Err(_) => {
                self.leave();
                false
            }
        }
    }

    /// Takes what the client has sent.
    fn hear(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        loop {
            match self.decoder.decode(&mut rest, MAX_MESSAGE_BYTES) {
                Ok(None) => return,
                Ok(Some(Item::Ping(payload))) => self.control(framing::PONG, &payload),
                Ok(Some(Item::Message(Message::Text(text) | Message::Binary(text)))) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    self.line.said();
                    self.tell(Event::Said(self.id, text));
                }
                Ok(Some(Item::Message(Message::Close(close)))) => {
                    self.control(framing::CLOSE, &framing::close_payload(&close));
                    return self.leave();
                }
                Err(breach) => {
                    self.say_goodbye(breach.code);
                    return self.leave();
                }
            }
        }
    }

    fn tell(&mut self, event: Event) {
        if !self.mailbox.put(event) {
            self.line.hang_up();
        }
    }

    fn control(&self, opcode: u8, payload: &[u8]) {
        let mut frame = bytes::BytesMut::new();
        framing::write(&mut frame, opcode, payload);
        self.line.send_raw(&frame);
    }

    fn say_goodbye(&self, code: u16) {
        let reason = String::new();
        let payload = framing::close_payload(&Close { code, reason });
        self.control(framing::CLOSE, &payload);
    }

    /// It is not listened to any more, and the session ends.
    fn leave(&mut self) {
        if self.leaves.is_none() {
            self.leaves = Some(Instant::now() + LINGER);
            self.line.hang_up();
            self.mailbox.put(Event::Gone(self.id));
        }
    }
}

fn is_temporary(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
