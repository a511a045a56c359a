//! The two gates of an object. The input gate holds events back while a critical section runs; the output gate holds back
//! what leaves until the writes before it are safe.
//!
//! `actors::context` passes every turn and everything that leaves through them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::service::Error;

/// Critical sections inside one another; workerd's limit.
const MAX_NESTED_SECTIONS: usize = 64;

/// How long a critical section may hold the object's events back, as on workerd.
const MAX_SECTION: Duration = Duration::from_secs(30);

/// A critical section: what `blockConcurrencyWhile` and `transaction` run in.
pub struct Section {
    number: u32,
    parent: Tag,
    ended: Cell<bool>,
}

/// The section that a turn runs in; none outside of all.
pub type Tag = Option<Rc<Section>>;

/// See the module.
#[derive(Default)]
pub struct InputGate {
    /// Sections under way, each inside the one before it.
    sections: RefCell<Vec<Rc<Section>>>,
    last_number: Cell<u32>,
    broken: RefCell<Option<Error>>,
    waiting: RefCell<VecDeque<Waker>>,
}

/// The section itself, or the one around it that has not ended yet.
fn innermost(tag: &Tag) -> Tag {
    let mut tag = tag.clone();
    while let Some(section) = &tag
        && section.ended.get()
    {
        let parent = section.parent.clone();
        tag = parent;
    }
    tag
}

