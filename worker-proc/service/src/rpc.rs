//! JavaScript RPC in neutral terms: calls on targets, what they carry, and their answers before they are there.
//!
//! The caller's side is `api/cloudflare/rpc` (or a peer link); the serving side is an object in an isolate, a promise of one, or a
//! link to another process. A target is released by dropping it, a call is cancelled by dropping its whole answer, and
//! calls on one target are delivered in the order in which they are made.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::body::Body;
use super::channel::BodyWriter;
use super::error::{Error, Kind};
use super::lasting::Lasting;
use super::service::Service;

/// The most bytes of one value, as in workerd.
pub const MAX_PAYLOAD_BYTES: usize = 32 << 20;

/// Calls that may wait for one answer to be made on what it returns.
pub const MAX_PIPELINED_CALLS: usize = 4096;

/// What is told of a call whose other side has ended.
pub const CONTEXT_ENDED: &str =
    "The execution context which hosts this callback is no longer running.";

/// What is told of a signal whose trigger's side has ended.
pub const TRIGGER_LOST: &str = "An AbortSignal received over RPC was implicitly aborted because the connection back to its trigger was lost.";

/// Something that can be called: an exported object or function, or a promise of one.
pub trait Target {
    /// Makes a call, or reads a property. Returns at once; never enters an isolate.
    fn call(self: Rc<Self>, call: Call) -> Answer;

    /// Whether a `[restore]()` has made it, and can again.
    fn is_restored(&self) -> bool {
        false
    }

    /// How it is found again if a stub of it is stored; none if it may not be.
    fn lasting(&self) -> Option<Lasting> {
        None
    }
}

/// One call on a target.
#[derive(Debug)]
pub struct Call {
    /// Properties to follow from the target. The last is what is called or read; none means the target itself.
    pub path: Vec<String>,
    /// What is done with it.
    pub operation: Operation,
}

impl Call {
    /// What the caller is told by services that are no workers.
    pub fn refused(&self) -> Answer {
        Answer::failed(match self.operation {
            Operation::Event(_) => {
                Error::internal("External HTTP servers don't support this event type.")
            }
            _ => Error::lost(),
        })
    }
}

/// What a call does.
#[derive(Debug)]
pub enum Operation {
    /// Reads the property.
    Get,
    /// Calls it. The payload is the array of arguments; one of no bytes stands for no arguments.
    Call(Payload),
    /// Delivers an event to an entrypoint or object, whose side answers with what became of it. The path is the handler's
    /// name and what tail workers are told: a queue's name and the number of its messages, or a schedule's time in
    /// milliseconds and its text. The payload is an array of what describes the event.
    Event(Payload),
}

/// A value on its way: V8's wire format, and the things that it cannot hold.
#[derive(Debug, Default)]
pub struct Payload {
    /// V8's wire format.
    pub bytes: Bytes,
    /// The value names them by index.
    pub externals: Vec<External>,
}

/// What passes by reference.
pub enum External {
    /// A stub, an `RpcTarget` or a function.
    Target(Rc<dyn Target>),
    /// A service binding or an object's stub.
    Service(Rc<dyn Service>),
    /// A ReadableStream of bytes.
    Readable(Body),
    /// A WritableStream of bytes: what the receiver writes goes to the sender.
    Writable(BodyWriter),
    /// An AbortSignal.
    Signal(Signal),
}

/// An AbortSignal: ends with the reason when it is aborted, with an error when its trigger is lost.
pub struct Signal(pub LocalBoxFuture<'static, Result<Payload, Error>>);

/// What a call will bring.
pub struct Answer {
    /// What it returns, once it is there.
    pub result: LocalBoxFuture<'static, Result<Returned, Error>>,
    /// What is called on the result, before it is there or after. If the result has a disposer, it runs once this is
    /// dropped.
    pub pipeline: Rc<dyn Target>,
}

/// What a call returned.
#[derive(Debug)]
pub struct Returned {
    /// What JavaScript returned.
    pub value: Payload,
    /// The value's own disposer is to run when the caller is through with it.
    pub has_disposer: bool,
}

impl Answer {
    /// An answer that is an error.
    pub fn failed(error: Error) -> Self {
        let (reply, answer) = answer();
        reply.finish(Err(error));
        answer
    }
}

impl std::fmt::Debug for External {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Target(_) => "Target",
            Self::Service(_) => "Service",
            Self::Readable(_) => "Readable",
            Self::Writable(_) => "Writable",
            Self::Signal(_) => "Signal",
        })
    }
}

