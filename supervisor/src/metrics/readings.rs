//! Numbers by metric and labels, added up.

use std::collections::BTreeMap;

use ipc::metrics::{BOUNDS_US, OTHERS};

use super::families::{Id, Kind};

/// Numbers that are kept of processes that have ended. What a further name would add to is counted as [`OTHERS`].
pub const MAX_KEPT: usize = 20_000;

/// The counts of a histogram's buckets, and the sum of all in microseconds.
pub type Counts = ([u64; BOUNDS_US.len() + 1], u64);

/// A number, or those of a histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Number(u64),
    Histogram(Box<Counts>),
}

/// See the module. The values of labels stand in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings(BTreeMap<(Id, Vec<String>), Value>);

/// One number as a program leaves it to the next: the metric, its labels, the number or numbers.
pub type Saved = (String, Vec<String>, Vec<u64>);

impl Readings {
    /// Adds to a number.
    pub fn add(&mut self, id: Id, labels: &[&str], more: u64) {
        self.merge(id, owned(labels), Value::Number(more));
    }

    /// Adds to a histogram.
    pub fn add_histogram(&mut self, id: Id, labels: &[&str], more: Counts) {
        self.merge(id, owned(labels), Value::Histogram(Box::new(more)));
    }

    fn merge(&mut self, id: Id, labels: Vec<String>, more: Value) {
        debug_assert_eq!(labels.len(), id.family().labels.len(), "{id:?}");
        let known = self.0.entry((id, labels)).or_insert_with(|| match more {
            Value::Number(_) => Value::Number(0),
            Value::Histogram(_) => Value::Histogram(Box::default()),
        });
        match (known, more) {
            (Value::Number(sum), Value::Number(more)) => *sum = sum.wrapping_add(more),
            (Value::Histogram(sum), Value::Histogram(more)) => {
                for (sum, more) in sum.0.iter_mut().zip(more.0) {
                    *sum = sum.wrapping_add(more);
                }
                sum.1 = sum.1.wrapping_add(more.1);
            }
            _ => {}
        }
    }

    /// Adds what others say.
    pub fn add_all(&mut self, others: &Self) {
        for ((id, labels), value) in &others.0 {
            self.merge(*id, labels.clone(), value.clone());
        }
    }

    /// Adds what is to be kept for good: of what is not known yet, only so much that there are at most [`MAX_KEPT`].
    pub fn keep_all(&mut self, others: Self) {
        for ((id, mut labels), value) in others.0 {
            if self.0.len() >= MAX_KEPT && !self.0.contains_key(&(id, labels.clone())) {
                let names = id.family().labels.iter();
                for (label, _) in labels
                    .iter_mut()
                    .zip(names)
                    .filter(|(_, name)| matches!(**name, "socket" | "service"))
                {
                    OTHERS.clone_into(label);
                }
            }
            self.merge(id, labels, value);
        }
    }

    /// All numbers, those of a metric together.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &[String], &Value)> {
        let all = self.0.iter();
        all.map(|((id, labels), value)| (*id, labels.as_slice(), value))
    }

    /// The same for the next program.
    pub fn save(&self) -> Vec<Saved> {
        let saved = self.iter().map(|(id, labels, value)| {
            let numbers = match value {
                Value::Number(number) => vec![*number],
                Value::Histogram(counts) => {
                    let mut numbers = counts.0.to_vec();
                    numbers.push(counts.1);
                    numbers
                }
            };
            (id.family().name.to_owned(), labels.to_vec(), numbers)
        });
        saved.collect()
    }

    /// What a program has left. Metrics that this one does not have are dropped.
    pub fn restore(saved: Vec<Saved>) -> Self {
        let mut readings = Self::default();
        for (name, labels, numbers) in saved {
            let mut all = Id::ALL.iter();
            let Some(id) = all.find(|id| id.family().name == name) else {
                continue;
            };
            let family = id.family();
            let value = match (family.kind, &numbers[..]) {
                (Kind::Histogram, [counts @ .., sum]) => {
                    let counts = counts.try_into().ok();
                    counts.map(|counts| Value::Histogram(Box::new((counts, *sum))))
                }
                (Kind::Counter, [number]) => Some(Value::Number(*number)),
                _ => None,
            };
            if let (Some(value), true) = (value, labels.len() == family.labels.len()) {
                readings.merge(*id, labels, value);
            }
        }
        readings
    }
}

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_restored_and_what_is_strange_dropped() {
        let mut readings = Readings::default();
        readings.add(Id::HttpRequests, &["http", "main", "2xx", "0"], 3);
        let mut counts = [0; BOUNDS_US.len() + 1];
        counts[1] = 2;
        readings.add_histogram(Id::LoopLag, &["0"], (counts, 1500));
        let mut saved = readings.save();
        assert_eq!(Readings::restore(saved.clone()), readings);
        saved.push(("workerd_gone".into(), vec![], vec![1]));
        saved.push(("workerd_reloads".into(), vec![], vec![1]));
        saved.push((
            "workerd_event_loop_lag_seconds".into(),
            vec!["1".into()],
            vec![1],
        ));
        assert_eq!(Readings::restore(saved), readings);
    }

    #[test]
    fn names_without_end_are_kept_together() {
        let mut kept = Readings::default();
        for number in 0..MAX_KEPT + 10 {
            let mut one = Readings::default();
            one.add(Id::HttpReceived, &["http", &number.to_string(), "0"], 1);
            kept.keep_all(one);
        }
        assert_eq!(kept.0.len(), MAX_KEPT + 1);
        let others = (Id::HttpReceived, owned(&[OTHERS, OTHERS, "0"]));
        assert_eq!(kept.0[&others], Value::Number(10));
    }
}
