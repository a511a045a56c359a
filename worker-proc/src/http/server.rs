//! The server side: one task a connection, one call of a service a request.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_VERSION};
use http::{StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use ipc::metrics;

use super::body::{Chunks, FLUSH_LOOK, Receiver, ToHyper, Unread};
use super::headers::{HttpOptions, frame_refusal, frame_response, inject};
use super::progress::Stream;
use super::refused::{NoAnswer, bad_request, failed, late, refusal, unanswered};
use super::request::neutral;
use super::sweep::{Connection, Connections, Limits, Queues, Sending, now_us};
use super::upgrade::{Guarded, Parts, UpgradeRequest};
use super::watched::{Watched, may_end_as_refusal};
use crate::log;
use crate::service::websocket::ByteStream;
use crate::service::{Body, Connect, Response, Service, Tls, WebSocket, channel, tunnel};

const SWITCHING: u16 = StatusCode::SWITCHING_PROTOCOLS.as_u16();

/// The largest HTTP/1 message head that hyper can be told to accept as a minimum buffer.
const MIN_HEADER_BYTES: usize = 8192;

/// A connection that is told to close is cut off this much later, if it is idle still.
const CLOSE_GRACE: Duration = Duration::from_millis(250);

/// HTTP/2 requests under way at once on one connection.
const MAX_STREAMS: u32 = 100;

/// An HTTP/2 client that has said nothing for this long is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// It has this long to answer; then the connection is closed.
const PING_TIMEOUT: Duration = Duration::from_secs(30);

/// What all connections of a process share.
pub struct Server {
    builder: auto::Builder<LocalExecutor>,
    limits: Limits,
    connections: Connections,
    requests: Cell<u64>,
}

/// What the connections of one socket share.
pub struct Endpoint {
    pub options: HttpOptions,
    pub service: Rc<dyn Service>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Where its requests are counted.
    pub metrics: &'static metrics::Socket,
}

impl Server {
    pub fn new(limits: Limits) -> Rc<Self> {
        let mut builder = auto::Builder::new(LocalExecutor);
        builder
            .http1()
            // Who has said all may still listen.
            .half_close(true)
            .title_case_headers(true)
            .auto_date_header(false)
            .max_headers(limits.max_header_count)
            .max_buf_size(limits.max_header_bytes.max(MIN_HEADER_BYTES))
            // The sweep looks after slow headers, and tells them from idle connections.
            .header_read_timeout(None)
            .timer(TokioTimer::new());
        builder
            .http2()
            .auto_date_header(false)
            .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(MAX_STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .timer(TokioTimer::new());
        Rc::new(Self {
            builder,
            limits,
            connections: Connections::default(),
            requests: Cell::new(0),
        })
    }

    /// Closes connections that are over their time; never returns.
    pub async fn sweep(&self) {
        self.connections.sweep(&self.limits).await;
    }

    /// Ends every connection after its present request; returns when none is left.
    pub async fn drain(&self) {
        self.connections.drain(&self.limits).await;
    }

    /// Whether no more connections may be accepted until one closes. Idle ones do, to make room.
    pub fn is_full(&self) -> bool {
        self.connections.is_full(self.limits.max_connections)
    }

    /// Connections now and requests so far.
    pub fn counts(&self) -> (usize, u64) {
        (self.connections.len(), self.requests.get())
    }

    /// Counts a WebSocket's connection that another process has accepted, and passed to this one, until it ends.
    pub fn adopt(self: &Rc<Self>, stream: Box<dyn ByteStream>) -> Box<dyn ByteStream> {
        let guard = self.hold();
        Box::new(Guarded { stream, guard })
    }

    /// Counts a connection that is not HTTP's for as long as the result is held.
    pub fn hold(self: &Rc<Self>) -> Counted {
        let (id, connection) = self.connections.add(None, None);
        connection.begin();
        Counted {
            server: self.clone(),
            id,
            ends_by_closing: Cell::new(false),
        }
    }

    /// How long a client may take for its handshake.
    pub fn handshake_timeout(&self) -> Duration {
        self.limits.header_read_timeout
    }

    /// Serves one connection to its end. It counts from the call on, not from the future's first turn.
    ///
    /// `opened` makes the stream ready for HTTP; `client` is JSON for `request.cf`.
    pub fn connection<I>(
        self: Rc<Self>,
        opened: impl Future<Output = std::io::Result<I>> + 'static,
        peer: impl Peer,
        client: Option<String>,
        endpoint: Rc<Endpoint>,
    ) -> impl Future<Output = ()> + 'static
    where
        I: ByteStream + Send + 'static,
    {
        let (id, connection) = self.connections.add(client, Some(endpoint.metrics));
        if peer.is_internal() {
            connection.set_internal();
        }
        if let Some(queues) = peer.queues() {
            connection.set_queues(queues);
        }
        let counted = Rc::new(Counted {
            server: self,
            id,
            ends_by_closing: Cell::new(false),
        });
        async move {
            tokio::select! {
                biased;
                () = counted.exchange(opened, endpoint, &connection, &peer) => {}
                // What is under way ends, as nobody waits for it any more.
                () = peer.clone().gone() => {}
                // What the kernel still has for a client that does not read goes with it.
                () = connection.kill.notified() => peer.abandon(),
            }
        }
    }
}

/// Who is at the other end of a connection.
pub trait Peer: Clone + 'static {
    /// Ends when nobody is there any more.
    fn gone(self) -> impl Future<Output = ()>;

    /// Lets what was written and has not arrived be lost when the connection closes.
    fn abandon(&self);

    /// How the kernel is asked about the connection, if it has it.
    fn queues(&self) -> Option<Box<dyn Queues>> {
        None
    }

    /// Whether it is a part of this process.
    fn is_internal(&self) -> bool {
        false
    }
}

/// A part of this process.
impl Peer for () {
    fn gone(self) -> impl Future<Output = ()> {
        std::future::pending()
    }

    fn abandon(&self) {}

    fn is_internal(&self) -> bool {
        true
    }
}

/// A connection's place among those of its server, for as long as it is open: as HTTP, or as the WebSocket that it has
/// become, which needs nothing else of what HTTP did.
pub struct Counted {
    server: Rc<Server>,
    id: u64,
    /// Its client speaks HTTP/1.0, where a body of unknown length ends as the connection does.
    ends_by_closing: Cell<bool>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.server.connections.remove(self.id);
    }
}

