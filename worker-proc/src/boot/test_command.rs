//! `workerd test`: runs every `test()` handler that the filter lets through.

use std::rc::Rc;
use std::time::{Duration, Instant};

use ipc::{Control, Start, TestFilter, ToRuntime};

use super::{EXIT_START_FAILED, control, doors, limits, start_runtime};
use crate::dispatch::{Directory, Router};
use crate::http;
use crate::log;
use crate::net::loopback;
use crate::peer::{PeerId, PeerLinks};
use crate::service::Designator;
use crate::service::Event;
use crate::service::trace::all_told;

/// How long the next test waits for tail workers that are told of what has been tested.
const MAX_TAIL_WAIT_BETWEEN: Duration = Duration::from_millis(50);

/// How long tail workers may go on after the last test.
const MAX_TAIL_WAIT: Duration = Duration::from_millis(500);

/// Runs the tests of a config; the exit code is 1 if one fails, or if there is none.
pub fn test(start: Start, snapshot: &'static [u8]) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log::error(format_args!("the event loop cannot start: {error}"));
            return 1;
        }
    };
    runtime.block_on(async move {
        let built = match start_runtime(start.config, start.locks, &start.options, snapshot) {
            Ok(built) => built,
            Err(errors) => {
                log::fail(&errors);
                return EXIT_START_FAILED;
            }
        };
        if let Some(control) = start.control {
            take_links(control, &built.links).await;
        }
        let server = http::Server::new(limits(&start.options.limits));
        loopback::serve_with(&server);
        let doors = doors(start.listeners, built.sockets, &built.router, &server);
        doors.open();
        built.router.host().serve();
        built.schedulers.wake();
        let mut counts = Counts::default();
        for name in &built.workers {
            let filter = start.options.test.as_ref();
            run_worker(&built.router, name, filter, &mut counts).await;
        }
        // Tail workers are told of what was done; one that takes long is not waited for.
        let _ = tokio::time::timeout(MAX_TAIL_WAIT, all_told()).await;
        if counts.passed + counts.failed == 0 {
            log::error("No tests found!");
        }
        if counts.passed == 0 || counts.failed > 0 {
            log::fail(&["Tests failed!"]);
            return 1;
        }
        0
    })
}

#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
}

/// Runs the tests of one worker.
async fn run_worker(
    router: &Rc<Router>,
    name: &str,
    filter: Option<&TestFilter>,
    counts: &mut Counts,
) {
    if !filter.is_none_or(|filter| matches(&filter.service, name)) {
        return;
    }
    let Some(worker) = router.worker(name) else {
        return;
    };
    let entrypoints = worker.entrypoints();
    let tested = entrypoints
        .iter()
        .filter_map(|entry| entry.strip_suffix(":test"));
    for entrypoint in tested {
        if !filter.is_none_or(|filter| matches(&filter.entrypoint, entrypoint)) {
            continue;
        }
        let is_default = entrypoint == "default";
        let designator = Designator {
            service: name.to_owned(),
            entrypoint: (!is_default).then(|| entrypoint.to_owned()),
            props: None,
        };
        let label = match is_default {
            true => name.to_owned(),
            false => format!("{name}:{entrypoint}"),
        };
        log::debug(format_args!("[ TEST ] {label}"));
        let began = Instant::now();
        let Some(service) = router.find(&designator) else {
            continue;
        };
        let event = Event {
            handler: "test",
            argument: "{}".to_owned(),
        };
        let outcome = service.event(event).await;
        // The next test may ask a tail worker of this one.
        let _ = tokio::time::timeout(MAX_TAIL_WAIT_BETWEEN, all_told()).await;
        let (verdict, count) = match outcome {
            Ok(()) => ("PASS", &mut counts.passed),
            Err(_) => ("FAIL", &mut counts.failed),
        };
        *count += 1;
        let took = began.elapsed();
        log::debug(format_args!("[ {verdict} ] {label} ({took:?})"));
    }
}

/// Takes the links to the other processes: all come before the word to serve.
async fn take_links(control: Control, links: &Rc<PeerLinks>) {
    let control = match control::SupervisorLink::new(control.into()) {
        Ok(control) => control,
        Err(error) => {
            log::error(format_args!("the control channel cannot be used: {error}"));
            return;
        }
    };
    while let Some(message) = control.receive().await {
        match message {
            ToRuntime::Peer {
                slot,
                generation,
                fd,
            } => links.add(PeerId { generation, slot }, fd),
            ToRuntime::Serve => return,
            _ => {}
        }
    }
}

/// A glob of `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if p < pattern.len() && (pattern[p] == '?' || (pattern[p] != '*' && pattern[p] == text[t]))
        {
            p += 1;
            t += 1;
        } else if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if let Some((after, from)) = star {
            p = after + 1;
            t = from + 1;
            star = Some((after, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod unit {
    use super::matches;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "anything", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*", "abc", true),
            ("", "a", false),
            ("a*b*c", "axbxbxc", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