/// The serving end of an [`Answer`]. Dropped without a word, it fails the call: its context has ended.
pub struct Reply {
    result: Option<oneshot::Sender<Result<Returned, Error>>>,
    pipeline: Rc<Promised>,
    interest: Option<oneshot::Receiver<()>>,
}

/// A reply that an event's start and its JavaScript share: whoever has something to say takes it.
pub type SharedReply = Rc<RefCell<Option<Reply>>>;

/// An answer, and the end by which it is given.
pub fn answer() -> (Reply, Answer) {
    let (sender, receiver) = oneshot::channel();
    let (token, interest) = oneshot::channel();
    let token = Rc::new(Interest { _end: token });
    let pipeline = Promised::new();
    let answer = Answer {
        result: Box::pin(Pending {
            receiver,
            _interest: token.clone(),
        }),
        pipeline: Rc::new(Pipeline {
            promised: pipeline.clone(),
            _interest: token,
        }),
    };
    let reply = Reply {
        result: Some(sender),
        pipeline,
        interest: Some(interest),
    };
    (reply, answer)
}

impl Reply {
    /// What is called on the result goes to `target`, from now on; what was called already goes first.
    pub fn pipeline(&self, target: Rc<dyn Target>) {
        self.pipeline.settle(Ok(target));
    }

    /// The result. An error is told to all that was called on it as well.
    pub fn finish(mut self, result: Result<Returned, Error>) {
        self.end(result);
    }

    fn end(&mut self, result: Result<Returned, Error>) {
        let Some(sender) = self.result.take() else {
            return;
        };
        if let Err(error) = &result {
            self.pipeline.settle(Err(error.clone()));
        }
        let _ = sender.send(result);
    }

    /// Ends when the caller has dropped the whole answer. Only the first future does.
    pub fn cancelled(&mut self) -> impl Future<Output = ()> + 'static {
        let interest = self.interest.take();
        async move {
            match interest {
                Some(interest) => drop(interest.await),
                None => std::future::pending().await,
            }
        }
    }

    /// The same for who may yet pass it on: whether the caller has.
    pub fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let interest = self.interest.as_mut();
        interest.map_or(Poll::Pending, |interest| {
            Pin::new(interest).poll(cx).map(drop)
        })
    }

    /// Answers with another answer.
    pub fn forward(mut self, answer: Answer) {
        let cancelled = self.cancelled();
        tokio::task::spawn_local(self.forward_until(answer, cancelled));
    }

    /// The same for who has asked for [`Self::cancelled`] already: the future ends with the call.
    pub fn forward_until(
        self,
        answer: Answer,
        cancelled: impl Future<Output = ()>,
    ) -> impl Future<Output = ()> {
        let Answer { result, pipeline } = answer;
        self.pipeline(pipeline);
        async move {
            tokio::select! {
                result = result => self.finish(result),
                () = cancelled => {}
            }
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.end(Err(Error::new(Kind::Worker, CONTEXT_ENDED)));
    }
}

/// Its end tells the serving side that nobody waits any more.
struct Interest {
    _end: oneshot::Sender<()>,
}

struct Pending {
    receiver: oneshot::Receiver<Result<Returned, Error>>,
    _interest: Rc<Interest>,
}

impl Future for Pending {
    type Output = Result<Returned, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver)
            .poll(cx)
            .map(|result| result.unwrap_or_else(|_| Err(Error::new(Kind::Worker, CONTEXT_ENDED))))
    }
}

struct Pipeline {
    promised: Rc<Promised>,
    _interest: Rc<Interest>,
}

impl Target for Pipeline {
    fn call(self: Rc<Self>, call: Call) -> Answer {
        self.promised.clone().call(call)
    }
}

/// A target that is to come: calls wait for it, in order, then go straight on.
pub struct Promised(RefCell<State>);

enum State {
    Waiting(VecDeque<(Call, Reply)>),
    Ready(Rc<dyn Target>),
    Broken(Error),
}

