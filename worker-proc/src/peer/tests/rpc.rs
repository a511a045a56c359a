//! JavaScript RPC: calls, what they carry, and what becomes of it.

use super::*;
use crate::service::rpc::{
    Answer, CONTEXT_ENDED, Call, External, Operation, Payload, Returned, Signal, TRIGGER_LOST,
    Target, answer,
};
use crate::service::{Designation, rpc};

/// A target that a test writes.
struct Script<F>(F);

impl<F: Fn(Call) -> Answer> Target for Script<F> {
    fn call(self: Rc<Self>, call: Call) -> Answer {
        (self.0)(call)
    }
}

fn script(answer: impl Fn(Call) -> Answer + 'static) -> Rc<dyn Target> {
    Rc::new(Script(answer))
}

/// An object that does what a target does.
struct Callable(Rc<dyn Target>);

impl Service for Callable {
    fn fetch(self: Rc<Self>, _: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async { Ok(Response::text(200, "fetched")) })
    }

    fn rpc(self: Rc<Self>, call: Call) -> Answer {
        self.0.clone().call(call)
    }
}

/// A process whose objects do what the target does.
fn callable(place: ProcessPlace, target: Rc<dyn Target>) -> Rc<PeerLinks> {
    let links = PeerLinks::new(place);
    links
        .local()
        .serve(Rc::new(move |_| Ok(Rc::new(Callable(target.clone())))));
    links
}

/// A process that calls, one that answers, and a stub in the first of an object in the second.
fn two(
    answer: impl Fn(Call) -> Answer + 'static,
) -> (Rc<PeerLinks>, Rc<PeerLinks>, Rc<dyn Service>) {
    let nothing = script(|_| Answer::failed(Error::internal("not here")));
    let caller = callable(place(0, 1), nothing);
    let callee = callable(place(1, 1), script(answer));
    join(&caller, &callee);
    let stub = caller.actor(1, address());
    (caller, callee, stub)
}

fn payload(bytes: impl Into<Bytes>, externals: Vec<External>) -> Payload {
    Payload {
        bytes: bytes.into(),
        externals,
    }
}

fn returned(value: Payload) -> Returned {
    Returned {
        value,
        has_disposer: false,
    }
}

/// An answer that is there; calls on it go to `target`.
fn give(value: Payload, target: Option<Rc<dyn Target>>) -> Answer {
    let (reply, answer) = answer();
    if let Some(target) = target {
        reply.pipeline(target);
    }
    reply.finish(Ok(returned(value)));
    answer
}

fn get(name: &str) -> Call {
    Call {
        path: vec![name.to_owned()],
        operation: Operation::Get,
    }
}

fn with(name: &str, arguments: Payload) -> Call {
    Call {
        path: vec![name.to_owned()],
        operation: Operation::Call(arguments),
    }
}

fn arguments(call: Call) -> Payload {
    match call.operation {
        Operation::Call(payload) | Operation::Event(payload) => payload,
        Operation::Get => Payload::default(),
    }
}

async fn value(answer: Answer) -> Payload {
    answer.result.await.unwrap().value
}

fn only(mut payload: Payload) -> External {
    assert_eq!(payload.externals.len(), 1);
    payload.externals.remove(0)
}

fn target(external: External) -> Rc<dyn Target> {
    match external {
        External::Target(target) => target,
        other => panic!("{other:?}"),
    }
}

async fn idle(processes: &[&Rc<PeerLinks>]) {
    settle().await;
    for process in processes {
        assert!(process.is_idle(), "process {}", process.place().slot);
    }
}

