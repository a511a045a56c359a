//! `/objects`: the live Durable Objects, gathered from every process.
//!
//! `lifecycle::admin` asks the processes and brings their answers; when all have come, or time is over, they are one list.
//! Each process sends the part of the page that could be its own, so that no request costs more than a page a process,
//! however many objects there are.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use ipc::live::{Answer, LiveObject, MAX_OBJECTS, NamespaceTotal, Order, Position, Query};
use serde_json::{Value, json};

use super::ANSWER_TIMEOUT;
use super::http::{Request, encode};
use crate::http::head::Refusal;

/// Objects of a page, if the request does not say.
const DEFAULT_LIMIT: u32 = 100;

/// A process that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedProcess {
    pub generation: u64,
    pub slot: u32,
    pub pid: i32,
}

/// A request that waits for what processes say.
pub struct Gathering {
    /// The connection that asked; also the number of the query.
    pub connection: u64,
    pub query: Query,
    /// The answer goes without its body.
    pub head: bool,
    pub json: bool,
    /// Seconds after which a browser is to ask again.
    pub refresh: Option<u32>,
    waiting: Vec<AskedProcess>,
    answers: Vec<(AskedProcess, Answer)>,
    /// Who says nothing, and why.
    missing: Vec<(u32, &'static str)>,
    pub deadline: Instant,
}

impl Gathering {
    pub fn new(connection: u64, request: &Request) -> Result<Self, Refusal> {
        let query = read_query(&request.query)?;
        Ok(Self {
            connection,
            query: Query {
                number: connection,
                ..query
            },
            head: request.head,
            json: request.json,
            refresh: super::page::refresh(request)?,
            waiting: Vec::new(),
            answers: Vec::new(),
            missing: Vec::new(),
            deadline: Instant::now() + ANSWER_TIMEOUT,
        })
    }

    /// A process has been sent the query.
    pub fn asked(&mut self, process: AskedProcess) {
        self.waiting.push(process);
    }

    /// A process cannot answer.
    pub fn miss(&mut self, slot: u32, why: &'static str) {
        self.missing.push((slot, why));
    }

    /// A process has ended.
    pub fn ended(&mut self, generation: u64, slot: u32) {
        if self.take(generation, slot).is_some() {
            self.miss(slot, "ended meanwhile");
        }
    }

    pub fn answered(&mut self, generation: u64, slot: u32, answer: Answer) {
        if let Some(process) = self.take(generation, slot) {
            self.answers.push((process, answer));
        }
    }

    fn take(&mut self, generation: u64, slot: u32) -> Option<AskedProcess> {
        let is = |process: &AskedProcess| (process.generation, process.slot) == (generation, slot);
        let index = self.waiting.iter().position(is)?;
        Some(self.waiting.swap_remove(index))
    }

    pub fn is_complete(&self, now: Instant) -> bool {
        self.waiting.is_empty() || self.deadline <= now
    }

