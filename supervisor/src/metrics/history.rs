//! The last minutes, as the overview page draws them: a sample every two seconds of each process and each service.
//!
//! `lifecycle` has a sample taken while there are admin pages. Rates are differences of what pages of processes count.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use ipc::metrics::{BOUNDS_US, Ending, Page};
use serde_json::{Value, json};

/// Between two samples.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// Samples that are kept: five minutes.
const MAX_SAMPLES: usize = 150;

/// Processes, and services, that a sample tells of; the first of them.
const MAX_ROWS: usize = 32;

/// A process whose page is read: its generation and its slot.
pub type Key = (u64, u32);

/// What a process or a service has done, in sum or since the last sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    requests: u64,
    errors: u64,
    durations: [u64; BOUNDS_US.len() + 1],
    /// How often the loop's lag was looked at, and the sum of what it was.
    lag_count: u64,
    lag_us: u64,
    memory_bytes: u64,
}

/// The counts of one page.
#[derive(Debug, Default)]
struct Counted {
    process: Counts,
    services: BTreeMap<String, Counts>,
}

/// See the module.
#[derive(Debug)]
pub struct History {
    next: Instant,
    last: Option<Instant>,
    pages: HashMap<Key, Counted>,
    samples: VecDeque<Value>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            next: Instant::now(),
            last: None,
            pages: HashMap::new(),
            samples: VecDeque::new(),
        }
    }
}

/// One process to be looked at.
pub struct Source<'a> {
    pub key: Key,
    pub page: &'a Page,
    pub resident_bytes: u64,
    /// For how long its loop has not turned.
    pub stall_us: u64,
}

impl Counts {
    fn since(&self, before: &Self) -> Self {
        let more = |now: u64, before: u64| now.saturating_sub(before);
        Self {
            requests: more(self.requests, before.requests),
            errors: more(self.errors, before.errors),
            durations: std::array::from_fn(|bucket| {
                more(self.durations[bucket], before.durations[bucket])
            }),
            lag_count: more(self.lag_count, before.lag_count),
            lag_us: more(self.lag_us, before.lag_us),
            memory_bytes: self.memory_bytes,
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        for (sum, more) in self.durations.iter_mut().zip(other.durations) {
            *sum += more;
        }
        self.lag_count += other.lag_count;
        self.lag_us += other.lag_us;
        self.memory_bytes += other.memory_bytes;
    }

    /// Requests and errors a second, the median and the 99th percentile of durations, the lag, all in milliseconds, and bytes.
    fn row(&self, seconds: f64, stall_us: u64) -> Value {
        let rate = |count: u64| (count as f64 / seconds * 100.0).round() / 100.0;
        let lag_ms = (self.lag_count > 0 || stall_us > 0).then(|| {
            let mean = self.lag_us.checked_div(self.lag_count).unwrap_or(0);
            mean.max(stall_us) as f64 / 1000.0
        });
        json!([
            rate(self.requests),
            rate(self.errors),
            quantile_ms(&self.durations, 0.5),
            quantile_ms(&self.durations, 0.99),
            lag_ms,
            self.memory_bytes,
        ])
    }
}

/// A quantile as Prometheus' `histogram_quantile` has it; none of nothing.
fn quantile_ms(counts: &[u64; BOUNDS_US.len() + 1], quantile: f64) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    let rank = quantile * all as f64;
    let mut below = 0;
    for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        if (below + count) as f64 >= rank {
            let from = bucket.checked_sub(1).map_or(0, |before| BOUNDS_US[before]);
            // What is beyond all bounds is told as the last of them.
            let to = BOUNDS_US.get(bucket).copied().unwrap_or(from);
            let part = (rank - below as f64) / *count as f64;
            let micros = from as f64 + (to - from) as f64 * part;
            return Some((micros / 10.0).round() / 100.0);
        }
        below += count;
    }
    None
}

fn read(source: &Source<'_>) -> Counted {
    let mut counted = Counted::default();
    for socket in &source.page.sockets {
        let Some(service) = socket.service.get().filter(|_| socket.name.get().is_some()) else {
            continue;
        };
        let answers: [u64; 6] = std::array::from_fn(|code| socket.answers[code].get());
        let counts = Counts {
            requests: answers.iter().sum(),
            errors: answers[0] + answers[5],
            durations: socket.duration.get().0,
            ..Counts::default()
        };
        counted.process.add(&counts);
        counted.services.entry(service).or_default().add(&counts);
    }
    for worker in &source.page.workers {
        let Some(name) = worker.name.get() else {
            continue;
        };
        let memory_bytes = worker.heap_used_bytes.get() + worker.external_bytes.get();
        // A service behind a socket has its clients' requests, any other its events.
        let known = counted.services.contains_key(&name);
        let counts = counted.services.entry(name).or_default();
        counts.memory_bytes += memory_bytes;
        if !known {
            for outcomes in &worker.events {
                counts.requests += outcomes.iter().map(|count| count.get()).sum::<u64>();
                let failed = [Ending::Error, Ending::Limit].into_iter();
                counts.errors += failed.map(|one| outcomes[one as usize].get()).sum::<u64>();
            }
        }
    }
    let (lags, lag_us) = source.page.process.lag.get();
    counted.process.lag_count = lags.iter().sum();
    counted.process.lag_us = lag_us;
    counted.process.memory_bytes = source.resident_bytes;
    counted
}

