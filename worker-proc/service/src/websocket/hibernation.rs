//! The hibernatable WebSockets of one object: they stay open while the object is not live, and cost no JavaScript object then.
//!
//! `actors/hibernation` makes one for each object that accepts such sockets, and delivers what they receive; `api/web/websocket`
//! shows them to JavaScript by number.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::message::{Close, MAX_MESSAGE_BYTES, Message};
use super::socket::{Gate, Socket};
use crate::error::{Error, Kind};
use crate::span::SpanContext;

/// Hibernatable sockets that one object may have at once, as on workerd.
pub const MAX_SOCKETS: usize = 32 * 1024;

/// What clients of a process that ends are told (RFC 6455 section 7.4.1): they may come back at once.
const GOING_AWAY: Close = Close {
    code: 1001,
    reason: String::new(),
};

/// What is answered in the object's place.
#[derive(Clone)]
pub struct AutoResponse {
    /// The whole text of a message.
    pub request: Rc<str>,
    /// What is sent for it.
    pub response: Rc<str>,
}

/// See the module.
#[derive(Default)]
pub struct Hibernation {
    /// By number, which is the order of their acceptance.
    sockets: RefCell<BTreeMap<u32, Rc<Hibernated>>>,
    by_tag: RefCell<HashMap<Rc<str>, BTreeSet<u32>>>,
    /// What the object has heard the end of, and may still answer in this life.
    closing: RefCell<HashMap<u32, Rc<Hibernated>>>,
    auto_response: RefCell<Option<AutoResponse>>,
    /// How long a handler of their events may take.
    event_timeout: Cell<Option<Duration>>,
}

/// One of them.
pub struct Hibernated {
    /// In the order of acceptance; it stays for the life of the connection.
    pub number: u32,
    /// What the object finds it by, at most ten.
    pub tags: Box<[Rc<str>]>,
    /// The event that has accepted it, as tail workers know it.
    pub origin: Option<Box<SpanContext>>,
    socket: Rc<Socket>,
    /// In V8's wire format.
    attachment: RefCell<Option<Box<[u8]>>>,
    answered_at: Cell<Option<SystemTime>>,
    sent_close: Cell<bool>,
}

/// What the object is told of.
#[derive(Debug)]
pub enum SocketEvent {
    /// A message has come.
    Message(Message),
    /// The other end has closed, or (not `clean`) is lost. The last event.
    Close {
        /// Why.
        close: Close,
        /// Whether a Close frame said so.
        clean: bool,
    },
    /// The other end broke the protocol. The last event.
    Error(Error),
}

impl SocketEvent {
    /// Whether no other comes after it.
    pub fn is_last(&self) -> bool {
        !matches!(self, Self::Message(_))
    }

    /// What comes of the loss of a connection, or of a breach.
    fn lost(error: Error) -> Self {
        if error.kind != Kind::Disconnected {
            return Self::Error(error);
        }
        Self::Close {
            close: Close {
                code: 1006,
                reason: "WebSocket disconnected without sending Close frame.".to_owned(),
            },
            clean: false,
        }
    }
}

impl Hibernation {
    /// Whether the object has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sockets that are open.
    pub fn len(&self) -> usize {
        self.sockets.borrow().len()
    }

    /// Adds a socket; none beyond [`MAX_SOCKETS`]. The tags differ from one another.
    pub fn add(
        &self,
        number: u32,
        socket: Rc<Socket>,
        tags: Vec<String>,
        origin: Option<SpanContext>,
    ) -> Option<Rc<Hibernated>> {
        let mut sockets = self.sockets.borrow_mut();
        if sockets.len() >= MAX_SOCKETS {
            return None;
        }
        let mut by_tag = self.by_tag.borrow_mut();
        let tags = tags.into_iter().map(|tag| {
            // One copy of each tag is enough.
            let tag = match by_tag.get_key_value(tag.as_str()) {
                Some((tag, _)) => tag.clone(),
                None => Rc::from(tag),
            };
            by_tag.entry(tag.clone()).or_default().insert(number);
            tag
        });
        let hibernated = Rc::new(Hibernated {
            number,
            tags: tags.collect(),
            origin: origin.map(Box::new),
            socket,
            attachment: RefCell::default(),
            answered_at: Cell::new(None),
            sent_close: Cell::new(false),
        });
        sockets.insert(number, hibernated.clone());
        Some(hibernated)
    }

    /// The socket of that number, if this life of the object can still use it.
    pub fn find(&self, number: u32) -> Option<Rc<Hibernated>> {
        let open = self.sockets.borrow().get(&number).cloned();
        open.or_else(|| self.closing.borrow().get(&number).cloned())
    }

    /// The numbers of those with a tag, or of all; the oldest first.
    pub fn numbers(&self, tag: Option<&str>) -> Vec<u32> {
        match tag {
            None => self.sockets.borrow().keys().copied().collect(),
            Some(tag) => {
                let by_tag = self.by_tag.borrow();
                let found = by_tag.get(tag);
                found
                    .map(|found| found.iter().copied().collect())
                    .unwrap_or_default()
            }
        }
    }

    /// What is answered in the object's place, if anything is.
    pub fn auto_response(&self) -> Option<AutoResponse> {
        self.auto_response.borrow().clone()
    }

    /// Sets it, or takes it back.
    pub fn set_auto_response(&self, pair: Option<AutoResponse>) {
        *self.auto_response.borrow_mut() = pair;
    }

