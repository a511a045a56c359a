//! What clients did to objects and what they were told, and whether that can be true.
//!
//! Every object numbers what is appended to its log, and begins each of its lives with a new number and a random token. Clients
//! write down when they asked and what they heard; [`check`] holds that against what the objects say in the end.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// One operation of a client.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Which object it was made on.
    pub object: usize,
    /// Unique in the run; the log holds it.
    pub name: String,
    /// Operations of one stream were made in this order, without waiting for each other, on one stub.
    pub stream: u64,
    /// Before it was sent.
    pub begun: Instant,
    /// After its answer.
    pub ended: Instant,
    /// None if it may or may not have happened.
    pub told: Option<Entry>,
}

/// Where an operation is in its object's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counted from the first entry of the object.
    pub number: u64,
    /// The number of the object's life that wrote it.
    pub life: u64,
    /// What that life calls itself.
    pub token: String,
}

/// What an object says in the end: its log in order.
#[derive(Clone, Debug, Default)]
pub struct Log(pub Vec<(String, Entry)>);

impl Entry {
    /// Reads `number life token`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split_whitespace();
        Some(Self {
            number: parts.next()?.parse().ok()?,
            life: parts.next()?.parse().ok()?,
            token: parts.next()?.to_owned(),
        })
    }
}

impl Log {
    /// Reads lines of a name and an entry.
    pub fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(|line| {
            let (name, entry) = line.split_once(' ')?;
            Some((name.to_owned(), Entry::parse(entry)?))
        });
        lines.collect::<Option<_>>().map(Self)
    }
}

/// Everything that cannot be; nothing if all is well.
pub fn check(operations: &[Operation], logs: &[Log]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (object, log) in logs.iter().enumerate() {
        let of_it = operations
            .iter()
            .filter(|operation| operation.object == object);
        let of_it: Vec<_> = of_it.collect();
        let mut complain = |text: String| wrong.push(format!("object {object}: {text}"));
        check_log(log, &of_it, &mut complain);
        check_answers(log, &of_it, &mut complain);
        check_streams(log, &of_it, &mut complain);
        check_time(&of_it, &mut complain);
    }
    wrong
}

/// The log alone: no gap, nothing twice, one life after another.
fn check_log(log: &Log, operations: &[&Operation], complain: &mut impl FnMut(String)) {
    let made: HashSet<&str> = operations
        .iter()
        .map(|operation| &*operation.name)
        .collect();
    let mut seen = HashSet::new();
    let mut last: Option<&Entry> = None;
    let mut tokens: HashMap<u64, &str> = HashMap::new();
    for (index, (name, entry)) in log.0.iter().enumerate() {
        if entry.number != index as u64 + 1 {
            complain(format!(
                "entry {} of the log has number {}",
                index + 1,
                entry.number
            ));
        }
        if !made.contains(&**name) {
            complain(format!("nobody asked for {name}"));
        }
        if !seen.insert(name) {
            complain(format!("{name} is in the log twice"));
        }
        if let Some(last) = last
            && last.life > entry.life
        {
            complain(format!("alive twice: {last:?} is before {entry:?}"));
        }
        if *tokens.entry(entry.life).or_insert(&entry.token) != entry.token {
            complain(format!("alive twice: two lives have number {}", entry.life));
        }
        last = Some(entry);
    }
}

/// What was acknowledged is where it was said to be.
fn check_answers(log: &Log, operations: &[&Operation], complain: &mut impl FnMut(String)) {
    for operation in operations {
        let Some(told) = &operation.told else {
            continue;
        };
        let index = usize::try_from(told.number).unwrap_or(usize::MAX);
        let found = index.checked_sub(1).and_then(|index| log.0.get(index));
        if found.is_none_or(|(name, entry)| *name != operation.name || entry != told) {
            let name = &operation.name;
            complain(format!(
                "lost: {name} was acknowledged as {told:?}, and there is {found:?}"
            ));
        }
    }
}

