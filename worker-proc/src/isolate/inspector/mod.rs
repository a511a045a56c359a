//! The inspector (Chrome DevTools Protocol) of a worker's isolate: V8's own, between its clients and the code.
//!
//! `thread` has the clients, in a thread that JavaScript cannot hold up; `line` is what it shares with an isolate; `session` is one
//! client in its isolate, `network` what it is told of subrequests. `own` is for code that talks to its own isolate's inspector.
//! Without `--inspector-addr`, and for a worker whose code may not do that, none of it is there.
//!
//! What clients say is heard between turns ([`attend`]), in the middle of one that goes on (V8 asks it), and while a client has
//! stopped the code: then the isolate's thread waits here for what that client says, and does nothing else.

mod line;
pub mod network;
pub mod own;
mod session;
mod thread;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::{Rc, Weak};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use v8::inspector::{
    StringView, V8Inspector, V8InspectorClient, V8InspectorClientImpl, V8InspectorClientTrustLevel,
};

use super::{Isolate, limits};
use line::{Event, Mailbox};
use session::Session;
use thread::Hub;

/// All of an isolate is one group.
const GROUP: i32 = 1;

static HUB: OnceLock<Arc<Hub>> = OnceLock::new();

thread_local! {
    /// The isolates of this thread that can be inspected.
    static INSPECTED: RefCell<Vec<(Weak<Isolate>, Weak<Inspector>)>> = RefCell::default();
    static CHANGED: Arc<Notify> = Arc::default();
}

/// Takes clients from the supervisor from now on; before there is an isolate.
///
/// # Errors
/// The thread cannot be started.
pub fn open(end: ipc::InspectorEnd, accept: fn(&[u8]) -> String) -> std::io::Result<()> {
    let hub = thread::start(end, accept)?;
    let _ = HUB.set(hub);
    Ok(())
}

/// Whether there is an inspector.
pub fn is_open() -> bool {
    HUB.get().is_some()
}

/// An isolate's side of it. Dropped while the isolate is entered.
pub struct Inspector {
    /// Where clients come from, if any do.
    hub: Option<&'static Hub>,
    mailbox: Arc<Mailbox>,
    number: usize,
    sessions: RefCell<Vec<Rc<Session>>>,
    /// Sessions that have ended while V8 was about to go on with one.
    ended: RefCell<Vec<Rc<Session>>>,
    /// Those that code had, and has let go of.
    left: own::Left,
    /// How many of [`Self::hear`] and [`Self::pause`] are under way, one within another.
    depth: Cell<u32>,
    paused: Rc<Cell<bool>>,
    /// Subrequests that clients have been told of.
    exchanges: Cell<u64>,
    v8: V8Inspector,
}

/// What V8 asks for.
struct Client {
    inspector: RefCell<Weak<Inspector>>,
    paused: Rc<Cell<bool>>,
}

impl V8InspectorClientImpl for ClientHandle {
    fn run_message_loop_on_pause(&self, _: i32) {
        let inspector = self.0.inspector.borrow().upgrade();
        if let Some(inspector) = inspector {
            inspector.pause();
        }
    }

    fn quit_message_loop_on_pause(&self) {
        self.0.paused.set(false);
    }
}

struct ClientHandle(Rc<Client>);

/// Who may inspect an isolate.
pub struct Audience<'a> {
    /// Clients, under the worker's name.
    pub clients: Option<&'a str>,
    /// The worker's own code.
    pub own: bool,
}

/// Makes an isolate one that can be inspected, before its code is compiled.
pub fn install(isolate: &Rc<Isolate>, audience: Audience<'_>) {
    let clients = HUB.get().map(|hub| &**hub).zip(audience.clients);
    if clients.is_none() && !audience.own {
        return;
    }
    let number = isolate.number();
    let changed = CHANGED.with(Arc::clone);
    let inspector = isolate.run(None, |scope| {
        let paused = Rc::<Cell<bool>>::default();
        let client = Rc::new(Client {
            inspector: RefCell::default(),
            paused: paused.clone(),
        });
        let handle = Box::new(ClientHandle(client.clone()));
        let v8 = V8Inspector::create(scope, V8InspectorClient::new(handle));
        let context = scope.get_current_context();
        v8.context_created(context, GROUP, view(b"Worker"), StringView::empty());
        let inspector = Rc::new(Inspector {
            hub: clients.map(|(hub, _)| hub),
            mailbox: Arc::new(Mailbox::new(
                scope.thread_safe_handle(),
                hear,
                number,
                changed,
            )),
            number,
            sessions: RefCell::default(),
            ended: RefCell::default(),
            left: own::Left::default(),
            depth: Cell::new(0),
            paused,
            exchanges: Cell::new(0),
            v8,
        });
        *client.inspector.borrow_mut() = Rc::downgrade(&inspector);
        scope.set_slot(inspector.clone());
        inspector
    });
    if let Some((hub, name)) = clients {
        hub.add(name, inspector.mailbox.clone());
    }
    INSPECTED.with_borrow_mut(|all| all.push((Rc::downgrade(isolate), Rc::downgrade(&inspector))));
}

