//! The admin pages in the poll loop: requests in, questions to the processes, answers out.
//!
//! Part of `supervisor`, which calls it when a connection of the pages is ready, when a process has answered, and when one
//! has ended. `admin` has all that knows HTTP and HTML.

use std::time::Instant;

use ipc::ToRuntime;
use ipc::live::Answer;

use super::supervisor::{Key, Role, Supervisor, key_of};
use crate::admin::http::{JSON, Request, Response, read};
use crate::admin::objects::{AskedProcess, Gathering};
use crate::admin::{page, processes};
use crate::http::head::Refusal;
use crate::process::{Phase, Process};

impl Supervisor {
    /// A connection or the listener of the pages is ready.
    pub(super) fn on_admin(&mut self, source: u64) {
        let Some(admin) = &mut self.admin else {
            return;
        };
        let Some((connection, head)) = admin.server.on_ready(source) else {
            return;
        };
        let without_body = head.method == "HEAD";
        let request = admin.access.check_host(&head).and_then(|()| {
            let request = read(&head)?;
            if !matches!(&*request.path, "/healthz" | "/readyz") {
                admin.access.check_token(&head)?;
            }
            Ok(request)
        });
        let response = request.and_then(|request| match request.path.as_str() {
            "/healthz" => Ok(Some(Self::healthz())),
            "/readyz" => Ok(Some(self.readyz())),
            "/metrics" => Ok(Some(self.metrics(&request.accept))),
            "/overview" if request.json => self.overview_data(&request).map(Some),
            "/overview.js" => Ok(Some(page::script())),
            "/objects" => {
                let gathering = self.gather(connection, &request)?;
                self.gatherings.push(gathering);
                Ok(None)
            }
            "/" if !request.json => page::overview(&self.status(), &request).map(Some),
            "/processes" => self.processes_page(&request).map(Some),
            _ => Err(Refusal(
                404,
                "There is no such page: see /, /objects, /processes, /metrics, /healthz and /readyz.",
            )),
        });
        match response {
            Ok(Some(response)) => self.respond(connection, &response, without_body),
            Ok(None) => self.finish_gathering(),
            Err(refusal) => self.respond(connection, &Response::refusal(refusal), without_body),
        }
    }

    fn respond(&mut self, connection: u64, response: &Response, without_body: bool) {
        if let Some(admin) = &mut self.admin {
            admin
                .server
                .answer(connection, response.bytes(without_body));
        }
    }

    /// `/overview.json`: what the overview draws, since a time.
    fn overview_data(&self, request: &Request) -> Result<Response, Refusal> {
        const WANTED: Refusal = Refusal(400, "since is a time in milliseconds since 1970.");
        let since = match request.query.get("since") {
            None => 0,
            Some(text) => text.parse().map_err(|_| WANTED)?,
        };
        let samples = self.history.since(since);
        let status = self.status();
        Ok(as_json(
            &serde_json::json!({ "status": status, "samples": samples }),
        ))
    }

    /// Asks every process for its objects.
    fn gather(&self, connection: u64, request: &Request) -> Result<Gathering, Refusal> {
        let mut gathering = Gathering::new(connection, request)?;
        for process in self.processes() {
            let (generation, slot) = key_of(process);
            match process.phase() {
                // It has no objects yet, or no more.
                Phase::Starting | Phase::Stopped => {}
                _ => {
                    let query = Box::new(gathering.query.clone());
                    if process.send(&ToRuntime::Objects(query)) {
                        let pid = process.pid().as_raw();
                        gathering.asked(AskedProcess {
                            generation,
                            slot,
                            pid,
                        });
                    } else {
                        gathering.miss(slot, "takes no questions");
                    }
                }
            }
        }
        let slots = self
            .current
            .iter()
            .flat_map(|current| current.slots.iter().enumerate());
        for (slot, _) in slots.filter(|(_, slot)| slot.process.is_none()) {
            gathering.miss(slot as u32, "is down");
        }
        Ok(gathering)
    }

    /// A process has said what it has.
    pub(super) fn on_objects(&mut self, (generation, slot): Key, answer: Answer) {
        let gathering = self
            .gatherings
            .iter_mut()
            .find(|gathering| gathering.query.number == answer.number);
        if let Some(gathering) = gathering {
            gathering.answered(generation, slot, answer);
            self.finish_gathering();
        }
    }

    /// A process is gone: nothing more comes from it.
    pub(super) fn forget_in_gatherings(&mut self, (generation, slot): Key) {
        self.gatherings
            .iter_mut()
            .for_each(|gathering| gathering.ended(generation, slot));
        self.finish_gathering();
    }

    /// Answers every request for which all that will come has come.
    pub(super) fn finish_gathering(&mut self) {
        let now = Instant::now();
        let complete: Vec<Gathering> = self
            .gatherings
            .extract_if(.., |gathering| gathering.is_complete(now))
            .collect();
        for gathering in complete {
            let (connection, head) = (gathering.connection, gathering.head);
            let (json, refresh) = (gathering.json, gathering.refresh);
            let list = gathering.into_list();
            let response = if json {
                as_json(&list.json())
            } else {
                page::objects(&list, refresh)
            };
            self.respond(connection, &response, head);
        }
    }

    fn processes_page(&self, request: &Request) -> Result<Response, Refusal> {
        let mut rows: Vec<processes::Row> =
            self.processes().map(|process| self.row(process)).collect();
        if let Some(current) = &self.current {
            for (number, slot) in current
                .slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.process.is_none())
            {
                let wait = slot
                    .restart_at
                    .map(|at| at.saturating_duration_since(Instant::now()).as_millis());
                rows.push(processes::Row {
                    slot: number as u32,
                    generation: current.number,
                    role: "serves",
                    pid: None,
                    phase: if slot.given_up { "given up" } else { "down" },
                    up_seconds: None,
                    crashes: slot.crashes,
                    restart_ms: wait.and_then(|wait| wait.try_into().ok()),
                    connections: 0,
                    requests: 0,
                    resident_bytes: None,
                });
            }
        }
        rows.sort_by_key(|row| (row.generation, row.slot));
        let status = self.status();
        if request.json {
            Ok(as_json(&processes::json(&status, &rows)))
        } else {
            page::processes(&status, &rows, request)
        }
    }

    fn row(&self, process: &Process) -> processes::Row {
        let key = key_of(process);
        let role = self.role(key);
        let current = self.current.iter().filter(|_| role == Role::Current);
        let slot = current
            .flat_map(|current| current.slots.get(key.1 as usize))
            .next();
        let pid = process.pid().as_raw();
        processes::Row {
            slot: key.1,
            generation: key.0,
            role: match role {
                Role::Current => "serves",
                Role::Incoming => "starts",
                Role::Retiring => "retires",
            },
            pid: Some(pid),
            phase: process.phase().name(),
            up_seconds: Some(process.age().as_secs()),
            crashes: slot.map_or(0, |slot| slot.crashes),
            restart_ms: None,
            connections: process.connections,
            requests: process.requests,
            resident_bytes: processes::resident_bytes(pid),
        }
    }
}

fn as_json(value: &serde_json::Value) -> Response {
    Response {
        status: 200,
        kind: JSON,
        body: format!("{value}\n"),
    }
}