impl Counted {
    async fn exchange<I>(
        self: &Rc<Self>,
        opened: impl Future<Output = std::io::Result<I>>,
        endpoint: Rc<Endpoint>,
        connection: &Arc<Connection>,
        peer: &impl Peer,
    ) where
        I: ByteStream + Send + 'static,
    {
        // A handshake has the time of a request's header.
        connection.opening(true);
        let opened = tokio::select! {
            biased;
            opened = opened => opened,
            () = connection.close.notified() => return,
        };
        connection.opening(false);
        let io = match opened {
            Ok(io) => Watched::new(io, connection.clone()),
            Err(error) => return log::error(format_args!("HTTP connection failed: {error}")),
        };
        let left = io.left();
        let handler = hyper::service::service_fn({
            let (counted, connection) = (self.clone(), connection.clone());
            move |request: http::Request<Incoming>| {
                let (counted, connection) = (counted.clone(), connection.clone());
                let endpoint = endpoint.clone();
                async move {
                    // What waits takes little room: the rest is made when its turn has come.
                    if request.version() == Version::HTTP_2 {
                        connection.turn().await;
                    }
                    Box::pin(counted.request::<I>(request, endpoint, connection)).await
                }
            }
        });
        let ended = {
            // Dropped at the end with the bodies that it was sending.
            let builder = &self.server.builder;
            let served = builder.serve_connection_with_upgrades(TokioIo::new(io), handler);
            let mut served = std::pin::pin!(served);
            tokio::select! {
                biased;
                // Errors here are the peer's: hyper has answered what can be answered.
                ended = served.as_mut() => ended,
                () = connection.close.notified() => {
                    served.as_mut().graceful_shutdown();
                    wind_down(served.as_mut(), connection).await;
                    Ok(())
                }
            }
        };
        match ended {
            Ok(()) => drop(left),
            // An orderly end would make a part of a body look like all of it.
            Err(_) if self.ends_by_closing.get() => peer.abandon(),
            Err(_) => left.end(connection).await,
        }
        // HTTP/2 streams may be left.
        while !connection.is_idle() {
            connection.ended.notified().await;
        }
        // What it may have become is never idle.
        connection.begin();
    }