/// The isolate is about to be disposed of, and is entered.
pub(super) fn clear(isolate: &mut v8::Isolate) {
    let Some(inspector) = isolate.remove_slot::<Rc<Inspector>>() else {
        return;
    };
    let _ = INSPECTED.try_with(|all| {
        let mut all = all.borrow_mut();
        all.retain(|(_, other)| !Weak::ptr_eq(other, &Rc::downgrade(&inspector)));
    });
    if let Some(hub) = inspector.hub {
        hub.remove(&inspector.mailbox);
    }
    inspector.mailbox.close();
    for session in inspector.sessions.take() {
        session.hang_up();
    }
    inspector.ended.take();
}

/// The inspector of the scope's isolate, if it has one.
pub fn of(scope: &v8::Isolate) -> Option<Rc<Inspector>> {
    // Where there is no inspector, this is all that it costs.
    if INSPECTED.with_borrow(Vec::is_empty) {
        return None;
    }
    scope.get_slot::<Rc<Inspector>>().cloned()
}

/// Lets the isolates of this thread hear what clients say between turns, for as long as it is awaited.
pub async fn attend() {
    let changed = CHANGED.with(Arc::clone);
    loop {
        changed.notified().await;
        for (isolate, inspector) in INSPECTED.with_borrow(Clone::clone) {
            let (Some(isolate), Some(inspector)) = (isolate.upgrade(), inspector.upgrade()) else {
                continue;
            };
            if !inspector.mailbox.is_empty() {
                isolate.run(None, |_| inspector.hear());
            }
            let ended = inspector.ended.take();
            if !ended.is_empty() {
                isolate.run(None, |_| drop(ended));
            }
        }
    }
}

/// V8 calls it in the turn that goes on.
extern "C" fn hear(_: v8::UnsafeRawIsolatePtr, number: *mut c_void) {
    let number = number as usize;
    let found = INSPECTED.with_borrow(|all| {
        let mut inspectors = all.iter().filter_map(|(_, inspector)| inspector.upgrade());
        inspectors.find(|inspector| inspector.number == number)
    });
    if let Some(inspector) = found {
        inspector.hear();
    }
}

impl Inspector {
    /// Does what clients have said by now.
    fn hear(&self) {
        self.nested(|| {
            while let Some(event) = self.mailbox.take() {
                self.on_event(event);
            }
        });
    }

    /// A client has stopped the code: does what clients say until one has it go on, or none is left.
    fn pause(&self) {
        if self.paused.replace(true) {
            return;
        }
        self.tell_paused(true);
        self.nested(|| {
            while self.paused.get()
                && !self.sessions.borrow().is_empty()
                && let Some(event) = self.mailbox.wait()
            {
                self.on_event(event);
            }
        });
        self.paused.set(false);
        self.tell_paused(false);
    }

    fn tell_paused(&self, paused: bool) {
        if let Some(hub) = self.hub {
            hub.tell_paused(paused);
        }
    }

    /// What clients have done is not the event's doing that it interrupts.
    fn nested(&self, run: impl FnOnce()) {
        self.depth.set(self.depth.get() + 1);
        limits::uncounted(run);
        self.depth.set(self.depth.get() - 1);
    }

