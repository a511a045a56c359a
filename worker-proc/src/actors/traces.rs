//! The tracers of an object's events, which share one context: what the object does is the newest one's.

use std::cell::RefCell;
use std::rc::Rc;

use super::class::Class;
use crate::glue::context::Outcome;
use crate::request::trace::{answered, ended_with};
use crate::service::trace::{self, Ancestors, Info, SpanContext, Subject, Tails, Tracer};
use crate::service::websocket::SocketEvent;
use crate::service::{Error, Identity, to_hex};

/// Who is told of an object's events, and of which object.
#[derive(Clone)]
pub struct Watchers {
    tails: Rc<dyn Tails>,
    subject: Subject,
}

impl Watchers {
    /// None where nobody is told.
    pub fn of(class: &Class, identity: &Identity) -> Option<Self> {
        let tails = class.tails.clone()?;
        let subject = Subject {
            entrypoint: Some(class.name.clone()),
            object: Some(match identity {
                Identity::Id(id, _) => to_hex(id),
                Identity::Text(text) => text.clone(),
            }),
        };
        Some(Self { tails, subject })
    }

    /// What records an event. To be asked for when the event is caused.
    pub fn tracer(self, info: impl FnOnce() -> Info) -> Rc<Tracer> {
        Tracer::new(&self.tails, Ancestors::default(), self.subject, info())
    }

    /// The same for what a hibernatable WebSocket receives that the span has accepted.
    pub fn socket_tracer(self, origin: Option<SpanContext>, event: &SocketEvent) -> Rc<Tracer> {
        let info = Info::of_socket(event);
        Tracer::below(
            origin,
            &self.tails,
            Ancestors::default(),
            self.subject,
            info,
        )
    }
}

struct Entry {
    event: u32,
    tracer: Rc<Tracer>,
    answered: bool,
}

/// See the module.
#[derive(Default)]
pub struct Traces {
    entries: RefCell<Vec<Entry>>,
    /// Of the event that the object is started for.
    next: RefCell<Option<Rc<Tracer>>>,
}

impl Traces {
    /// The object is started for this event.
    pub fn expect(&self, tracer: &Rc<Tracer>) {
        tracer.open();
        *self.next.borrow_mut() = Some(tracer.clone());
    }

    /// The event begins. Others that are only waited for have ended by that.
    pub fn begin(&self, event: u32, tracer: Rc<Tracer>) {
        tracer.open();
        self.next.take();
        let entry = Entry {
            event,
            tracer,
            answered: false,
        };
        self.entries.borrow_mut().push(entry);
        self.sweep(true);
    }

    /// The one that what happens now is told to.
    pub fn current(&self) -> Option<Rc<Tracer>> {
        if let Some(next) = &*self.next.borrow() {
            return Some(next.clone());
        }
        Some(self.entries.borrow().last()?.tracer.clone())
    }

    /// The event has an outcome, unless nobody waits for it; `busy` tells of work of the object's that goes on.
    pub fn answer(&self, event: u32, outcome: Option<&mut Outcome>, busy: bool) {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.iter_mut().find(|entry| entry.event == event) else {
            return;
        };
        entry.answered = true;
        if let Some(outcome) = outcome {
            answered(&entry.tracer, outcome, busy);
        }
        drop(entries);
        self.sweep(busy);
    }

    /// Ends the traces of events that are over. The newest one's stays while the object is busy.
    pub fn sweep(&self, busy: bool) {
        let mut entries = self.entries.borrow_mut();
        if entries.is_empty() {
            return;
        }
        let newest = entries.last().map(|entry| entry.event);
        let over = |entry: &mut Entry| entry.answered && !(busy && Some(entry.event) == newest);
        let ended: Vec<Entry> = entries.extract_if(.., over).collect();
        drop(entries);
        for entry in ended {
            entry.tracer.finish();
        }
    }

    /// The object is over. If it broke, what it had under way fails with the error.
    pub fn end(&self, broke: Option<&Error>) {
        if let (Some(next), Some(_)) = (self.next.take(), broke) {
            next.failed(trace::EventOutcome::Exception);
        }
        for entry in self.entries.take() {
            if let Some(error) = broke
                && !entry.answered
            {
                ended_with(&entry.tracer, error);
            }
            entry.tracer.finish();
        }
    }
}