    /// One list of all.
    pub fn into_list(mut self) -> List {
        for process in std::mem::take(&mut self.waiting) {
            self.miss(
                process.slot,
                "runs something that does not end, and did not answer",
            );
        }
        let order = self.query.order;
        let mut list = List {
            query: self.query,
            missing: self.missing,
            ..List::default()
        };
        let mut totals = BTreeMap::<String, NamespaceTotal>::new();
        // Beyond the last that one process has sent of more, its others may belong in between.
        let mut end: Option<Position> = None;
        let mut more = false;
        for (process, answer) in self.answers {
            list.objects += answer.objects;
            list.matching += answer.matching;
            list.processes
                .push((process, answer.objects, answer.heap_bytes));
            for total in answer.namespaces {
                let sum = totals.entry(total.namespace.clone()).or_default();
                sum.objects += total.objects;
                sum.calls += total.calls;
                sum.sockets += total.sockets;
                sum.namespace = total.namespace;
            }
            if answer.more {
                more = true;
                let last = answer.page.last().map(|object| object.position(order));
                end = match (end, last) {
                    (Some(end), Some(last)) if is_after(&end, &last) => Some(last),
                    (None, last) => last,
                    (end, _) => end,
                };
            }
            list.page
                .extend(answer.page.into_iter().map(|object| (object, process)));
        }
        list.page.sort_by_cached_key(|(object, _)| {
            let Position {
                rank,
                namespace,
                id,
            } = object.position(order);
            (rank, namespace, id)
        });
        if let Some(end) = end {
            list.page
                .retain(|(object, _)| !is_after(&object.position(order), &end));
        }
        more |= list.page.len() > list.query.limit as usize;
        list.page.truncate(list.query.limit as usize);
        if more {
            list.next = list.page.last().map(|(object, _)| object.position(order));
        }
        list.namespaces = totals.into_values().collect();
        list.processes
            .sort_by_key(|(process, ..)| (process.slot, process.generation));
        list.missing.sort_unstable();
        list
    }
}

fn is_after(one: &Position, other: &Position) -> bool {
    one.compare(other.rank, &other.namespace, &other.id).is_gt()
}

/// What there is to show.
#[derive(Default)]
pub struct List {
    pub query: Query,
    /// All live objects.
    pub objects: u64,
    /// Those that the query is about.
    pub matching: u64,
    pub namespaces: Vec<NamespaceTotal>,
    /// Processes with their objects and the heap of the workers that have them.
    pub processes: Vec<(AskedProcess, u64, u64)>,
    pub missing: Vec<(u32, &'static str)>,
    pub page: Vec<(LiveObject, AskedProcess)>,
    /// Where the next page begins, if there is one.
    pub next: Option<Position>,
}

impl List {
    /// The link to this list with something else: an order, a namespace, a place to begin.
    pub fn link(&self, path: &str, change: impl FnOnce(&mut Query)) -> String {
        let mut query = Query {
            after: None,
            ..self.query.clone()
        };
        change(&mut query);
        let mut parts = Vec::new();
        if let Some(namespace) = &query.namespace {
            parts.push(format!("namespace={}", encode(namespace)));
        }
        if !query.filter.is_empty() {
            parts.push(format!("q={}", encode(&query.filter)));
        }
        if query.order != Order::default() {
            parts.push(format!("order={}", query.order.name()));
        }
        if query.limit != DEFAULT_LIMIT {
            parts.push(format!("limit={}", query.limit));
        }
        if let Some(Position {
            rank,
            namespace,
            id,
        }) = &query.after
        {
            parts.push(format!(
                "after={}",
                encode(&format!("{rank}-{id}-{namespace}"))
            ));
        }
        let mark = if parts.is_empty() { "" } else { "?" };
        format!("{path}{mark}{}", parts.join("&"))
    }

