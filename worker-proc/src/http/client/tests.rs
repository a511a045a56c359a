//! Exchanges with servers that a test has in its hand, over streams in memory and in a time of its own.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, spawn_local};

use super::super::pool::MAX_CONNECTIONS;
use super::*;
use crate::service::channel;

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
        .block_on(test);
}

/// What a connection of the server is told.
enum Order {
    GoAway,
    Break,
}

type Incoming = (http::Request<h2::RecvStream>, SendResponse<Bytes>);

/// A server that answers when the test does.
#[derive(Default)]
struct Peer {
    pool: Pool,
    options: HttpOptions,
    /// Connections that end before any request is looked at.
    refusing: Cell<usize>,
    connections: RefCell<Vec<mpsc::UnboundedSender<Order>>>,
    asked: RefCell<VecDeque<Incoming>>,
    arrived: Notify,
}

impl Peer {
    fn connect(self: &Rc<Self>) -> DuplexStream {
        let (client, server) = tokio::io::duplex(1 << 16);
        if self.refusing.get() > 0 {
            self.refusing.set(self.refusing.get() - 1);
            spawn_local(refuse(server));
            return client;
        }
        let (orders, mut told) = mpsc::unbounded_channel();
        self.connections.borrow_mut().push(orders);
        let this = self.clone();
        spawn_local(async move {
            let mut connection = h2::server::handshake(server).await.unwrap();
            loop {
                tokio::select! {
                    asked = connection.accept() => match asked {
                        Some(Ok(asked)) => {
                            this.asked.borrow_mut().push_back(asked);
                            this.arrived.notify_one();
                        }
                        _ => return,
                    },
                    order = told.recv() => match order {
                        Some(Order::GoAway) => connection.graceful_shutdown(),
                        Some(Order::Break) | None => return,
                    },
                }
            }
        });
        client
    }

    fn order(&self, connection: usize, order: Order) {
        let connections = self.connections.borrow();
        connections[connection].send(order).unwrap_or_default();
    }

    fn opened(&self) -> usize {
        self.connections.borrow().len()
    }

    /// The next request that has come.
    async fn next(&self) -> Incoming {
        loop {
            let asked = self.asked.borrow_mut().pop_front();
            match asked {
                Some(asked) => return asked,
                None => self.arrived.notified().await,
            }
        }
    }

    fn fetch(self: &Rc<Self>, request: Request) -> JoinHandle<Result<Response, Error>> {
        let this = self.clone();
        spawn_local(async move {
            let target = Target {
                name: "a",
                may_be_http2: true,
            };
            let connect = |_| {
                let this = this.clone();
                async move { Ok((this.connect(), Version::Http2)) }
            };
            exchange(&this.pool, target, request, &this.options, connect).await
        })
    }
}

/// Says of all requests that they were too late (RFC 9113 section 6.8).
async fn refuse(mut server: DuplexStream) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    tokio::time::sleep(Duration::from_millis(1)).await;
    server.write_all(&SETTINGS).await.unwrap();
    server.write_all(&GO_AWAY).await.unwrap();
    let _ = server.read_to_end(&mut Vec::new()).await;
}

fn get() -> Request {
    Request {
        method: http::Method::GET,
        url: "https://a.example/path?query".to_owned(),
        headers: HeaderMap::new(),
        body: Body::Empty,
        cf: None,
    }
}

fn answer(asked: Incoming) {
    let (_, mut answer) = asked;
    let mut body = answer
        .send_response(http::Response::new(()), false)
        .unwrap();
    body.send_data(Bytes::from_static(b"hello"), true).unwrap();
}

/// The body that has come, or that it broke.
async fn text(response: Result<Response, Error>) -> Result<String, String> {
    let mut body = response.map_err(|error| error.message)?.body;
    let mut text = String::new();
    while let Some(chunk) = std::future::poll_fn(|cx| body.poll_chunk(cx)).await {
        text += std::str::from_utf8(&chunk.map_err(|error| error.message)?).unwrap();
    }
    Ok(text)
}

const LOST: &str = "Network connection lost.";