#[tokio::test(flavor = "local")]
async fn calls_and_values_cross() {
    let (caller, callee, stub) = two(|call| {
        let path = call.path.join(".");
        let text = match call.operation {
            Operation::Get => format!("get {path}"),
            Operation::Call(payload) => format!("call {path} {:?}", payload.bytes),
            Operation::Event(payload) => format!("event {path} {:?}", payload.bytes),
        };
        give(payload(text, vec![]), None)
    });
    let mut deep = get("a");
    deep.path.push("b".into());
    assert_eq!(value(stub.clone().rpc(deep)).await.bytes, "get a.b");
    let call = with("f", payload("x", vec![]));
    assert_eq!(value(stub.clone().rpc(call)).await.bytes, "call f b\"x\"");
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn values_of_every_length_cross() {
    let (caller, callee, stub) = two(|call| give(arguments(call), None));
    for length in [0, 1, 4096, 4097, 600_000, rpc::MAX_PAYLOAD_BYTES] {
        let bytes = Bytes::from((0..length).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        let call = with("echo", payload(bytes.clone(), vec![]));
        let small = stub.clone().rpc(with("echo", payload("small", vec![])));
        let answer = stub.clone().rpc(call);
        assert_eq!(value(small).await.bytes, "small");
        assert!(value(answer).await.bytes == bytes, "{length}");
    }
    let long = vec![0; rpc::MAX_PAYLOAD_BYTES + 1];
    let refused = stub.rpc(with("echo", payload(long, vec![])));
    assert!(refused.result.await.is_err());
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn errors_cross_with_all_they_have() {
    let (_caller, _callee, stub) = two(|call| {
        let mut error = Error::new(Kind::Worker, "m".repeat(200_000));
        error.class = Class::RangeError;
        error.actor = Some([5; 32]);
        error.flags = Flags {
            retryable: true,
            overloaded: true,
            durable_object_reset: true,
            ..Flags::default()
        };
        let length = if call.path[0] == "long" { 600_000 } else { 3 };
        error.exception = Some(Bytes::from(vec![7; length]));
        Answer::failed(error)
    });
    let error = stub.clone().rpc(get("a")).result.await.unwrap_err();
    assert_eq!(
        (error.kind, &*error.class.name()),
        (Kind::Worker, "RangeError")
    );
    assert_eq!(error.actor, Some([5; 32]));
    assert_eq!(error.exception.as_deref(), Some(&[7, 7, 7][..]));
    let flags = error.flags;
    assert!(flags.retryable && flags.overloaded && flags.durable_object_reset);
    assert!(error.message.len() > 100_000 && error.message.len() < 200_000);
    // What is too long for a frame is left out, and the call is answered.
    let error = stub.rpc(get("long")).result.await.unwrap_err();
    assert!(error.exception.is_none());
}

#[tokio::test(flavor = "local")]
async fn calls_on_one_stub_and_on_its_results_arrive_in_order() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let list = seen.clone();
    let (caller, callee, stub) = two(move |call| {
        list.borrow_mut().push(call.path[0].clone());
        let list = list.clone();
        let inner = script(move |call| {
            list.borrow_mut().push(call.path[0].clone());
            give(payload(call.path[0].clone(), vec![]), None)
        });
        give(Payload::default(), Some(inner))
    });
    let first = stub.clone().rpc(get("1"));
    let on_first: Vec<_> = ["2", "3"]
        .map(|name| first.pipeline.clone().call(get(name)))
        .into();
    let second = stub.clone().rpc(get("4"));
    // Nobody waits for the first itself, only for what is called on it.
    drop(first.result);
    for (answer, name) in on_first.into_iter().zip(["2", "3"]) {
        assert_eq!(value(answer).await.bytes, name);
    }
    value(second).await;
    assert_eq!(*seen.borrow(), ["1", "2", "3", "4"]);
    let late = first.pipeline.call(get("5"));
    assert_eq!(value(late).await.bytes, "5");
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn a_call_on_what_will_never_be_fails_as_it_does() {
    let (_caller, _callee, stub) = two(|_| Answer::failed(Error::internal("no")));
    let first = stub.rpc(get("a"));
    let second = first.pipeline.clone().call(get("b"));
    let third = second.pipeline.clone().call(get("c"));
    for answer in [first, second, third] {
        assert_eq!(answer.result.await.unwrap_err().message, "no");
    }
}

#[tokio::test(flavor = "local")]
async fn a_target_can_be_called_back_until_it_is_dropped() {
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    let (caller, callee, stub) = two(move |call| {
        let callback = target(only(arguments(call)));
        *keep.borrow_mut() = Some(callback.clone());
        callback.call(get("back"))
    });
    let dropped = Rc::new(Cell::new(false));
    let guard = Dropped(dropped.clone());
    let callback = script(move |call| {
        let _ = &guard;
        give(payload(call.path[0].clone(), vec![]), None)
    });
    let call = with("f", payload("", vec![External::Target(callback)]));
    assert_eq!(value(stub.clone().rpc(call)).await.bytes, "back");
    settle().await;
    assert!(!dropped.get());
    let callback = kept.take().unwrap();
    assert_eq!(value(callback.call(get("again"))).await.bytes, "again");
    settle().await;
    assert!(dropped.get());
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn what_comes_back_is_the_thing_itself() {
    let (caller, callee, stub) = two(|call| give(arguments(call), None));
    let ours = script(|_| give(Payload::default(), None));
    let service: Rc<dyn Service> = Rc::new(Callable(ours.clone()));
    let externals = vec![
        External::Target(ours.clone()),
        External::Service(service.clone()),
    ];
    let call = with("echo", payload("", externals));
    let mut back = value(stub.clone().rpc(call)).await.externals.into_iter();
    assert!(Rc::ptr_eq(&target(back.next().unwrap()), &ours));
    match back.next().unwrap() {
        External::Service(back) => assert!(Rc::ptr_eq(&back, &service)),
        other => panic!("{other:?}"),
    }
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn a_stub_handed_on_to_a_third_process_works() {
    let inner = script(|call| give(payload(call.path[0].clone(), vec![]), None));
    let give_inner = move |_| {
        let external = External::Target(inner.clone());
        give(payload("", vec![external]), None)
    };
    let (middle, owner, stub) = two(give_inner);
    let third = callable(
        place(2, 1),
        script(|call| target(only(arguments(call))).call(get("from the third"))),
    );
    join(&middle, &third);
    let gift = only(value(stub.rpc(get("stub"))).await);
    let other = middle.actor(2, address());
    let answer = other.rpc(with("take", payload("", vec![gift])));
    assert_eq!(value(answer).await.bytes, "from the third");
    idle(&[&middle, &owner, &third]).await;
}

#[tokio::test(flavor = "local")]
async fn dropping_the_whole_answer_cancels_the_call() {
    let cancelled = Rc::new(Cell::new(false));
    let seen = cancelled.clone();
    let (caller, callee, stub) = two(move |_| {
        let (mut reply, answer) = answer();
        let seen = seen.clone();
        tokio::task::spawn_local(async move {
            reply.cancelled().await;
            seen.set(true);
        });
        answer
    });
    let answer = stub.clone().rpc(get("hang"));
    settle().await;
    drop(answer.result);
    settle().await;
    assert!(!cancelled.get());
    drop(answer.pipeline);
    settle().await;
    assert!(cancelled.get());
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn a_result_is_held_for_as_long_as_it_can_be_called() {
    let dropped = Rc::new(Cell::new(false));
    let seen = dropped.clone();
    let (caller, callee, stub) = two(move |_| {
        let guard = Dropped(seen.clone());
        let inner = script(move |_| {
            let _ = &guard;
            give(Payload::default(), None)
        });
        let (reply, answer) = answer();
        reply.pipeline(inner);
        reply.finish(Ok(Returned {
            value: Payload::default(),
            has_disposer: true,
        }));
        answer
    });
    let Answer { result, pipeline } = stub.clone().rpc(get("a"));
    assert!(result.await.unwrap().has_disposer);
    settle().await;
    assert!(!dropped.get());
    drop(pipeline);
    settle().await;
    assert!(dropped.get());
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn readable_streams_cross_and_hold_their_writers() {
    let written = Rc::new(Cell::new(0));
    let count = written.clone();
    let refused = Rc::new(RefCell::new(None));
    let reason = refused.clone();
    let (caller, callee, stub) = two(move |_| {
        let (writer, body) = channel(None);
        let (count, reason) = (count.clone(), reason.clone());
        tokio::task::spawn_local(async move {
            loop {
                match writer.write(Bytes::from(vec![1; 10_000])).await {
                    Ok(()) => count.set(count.get() + 10_000),
                    Err(error) => return *reason.borrow_mut() = Some(error.message),
                }
            }
        });
        give(payload("", vec![External::Readable(body)]), None)
    });
    let External::Readable(mut body) = only(value(stub.clone().rpc(get("r"))).await) else {
        panic!("no stream");
    };
    settle().await;
    assert!(written.get() <= WINDOW_BYTES + MAX_WAITING_BYTES + 40_000);
    let mut got = 0;
    while got < 500_000 {
        got += chunk(&mut body).await.unwrap().unwrap().len();
        assert!(written.get() <= got + WINDOW_BYTES + MAX_WAITING_BYTES + 40_000);
    }
    body.refuse(Error::new(Kind::Worker, "enough"));
    settle().await;
    assert_eq!(refused.take().as_deref(), Some("enough"));
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn an_empty_and_a_sized_stream_keep_their_lengths() {
    let (caller, callee, stub) = two(|call| give(arguments(call), None));
    let sized = Body::from(Bytes::from_static(b"hello"));
    let externals = [Body::Empty, sized].map(External::Readable).into();
    let back = value(stub.clone().rpc(with("echo", payload("", externals)))).await;
    let mut bodies = back.externals.into_iter().map(|external| match external {
        External::Readable(body) => body,
        other => panic!("{other:?}"),
    });
    let (empty, sized) = (bodies.next().unwrap(), bodies.next().unwrap());
    assert_eq!((empty.length(), sized.length()), (Some(0), Some(5)));
    assert_eq!(read(empty).await.unwrap(), b"");
    assert_eq!(read(sized).await.unwrap(), b"hello");
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn writable_streams_cross_and_hold_their_writers() {
    let written = Rc::new(Cell::new(0));
    let failed = Rc::new(RefCell::new(None));
    let (count, failure) = (written.clone(), failed.clone());
    let (caller, callee, stub) = two(move |call| {
        let name = call.path[0].clone();
        let External::Writable(writer) = only(arguments(call)) else {
            panic!("no stream");
        };
        let (count, failure) = (count.clone(), failure.clone());
        tokio::task::spawn_local(async move {
            if name == "short" {
                writer.write(Bytes::from_static(b"abc")).await.unwrap();
                return writer.finish();
            }
            if name == "cut" {
                return writer.write(Bytes::from_static(b"abc")).await.unwrap();
            }
            loop {
                match writer.write(Bytes::from(vec![1; 10_000])).await {
                    Ok(()) => count.set(count.get() + 10_000),
                    Err(error) => return *failure.borrow_mut() = Some(error.message),
                }
            }
        });
        give(Payload::default(), None)
    });
    let open = |name| {
        let (writer, body) = channel(None);
        let call = with(name, payload("", vec![External::Writable(writer)]));
        (stub.clone().rpc(call), body)
    };
    let (answer, body) = open("short");
    value(answer).await;
    assert_eq!(read(body).await.unwrap(), b"abc");
    let (answer, body) = open("cut");
    value(answer).await;
    assert_eq!(
        read(body).await.unwrap_err().message,
        "Network connection lost."
    );
    let (answer, mut body) = open("long");
    value(answer).await;
    settle().await;
    assert!((WINDOW_BYTES / 2..WINDOW_BYTES + MAX_WAITING_BYTES + 60_000).contains(&written.get()));
    let mut got = 0;
    while got < 500_000 {
        got += chunk(&mut body).await.unwrap().unwrap().len();
    }
    body.refuse(Error::new(Kind::Worker, "full"));
    settle().await;
    assert_eq!(failed.take().as_deref(), Some("full"));
    drop(stub);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn signals_cross() {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keep = kept.clone();
    let (caller, callee, stub) = two(move |call| {
        let External::Signal(signal) = only(arguments(call)) else {
            panic!("no signal");
        };
        keep.borrow_mut().push(signal);
        give(Payload::default(), None)
    });
    let send = async || {
        let (sender, receiver) = tokio::sync::oneshot::channel::<Payload>();
        let gone = Rc::new(Cell::new(false));
        let guard = Dropped(gone.clone());
        let signal = Signal(Box::pin(async move {
            let _guard = guard;
            receiver
                .await
                .map_err(|_| Error::new(Kind::Disconnected, "trigger lost"))
        }));
        let call = with("s", payload("", vec![External::Signal(signal)]));
        value(stub.clone().rpc(call)).await;
        (sender, gone, kept.borrow_mut().pop().unwrap())
    };
    let (sender, _, signal) = send().await;
    assert!(sender.send(payload(vec![9; 100_000], vec![])).is_ok());
    assert_eq!(signal.0.await.unwrap().bytes, vec![9; 100_000]);

    let (sender, _, signal) = send().await;
    drop(sender);
    assert_eq!(signal.0.await.unwrap_err().message, "trigger lost");

    let (sender, gone, signal) = send().await;
    assert!(!gone.get());
    drop(signal);
    settle().await;
    assert!(gone.get() && sender.is_closed());

    let (_sender, _, signal) = send().await;
    callee.unlink(id(0, 1));
    assert_eq!(signal.0.await.unwrap_err().message, TRIGGER_LOST);
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn a_service_is_found_again_or_reached_through_its_process() {
    struct Named;
    impl Service for Named {
        fn fetch(self: Rc<Self>, _: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
            Box::pin(async { Ok(Response::text(200, "the sender's")) })
        }
        fn designation(&self) -> Option<Designation> {
            Some(Designation::Entrypoint {
                service: "app".into(),
                entrypoint: Some("E".into()),
                props: Some("{}".into()),
            })
        }
    }
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    let (caller, callee, stub) = two(move |call| {
        match only(arguments(call)) {
            External::Service(service) => *keep.borrow_mut() = Some(service),
            other => panic!("{other:?}"),
        }
        give(Payload::default(), None)
    });
    let found = Rc::new(RefCell::new(Vec::new()));
    let list = found.clone();
    callee.local().name_services(Rc::new(move |designation| {
        list.borrow_mut().push(designation);
        Some(Rc::new(Callable(script(|_| {
            give(Payload::default(), None)
        }))))
    }));
    let send = async |service: Rc<dyn Service>| {
        let call = with("s", payload("", vec![External::Service(service)]));
        value(stub.clone().rpc(call)).await;
        kept.take().unwrap()
    };
    let fetched = async |service: Rc<dyn Service>| {
        let answer = service.fetch(request(Body::from(Bytes::from("x")))).await;
        read(answer.unwrap().body).await.unwrap()
    };
    assert_eq!(fetched(send(Rc::new(Named)).await).await, b"fetched");
    let object = caller.actor(1, address());
    assert_eq!(fetched(send(object).await).await, b"fetched");
    assert_eq!(
        *found.borrow(),
        [Named.designation().unwrap(), Designation::Actor(address())]
    );
    let plain = Rc::new(Object(Rc::new(|request: Request| {
        Box::pin(async move { Ok(response(request.body)) })
    })));
    let carried = send(plain).await;
    assert_eq!(fetched(carried.clone()).await, b"x");
    let refused = carried.clone().rpc(get("a")).result.await;
    assert_eq!(refused.unwrap_err().message, "Network connection lost.");
    drop((carried, stub));
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn a_peer_that_dies_breaks_what_it_gave() {
    let dropped = Rc::new(Cell::new(false));
    let seen = dropped.clone();
    let (caller, callee, stub) = two(move |call| match call.path[0].as_str() {
        "hang" => {
            let (reply, answer) = answer();
            std::mem::forget(reply);
            answer
        }
        _ => {
            let guard = Dropped(seen.clone());
            let inner = script(move |_| {
                let _ = &guard;
                give(Payload::default(), None)
            });
            give(payload("", vec![External::Target(inner)]), None)
        }
    });
    let given = target(only(value(stub.clone().rpc(get("stub"))).await));
    let waiting = stub.clone().rpc(get("hang"));
    let on_waiting = waiting.pipeline.clone().call(get("a"));
    settle().await;
    callee.unlink(id(0, 1));
    for answer in [waiting, on_waiting] {
        let error = answer.result.await.unwrap_err();
        assert_eq!(error.message, "Network connection lost.");
        assert!(error.flags.retryable && error.kind == Kind::Disconnected);
    }
    let error = given.clone().call(get("a")).result.await.unwrap_err();
    assert_eq!(error.kind, Kind::Disconnected);
    settle().await;
    assert!(dropped.get());
    // A new link does not mend what the old one gave, but the object is reached again.
    join(&caller, &callee);
    assert!(given.call(get("a")).result.await.is_err());
    value(stub.rpc(get("stub"))).await;
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn calls_wait_for_a_process_that_is_away() {
    let (caller, callee, stub) = two(|call| {
        let inner = script(|call| give(payload(call.path[0].clone(), vec![]), None));
        give(payload(call.path[0].clone(), vec![]), Some(inner))
    });
    callee.unlink(id(0, 1));
    settle().await;
    let kept = stub.clone().rpc(get("kept"));
    let on_kept = kept.pipeline.clone().call(get("inner"));
    drop(stub.clone().rpc(get("dropped")));
    join(&caller, &callee);
    assert_eq!(value(kept).await.bytes, "kept");
    assert_eq!(value(on_kept).await.bytes, "inner");
    // Not for ever.
    callee.unlink(id(0, 1));
    settle().await;
    let began = tokio::time::Instant::now();
    let error = stub.rpc(get("a")).result.await.unwrap_err();
    assert!(error.flags.retryable);
    assert_eq!(
        began.elapsed().as_secs(),
        remote::MAX_WAIT_FOR_PEER.as_secs()
    );
}

#[tokio::test(flavor = "local")]
async fn calls_and_what_they_carry_are_bounded() {
    let (caller, callee, stub) = two(|call| match call.path[0].as_str() {
        "hang" => {
            let (reply, answer) = answer();
            tokio::task::spawn_local(async move {
                std::future::pending::<()>().await;
                drop(reply);
            });
            answer
        }
        _ => give(arguments(call), None),
    });
    let calls: Vec<_> = (0..MAX_CALLS_PER_OBJECT)
        .map(|_| stub.clone().rpc(get("hang")))
        .collect();
    let refused = stub.clone().rpc(get("a")).result.await.unwrap_err();
    assert!(refused.flags.overloaded);
    settle().await;
    drop(calls);
    settle().await;
    // What an object gives counts for it.
    let given = stub.clone().rpc(get("hang"));
    let calls: Vec<_> = (1..MAX_CALLS_PER_OBJECT)
        .map(|_| given.pipeline.clone().call(get("hang")))
        .collect();
    let refused = stub.clone().rpc(get("a")).result.await.unwrap_err();
    assert!(refused.flags.overloaded);
    settle().await;
    drop((given, calls));
    settle().await;
    let ours = script(|_| give(Payload::default(), None));
    let many = |count| {
        let externals = std::iter::repeat_with(|| External::Target(ours.clone()));
        with("echo", payload("", externals.take(count).collect()))
    };
    let most = value(stub.clone().rpc(many(values::MAX_EXTERNALS_PER_VALUE))).await;
    assert_eq!(most.externals.len(), values::MAX_EXTERNALS_PER_VALUE);
    drop(most);
    let more = stub.clone().rpc(many(values::MAX_EXTERNALS_PER_VALUE + 1));
    assert!(more.result.await.is_err());
    let long = get(&"p".repeat(100_000));
    assert!(stub.clone().rpc(long).result.await.is_err());
    assert_eq!(
        value(stub.rpc(with("echo", payload("x", vec![]))))
            .await
            .bytes,
        "x"
    );
    idle(&[&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn a_reply_that_is_lost_says_so_to_the_other_process() {
    let (_caller, _callee, stub) = two(|_| answer().1);
    let error = stub.rpc(get("a")).result.await.unwrap_err();
    assert_eq!(error.message, CONTEXT_ENDED);
}

#[tokio::test(flavor = "local")]
async fn calls_that_nobody_waits_for_leave_their_places() {
    let (caller, callee, stub) = two(|_| give(Payload::default(), None));
    callee.unlink(id(0, 1));
    settle().await;
    let calls: Vec<_> = (0..MAX_CALLS_PER_OBJECT)
        .map(|_| stub.clone().rpc(get("a")))
        .collect();
    let refused = stub.clone().rpc(get("a")).result.await;
    assert!(refused.err().unwrap().flags.overloaded);
    drop(calls);
    settle().await;
    tokio::time::sleep(SWEEP_INTERVAL).await;
    let again = stub.rpc(get("a"));
    join(&caller, &callee);
    value(again).await;
}
