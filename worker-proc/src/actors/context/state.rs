//! What an object's JavaScript asks of it: storage, hibernation, critical sections.

use std::rc::Rc;

use super::super::gates::Held;
use super::super::store::broken_by;
use super::ActorContext;
use crate::glue::context::{ActorIo, Completion, FacetIo, SectionTurn};
use crate::service::websocket::{Hibernation, Socket};
use crate::service::{ActorId, Error, Identity, Me};
use crate::storage::{Committed, Storage};

impl ActorIo for ActorContext {
    fn id(&self) -> Option<ActorId> {
        match self.identity {
            Identity::Id(id, _) => Some(id),
            Identity::Text(_) => None,
        }
    }

    fn me(&self) -> Option<Me> {
        self.me.borrow().clone()
    }

    fn facets(&self) -> Option<Rc<dyn FacetIo>> {
        let facets = self.facets.get()?.clone();
        Some(facets)
    }

    fn storage(&self) -> Option<Rc<Storage>> {
        let store = self.store.borrow();
        store.as_ref().map(|store| store.storage().clone())
    }

    fn hibernate(&self, number: u32, socket: Rc<Socket>, tags: Vec<String>) -> bool {
        let origin = self.traces.current().map(|tracer| tracer.context());
        let Some(accepted) = self.sockets.add(number, socket, tags, origin) else {
            return false;
        };
        if let (Some(owner), Some(this)) = (self.owner.upgrade(), self.this.upgrade()) {
            owner.accepted(&this, accepted);
        }
        true
    }

    fn sockets(&self) -> Rc<Hibernation> {
        self.sockets.clone()
    }

    fn commit(&self) {
        self.end_turn();
    }

    fn hold_output(&self, committed: Committed) {
        if !committed.confirm || committed.ticket.is_ready() {
            return;
        }
        let ticket = committed.ticket;
        self.hold_until(Box::pin(async move {
            ticket.wait().await.map_err(|error| broken_by(&error))
        }));
    }

    fn abort(&self, error: Error) {
        self.break_with(error);
    }

    fn enter_section(&self, entered: SectionTurn) {
        let tag = self.tag.borrow().clone();
        // At once if it can be: nothing may come in between.
        let mut section = self.gate.try_enter(&tag);
        let gate = self.gate.clone();
        let this = self.this.clone();
        self.io.spawn(Box::pin(async move {
            let section = loop {
                if let Some(section) = section.take() {
                    break section;
                }
                if let Some(this) = this.upgrade() {
                    let _held = Held::new(&this.held);
                    gate.opened(&tag).await;
                }
                section = gate.try_enter(&tag);
            };
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                if let Some(this) = this.upgrade() {
                    *this.tag.borrow_mut() = section.as_ref().ok().cloned();
                }
                entered(scope, section.map(|section| section.number()));
            }) as Completion
        }));
    }

    fn leave_section(&self, section: u32) {
        if let Some(section) = self.gate.find(section) {
            self.gate.leave(&section);
            self.io.wake();
        }
    }
}
