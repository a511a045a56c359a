//! The inspector in the poll loop: what can be debugged, clients handed to processes, and processes that one has paused.
//!
//! Part of `supervisor`. `inspector` has all that knows HTTP; what clients then say goes past the supervisor.

use ipc::{FromInspector, ToInspector};

use super::generation::Generation;
use super::supervisor::{Key, Supervisor};
use crate::inspector::{DevToolsReply, Target, ask};
use crate::process::Phase;

impl Supervisor {
    /// A connection or the listener of the inspector is ready.
    pub(super) fn on_inspector(&mut self, source: u64) {
        let asked = self.inspector.as_mut();
        let Some((connection, head)) = asked.and_then(|server| server.on_ready(source)) else {
            return;
        };
        let several = self.launcher.processes() > 1;
        let answer = match ask(&head, &self.targets(), several) {
            DevToolsReply::Answer(answer) => Some(answer),
            DevToolsReply::Attach { target, key } => {
                self.attach(connection, target, key, head.rest)
            }
        };
        if let (Some(server), Some(answer)) = (&mut self.inspector, answer) {
            server.answer(connection, answer);
        }
    }

    /// Every worker whose code has run, in every process that serves: by process, in the config's order.
    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        if let Some(generation) = &self.current {
            let ready = |phase| (Phase::Ready..Phase::Draining).contains(&phase);
            for process in generation.processes().filter(|one| ready(one.phase())) {
                targets.extend(generation.workers.iter().map(|service| Target {
                    service: service.clone(),
                    slot: process.slot,
                }));
            }
        }
        targets
    }

    /// Hands a client to a process. An answer is why that cannot be.
    fn attach(
        &mut self,
        connection: u64,
        target: Target,
        key: String,
        received: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let socket = self.inspector.as_mut()?.give(connection)?;
        let mut processes = self.current.iter().flat_map(Generation::processes);
        let process = processes.find(|process| process.slot == target.slot)?;
        // One that cannot take it has died or is about to: the client sees its connection close.
        process.inspect(&ToInspector::Attach {
            service: target.service,
            key,
            received,
            socket: socket.into(),
        });
        None
    }

    /// A process's inspector has something to say, or is gone.
    pub(super) fn hear_inspector(&mut self, key: Key) {
        while let Some(process) = self.process_mut(key) {
            match process.receive_inspector() {
                Some(FromInspector::Paused(paused)) => process.paused = paused,
                None => return,
            }
        }
    }
}