fn same(a: &Tag, b: Option<&Rc<Section>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

impl InputGate {
    /// Whether a turn of that section may run now.
    pub fn is_open(&self, tag: &Tag) -> bool {
        same(&innermost(tag), self.sections.borrow().last())
    }

    /// Ready when a turn of that section may run.
    pub fn poll_open(&self, tag: &Tag, cx: &Context<'_>) -> Poll<()> {
        if self.is_open(tag) {
            return Poll::Ready(());
        }
        self.waiting.borrow_mut().push_back(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until a turn of that section may run. Never ends once the object is broken: it is dropped with it.
    pub async fn opened(&self, tag: &Tag) {
        std::future::poll_fn(|cx| self.poll_open(tag, cx)).await;
    }

    /// Waits until an event may begin: no section holds it back.
    ///
    /// # Errors
    /// The object is broken: none ever begins.
    pub async fn admits(&self) -> Result<(), Error> {
        std::future::poll_fn(|cx| match &*self.broken.borrow() {
            Some(error) => Poll::Ready(Err(error.clone())),
            None => self.poll_open(&None, cx).map(Ok),
        })
        .await
    }

    /// Nothing passes any more; what waits to begin is told.
    pub fn fail(&self, error: Error) {
        self.broken.borrow_mut().get_or_insert(error);
        self.wake();
    }

    fn wake(&self) {
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Begins a section inside another, if that one's turns may run now.
    pub fn try_enter(&self, tag: &Tag) -> Option<Result<Rc<Section>, Error>> {
        if !self.is_open(tag) {
            return None;
        }
        let mut sections = self.sections.borrow_mut();
        if sections.len() >= MAX_NESTED_SECTIONS {
            return Some(Err(Error::new(
                service::Kind::Worker,
                "blockConcurrencyWhile() calls are nested too deeply.",
            )));
        }
        self.last_number.set(self.last_number.get().wrapping_add(1));
        let section = Rc::new(Section {
            number: self.last_number.get(),
            parent: innermost(tag),
            ended: Cell::new(false),
        });
        sections.push(section.clone());
        Some(Ok(section))
    }

    /// The section under way of that number.
    pub fn find(&self, number: u32) -> Tag {
        let sections = self.sections.borrow();
        sections
            .iter()
            .find(|section| section.number == number)
            .cloned()
    }

    /// Ends a section; what it held back goes on, in the order of its coming.
    pub fn leave(&self, section: &Rc<Section>) {
        section.ended.set(true);
        self.sections
            .borrow_mut()
            .retain(|other| !Rc::ptr_eq(other, section));
        self.wake();
    }

    /// The number of the section that is in no other.
    fn outermost(&self) -> Option<u32> {
        let sections = self.sections.borrow();
        sections.first().map(|section| section.number)
    }
}

impl Section {
    pub fn number(&self) -> u32 {
        self.number
    }
}

/// The time that a section has. Those inside it share it; the next one has its own.
#[derive(Default)]
pub struct SectionClock(Option<(u32, Pin<Box<Sleep>>)>);

impl SectionClock {
    /// Whether the section under way has used up its time. The task is woken when it has.
    pub fn poll_late(&mut self, gate: &InputGate, cx: &mut Context<'_>) -> bool {
        let Some(section) = gate.outermost() else {
            self.0 = None;
            return false;
        };
        let (of, time) = self
            .0
            .get_or_insert_with(|| (section, Box::pin(sleep(MAX_SECTION))));
        if *of != section {
            (*of, *time) = (section, Box::pin(sleep(MAX_SECTION)));
        }
        time.as_mut().poll(cx).is_ready()
    }
}

/// Lets callers pass one by one, in the order in which they came.
#[derive(Default)]
pub struct Queue {
    next: Cell<u64>,
    waiting: RefCell<VecDeque<(u64, Option<Waker>)>>,
    /// What those before this number have come in vain for.
    failure: RefCell<Option<(u64, Error)>>,
}

/// A place in the queue; it is given up when dropped.
pub struct QueuePlace {
    queue: Rc<Queue>,
    number: u64,
}

impl Queue {
    /// Takes the last place.
    pub fn enter(self: &Rc<Self>) -> QueuePlace {
        let number = self.next.replace(self.next.get() + 1);
        self.waiting.borrow_mut().push_back((number, None));
        QueuePlace {
            queue: self.clone(),
            number,
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// What all who wait now came for is no more; who comes later is not concerned.
    pub fn fail(&self, error: Error) {
        *self.failure.borrow_mut() = Some((self.next.get(), error));
    }
}

impl QueuePlace {
    /// Why there is no use in waiting, once it is first.
    pub fn failure(&self) -> Option<Error> {
        let failure = self.queue.failure.borrow();
        let (before, error) = failure.as_ref()?;
        (self.number < *before).then(|| error.clone())
    }

    /// Waits until everybody before has gone.
    pub async fn first(&self) {
        std::future::poll_fn(|cx| {
            let mut waiting = self.queue.waiting.borrow_mut();
            if waiting
                .front()
                .is_some_and(|(number, _)| *number == self.number)
            {
                return Poll::Ready(());
            }
            if let Some(entry) = waiting
                .iter_mut()
                .find(|(number, _)| *number == self.number)
            {
                entry.1 = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.borrow_mut();
        waiting.retain(|(number, _)| *number != self.number);
        if let Some((_, waker)) = waiting.front_mut()
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
    }
}

/// See the module. Commits are confirmed in the order in which they are made.
#[derive(Default)]
pub struct OutputGate {
    made: Cell<u64>,
    confirmed: Cell<u64>,
    broken: RefCell<Option<Error>>,
    waiting: RefCell<VecDeque<Waker>>,
}

impl OutputGate {
    /// A commit is under way: what leaves from here on waits for it.
    pub fn lock(&self) {
        self.made.set(self.made.get() + 1);
    }

    /// The oldest commit under way is safe.
    pub fn confirm(&self) {
        self.confirmed.set(self.confirmed.get() + 1);
        self.wake();
    }

    /// Nothing leaves any more.
    pub fn fail(&self, error: Error) {
        self.broken.borrow_mut().get_or_insert(error);
        self.wake();
    }

    fn wake(&self) {
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Whether nothing has to wait.
    pub fn is_open(&self) -> bool {
        self.broken.borrow().is_none() && self.confirmed.get() >= self.made.get()
    }

    /// Ends when every commit made before its first poll is safe.
    pub async fn passed(&self) -> Result<(), Error> {
        let target = Cell::new(None);
        std::future::poll_fn(|cx| {
            let wanted = match target.get() {
                Some(wanted) => wanted,
                None => {
                    target.set(Some(self.made.get()));
                    self.made.get()
                }
            };
            if let Some(error) = &*self.broken.borrow() {
                return Poll::Ready(Err(error.clone()));
            }
            if self.confirmed.get() >= wanted {
                return Poll::Ready(Ok(()));
            }
            self.waiting.borrow_mut().push_back(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// Counts an op that has its result and waits for the input gate.
pub struct Held<'a>(&'a Cell<usize>);

impl<'a> Held<'a> {
    pub fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use futures_util::FutureExt;

    use super::*;

    /// How often a task was woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_section_holds_back_what_is_outside_of_it() {
        let gate = InputGate::default();
        assert!(gate.is_open(&None));
        let outer = gate.try_enter(&None).unwrap().ok();
        assert!(!gate.is_open(&None));
        assert!(gate.is_open(&outer));
        assert!(gate.try_enter(&None).is_none(), "a second one waits");
        let inner = gate.try_enter(&outer).unwrap().ok();
        assert!(!gate.is_open(&outer));
        gate.leave(inner.as_ref().unwrap());
        assert!(gate.is_open(&outer));
        assert!(
            gate.is_open(&inner),
            "what an ended section started runs in the one around it"
        );
        gate.leave(outer.as_ref().unwrap());
        assert!(gate.is_open(&None) && gate.is_open(&inner));
    }

    #[test]
    fn nesting_is_bounded() {
        let gate = InputGate::default();
        let mut tag = None;
        for _ in 0..MAX_NESTED_SECTIONS {
            tag = gate.try_enter(&tag).unwrap().ok();
        }
        assert!(gate.try_enter(&tag).unwrap().is_err());
    }

    #[test]
    fn what_waits_to_begin_is_told_that_the_object_broke() {
        let gate = InputGate::default();
        let mut early = std::pin::pin!(gate.admits());
        assert!(matches!(early.as_mut().now_or_never(), Some(Ok(()))));
        let outer = gate.try_enter(&None).unwrap().ok();
        let inner = gate.try_enter(&outer).unwrap().ok();
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(woken.clone());
        let mut event = std::pin::pin!(gate.admits());
        let mut turn = std::pin::pin!(gate.opened(&outer));
        let mut cx = Context::from_waker(&waker);
        assert!(event.as_mut().poll(&mut cx).is_pending());
        assert!(turn.as_mut().poll(&mut cx).is_pending());
        gate.fail(Error::internal("first"));
        gate.fail(Error::internal("second"));
        assert_eq!(woken.0.load(Relaxed), 2, "each is woken once");
        assert!(
            matches!(event.as_mut().poll(&mut cx), Poll::Ready(Err(error)) if error.message == "first")
        );
        assert!(turn.as_mut().poll(&mut cx).is_pending());
        gate.leave(inner.as_ref().unwrap());
        gate.leave(outer.as_ref().unwrap());
        assert!(matches!(gate.admits().now_or_never(), Some(Err(_))));
    }

    /// Whether the section under way is late, as its object's task asks.
    async fn is_late(clock: &mut SectionClock, gate: &InputGate) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(clock.poll_late(gate, cx))).await
    }

    #[tokio::test(start_paused = true)]
    async fn each_section_has_its_own_time() {
        const ALMOST: Duration = MAX_SECTION.saturating_sub(Duration::from_millis(1));
        let (gate, mut clock) = (InputGate::default(), SectionClock::default());
        assert!(!is_late(&mut clock, &gate).await);
        for _ in 0..3 {
            // Nobody looks while it is open in between.
            let section = gate.try_enter(&None).unwrap().ok();
            assert!(!is_late(&mut clock, &gate).await);
            tokio::time::advance(ALMOST).await;
            assert!(!is_late(&mut clock, &gate).await);
            gate.leave(section.as_ref().unwrap());
        }
        let outer = gate.try_enter(&None).unwrap().ok();
        assert!(!is_late(&mut clock, &gate).await);
        tokio::time::advance(ALMOST).await;
        let _inner = gate.try_enter(&outer).unwrap();
        assert!(!is_late(&mut clock, &gate).await);
        // Nobody but the clock wakes who waits for it.
        std::future::poll_fn(|cx| match clock.poll_late(&gate, cx) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    #[test]
    fn who_waits_when_a_queue_fails_is_told_and_who_comes_later_is_not() {
        let queue = Rc::new(Queue::default());
        let (first, second) = (queue.enter(), queue.enter());
        assert!(first.failure().is_none());
        queue.fail(Error::internal("reset"));
        let third = queue.enter();
        for place in [first, second] {
            assert!(place.first().now_or_never().is_some());
            assert!(
                place
                    .failure()
                    .is_some_and(|error| error.message == "reset")
            );
        }
        assert!(third.first().now_or_never().is_some() && third.failure().is_none());
    }

    #[test]
    fn a_queue_keeps_its_order() {
        let queue = Rc::new(Queue::default());
        let first = queue.enter();
        let second = queue.enter();
        let third = queue.enter();
        assert!(first.first().now_or_never().is_some());
        assert!(second.first().now_or_never().is_none());
        drop(second);
        assert!(third.first().now_or_never().is_none());
        drop(first);
        assert!(third.first().now_or_never().is_some());
    }

    #[test]
    fn what_leaves_waits_for_the_commits_before_it_alone() {
        let gate = OutputGate::default();
        gate.lock();
        let mut early = std::pin::pin!(gate.passed());
        assert!(early.as_mut().now_or_never().is_none());
        gate.lock();
        gate.confirm();
        assert!(matches!(early.as_mut().now_or_never(), Some(Ok(()))));
        assert!(gate.passed().now_or_never().is_none());
        gate.fail(Error::internal("disk full"));
        assert!(matches!(gate.passed().now_or_never(), Some(Err(_))));
    }
}