#[test]
fn requests_share_a_connection_and_fail_with_it_alone() {
    run(async {
        let peer = Rc::<Peer>::default();
        let mut fetches: Vec<_> = (0..=MAX_STREAMS).map(|_| peer.fetch(get())).collect();
        let mut asked = Vec::new();
        for _ in 0..=MAX_STREAMS {
            asked.push(peer.next().await);
        }
        assert_eq!(peer.opened(), 2);
        // Of the first connection one has its answer, one has a part of it, and the second has the last request.
        answer(asked.remove(0));
        let mut part = asked.remove(0);
        let body = part.1.send_response(http::Response::new(()), false);
        body.unwrap()
            .send_data(Bytes::from_static(b"he"), false)
            .unwrap();
        let (first, second) = (fetches.remove(0), fetches.remove(0));
        assert_eq!(text(first.await.unwrap()).await.as_deref(), Ok("hello"));
        let second = second.await.unwrap();
        peer.order(0, Order::Break);
        let last = fetches.pop().unwrap();
        for fetch in fetches {
            assert_eq!(text(fetch.await.unwrap()).await, Err(LOST.to_owned()));
        }
        assert_eq!(text(second).await, Err(LOST.to_owned()));
        answer(asked.pop().unwrap());
        assert_eq!(text(last.await.unwrap()).await.as_deref(), Ok("hello"));
        // The other one goes on.
        let next = peer.fetch(get());
        answer(peer.next().await);
        assert_eq!(text(next.await.unwrap()).await.as_deref(), Ok("hello"));
        assert_eq!(peer.opened(), 2);
    });
}

#[test]
fn an_answer_that_nobody_reads_holds_up_no_other() {
    run(async {
        let peer = Rc::<Peer>::default();
        let mut unread = Vec::new();
        for _ in 0..MAX_STREAMS - 1 {
            let fetch = peer.fetch(get());
            let (_, mut answer) = peer.next().await;
            let mut body = answer
                .send_response(http::Response::new(()), false)
                .unwrap();
            let much = Bytes::from(vec![0; 2 * STREAM_WINDOW_BYTES as usize]);
            body.send_data(much, false).unwrap();
            unread.push((body, fetch.await.unwrap().unwrap()));
        }
        let fetch = peer.fetch(get());
        answer(peer.next().await);
        assert_eq!(text(fetch.await.unwrap()).await.as_deref(), Ok("hello"));
        assert_eq!(peer.opened(), 1);
    });
}

#[test]
fn a_connection_that_goes_away_answers_what_it_has() {
    run(async {
        let peer = Rc::<Peer>::default();
        let first = peer.fetch(get());
        let asked = peer.next().await;
        peer.order(0, Order::GoAway);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let second = peer.fetch(get());
        answer(peer.next().await);
        assert_eq!(text(second.await.unwrap()).await.as_deref(), Ok("hello"));
        assert_eq!(peer.opened(), 2);
        answer(asked);
        assert_eq!(text(first.await.unwrap()).await.as_deref(), Ok("hello"));
    });
}

#[test]
fn what_a_server_has_refused_is_sent_again_unless_it_is_a_stream() {
    run(async {
        let peer = Rc::<Peer>::default();
        let fetch = peer.fetch(get());
        peer.next().await.1.send_reset(Reason::REFUSED_STREAM);
        answer(peer.next().await);
        assert_eq!(text(fetch.await.unwrap()).await.as_deref(), Ok("hello"));
        let fetch = peer.fetch(get());
        for _ in 0..2 {
            peer.next().await.1.send_reset(Reason::REFUSED_STREAM);
        }
        assert_eq!(text(fetch.await.unwrap()).await, Err(LOST.to_owned()));
        let post = |body, reason| {
            let fetch = peer.fetch(Request {
                method: http::Method::POST,
                body,
                ..get()
            });
            let peer = peer.clone();
            async move {
                peer.next().await.1.send_reset(reason);
                let again = tokio::time::timeout(Duration::from_secs(1), peer.next()).await;
                again.map(answer).unwrap_or_default();
                text(fetch.await.unwrap()).await
            }
        };
        let bytes = || Body::Bytes(Bytes::from_static(b"body"));
        let refused = Reason::REFUSED_STREAM;
        assert_eq!(post(bytes(), refused).await.as_deref(), Ok("hello"));
        let (_writer, stream) = channel(None);
        assert_eq!(post(stream, refused).await, Err(LOST.to_owned()));
        let fetch = peer.fetch(get());
        // It may have done something.
        peer.next().await.1.send_reset(Reason::INTERNAL_ERROR);
        assert_eq!(text(fetch.await.unwrap()).await, Err(LOST.to_owned()));
    });
}