/// Calls on one stub arrive in the order in which they were made.
fn check_streams(log: &Log, operations: &[&Operation], complain: &mut impl FnMut(String)) {
    let numbers: HashMap<&str, u64> = log
        .0
        .iter()
        .map(|(name, entry)| (&**name, entry.number))
        .collect();
    let mut last: HashMap<u64, (u64, &str)> = HashMap::new();
    for operation in operations {
        let Some(number) = numbers.get(&*operation.name) else {
            continue;
        };
        let before = last.insert(operation.stream, (*number, &operation.name));
        if let Some((before, name)) = before
            && before > *number
        {
            complain(format!(
                "out of order: {name} was made before {}",
                operation.name
            ));
        }
    }
}

/// What was acknowledged before something else was asked for comes before it.
fn check_time(operations: &[&Operation], complain: &mut impl FnMut(String)) {
    let mut told: Vec<_> = operations
        .iter()
        .filter_map(|operation| Some((operation.told.as_ref()?.number, *operation)))
        .collect();
    told.sort_by_key(|(number, _)| *number);
    let mut latest: Option<&Operation> = None;
    for (_, operation) in told {
        if let Some(latest) = latest
            && operation.ended < latest.begun
        {
            let (one, other) = (&operation.name, &latest.name);
            complain(format!(
                "out of order: {one} had ended when {other} began, and comes after it"
            ));
        }
        if latest.is_none_or(|latest| latest.begun < operation.begun) {
            latest = Some(operation);
        }
    }
}

/// The longest that an acknowledged operation took.
pub fn longest(operations: &[Operation]) -> Duration {
    let told = operations
        .iter()
        .filter(|operation| operation.told.is_some());
    let times = told.map(|operation| operation.ended - operation.begun);
    times.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, life: u64, token: &str) -> Entry {
        Entry {
            number,
            life,
            token: token.into(),
        }
    }

    fn operation(name: &str, millis: [u64; 2], told: Option<Entry>) -> Operation {
        // One beginning for all.
        thread_local!(static START: Instant = Instant::now());
        let at = |millis| START.with(|start| *start + Duration::from_millis(millis));
        Operation {
            object: 0,
            name: name.into(),
            stream: 1,
            begun: at(millis[0]),
            ended: at(millis[1]),
            told,
        }
    }

    fn good() -> (Vec<Operation>, Log) {
        let operations = vec![
            operation("a", [0, 9], Some(entry(1, 1, "x"))),
            operation("b", [1, 8], None),
            operation("c", [10, 20], Some(entry(3, 2, "y"))),
            operation("d", [11, 21], None),
        ];
        let log = Log::parse("a 1 1 x\nb 2 1 x\nc 3 2 y\n").unwrap();
        (operations, log)
    }

    fn complaints(change: impl FnOnce(&mut Vec<Operation>, &mut Log)) -> String {
        let (mut operations, mut log) = good();
        change(&mut operations, &mut log);
        check(&operations, &[log]).join("; ")
    }

    #[test]
    fn a_possible_history_is_fine() {
        assert_eq!(complaints(|_, _| {}), "");
    }

    #[test]
    fn what_cannot_be_is_found() {
        let said = |text: String, part: &str| assert!(text.contains(part), "{part}: {text}");
        said(complaints(|_, log| _ = log.0.pop()), "lost: c");
        said(
            complaints(|_, log| log.0[2].1.token = "z".into()),
            "lost: c",
        );
        said(
            complaints(|_, log| log.0[1].0 = "a".into()),
            "a is in the log twice",
        );
        said(
            complaints(|_, log| log.0[1].0 = "q".into()),
            "nobody asked for q",
        );
        said(complaints(|_, log| log.0[1].1.number = 7), "has number 7");
        said(complaints(|_, log| log.0[1].1.life = 3), "alive twice");
        said(
            complaints(|_, log| log.0[1].1.token = "z".into()),
            "two lives have number 1",
        );
        let swapped = complaints(|operations, log| {
            log.0.swap(0, 1);
            log.0[0].1.number = 1;
            log.0[1].1.number = 2;
            operations[0].told = Some(entry(2, 1, "x"));
        });
        said(swapped, "a was made before b");
        let late = complaints(|operations, _| {
            operations[0].begun = operations[3].begun;
            operations[0].ended = operations[3].ended;
            operations[2].ended = operations[1].ended;
        });
        said(late, "c had ended when a began");
    }
}
