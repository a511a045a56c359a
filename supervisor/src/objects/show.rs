//! What the commands print: a table or JSON lines on standard output, progress on a terminal's standard error.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::time::{Duration, Instant};

use ipc::objects::{Problem, StoredObject};
use serde_json::json;

use crate::observe::time::{bytes, count, utc};

/// How often progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Prints objects or problems as they come.
pub(super) struct Printer {
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
    failed: Option<io::Error>,
    progress: Option<Progress>,
}

impl Printer {
    pub(super) fn new(json: bool) -> Self {
        // Lines on a terminal are progress enough.
        let progress = (!io::stdout().is_terminal()).then(|| Progress::new("read"));
        Self {
            json,
            out: BufWriter::new(io::stdout().lock()),
            failed: None,
            progress,
        }
    }

    fn line(&mut self, line: &str) {
        if self.failed.is_none() {
            self.failed = writeln!(self.out, "{line}").err();
        }
    }

    pub(super) fn heading(&mut self) {
        if !self.json {
            let id = "ID";
            let line = format!(
                "{id:64}  {:>10} {:>9} {:>9}  {:20}  {:20}  {:9}  NAME",
                "SIZE", "KEYS", "ROWS", "NEXT ALARM", "HISTORY SINCE", "INTEGRITY"
            );
            self.line(&line);
        }
    }

    pub(super) fn object(&mut self, object: &StoredObject) {
        let line = if self.json {
            as_json(object)
        } else {
            as_row(object)
        };
        self.line(&line);
    }

    pub(super) fn problem(&mut self, found: &Problem) {
        let line = if self.json {
            let Problem { file, what, advice } = found;
            json!({ "file": file, "problem": what, "advice": advice }).to_string()
        } else {
            problem(found)
        };
        self.line(&line);
    }

    pub(super) fn progress(&mut self, done: u64, total: u64) {
        if let Some(progress) = &mut self.progress {
            progress.show(done, total);
        }
    }

    /// Everything is out. A reader that has gone away wanted no more.
    pub(super) fn finish(mut self) -> Result<(), String> {
        let flushed = self.out.flush().err();
        match self.failed.or(flushed) {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(format!("writing to stdout: {error}"))
            }
            _ => Ok(()),
        }
    }
}

/// A problem in two lines.
pub(super) fn problem(problem: &Problem) -> String {
    format!(
        "{}: {}\n    {}",
        problem.file,
        problem.what.escape_debug(),
        problem.advice
    )
}

fn as_row(object: &StoredObject) -> String {
    let time = |time: Option<i64>| time.map_or("-".to_owned(), utc);
    let content = object.content.as_ref();
    let number = |number: Option<u64>| number.map_or("-".to_owned(), count);
    let history = content.and_then(|content| content.history);
    let integrity = match content {
        None => "-",
        Some(content) if content.problems.is_empty() => "ok",
        Some(_) => "DAMAGED",
    };
    let name = object.name.as_deref().unwrap_or_default().escape_debug();
    let line = format!(
        "{:64}  {:>10} {:>9} {:>9}  {:20}  {:20}  {integrity:9}  {name}",
        object.id,
        bytes(object.bytes),
        number(content.map(|content| content.keys)),
        number(content.map(|content| content.rows)),
        time(object.next_alarm_ms),
        time(history.map(|history| history.from_ms)),
    );
    line.trim_end().to_owned()
}

fn as_json(object: &StoredObject) -> String {
    let mut line = json!({
        "id": object.id,
        "name": object.name,
        "bytes": object.bytes,
        "facets": object.facets,
        "nextAlarmMs": object.next_alarm_ms,
    });
    if let Some(content) = &object.content {
        line["keys"] = content.keys.into();
        line["rows"] = content.rows.into();
        line["history"] = content.history.map_or(json!(null), |history| {
            json!({ "fromMs": history.from_ms, "toMs": history.to_ms, "bytes": history.bytes })
        });
        let problems = content.problems.iter().map(|problem| {
            json!({ "file": problem.file, "problem": problem.what, "advice": problem.advice })
        });
        line["problems"] = problems.collect();
    }
    line.to_string()
}

/// A line on standard error that says how far the work is, if that is a terminal.
pub(super) struct Progress {
    done: &'static str,
    shown: Option<Instant>,
    on: bool,
}

impl Progress {
    pub(super) fn new(done: &'static str) -> Self {
        Self {
            done,
            shown: None,
            on: io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(&mut self, done: u64, total: u64) {
        let due = self
            .shown
            .is_none_or(|shown| shown.elapsed() >= PROGRESS_INTERVAL);
        if !self.on || !due {
            return;
        }
        self.shown = Some(Instant::now());
        let of = if total > 0 {
            format!(" of {}", count(total))
        } else {
            String::new()
        };
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(
            io::stderr(),
            "\r{}{of} objects {}\x1b[K",
            count(done),
            self.done
        );
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.on && self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