    async fn request<I: ByteStream + 'static>(
        self: Rc<Self>,
        mut request: http::Request<Incoming>,
        endpoint: Rc<Endpoint>,
        connection: Arc<Connection>,
    ) -> Result<http::Response<ToHyper<Exchange>>, NoAnswer> {
        let requests = &self.server.requests;
        requests.set(requests.get() + 1);
        let http1 = request.version() < Version::HTTP_2;
        self.ends_by_closing
            .set(request.version() < Version::HTTP_11);
        let exchange = Exchange::begin(connection, http1 && I::sends_files());
        if request.method() == http::Method::CONNECT {
            // What follows is not HTTP.
            exchange.connection.answers_as_hyper();
            let answer = connect(request, endpoint.service.clone(), self).await?;
            return Ok(to_hyper(answer, exchange));
        }
        let head = request.method() == http::Method::HEAD;
        let asked = UpgradeRequest::of(&mut request);
        let unread = Unread::default();
        let mut response = match neutral(
            request,
            &endpoint.options,
            endpoint.scheme,
            &exchange.connection,
            &unread,
        ) {
            Ok(request) => match endpoint.service.clone().fetch(request).await {
                Ok(mut response) => {
                    inject(&mut response.headers, &endpoint.options.inject_response);
                    frame_response(&mut response, head);
                    match response.websocket.take() {
                        None => response,
                        Some(websocket) => switch::<I>(response, websocket, asked, self.clone()),
                    }
                }
                Err(_) if exchange.has_late_body() => refused(late(), head),
                Err(error) => {
                    match unanswered(&error, http1 && exchange.connection.has_broken_body()) {
                        Ok(response) => refused(response, head),
                        Err(no_answer) => {
                            // Hyper drops what it has of earlier answers.
                            while http1 && exchange.connection.has_unsent() {
                                tokio::time::sleep(FLUSH_LOOK).await;
                            }
                            return Err(no_answer);
                        }
                    }
                }
            },
            Err(answer) => refused(answer?, head),
        };
        if matches!(response.status, 400 | 414 | 431) && matches!(response.body, Body::Empty) {
            exchange.connection.answers_as_hyper();
        }
        if !http1 {
            response.headers.remove(CONNECTION);
        } else if response.status != SWITCHING {
            // What the client has still to send would be taken for its next request.
            let can_go_on = unread.drain().await && !exchange.connection.has_broken_body();
            if self.server.connections.draining.get() || !can_go_on {
                response
                    .headers
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        Ok(to_hyper(response, exchange))
    }
}

fn refused(mut refusal: Response, head: bool) -> Response {
    frame_refusal(&mut refusal, head);
    refusal
}

/// Waits for what is under way on a connection that takes no more. A header that never ends does not hold it, a request that
/// came at last does.
async fn wind_down(mut served: Pin<&mut impl Future>, connection: &Connection) {
    while tokio::time::timeout(CLOSE_GRACE, served.as_mut())
        .await
        .is_err()
    {
        if connection.is_idle() {
            break;
        }
    }
}

/// Connects the client with where it asks for. The connection is this one, from the answer on.
async fn connect(
    request: http::Request<Incoming>,
    service: Rc<dyn Service>,
    counted: Rc<Counted>,
) -> Result<Response, NoAnswer> {
    let (true, Some(authority)) = (
        request.version() == Version::HTTP_11,
        request.uri().authority(),
    ) else {
        return Ok(bad_request("CONNECT wants a host and a port"));
    };
    let (writer, output) = channel(None);
    let wanted = Connect {
        authority: authority.as_str().to_owned(),
        tls: Tls::Never,
        remote: None,
        is_datagrams: false,
        output,
    };
    let upgrade = hyper::upgrade::on(request);
    let connection = match service.connect(wanted).await {
        Ok(connection) => connection,
        Err(error) => return unanswered(&error, false),
    };
    tokio::task::spawn_local(async move {
        // A client that goes away first is lost to the service's end, which goes with this task.
        if let Ok(upgraded) = upgrade.await {
            let mut stream = TokioIo::new(upgraded);
            tunnel::carry(&mut stream, connection.input, writer, None).await;
        }
        drop(counted);
    });
    Ok(Response {
        status: 200,
        status_text: None,
        headers: http::HeaderMap::new(),
        body: Body::Empty,
        websocket: None,
    })
}

/// Connects the service's WebSocket with the client that has asked for one.
fn switch<I: ByteStream + 'static>(
    mut response: Response,
    websocket: WebSocket,
    asked: Option<UpgradeRequest>,
    counted: Rc<Counted>,
) -> Response {
    let Some(asked) = asked else {
        return failed();
    };
    let stream = |upgraded| {
        let parts = auto::upgrade::downcast::<TokioIo<Watched<I>>>(upgraded).ok()?;
        Some(Parts {
            io: Guarded {
                stream: Box::new(parts.io.into_inner().into_inner()?),
                guard: counted,
            },
            read_buf: parts.read_buf,
        })
    };
    match asked.accept(&mut response, websocket, stream) {
        Ok(()) => response,
        Err((status, text)) => {
            let mut refused = refusal(status, text);
            if status == 426 {
                let version = HeaderValue::from_static("13");
                refused.headers.insert(SEC_WEBSOCKET_VERSION, version);
            }
            refused
        }
    }
}