    fn on_event(&self, event: Event) {
        match event {
            Event::Opened(client, line) => {
                let session = Session::open(client, line, |channel| {
                    let trust = V8InspectorClientTrustLevel::FullyTrusted;
                    self.v8.connect(GROUP, channel, StringView::empty(), trust)
                });
                self.sessions.borrow_mut().push(session);
            }
            Event::Said(client, text) => {
                let mut sessions = self.sessions.borrow().clone().into_iter();
                if let Some(session) = sessions.find(|session| session.client == client) {
                    session.hear(&text);
                }
            }
            Event::Gone(client) => {
                let mut sessions = self.sessions.borrow_mut();
                let Some(at) = sessions.iter().position(|one| one.client == client) else {
                    return;
                };
                let session = sessions.swap_remove(at);
                drop(sessions);
                // V8 may be in the middle of telling it something; what it has stopped goes on.
                session.end();
                self.ended.borrow_mut().push(session);
                CHANGED.with(|changed| changed.notify_one());
            }
        }
    }

    /// What becomes of work that code has put off, for stacks that lead back to it. `key` tells it from other work that is put
    /// off, and is even.
    pub fn task(&self, key: usize, step: Step) {
        let key = key as *const c_void;
        // SAFETY: V8 compares the pointer, and never follows it.
        #[allow(unsafe_code)]
        unsafe {
            match step {
                Step::Scheduled { name, repeats } => {
                    self.v8
                        .async_task_scheduled(view(name.as_bytes()), key, repeats);
                }
                Step::Canceled => self.v8.async_task_canceled(key),
                Step::Started => self.v8.async_task_started(key),
                Step::Finished => self.v8.async_task_finished(key),
            }
        }
    }

    /// Tells clients of an exception that nobody caught.
    pub fn exception<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        exception: v8::Local<'s, v8::Value>,
        what: &str,
    ) {
        let message = v8::Exception::create_message(scope, exception);
        let detail = message.get(scope).to_rust_string_lossy(scope);
        let stack = message.get_stack_trace(scope);
        let ThrowSite {
            url,
            line,
            column,
            script,
        } = ThrowSite::of(scope, message, stack);
        let [what, detail, url] = [what, &detail, &url].map(Text::new);
        self.v8.exception_thrown(
            scope.get_current_context(),
            what.view(),
            exception,
            detail.view(),
            url.view(),
            line,
            column,
            self.v8.create_stack_trace(stack),
            script,
        );
    }
}

/// Where an exception was thrown, in the worker's own code: lines and columns from 1, 0 if it is not known.
#[derive(Default)]
struct ThrowSite {
    url: String,
    line: u32,
    column: u32,
    script: i32,
}

impl ThrowSite {
    fn of<'s>(
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::Message>,
        stack: Option<v8::Local<'s, v8::StackTrace>>,
    ) -> Self {
        let frames = stack.map_or(0, |stack| stack.get_frame_count());
        for index in 0..frames {
            let Some(frame) = stack.and_then(|stack| stack.get_frame(scope, index)) else {
                continue;
            };
            let url = frame.get_script_name_or_source_url(scope);
            let url = url.map_or_else(String::new, |url| url.to_rust_string_lossy(scope));
            if !url.starts_with("internal:") {
                return Self {
                    url,
                    line: u32::try_from(frame.get_line_number()).unwrap_or(0),
                    column: u32::try_from(frame.get_column()).unwrap_or(0),
                    script: frame.get_script_id() as i32,
                };
            }
        }
        if frames > 0 {
            return Self::default();
        }
        // No code of ours throws without a stack: this is an error in the worker's syntax.
        let url = message.get_script_resource_name(scope);
        let line = message.get_line_number(scope);
        Self {
            url: url.map_or_else(String::new, |url| url.to_rust_string_lossy(scope)),
            line: line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0),
            column: u32::try_from(message.get_start_column() + 1).unwrap_or(0),
            script: 0,
        }
    }
}

/// See [`Inspector::task`].
pub enum Step {
    Scheduled {
        /// The function that did it, in ASCII.
        name: &'static str,
        repeats: bool,
    },
    Canceled,
    Started,
    Finished,
}

fn view(ascii: &[u8]) -> StringView<'_> {
    StringView::from(ascii)
}

/// Text as V8's inspector takes it.
enum Text<'a> {
    Ascii(&'a [u8]),
    Wide(Vec<u16>),
}

impl<'a> Text<'a> {
    fn new(text: &'a str) -> Self {
        match text.is_ascii() {
            true => Self::Ascii(text.as_bytes()),
            false => Self::Wide(text.encode_utf16().collect()),
        }
    }

    fn view(&self) -> StringView<'_> {
        match self {
            Self::Ascii(text) => StringView::from(*text),
            Self::Wide(text) => StringView::from(&text[..]),
        }
    }
}