    pub fn json(&self) -> Value {
        let next = self
            .next
            .clone()
            .map(|next| self.link("/objects.json", |query| query.after = Some(next)));
        let page = self.page.iter().map(|(object, process)| {
            let numbers = &object.numbers;
            json!({
                "namespace": object.namespace,
                "id": object.id,
                "name": object.name,
                "process": process.slot,
                "generation": process.generation,
                "pid": process.pid,
                "calls": numbers.calls,
                "totalCalls": numbers.total_calls,
                "storageBytes": numbers.storage_bytes,
                "sockets": numbers.sockets,
                "nextAlarmMs": numbers.next_alarm_ms,
            })
        });
        let namespaces = self.namespaces.iter().map(|total| {
            json!({ "namespace": total.namespace, "objects": total.objects, "calls": total.calls, "sockets": total.sockets })
        });
        let processes = self.processes.iter().map(|(process, objects, heap)| {
            json!({
                "process": process.slot,
                "generation": process.generation,
                "pid": process.pid,
                "objects": objects,
                "heapBytes": heap,
            })
        });
        let missing = self
            .missing
            .iter()
            .map(|(slot, why)| json!({ "process": slot, "why": why }));
        json!({
            "total": self.objects,
            "matching": self.matching,
            "namespaces": namespaces.collect::<Value>(),
            "processes": processes.collect::<Value>(),
            "missing": missing.collect::<Value>(),
            "objects": page.collect::<Value>(),
            "next": next,
        })
    }
}

fn read_query(given: &HashMap<String, String>) -> Result<Query, Refusal> {
    let get = |name: &str| {
        given
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let position = |text: &str| {
        let mut parts = text.splitn(3, '-');
        Some(Position {
            rank: parts.next()?.parse().ok()?,
            id: parts.next().filter(|id| id.len() == 64)?.to_owned(),
            namespace: parts.next()?.to_owned(),
        })
    };
    let after = get("after").map(position);
    Ok(Query {
        number: 0,
        namespace: get("namespace").map(str::to_owned),
        filter: get("q").unwrap_or_default().trim().to_owned(),
        order: match get("order") {
            None => Order::default(),
            Some(name) => Order::parse(name).ok_or(Refusal(
                400,
                "order is one of id, calls, total, memory, sockets, alarm.",
            ))?,
        },
        after: match after {
            None => None,
            Some(position) => {
                Some(position.ok_or(Refusal(400, "after is what the link to the next page has."))?)
            }
        },
        limit: match get("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_OBJECTS).contains(limit))
                .ok_or(Refusal(400, "limit is a number from 1 to 500."))?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc::live::Numbers;

    fn request(query: &str) -> Request {
        let text = format!("GET /objects?{query} HTTP/1.0\r\n\r\n");
        let head = crate::http::head::parse(text.as_bytes());
        super::super::http::read(&head.unwrap().unwrap()).unwrap()
    }

    fn object(index: u64, calls: u64) -> LiveObject {
        LiveObject {
            namespace: "a b".into(),
            id: format!("{index:064x}"),
            name: None,
            numbers: Numbers {
                total_calls: calls,
                ..Numbers::default()
            },
        }
    }

    fn process(slot: u32) -> AskedProcess {
        AskedProcess {
            generation: 1,
            slot,
            pid: 100,
        }
    }

    /// What two processes with the even and the odd of these objects say, `sent` each.
    fn gather(query: &str, sent: usize, objects: &[LiveObject]) -> List {
        let mut gathering = Gathering::new(3, &request(query)).unwrap();
        let order = gathering.query.order;
        for slot in 0..2 {
            gathering.asked(process(slot));
            let mut own: Vec<_> = objects
                .iter()
                .skip(slot as usize)
                .step_by(2)
                .cloned()
                .collect();
            own.sort_by_key(|object| (order.rank(&object.numbers), object.id.clone()));
            let matching = own.len() as u64;
            if let Some(after) = &gathering.query.after {
                own.retain(|object| is_after(&object.position(order), after));
            }
            let more = own.len() > sent;
            own.truncate(sent);
            let answer = Answer {
                objects: matching,
                matching,
                more,
                page: own,
                ..Answer::default()
            };
            gathering.answered(1, slot, answer);
        }
        assert!(gathering.is_complete(Instant::now()));
        gathering.into_list()
    }

    #[test]
    fn pages_of_processes_merge_with_nothing_lost_or_twice() {
        let objects: Vec<_> = (0..23).map(|index| object(index, index * 7 % 5)).collect();
        for order in ["id", "total"] {
            for sent in [3, 5, 100] {
                let (mut query, mut seen) = (format!("order={order}&limit=5"), Vec::new());
                loop {
                    let list = gather(&query, sent, &objects);
                    assert_eq!((list.objects, list.matching), (23, 23));
                    seen.extend(list.page.iter().map(|(object, _)| object.clone()));
                    let Some(next) = list.next.clone() else { break };
                    assert!(!list.page.is_empty());
                    let link = list.link("", |query| query.after = Some(next));
                    query = link.trim_start_matches('?').to_owned();
                }
                let mut wanted = objects.clone();
                let order = Order::parse(order).unwrap();
                wanted.sort_by_key(|object| (order.rank(&object.numbers), object.id.clone()));
                assert_eq!(seen, wanted, "{sent}");
            }
        }
    }

    #[test]
    fn who_does_not_answer_is_named() {
        let mut gathering = Gathering::new(3, &request("")).unwrap();
        gathering.asked(process(0));
        gathering.asked(process(1));
        gathering.ended(1, 1);
        assert!(!gathering.is_complete(Instant::now()));
        assert!(gathering.is_complete(gathering.deadline));
        let list = gathering.into_list();
        assert_eq!(list.missing.len(), 2);
        assert_eq!(list.missing[1], (1, "ended meanwhile"));
    }

    #[test]
    fn bad_queries_are_refused() {
        for bad in [
            "order=x",
            "limit=0",
            "limit=501",
            "limit=x",
            "after=x",
            "after=1-2-3",
            "refresh=0",
            "refresh=x",
        ] {
            assert_eq!(
                Gathering::new(1, &request(bad))
                    .err()
                    .map(|refusal| refusal.0),
                Some(400),
                "{bad}"
            );
        }
    }
}
