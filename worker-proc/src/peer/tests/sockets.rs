//! WebSockets in responses: carried over the link, and connections passed as descriptors.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::Accepted;
use crate::service::WebSocket;
use crate::service::websocket::{self, Close, Deflate, MAX_MESSAGE_BYTES, Message, Role, Wire};

/// A process that answers every request with one end of a pair, and the other ends.
fn two() -> (Rc<PeerLinks>, Rc<PeerLinks>, Rc<RefCell<Vec<WebSocket>>>) {
    let ends = Rc::new(RefCell::new(Vec::new()));
    let kept = ends.clone();
    let (caller, callee) = pair(move |_| {
        let (near, far) = WebSocket::pair();
        kept.borrow_mut().push(near);
        async move { Ok(switching(far)) }
    });
    (caller, callee, ends)
}

fn switching(end: WebSocket) -> Response {
    Response {
        websocket: Some(end),
        ..Response::text(101, "")
    }
}

async fn connect(caller: &Rc<PeerLinks>) -> WebSocket {
    let stub = caller.actor(1, address());
    let response = stub.fetch(request(Body::Empty)).await.unwrap();
    assert_eq!(response.status, 101);
    response.websocket.unwrap()
}

fn text(text: &'static str) -> Message {
    Message::Text(Bytes::from_static(text.as_bytes()))
}

fn close(code: u16) -> Message {
    Message::Close(Close {
        code,
        reason: "bye".into(),
    })
}

async fn receive(end: &WebSocket) -> Result<Message, Error> {
    end.receive(MAX_MESSAGE_BYTES).await
}

async fn idle(processes: [&Rc<PeerLinks>; 2]) {
    settle().await;
    assert!(processes.iter().all(|process| process.is_idle()));
}

/// Counts the connections that are passed to a process.
fn take_connections(links: &PeerLinks) -> Rc<Cell<usize>> {
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    links.local().take_connections(Rc::new(move |socket, _| {
        counted.set(counted.get() + 1);
        Ok(Box::new(Accepted::passed(socket)?))
    }));
    count
}

/// A client, and its connection as a server has it.
fn connection(leftover: &'static [u8], deflate: Option<Deflate>) -> (tokio::net::UnixStream, Wire) {
    let (client, server) = tokio::net::UnixStream::pair().unwrap();
    let wire = Wire {
        stream: Box::new(Accepted::unix(server)),
        leftover: Bytes::from_static(leftover),
        role: Role::Server,
        deflate,
    };
    (client, wire)
}

#[tokio::test(flavor = "local")]
async fn messages_are_carried_both_ways() {
    let (caller, callee, ends) = two();
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    let big = Message::Binary(Bytes::from(vec![7; 3_000_000]));
    for message in [text("hello"), text(""), big] {
        for (from, to) in [(&here, &there), (&there, &here)] {
            let (sent, got) = tokio::join!(from.send(message.clone()), receive(to));
            sent.unwrap();
            assert!(got.unwrap() == message);
        }
    }
    let (sent, got) = tokio::join!(there.send(close(4001)), receive(&here));
    sent.unwrap();
    assert_eq!(got.unwrap(), close(4001));
    // The other direction goes on.
    let (sent, got) = tokio::join!(here.send(text("still")), receive(&there));
    sent.unwrap();
    assert_eq!(got.unwrap(), text("still"));
    here.send(close(1000)).await.unwrap();
    drop(here);
    assert_eq!(receive(&there).await.unwrap(), close(1000));
    assert!(receive(&there).await.is_err());
    drop(there);
    idle([&caller, &callee]).await;
}

#[tokio::test(flavor = "local")]
async fn a_receiver_that_is_slow_holds_the_sender() {
    let (caller, _callee, ends) = two();
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    let sent = Rc::new(Cell::new(0));
    let count = sent.clone();
    tokio::task::spawn_local(async move {
        let message = Message::Binary(Bytes::from(vec![7; 10_000]));
        while there.send(message.clone()).await.is_ok() {
            count.set(count.get() + 10_000);
        }
    });
    receive(&here).await.unwrap();
    settle().await;
    let before = sent.get();
    // One window at the receiver, one buffer at the sender, one read of each.
    assert!(before < 2 * WINDOW_BYTES + 60_000, "{before}");
    for _ in 0..100 {
        receive(&here).await.unwrap();
    }
    settle().await;
    assert!((500_000..1_200_000).contains(&sent.get()));
}

#[tokio::test(flavor = "local")]
async fn an_end_that_goes_is_lost_to_the_other() {
    let (caller, callee, ends) = two();
    // Before it is used.
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    drop(here);
    assert!(receive(&there).await.is_err());
    drop(there);
    let here = connect(&caller).await;
    drop(ends.borrow_mut().pop());
    assert!(receive(&here).await.is_err());
    drop(here);
    // In use.
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    let (_, got) = tokio::join!(here.send(text("a")), receive(&there));
    got.unwrap();
    drop(here);
    assert!(receive(&there).await.is_err());
    assert!(there.send(text("b")).await.is_err());
    drop(there);
    idle([&caller, &callee]).await;
    // With its process.
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    let unused = connect(&caller).await;
    let (_, got) = tokio::join!(here.send(text("a")), receive(&there));
    got.unwrap();
    callee.unlink(id(0, 1));
    for end in [&here, &there, &unused] {
        assert!(receive(end).await.is_err());
        assert!(end.is_lost());
    }
}