    /// How long a handler may take; none if it may as long as it likes.
    pub fn event_timeout(&self) -> Option<Duration> {
        self.event_timeout.get()
    }

    /// Sets it.
    pub fn set_event_timeout(&self, timeout: Option<Duration>) {
        self.event_timeout.set(timeout);
    }

    /// What the socket receives next that the object must be told of. None once it is no longer the object's.
    pub async fn next(&self, hibernated: &Hibernated) -> Option<SocketEvent> {
        loop {
            let received = hibernated.socket.receive(MAX_MESSAGE_BYTES).await;
            if !self.sockets.borrow().contains_key(&hibernated.number) {
                return None;
            }
            let message = match received {
                Ok(Message::Close(close)) => {
                    return Some(SocketEvent::Close { close, clean: true });
                }
                Ok(message) => message,
                Err(error) => return Some(SocketEvent::lost(error)),
            };
            let answer = self.answer(&message);
            let Some(answer) = answer else {
                return Some(SocketEvent::Message(message));
            };
            hibernated.answered_at.set(Some(SystemTime::now()));
            if !hibernated.sent_close.get() {
                hibernated.send(None, answer);
                // Who does not read its answers is not read from.
                poll_fn(|cx| hibernated.socket.poll_flushed(cx)).await;
            }
        }
    }

    fn answer(&self, message: &Message) -> Option<Message> {
        let pair = self.auto_response.borrow();
        let pair = pair.as_ref()?;
        match message {
            Message::Text(text) if **text == *pair.request.as_bytes() => {
                let response = bytes::Bytes::copy_from_slice(pair.response.as_bytes());
                Some(Message::Text(response))
            }
            _ => None,
        }
    }

    /// The object has heard the last of the socket.
    pub fn end(&self, number: u32) {
        let removed = self.sockets.borrow_mut().remove(&number);
        let Some(hibernated) = removed else { return };
        let mut by_tag = self.by_tag.borrow_mut();
        for tag in &hibernated.tags {
            if let Some(numbers) = by_tag.get_mut(tag) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    by_tag.remove(tag);
                }
            }
        }
        self.closing.borrow_mut().insert(number, hibernated);
    }

    /// Waits until the object has answered a Close, or cannot any more, and lets go of the connection.
    pub async fn let_go(&self, hibernated: &Hibernated) {
        poll_fn(|cx| {
            if hibernated.socket.poll_flushed(cx).is_ready() && hibernated.sent_close.get() {
                return Poll::Ready(());
            }
            hibernated
                .socket
                .poll_receive(cx, MAX_MESSAGE_BYTES)
                .map(drop)
        })
        .await;
        self.closing.borrow_mut().remove(&hibernated.number);
        drop(hibernated.socket.take_end());
    }

    /// The connection of a socket breaks off.
    pub fn lose(&self, hibernated: &Hibernated) {
        self.end(hibernated.number);
        self.closing.borrow_mut().remove(&hibernated.number);
        drop(hibernated.socket.take_end());
    }

    /// A life of the object has ended: what it did not answer is let go of, the others rest.
    pub fn end_life(&self) {
        for (_, hibernated) in self.closing.take() {
            drop(hibernated.socket.take_end());
        }
        for hibernated in self.sockets.borrow().values() {
            hibernated.socket.rest();
        }
    }

    /// The process is to end: every client is told to go away. The object hears no more of them.
    pub fn go_away(self: &Rc<Self>) {
        for hibernated in self.closing.borrow().values() {
            hibernated.tell_to_go();
        }
        let open: Vec<_> = self.sockets.borrow().values().cloned().collect();
        for hibernated in open {
            self.end(hibernated.number);
            hibernated.tell_to_go();
            let this = self.clone();
            tokio::task::spawn_local(async move { this.let_go(&hibernated).await });
        }
    }

    /// The object is lost: every connection breaks off.
    pub fn clear(&self) {
        self.by_tag.take();
        for (_, hibernated) in self.sockets.take() {
            drop(hibernated.socket.take_end());
        }
        self.end_life();
    }
}

impl Hibernated {
    /// The WebSocket itself.
    pub fn socket(&self) -> &Rc<Socket> {
        &self.socket
    }

    /// Sends in the background, after all that was sent before; whether there is room for it.
    pub fn send(&self, gate: Option<Gate>, message: Message) -> bool {
        if matches!(message, Message::Close(_)) {
            self.sent_close.set(true);
        }
        if self.socket.queue(gate, message).is_err() {
            return false;
        }
        if let Some(Ok(pump)) = self.socket.begin() {
            // A failure is the loss of the connection, which the receiver hears of.
            tokio::task::spawn_local(pump);
        }
        true
    }

    fn tell_to_go(&self) {
        if !self.sent_close.get() {
            self.send(None, Message::Close(GOING_AWAY));
        }
    }

    /// Whether its last message has been sent.
    pub fn has_sent_close(&self) -> bool {
        self.sent_close.get()
    }

    /// When a message was last answered in the object's place.
    pub fn answered_at(&self) -> Option<SystemTime> {
        self.answered_at.get()
    }

    /// Keeps a value with it, in V8's wire format.
    pub fn attach(&self, bytes: &[u8]) {
        *self.attachment.borrow_mut() = Some(bytes.into());
    }

    /// What was kept with it.
    pub fn attachment(&self) -> Option<Box<[u8]>> {
        self.attachment.borrow().clone()
    }
}