impl History {
    /// When the next sample is due.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// Takes a sample of all processes, at this time in milliseconds since 1970.
    pub fn take(&mut self, now: Instant, now_ms: i64, sources: &[Source<'_>]) {
        self.next = now + INTERVAL;
        let seconds = self
            .last
            .replace(now)
            .map(|last| (now - last).as_secs_f64());
        let mut processes = BTreeMap::<u32, (Counts, u64)>::new();
        let mut services = BTreeMap::<String, Counts>::new();
        let mut pages = HashMap::new();
        for source in sources {
            let counted = read(source);
            let before = self.pages.remove(&source.key).unwrap_or_default();
            let (process, stall_us) = processes.entry(source.key.1).or_default();
            process.add(&counted.process.since(&before.process));
            *stall_us = (*stall_us).max(source.stall_us);
            let nothing = Counts::default();
            for (name, counts) in &counted.services {
                let before = before.services.get(name).unwrap_or(&nothing);
                services
                    .entry(name.clone())
                    .or_default()
                    .add(&counts.since(before));
            }
            pages.insert(source.key, counted);
        }
        self.pages = pages;
        // The first has nothing to differ from.
        let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) else {
            return;
        };
        let processes = processes.into_iter().take(MAX_ROWS);
        let processes = processes
            .map(|(slot, (counts, stall_us))| (slot.to_string(), counts.row(seconds, stall_us)));
        let services = services.into_iter().take(MAX_ROWS);
        let services = services.map(|(name, counts)| (name, counts.row(seconds, 0)));
        self.samples.push_back(json!({
            "at": now_ms,
            "processes": processes.collect::<serde_json::Map<_, _>>(),
            "services": services.collect::<serde_json::Map<_, _>>(),
        }));
        if self.samples.len() > MAX_SAMPLES {
            self.samples.pop_front();
        }
    }

    /// Samples that are younger than this time in milliseconds since 1970.
    pub fn since(&self, at_ms: i64) -> Vec<&Value> {
        let all = self.samples.iter();
        all.filter(|sample| sample["at"].as_i64() > Some(at_ms))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc::metrics::SharedPage;

    #[test]
    fn samples_tell_what_has_happened_since_the_last() {
        let page = SharedPage::create(c"metrics").unwrap();
        let socket = page.socket("http", "main");
        let worker = &page.workers[page.worker("main")];
        let mut history = History::default();
        let begin = Instant::now();
        let mut take = |seconds: u64| {
            let source = Source {
                key: (1, 0),
                page: &page,
                resident_bytes: 7,
                stall_us: 0,
            };
            let now = begin + Duration::from_secs(seconds);
            history.take(now, seconds as i64 * 1000, &[source]);
            history.since((seconds as i64 - 1) * 1000).len()
        };
        socket.answered(Some(200));
        assert_eq!(take(0), 0);
        for status in [Some(200), Some(404), Some(500), None] {
            socket.answered(status);
            socket.duration.record(700);
        }
        worker.heap_used_bytes.set(9);
        assert_eq!(take(2), 1);
        let sample = history.since(0)[0].clone();
        assert_eq!(
            sample["processes"]["0"],
            json!([2.0, 1.0, 0.75, 1.0, null, 7])
        );
        assert_eq!(
            sample["services"]["main"],
            json!([2.0, 1.0, 0.75, 1.0, null, 9])
        );
        for second in 2..400 {
            history.take(
                begin + 2 * Duration::from_secs(second),
                second as i64 * 2000,
                &[],
            );
        }
        assert_eq!(history.since(0).len(), MAX_SAMPLES);
        assert!(
            history.since(0)[0]["processes"]
                .as_object()
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn quantiles_are_within_their_buckets() {
        let mut counts = [0; BOUNDS_US.len() + 1];
        assert_eq!(quantile_ms(&counts, 0.5), None);
        counts[BOUNDS_US.len()] = 1;
        assert_eq!(quantile_ms(&counts, 0.99), Some(10_000.0));
        counts[0] = 99;
        assert_eq!(quantile_ms(&counts, 0.5), Some(0.25));
    }
}