#[tokio::test(flavor = "local")]
async fn a_connection_moves_to_the_ends_own_process() {
    let (caller, callee, ends) = two();
    let taken = take_connections(&callee);
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    // A masked text frame that came right behind the handshake.
    let early = b"\x81\x82\0\0\0\0ab";
    let (mut client, wire) = connection(early, None);
    websocket::join(WebSocket::over(wire), here).await;
    assert_eq!(receive(&there).await.unwrap(), text("ab"));
    assert_eq!(taken.get(), 1);
    // No link is in between any more.
    callee.unlink(id(0, 1));
    idle([&caller, &callee]).await;
    client.write_all(b"\x81\x81\0\0\0\0c").await.unwrap();
    assert_eq!(receive(&there).await.unwrap(), text("c"));
    there.send(text("hi")).await.unwrap();
    let mut frame = [0; 4];
    client.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"\x81\x02hi");
    drop(client);
    assert!(receive(&there).await.is_err());
}

#[tokio::test(flavor = "local")]
async fn compression_moves_with_the_connection() {
    let (caller, callee, ends) = two();
    take_connections(&callee);
    let deflate = Deflate {
        server_no_context_takeover: true,
        client_max_window_bits: Some(12),
        ..Deflate::default()
    };
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    let (client, wire) = connection(b"", Some(deflate));
    let client = WebSocket::over(Wire {
        stream: Box::new(Accepted::unix(client)),
        leftover: Bytes::new(),
        role: Role::Client,
        deflate: Some(deflate),
    });
    websocket::join(WebSocket::over(wire), here).await;
    let long = Message::Text(Bytes::from("a".repeat(10_000)));
    for (from, to) in [(&client, &there), (&there, &client)] {
        let (sent, got) = tokio::join!(from.send(long.clone()), receive(to));
        sent.unwrap();
        assert_eq!(got.unwrap(), long);
    }
}

#[tokio::test(flavor = "local")]
async fn a_connection_in_a_response_is_passed_to_the_caller() {
    let clients = Rc::new(RefCell::new(Vec::new()));
    let kept = clients.clone();
    let (caller, callee) = pair(move |_| {
        let (client, wire) = connection(b"", None);
        kept.borrow_mut().push(client);
        async move { Ok(switching(WebSocket::over(wire))) }
    });
    let taken = take_connections(&caller);
    let here = connect(&caller).await;
    assert_eq!(taken.get(), 1);
    callee.unlink(id(0, 1));
    idle([&caller, &callee]).await;
    let mut client = clients.borrow_mut().pop().unwrap();
    client.write_all(b"\x81\x81\0\0\0\0c").await.unwrap();
    assert_eq!(receive(&here).await.unwrap(), text("c"));
}

#[tokio::test(flavor = "local")]
async fn a_connection_crosses_two_links() {
    let (middle, owner, ends) = two();
    let outer = process(
        place(2, 1),
        Rc::new(|_| Box::pin(async { Err(Error::internal("not here")) })),
    );
    let onward = middle.clone();
    middle
        .local()
        .serve(Rc::new(move |_| Ok(onward.actor(1, address()))));
    let taken = [&middle, &owner].map(|links| take_connections(links));
    join(&outer, &middle);
    let stub = outer.actor(0, address());
    let response = stub.fetch(request(Body::Empty)).await.unwrap();
    let (mut client, wire) = connection(b"", None);
    websocket::join(WebSocket::over(wire), response.websocket.unwrap()).await;
    let there = ends.borrow_mut().pop().unwrap();
    client.write_all(b"\x81\x81\0\0\0\0c").await.unwrap();
    assert_eq!(receive(&there).await.unwrap(), text("c"));
    assert_eq!(taken.map(|count| count.get()), [1, 1]);
    idle([&middle, &owner]).await;
}

#[tokio::test(flavor = "local")]
async fn what_cannot_be_passed_is_carried() {
    let (caller, callee, ends) = two();
    let taken = take_connections(&callee);
    let here = connect(&caller).await;
    let there = ends.borrow_mut().pop().unwrap();
    let (mut client, server) = tokio::io::duplex(1000);
    let client_end = WebSocket::over(Wire {
        stream: Box::new(server),
        leftover: Bytes::new(),
        role: Role::Server,
        deflate: None,
    });
    tokio::task::spawn_local(websocket::join(client_end, here));
    client.write_all(b"\x81\x81\0\0\0\0c").await.unwrap();
    assert_eq!(receive(&there).await.unwrap(), text("c"));
    let sent = tokio::task::spawn_local(async move {
        there.send(text("hi")).await.unwrap();
        there
    });
    let mut frame = [0; 4];
    client.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"\x81\x02hi");
    assert_eq!(taken.get(), 0);
    drop(client);
    assert!(receive(&sent.await.unwrap()).await.is_err());
    idle([&caller, &callee]).await;
}