#[test]
fn what_a_connection_refuses_at_its_end_goes_on_with_others() {
    run(async {
        let peer = Rc::<Peer>::default();
        peer.refusing.set(2);
        let fetches: Vec<_> = (0..3).map(|_| peer.fetch(get())).collect();
        for _ in 0..3 {
            answer(peer.next().await);
        }
        for fetch in fetches {
            assert_eq!(text(fetch.await.unwrap()).await.as_deref(), Ok("hello"));
        }
        assert_eq!((peer.opened(), peer.refusing.get()), (1, 0));
        // Not for ever.
        peer.order(0, Order::Break);
        peer.refusing.set(MAX_REPEATS + 1);
        assert_eq!(
            text(peer.fetch(get()).await.unwrap()).await,
            Err(LOST.to_owned())
        );
        assert_eq!((peer.opened(), peer.refusing.get()), (1, 0));
    });
}

#[test]
fn what_frames_a_request_is_ours_to_say() {
    run(async {
        let peer = Rc::<Peer>::default();
        let mut request = Request {
            method: http::Method::POST,
            body: Body::Bytes(Bytes::from_static(b"body")),
            ..get()
        };
        for (name, value) in [
            ("host", "b.example"),
            ("connection", "x-mine"),
            ("content-length", "7"),
            ("expect", "100-continue"),
            ("keep-alive", "1"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("x-mine", "1"),
        ] {
            let value = HeaderValue::from_static(value);
            request.headers.insert(HeaderName::from_static(name), value);
        }
        drop(peer.fetch(request));
        let (mut asked, _answer) = peer.next().await;
        assert_eq!(asked.uri(), "https://a.example/path?query");
        let headers: Vec<_> = asked.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(headers, ["x-mine", "content-length"]);
        assert_eq!(asked.headers()[CONTENT_LENGTH], "4");
        let body = asked.body_mut().data().await.unwrap().unwrap();
        assert_eq!(body, Bytes::from_static(b"body"));
    });
}

/// Fetches from servers that speak HTTP/1.1 and never answer, if they can be reached; how many connections were wanted.
fn silent(
    pool: &Pool,
    wanted: &Rc<Cell<usize>>,
    fails_first: bool,
) -> JoinHandle<Result<Response, Error>> {
    let (pool, wanted) = (pool.clone(), wanted.clone());
    spawn_local(async move {
        let held = RefCell::new(Vec::new());
        let target = Target {
            name: "a",
            may_be_http2: true,
        };
        let connect = |_| {
            wanted.set(wanted.get() + 1);
            let fails = fails_first && wanted.get() == 1;
            let (client, server) = tokio::io::duplex(1 << 10);
            held.borrow_mut().push(server);
            async move {
                match fails {
                    true => Err(Error::lost()),
                    false => Ok((client, Version::Http1)),
                }
            }
        };
        exchange(&pool, target, get(), &HttpOptions::default(), connect).await
    })
}

#[test]
fn there_are_never_too_many_connections_and_who_waits_is_told() {
    run(async {
        let (pool, wanted) = (Pool::default(), Rc::<Cell<usize>>::default());
        let second = Duration::from_secs(1);
        let mut fetches: Vec<_> = (0..MAX_CONNECTIONS + 2)
            .map(|_| silent(&pool, &wanted, false))
            .collect();
        tokio::time::sleep(second).await;
        assert_eq!(wanted.get(), MAX_CONNECTIONS);
        fetches.remove(0).abort();
        tokio::time::sleep(second).await;
        assert_eq!(wanted.get(), MAX_CONNECTIONS + 1);
        let error = fetches.pop().unwrap().await.unwrap().unwrap_err();
        assert!(error.flags.overloaded, "{error}");
        assert_eq!(wanted.get(), MAX_CONNECTIONS + 1);
    });
}

#[test]
fn a_connection_that_cannot_be_made_holds_up_nobody() {
    run(async {
        let (pool, wanted) = (Pool::default(), Rc::<Cell<usize>>::default());
        let mut fetches: Vec<_> = (0..3).map(|_| silent(&pool, &wanted, true)).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(wanted.get(), 3);
        assert_eq!(
            text(fetches.remove(0).await.unwrap()).await,
            Err(LOST.to_owned())
        );
        assert!(fetches.iter().all(|fetch| !fetch.is_finished()));
    });
}
