//! Wakes the services that keep schedules: nobody calls them, and what they have to do may have changed with the config.

use std::rc::Rc;

use crate::log;
use crate::service::{Event, Service};

/// The services that are given a scheduled event when the process begins to serve.
pub struct Schedulers(Vec<Rc<dyn Service>>);

impl Schedulers {
    pub fn new(services: Vec<Rc<dyn Service>>) -> Self {
        Self(services)
    }

    /// Gives each its event. Every process does: what a service then does, it does once.
    pub fn wake(&self) {
        for service in &self.0 {
            let service = service.clone();
            tokio::task::spawn_local(async move {
                let event = Event {
                    handler: "scheduled",
                    argument: "{}".to_owned(),
                };
                if let Err(error) = service.event(event).await {
                    log::error(format_args!("a scheduler did not start: {error}"));
                }
            });
        }
    }
}