/// A request and its answer; ends with the answer's body.
pub struct Exchange {
    connection: Arc<Connection>,
    /// HTTP/2's.
    stream: Option<Arc<Stream>>,
    /// Whether the connection's stream does.
    sends_files: bool,
    began_us: u64,
    is_answered: Cell<bool>,
}

impl Exchange {
    fn begin(connection: Arc<Connection>, sends_files: bool) -> Self {
        connection.begin();
        let stream = Stream::current();
        if let Some(stream) = &stream {
            connection.add_stream(stream.clone());
        }
        if let Some(socket) = connection.socket {
            socket.begun.add(1);
        }
        Self {
            began_us: connection.began(),
            connection,
            stream,
            sends_files,
            is_answered: Cell::new(false),
        }
    }

    fn has_late_body(&self) -> bool {
        match &self.stream {
            Some(stream) => stream.has_late_body(),
            None => self.connection.has_late_body(),
        }
    }

    /// The answer begins: from here on a client may have it.
    fn begins(&self, status: StatusCode) {
        self.is_answered.set(true);
        if let Some(socket) = self.connection.socket {
            socket.answered(Some(status.as_u16()));
        }
    }
}

impl Receiver for Exchange {
    fn sending(&self, chunks: &Chunks) -> Option<Sending> {
        if may_end_as_refusal(chunks.last()) {
            self.connection.answers_as_hyper();
        }
        let stream = self.stream.clone();
        Some(self.connection.sending(chunks.remaining(), stream))
    }

    fn stream(&self) -> Option<&Stream> {
        self.stream.as_deref()
    }

    fn sends_files(&self) -> bool {
        self.sends_files
    }

    fn has_unsent(&self) -> Option<bool> {
        let is_http1 = self.stream.is_none();
        is_http1.then(|| self.connection.has_unsent())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let taken = match &self.stream {
            Some(stream) => {
                self.connection.remove_stream(stream);
                stream.out.unsent_bytes() == 0
            }
            None => true,
        };
        let now_us = now_us();
        self.connection.end(taken, now_us);
        if let Some(socket) = self.connection.socket {
            if !self.is_answered.get() {
                socket.answered(None);
            }
            socket.duration.record(now_us.saturating_sub(self.began_us));
        }
    }
}

fn to_hyper(response: Response, exchange: Exchange) -> http::Response<ToHyper<Exchange>> {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    exchange.begins(status);
    let mut made = http::Response::new(ToHyper::new(response.body, exchange));
    *made.status_mut() = status;
    *made.headers_mut() = response.headers;
    if let Some(text) = response.status_text
        && let Ok(phrase) = hyper::ext::ReasonPhrase::try_from(text.into_bytes())
    {
        made.extensions_mut().insert(phrase);
    }
    made
}

/// Runs hyper's tasks on the process's one thread.
#[derive(Clone, Copy)]
pub struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(Stream::run(future));
    }
}