impl Promised {
    /// One that nobody has settled yet: calls wait.
    pub fn new() -> Rc<Self> {
        Rc::new(Self(RefCell::new(State::Waiting(VecDeque::new()))))
    }

    /// The target is there, or never will be; the first call counts.
    pub fn settle(&self, target: Result<Rc<dyn Target>, Error>) {
        let settled = match &target {
            Ok(target) => State::Ready(target.clone()),
            Err(error) => State::Broken(error.clone()),
        };
        let mut state = self.0.borrow_mut();
        let State::Waiting(waiting) = &mut *state else {
            return;
        };
        let waiting = std::mem::take(waiting);
        *state = settled;
        drop(state);
        for (call, reply) in waiting {
            match &target {
                Ok(target) => reply.forward(target.clone().call(call)),
                Err(error) => reply.finish(Err(error.clone())),
            }
        }
    }
}

impl Target for Promised {
    fn call(self: Rc<Self>, call: Call) -> Answer {
        let target = match &mut *self.0.borrow_mut() {
            State::Ready(target) => target.clone(),
            State::Broken(error) => return Answer::failed(error.clone()),
            State::Waiting(waiting) if waiting.len() >= MAX_PIPELINED_CALLS => {
                return Answer::failed(Error::overloaded("Too many calls wait for one answer."));
            }
            State::Waiting(waiting) => {
                let (reply, answer) = answer();
                waiting.push_back((call, reply));
                return answer;
            }
        };
        target.call(call)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// Answers with the calls' paths, and records their order.
    #[derive(Default)]
    struct Recorder(RefCell<Vec<String>>);

    impl Target for Recorder {
        fn call(self: Rc<Self>, call: Call) -> Answer {
            self.0.borrow_mut().push(call.path.join("."));
            let (reply, answer) = answer();
            let bytes = Bytes::from(call.path.join("."));
            reply.pipeline(self);
            reply.finish(Ok(Returned {
                value: Payload {
                    bytes,
                    externals: Vec::new(),
                },
                has_disposer: false,
            }));
            answer
        }
    }

    fn get(name: &str) -> Call {
        Call {
            path: vec![name.to_owned()],
            operation: Operation::Get,
        }
    }

    async fn local<T>(test: impl Future<Output = T>) -> T {
        tokio::task::LocalSet::new().run_until(test).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn calls_on_an_answer_wait_for_it_in_order() {
        local(async {
            let recorder = Rc::new(Recorder::default());
            let (reply, answer) = answer();
            let first = answer.pipeline.clone().call(get("a"));
            let nested = first.pipeline.clone().call(get("c"));
            let second = answer.pipeline.clone().call(get("b"));
            reply.pipeline(recorder.clone());
            let third = answer.pipeline.clone().call(get("d"));
            for (call, name) in [(first, "a"), (second, "b"), (nested, "c"), (third, "d")] {
                assert_eq!(call.result.await.unwrap().value.bytes, name);
            }
            assert_eq!(*recorder.0.borrow(), ["a", "c", "b", "d"]);
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_error_reaches_what_was_called_on_it() {
        local(async {
            let (reply, answer) = answer();
            let before = answer.pipeline.clone().call(get("a"));
            reply.finish(Err(Error::internal("no")));
            let after = answer.pipeline.clone().call(get("b"));
            for result in [answer.result.await, before.result.await, after.result.await] {
                assert_eq!(result.unwrap_err().message, "no");
            }
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_reply_learns_when_nobody_waits() {
        let (mut reply, answer) = answer();
        let Answer { result, pipeline } = answer;
        drop(result);
        let mut cancelled = Box::pin(reply.cancelled());
        assert!((&mut cancelled).now_or_never().is_none());
        drop(pipeline);
        cancelled.await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_lost_reply_fails_the_call() {
        let (reply, answer) = answer();
        drop(reply);
        assert_eq!(answer.result.await.unwrap_err().message, CONTEXT_ENDED);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn waiting_calls_are_bounded() {
        let (_reply, answer) = answer();
        let calls: Vec<_> = (0..MAX_PIPELINED_CALLS)
            .map(|_| answer.pipeline.clone().call(get("a")))
            .collect();
        let refused = answer.pipeline.clone().call(get("a")).result.await;
        assert!(refused.unwrap_err().flags.overloaded);
        drop(calls);
    }
}
