//! Sessions that a worker's code has with its own isolate's inspector, which `node:inspector` is made of: a message goes in, what
//! V8 had to say since the last comes out. V8 answers at once, so nothing waits.

use std::cell::RefCell;
use std::rc::Rc;

use v8::inspector::{
    Channel, ChannelImpl, StringBuffer, StringView, V8InspectorClientTrustLevel, V8InspectorSession,
};

use super::session::shown;
use super::{GROUP, Inspector, Text, of};

/// What V8 says unasked is kept until code sends the next message, up to so many bytes; what is more is dropped.
const MAX_NOTIFICATION_BYTES: usize = 64 << 20;

/// Sessions that nobody has any more, until there is a turn to end them in.
#[derive(Default)]
pub struct Left(RefCell<Vec<Rc<V8InspectorSession>>>);

/// One session; it ends when it is dropped.
pub struct OwnSession {
    // Before the inspector that it is a session of.
    v8: RefCell<Option<Rc<V8InspectorSession>>>,
    said: Rc<RefCell<Said>>,
    inspector: Rc<Inspector>,
}

#[derive(Default)]
struct Said {
    messages: Vec<String>,
    bytes: usize,
}

impl OwnSession {
    /// A session with the inspector of the scope's isolate, if code may have one.
    pub fn open(scope: &v8::Isolate) -> Option<Self> {
        let inspector = of(scope)?;
        drop(inspector.left.0.take());
        let said = Rc::<RefCell<Said>>::default();
        let channel = Channel::new(Box::new(Ear(said.clone())));
        let trust = V8InspectorClientTrustLevel::FullyTrusted;
        let session = inspector
            .v8
            .connect(GROUP, channel, StringView::empty(), trust);
        Some(Self {
            v8: RefCell::new(Some(Rc::new(session))),
            said,
            inspector,
        })
    }

    /// Sends a message of the protocol, in JSON. What V8 has said since the last time, and to this; nothing after the end.
    pub fn dispatch(&self, message: &str) -> Vec<String> {
        // The message may run code that ends the session.
        let session = self.v8.borrow().clone();
        if let Some(session) = session {
            session.dispatch_protocol_message(Text::new(message).view());
        }
        std::mem::take(&mut *self.said.borrow_mut()).messages
    }

    /// Ends the session; again, it does nothing.
    pub fn disconnect(&self) {
        self.v8.take();
        self.said.take();
    }
}

impl Drop for OwnSession {
    fn drop(&mut self) {
        // V8 may be collecting its garbage, where no session can be ended.
        self.inspector.left.0.borrow_mut().extend(self.v8.take());
    }
}

struct Ear(Rc<RefCell<Said>>);

impl Ear {
    fn keep(&self, message: &v8::UniquePtr<StringBuffer>, most_bytes: usize) {
        let Some(message) = message.as_ref() else {
            return;
        };
        let text = shown(message);
        let said = &mut *self.0.borrow_mut();
        if said.bytes.saturating_add(text.len()) <= most_bytes {
            said.bytes += text.len();
            said.messages.push(text);
        }
    }
}

impl ChannelImpl for Ear {
    fn send_response(&self, _: i32, message: v8::UniquePtr<StringBuffer>) {
        self.keep(&message, usize::MAX);
    }

    fn send_notification(&self, message: v8::UniquePtr<StringBuffer>) {
        self.keep(&message, MAX_NOTIFICATION_BYTES);
    }

    fn flush_protocol_notifications(&self) {}
}
