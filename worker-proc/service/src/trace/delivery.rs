//! Who is told, and the telling: each tail worker's event is a task of its own, which the traced worker never waits for.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::record::{Ancestors, Tail};
use crate::service::Service;

/// Tail events under way in the process; beyond them traces are dropped.
const MAX_TAIL_EVENTS: usize = 10_000;

/// The tail workers of a worker.
pub trait Tails {
    /// Those that are told of an event when it has ended.
    fn buffered(&self, ancestors: &Ancestors) -> Vec<Rc<dyn Service>>;
    /// Those that are told while it goes on.
    fn streaming(&self, ancestors: &Ancestors) -> Vec<Rc<dyn Service>>;
}

#[derive(Default)]
struct UnderWay {
    count: Cell<usize>,
    none: Notify,
}

thread_local! {
    static UNDER_WAY: Rc<UnderWay> = Rc::default();
}

/// Ends when no tail worker is being told anything.
pub async fn all_told() {
    let under_way = UNDER_WAY.with(Rc::clone);
    while under_way.count.get() > 0 {
        under_way.none.notified().await;
    }
}

/// Tells a tail worker. What comes of it is its own affair.
pub(super) fn tell(service: Rc<dyn Service>, tail: Tail) {
    // At the thread's end nothing can be begun any more.
    let Ok(under_way) = UNDER_WAY.try_with(Rc::clone) else {
        return;
    };
    if under_way.count.get() >= MAX_TAIL_EVENTS || tokio::runtime::Handle::try_current().is_err() {
        return;
    }
    under_way.count.set(under_way.count.get() + 1);
    let done = Done(under_way);
    tokio::task::spawn_local(async move {
        let _done = done;
        service.tail(tail).await;
    });
}

struct Done(Rc<UnderWay>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            self.0.none.notify_one();
        }
    }
}
