//! Whether a client does its part in moving bodies: sending those of its requests, taking those of its answers.
//!
//! `body` counts bytes where they pass, and `sweep` judges once a second: nothing is timed where bytes move. Time counts
//! against a client only while the server waits for it, that is while somebody reads a request's body of which nothing has
//! come, or while bytes of an answer are ready that the client makes no room for. A worker that does not read, or that has
//! nothing to say, costs its client nothing.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

/// How fast a client must be while the server waits for it. What is zero bounds nothing.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time in which a byte must move.
    pub stall_timeout: Duration,
    /// What must move on average, but for [`GRACE`] and what was faster before.
    pub min_bytes_per_second: u32,
}

/// A client may be behind the least rate for this long.
const GRACE: Duration = Duration::from_secs(10);

/// A client that was faster may rest for this much longer.
const MAX_SAVED: Duration = Duration::from_secs(50);

/// What is known of one direction, from look to look.
#[derive(Debug, Default)]
struct Judged {
    /// The first look has no time to count: what it sees may have begun just now.
    has_begun: bool,
    /// Bytes moved before.
    seen: u64,
    quiet: Duration,
    /// How far the client is behind the least rate: what it was waited for, without the time that its bytes are worth.
    behind_ms: i64,
}

/// What has happened since the last look.
#[derive(Clone, Copy, Debug)]
struct Look {
    passed: Duration,
    /// Whether the server waits for the client.
    waits: bool,
    /// Bytes moved so far.
    bytes: u64,
    /// Bytes since the last look that count for the rate: all of the connection, as its messages share what it can carry.
    counted: u64,
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Judged {
    /// Whether the client has been too slow.
    fn is_late(&mut self, look: Look, pace: Pace) -> bool {
        let passed = match std::mem::replace(&mut self.has_begun, true) {
            true => look.passed,
            false => Duration::ZERO,
        };
        let has_moved = look.bytes != std::mem::replace(&mut self.seen, look.bytes);
        if has_moved || !look.waits {
            self.quiet = Duration::ZERO;
        } else {
            self.quiet += passed;
        }
        let rate = u64::from(pace.min_bytes_per_second);
        if let Some(worth) = look.counted.saturating_mul(1000).checked_div(rate) {
            let worth = i64::try_from(worth).unwrap_or(i64::MAX);
            let ahead = self.behind_ms.saturating_sub(worth);
            self.behind_ms = ahead.max(-millis(MAX_SAVED));
            if look.waits {
                self.behind_ms += millis(passed);
            }
        }
        let is_stalled = !pace.stall_timeout.is_zero() && self.quiet >= pace.stall_timeout;
        look.waits && (is_stalled || self.behind_ms > millis(GRACE))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body of a request that somebody reads. As a waker it knows when there is something to read: from then on the
/// server does not wait for the client any more, whenever the reader comes.
#[derive(Default)]
pub struct Upload {
    waits: AtomicBool,
    bytes: AtomicU64,
    is_late: AtomicBool,
    reader: AtomicWaker,
    judged: Mutex<Judged>,
}

impl Wake for Upload {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.waits.store(false, Relaxed);
        self.reader.wake();
    }
}

impl Upload {
    /// Whom to wake when more has come.
    pub fn waker(self: &Arc<Self>, cx: &Context<'_>) -> Waker {
        self.reader.register(cx.waker());
        Waker::from(self.clone())
    }

    /// Nothing has come yet.
    pub fn waits(&self) {
        self.waits.store(true, Relaxed);
    }

    pub fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Whether the client was too slow: what is still to come is not waited for.
    pub fn is_late(&self) -> bool {
        self.is_late.load(Relaxed)
    }

    fn judge(&self, passed: Duration, counted: u64, pace: Pace) {
        let look = Look {
            passed,
            waits: self.waits.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            counted,
        };
        if locked(&self.judged).is_late(look, pace) {
            self.is_late.store(true, Relaxed);
            self.reader.wake();
        }
    }
}

/// HTTP/2 streams share a window of 1 MiB, of which up to the half that has been read may not have been given back: with as
/// much unread as this, a client may have no room for what is waited for.
const MIN_FILLING_BYTES: u64 = 256 << 10;

/// The bodies of requests that are being read on one connection.
#[derive(Default)]
pub struct Uploads {
    all: Mutex<Vec<Arc<Upload>>>,
    bytes: AtomicU64,
    seen: AtomicU64,
    /// With HTTP/2, all bytes that came: those of bodies, and what is around them.
    arrived_bytes: AtomicU64,
    /// How many of them are no unread bytes of bodies.
    settled_bytes: AtomicU64,
}

impl Uploads {
    pub fn add(&self) -> Arc<Upload> {
        let upload = Arc::<Upload>::default();
        locked(&self.all).push(upload.clone());
        upload
    }

    pub fn remove(&self, upload: &Arc<Upload>) {
        locked(&self.all).retain(|other| !Arc::ptr_eq(other, upload));
    }

    pub fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub fn arrived(&self, bytes: usize) {
        self.arrived_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Ends what is too slow.
    pub fn judge(&self, passed: Duration, pace: Pace) {
        let bytes = self.bytes.load(Relaxed);
        let counted = bytes - self.seen.swap(bytes, Relaxed);
        let all = locked(&self.all);
        let unread = self.arrived_bytes.load(Relaxed).saturating_sub(bytes);
        if all.iter().all(|upload| upload.waits.load(Relaxed)) {
            self.settled_bytes.store(unread, Relaxed);
        }
        // What a worker does not read may fill the window that all streams share: then no client is to blame.
        let unread = unread.saturating_sub(self.settled_bytes.load(Relaxed));
        if all.len() > 1 && unread >= MIN_FILLING_BYTES {
            return;
        }
        for upload in all.iter() {
            upload.judge(passed, counted, pace);
        }
    }
}

/// Answers, or one of them: what is ready, and what the client has taken. Bytes count as taken when the client has
/// acknowledged them: what the kernel has may be megabytes, behind which nothing moves while a slow client reads.
#[derive(Default)]
pub struct Outflow {
    unsent_bytes: AtomicUsize,
    sent_bytes: AtomicU64,
    /// As far as the last look.
    taken_bytes: AtomicU64,
    judged: Mutex<Judged>,
}

impl Outflow {
    pub fn unsent_bytes(&self) -> usize {
        self.unsent_bytes.load(Relaxed)
    }

    pub fn add(&self, bytes: usize) {
        self.unsent_bytes.fetch_add(bytes, Relaxed);
    }

    /// Bytes are sent, or given up; whether none are left.
    pub fn remove(&self, bytes: usize, sent: bool) -> bool {
        if sent {
            self.sent_bytes.fetch_add(bytes as u64, Relaxed);
        }
        self.unsent_bytes.fetch_sub(bytes, Relaxed) == bytes
    }

    /// Whether the client has all that was sent.
    pub fn is_settled(&self) -> bool {
        self.taken_bytes.load(Relaxed) == self.sent_bytes.load(Relaxed)
    }

    /// What the client has taken since the last look, where the kernel has so many bytes for it still. These are some more
    /// than what was sent of answers, so that it is never less than was known before, and never more than was sent.
    pub fn look(&self, queued_bytes: usize) -> u64 {
        let sent = self.sent_bytes.load(Relaxed);
        let taken = sent.saturating_sub(queued_bytes as u64);
        taken.saturating_sub(self.taken_bytes.fetch_max(taken, Relaxed))
    }

    /// Whether the client takes too long for what is ready, as of the last look.
    pub fn judge(&self, passed: Duration, pace: Pace) -> bool {
        if self.unsent_bytes() == 0 {
            self.forgive();
            return false;
        }
        let mut judged = locked(&self.judged);
        let bytes = self.taken_bytes.load(Relaxed);
        let look = Look {
            passed,
            waits: true,
            bytes,
            counted: bytes.saturating_sub(judged.seen),
        };
        judged.is_late(look, pace)
    }

    /// For how long nothing has moved of what is ready.
    pub fn quiet(&self) -> Duration {
        locked(&self.judged).quiet
    }

    /// What was waited for is over: time counts anew.
    pub fn forgive(&self) {
        *locked(&self.judged) = Judged {
            seen: self.taken_bytes.load(Relaxed),
            ..Judged::default()
        };
    }
}

/// An HTTP/2 stream, which the client can stop while others of its connection go on.
#[derive(Default)]
pub struct Stream {
    pub out: Outflow,
    /// Who waits until all is sent.
    pub emptied: AtomicWaker,
    late_body: AtomicBool,
    /// The connection's second, in which its request was begun with nothing known of the client; 0 when that is over.
    pub fresh_in: AtomicU32,
    /// What the client has again when it takes all of the answer.
    pub owed_bytes: AtomicUsize,
    /// Told to end, which resets the stream.
    pub stop: Notify,
}

tokio::task_local! {
    /// The stream whose task this is.
    static STREAM: Arc<Stream>;
}

impl Stream {
    /// Runs what hyper does for a stream, until it is told to stop.
    pub async fn run(future: impl Future) {
        let stream = Arc::<Self>::default();
        STREAM
            .scope(stream.clone(), async {
                tokio::select! {
                    biased;
                    _ = future => {}
                    () = stream.stop.notified() => {}
                }
            })
            .await;
    }

    /// Waits until nothing of its answer is unsent.
    pub fn poll_emptied(&self, cx: &Context<'_>) -> Poll<()> {
        self.emptied.register(cx.waker());
        if self.out.unsent_bytes() == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The body of its request came too slowly.
    pub fn body_is_late(&self) {
        self.late_body.store(true, Relaxed);
    }

    pub fn has_late_body(&self) -> bool {
        self.late_body.load(Relaxed)
    }

    pub fn current() -> Option<Arc<Self>> {
        STREAM.try_with(Arc::clone).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const PACE: Pace = Pace {
        stall_timeout: Duration::from_secs(60),
        min_bytes_per_second: 100,
    };

    /// After how many seconds a client is late that moves `bytes(second)` while it is waited for as `waits(second)` says.
    fn late_after(
        pace: Pace,
        bytes: impl Fn(u64) -> u64,
        waits: impl Fn(u64) -> bool,
    ) -> Option<u64> {
        let mut judged = Judged::default();
        let mut total = 0;
        (0..10_000).find(|second| {
            let counted = bytes(*second);
            total += counted;
            let look = Look {
                passed: SECOND,
                waits: waits(*second),
                bytes: total,
                counted,
            };
            judged.is_late(look, pace)
        })
    }

    #[test]
    fn clients_below_the_least_rate_are_late_after_the_grace() {
        let always = |_| true;
        assert_eq!(late_after(PACE, |_| 0, always), Some(11));
        assert_eq!(late_after(PACE, |_| 1, always), Some(11));
        assert_eq!(late_after(PACE, |_| 50, always), Some(22));
        assert_eq!(late_after(PACE, |_| 100, always), None);
        let seldom = |second| if second % 59 == 0 { 1 } else { 0 };
        assert_eq!(late_after(PACE, seldom, always), Some(11));
        let bursts = |second| if second % 30 == 1 { 3000 } else { 0 };
        assert_eq!(late_after(PACE, bursts, always), None);
    }

    #[test]
    fn who_was_fast_may_rest_for_the_timeout_and_no_longer() {
        let once = |second| if second == 1 { 1 << 30 } else { 0 };
        assert_eq!(late_after(PACE, once, |_| true), Some(61));
        let brief = Pace {
            stall_timeout: Duration::from_secs(5),
            ..PACE
        };
        assert_eq!(late_after(brief, once, |_| true), Some(6));
        let rate_alone = Pace {
            stall_timeout: Duration::ZERO,
            ..PACE
        };
        assert_eq!(late_after(rate_alone, once, |_| true), Some(61));
        let at_once = |second| if second == 0 { 1 << 30 } else { 0 };
        assert_eq!(
            late_after(PACE, at_once, |_| true),
            Some(60),
            "the first look counts what it sees"
        );
    }

    #[test]
    fn time_counts_only_while_the_server_waits() {
        assert_eq!(late_after(PACE, |_| 0, |_| false), None);
        assert_eq!(
            late_after(PACE, |_| 0, |second| second % 2 == 0),
            Some(22),
            "what was waited for before counts"
        );
        let quiet = Pace {
            min_bytes_per_second: 0,
            ..PACE
        };
        assert_eq!(late_after(quiet, |_| 0, |second| second % 2 == 0), None);
    }

    #[test]
    fn nothing_is_late_without_bounds() {
        let none = Pace {
            stall_timeout: Duration::ZERO,
            min_bytes_per_second: 0,
        };
        assert_eq!(late_after(none, |_| 0, |_| true), None);
    }

    #[test]
    fn uploads_are_late_while_they_are_waited_for_and_there_is_room() {
        let judge = |uploads: &Uploads| (0..20).for_each(|_| uploads.judge(SECOND, PACE));
        let uploads = Uploads::default();
        let (read, other) = (uploads.add(), uploads.add());
        uploads.arrived(MIN_FILLING_BYTES as usize);
        read.waits();
        judge(&uploads);
        assert!(!read.is_late(), "the other one may have filled the window");
        other.waits();
        uploads.judge(SECOND, PACE);
        other.clone().wake();
        read.clone().wake();
        judge(&uploads);
        assert!(!read.is_late(), "what has come is not waited for");
        read.waits();
        uploads.arrived(MIN_FILLING_BYTES as usize / 2);
        judge(&uploads);
        assert!(read.is_late(), "what is unread leaves room");
    }

    #[test]
    fn bytes_are_taken_when_the_kernel_has_them_no_longer() {
        let stalls = Pace {
            stall_timeout: Duration::from_secs(5),
            min_bytes_per_second: 0,
        };
        let out = Outflow::default();
        out.add(9000);
        out.remove(4000, true);
        let late = |queued| {
            let taken = out.look(queued);
            (taken, out.judge(SECOND, stalls))
        };
        assert_eq!(late(3990), (10, false));
        for queued in (0..3990).rev().step_by(100) {
            assert!(!late(queued).1);
        }
        // Something else was written and taken.
        for queued in [89, 200, 89, 150] {
            assert_eq!(late(queued), (0, false));
        }
        assert_eq!(late(89), (0, true));
        assert!(!out.is_settled());
        assert_eq!(late(0), (89, false));
        assert!(out.is_settled());
    }

    #[test]
    fn a_stream_that_is_told_to_stop_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(Stream::run(async {
            Stream::current().unwrap().stop.notify_one();
            std::future::pending::<()>().await;
        }));
        assert!(Stream::current().is_none());
    }
}
