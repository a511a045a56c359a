//! Tests of ends: pairs, connections, and joining.

use std::cell::Cell;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

fn over(stream: DuplexStream, role: Role, deflate: Option<Deflate>) -> WebSocket {
    WebSocket::over(Wire {
        stream: Box::new(stream),
        leftover: Bytes::new(),
        role,
        deflate,
    })
}

fn connection(deflate: Option<Deflate>) -> (WebSocket, WebSocket) {
    let (near, far) = tokio::io::duplex(1000);
    (
        over(near, Role::Client, deflate),
        over(far, Role::Server, deflate),
    )
}

fn text(text: &'static str) -> Message {
    Message::Text(Bytes::from_static(text.as_bytes()))
}

fn close(code: u16) -> Message {
    Message::Close(Close {
        code,
        reason: "so".to_owned(),
    })
}

/// Runs on a thread of its own kind: ends spawn local tasks.
fn run(test: impl Future<Output = ()> + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    runtime.unwrap().block_on(test);
}

async fn exchange(a: &WebSocket, b: &WebSocket) {
    let big = Message::Binary(Bytes::from(vec![7; 300_000]));
    for message in [text("one"), text(""), big, text("tw\u{f6}"), close(3000)] {
        let (sent, received) = tokio::join!(a.send(message.clone()), b.receive(MAX_MESSAGE_BYTES));
        sent.unwrap();
        assert_eq!(received.unwrap(), message);
    }
}

#[test]
fn messages_pass_both_ways() {
    run(async {
        let deflate = Some(Deflate::default());
        for (a, b) in [WebSocket::pair(), connection(None), connection(deflate)] {
            exchange(&a, &b).await;
            exchange(&b, &a).await;
        }
    });
}

#[test]
fn a_dropped_end_is_lost_to_the_other() {
    run(async {
        for (a, b) in [WebSocket::pair(), connection(None)] {
            drop(a);
            assert!(b.receive(MAX_MESSAGE_BYTES).await.is_err());
            assert!(b.is_lost());
            assert!(b.send(text("x")).await.is_err());
        }
    });
}

#[test]
fn a_pair_lets_a_connection_take_an_ends_place() {
    run(async {
        for used in [false, true] {
            let (client, server) = connection(None);
            let (kept, given) = WebSocket::pair();
            if used {
                // Sent before there was a connection: its sender still waits.
                let (sent, (), received) = tokio::join!(
                    kept.send(text("early")),
                    join(server, given),
                    client.receive(100)
                );
                sent.unwrap();
                assert_eq!(received.unwrap(), text("early"));
            } else {
                join(server, given).await;
            }
            exchange(&client, &kept).await;
            exchange(&kept, &client).await;
        }
    });
}

#[test]
fn two_connections_are_relayed() {
    run(async {
        let deflate = Some(Deflate::default());
        // The same compression on both, and not: bytes are passed on, or messages.
        for (first, second) in [(None, None), (deflate, None), (deflate, deflate)] {
            let ((client, a), (b, server)) = (connection(first), connection(second));
            tokio::task::spawn_local(join(a, b));
            exchange(&client, &server).await;
            exchange(&server, &client).await;
        }
    });
}

#[test]
fn a_connection_is_given_back_until_it_is_used() {
    run(async {
        let (client, server) = connection(None);
        let (kept, given) = WebSocket::pair();
        join(server, given).await;
        let wire = kept
            .into_wire()
            .unwrap_or_else(|_| panic!("no frame has passed"));
        let server = WebSocket::over(wire);
        exchange(&client, &server).await;
        assert!(server.into_wire().is_err());
    });
}

#[test]
fn breaches_are_told_and_closed() {
    run(async {
        let cases: [(&[u8], u16); 9] = [
            (b"\x81\x01a", 1002),
            (b"\xf1\x80\0\0\0\0", 1002),
            (b"\xc1\x80\0\0\0\0", 1002),
            (b"\x80\x80\0\0\0\0", 1002),
            (b"\x09\x80\0\0\0\0", 1002),
            (b"\x89\xfe\0\x7e\0\0\0\0", 1002),
            (b"\x81\x81\0\0\0\0\xff", 1007),
            (b"\x88\x82\0\0\0\0\x03\xed", 1002),
            (b"\x82\xff\0\0\0\0\xff\0\0\0\0\0\0\0", 1009),
        ];
        for (bytes, code) in cases {
            let (mut client, server) = tokio::io::duplex(1000);
            let server = over(server, Role::Server, None);
            client.write_all(bytes).await.unwrap();
            let error = server.receive(MAX_MESSAGE_BYTES).await.unwrap_err();
            assert!(error.message.contains(&format!("statusCode = {code};")));
            drop(server);
            let mut answer = Vec::new();
            let reading = client.read_to_end(&mut answer);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(100), reading).await;
            assert_eq!(answer[0], 0x88);
            assert_eq!(u16::from_be_bytes([answer[2], answer[3]]), code);
        }
    });
}

#[test]
fn pings_are_answered_between_frames() {
    run(async {
        let (mut client, server) = tokio::io::duplex(1000);
        let server = over(server, Role::Server, None);
        // Two fragments, a ping between them, byte by byte.
        for byte in b"\x01\x82\0\0\0\0ab\x89\x81\0\0\0\0!\x80\x81\0\0\0\0c" {
            let one = [*byte];
            let write = client.write_all(&one);
            write.await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(server.receive(100).await.unwrap(), text("abc"));
        let mut pong = [0; 3];
        client.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\x8a\x01!");
    });
}

#[test]
fn a_gated_message_does_not_leave_in_the_turn_that_sends_it() {
    run(async {
        let (near, far) = WebSocket::pair();
        let socket = Socket::new(near);
        let asked = std::rc::Rc::new(Cell::new(false));
        let asking = asked.clone();
        let gate: Gate = Box::pin(async move {
            asking.set(true);
            Ok(())
        });
        socket.queue(Some(gate), text("safe")).unwrap();
        let pump = socket.begin().unwrap().unwrap();
        assert!(!asked.get());
        // Sending to the end of a pair lasts until the other end has received it.
        let (sent, received) = tokio::join!(pump, far.receive(100));
        sent.unwrap();
        assert!(asked.get());
        assert_eq!(received.unwrap(), text("safe"));
    });
}
