//! The client side: one exchange over a pooled connection.

use std::pin::Pin;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{ToHyper, from_hyper};
use super::headers::{
    HttpOptions, Injected, frame_http2_request, frame_request, has_known_coding, inject,
};
use super::pool::{
    Checkout, Connection, ConnectionSlot, Http1, Http2, Http2State, MAX_STREAMS, Permit, Pool,
    Stream, Version,
};
use super::upgrade::{self, Offer, Parts};
use crate::service::websocket::ByteStream;
use crate::service::{Body, Error, Kind, Request, Response};

/// Headers that an answer may have; hyper bounds their bytes.
const MAX_HEADERS: usize = 1024;

/// Bytes of the headers of an answer over HTTP/2.
const MAX_HEADER_LIST_BYTES: u32 = 256 << 10;

/// What a server may send of one answer before it is read.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// The same of all answers of a connection: one that nobody reads holds up no other.
const CONNECTION_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES * MAX_STREAMS as u32;

/// A server from which nothing comes is asked whether it is there, while answers are waited for, and given as long again.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// A request is sent so often anew that a server refuses because its connection ends.
const MAX_REPEATS: usize = 8;

/// A server that a request goes to.
pub struct Target<'t> {
    /// Connections of one name are alike.
    pub name: &'t str,
    /// Over TLS, where a server may choose HTTP/2.
    pub may_be_http2: bool,
}

/// Sends a request and returns the response's head with its streamed body. `connect` is told whether the connection is to become
/// something else, for which HTTP/1.1 is spoken.
///
/// A connection from the pool that turns out to be closed is replaced by a new one: the request was not sent then. One that the
/// server says it has refused (RFC 9113 section 8.7) is sent again, unless its body is a stream.
///
/// # Errors
/// The server cannot be reached, goes away, or does not answer in HTTP; there are too many connections with it.
pub async fn exchange<I, F>(
    pool: &Pool,
    target: Target<'_>,
    request: Request,
    options: &HttpOptions,
    connect: impl Fn(bool) -> F,
) -> Result<Response, Error>
where
    I: ByteStream + Send + 'static,
    F: Future<Output = Result<(I, Version), Error>>,
{
    let wanted = upgrade::is_wanted(&request.headers);
    let mut outgoing = Outgoing::new(request, options)?;
    if wanted {
        let (io, _) = connect(true).await?;
        return open_websocket(outgoing.http1()?, io, options).await;
    }
    let mut repeats = MAX_REPEATS;
    loop {
        let found = pool.connection(target.name, target.may_be_http2).await?;
        let (connection, pooled) = match found {
            Checkout::Open(connection) => (connection, true),
            Checkout::Permit(permit) => {
                let (io, version) = connect(false).await?;
                (open(io, version, permit).await?, false)
            }
        };
        let sent = match connection {
            Connection::Http1(connection) => over_http1(connection, outgoing.http1()?).await,
            Connection::Http2(stream) => over_http2(stream, outgoing.http2()?, repeats > 0).await,
        };
        match sent {
            Sent::Answered(response) => return Ok(incoming(response, &options.inject_response)),
            Sent::Unsent(message) if pooled => outgoing.message = message,
            Sent::Refused(message, why) => {
                repeats = match why {
                    Refusal::GoAway => repeats - 1,
                    Refusal::Stream => 0,
                };
                outgoing.message = message;
            }
            Sent::Unsent(_) => return Err(Error::lost()),
            Sent::Failed(error) => return Err(error),
        }
    }
}

type Message = http::Request<ToHyper<()>>;

/// What has become of a request.
enum Sent {
    Answered(http::Response<Body>),
    /// The connection was closed before.
    Unsent(Message),
    /// The server has not done anything with it, and says so.
    Refused(Message, Refusal),
    Failed(Error),
}

async fn over_http1(mut connection: Http1, message: Message) -> Sent {
    match connection.sender.try_send_request(message).await {
        Ok(response) if !has_known_coding(response.headers()) => Sent::Failed(Error::internal(
            "The response has a transfer coding that is not supported.",
        )),
        Ok(response) => {
            let response = response.map(|body| connection.answered(from_hyper(body, None)));
            if !is_ambiguous(response.headers()) {
                tokio::task::spawn_local(connection.keep());
            }
            Sent::Answered(response)
        }
        Err(mut failure) => match failure.take_message() {
            Some(unsent) => Sent::Unsent(unsent),
            None => Sent::Failed(lost(failure.error())),
        },
    }
}

async fn over_http2(mut stream: Stream, message: Message, again: bool) -> Sent {
    let copy = again.then(|| copy_of(&message)).flatten();
    match stream.sender().try_send_request(message).await {
        Ok(response) => {
            Sent::Answered(response.map(|body| from_hyper(body, Some(Box::new(stream)))))
        }
        Err(mut failure) => {
            if let Some(unsent) = failure.take_message() {
                stream.retire();
                return Sent::Unsent(unsent);
            }
            let refusal = Refusal::of(failure.error());
            if refusal == Some(Refusal::GoAway) {
                stream.retire();
            }
            match copy.zip(refusal) {
                Some((copy, refusal)) => Sent::Refused(copy, refusal),
                None => Sent::Failed(lost(failure.error())),
            }
        }
    }
}

/// How a server says that it has not done anything with a request.
#[derive(PartialEq, Eq)]
enum Refusal {
    /// It takes no more on this connection.
    GoAway,
    Stream,
}

impl Refusal {
    fn of(error: &hyper::Error) -> Option<Self> {
        let source = std::error::Error::source(error)?;
        let error = source.downcast_ref::<h2::Error>()?;
        if !error.is_remote() {
            return None;
        }
        if error.is_go_away() {
            return Some(Self::GoAway);
        }
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        is_refused.then_some(Self::Stream)
    }
}

/// None where the body is a stream.
fn copy_of(message: &Message) -> Option<Message> {
    let mut copy = http::Request::new(ToHyper::new(message.body().copy()?, ()));
    *copy.method_mut() = message.method().clone();
    *copy.uri_mut() = message.uri().clone();
    *copy.headers_mut() = message.headers().clone();
    Some(copy)
}

/// Asks for a connection to somewhere else, through one to a proxy.
pub async fn tunnel<I: ByteStream + Send + 'static>(
    authority: Authority,
    io: I,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + 'static, Error> {
    let mut sender = open_http1(io, None).await?;
    let mut message = http::Request::new(ToHyper::new(Body::Empty, ()));
    *message.method_mut() = http::Method::CONNECT;
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        message.headers_mut().insert(HOST, host);
    }
    *message.uri_mut() = http::uri::Uri::from(authority);
    let response = sender.send_request(message).await;
    let mut response = response.map_err(|error| lost(&error))?;
    if !response.status().is_success() {
        let text = format!("CONNECT was answered {}.", response.status().as_u16());
        return Err(Error::internal(text));
    }
    let upgraded = hyper::upgrade::on(&mut response).await;
    upgraded.map(TokioIo::new).map_err(|error| lost(&error))
}

/// Asks for a WebSocket, on a connection of its own.
async fn open_websocket<I: ByteStream + Send + 'static>(
    mut message: Message,
    io: I,
    options: &HttpOptions,
) -> Result<Response, Error> {
    let offer = Offer::new(message.headers_mut());
    let mut sender = open_http1(io, None).await?;
    let mut response = sender
        .send_request(message)
        .await
        .map_err(|error| lost(&error))?;
    let stream = |upgraded: hyper::upgrade::Upgraded| {
        let parts = upgraded.downcast::<TokioIo<I>>().ok()?;
        Some(Parts {
            io: parts.io.into_inner(),
            read_buf: parts.read_buf,
        })
    };
    let websocket = offer.accepted(&mut response, stream).await?;
    let mut response = incoming(
        response.map(|body| from_hyper(body, None)),
        &options.inject_response,
    );
    response.websocket = websocket;
    Ok(response)
}

/// A connection for the pool.
async fn open<I: ByteStream + Send + 'static>(
    io: I,
    version: Version,
    permit: Permit,
) -> Result<Connection, Error> {
    if version == Version::Http1 {
        let (server, place) = permit.opened(version);
        let sender = open_http1(io, Some(place)).await?;
        return Ok(Connection::Http1(Http1::new(sender, server)));
    }
    let (sender, mut connection) = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| lost(&error))?;
    let (server, place) = permit.opened(version);
    let state = Http2State::new(server, place);
    let told = state.clone();
    tokio::task::spawn_local(async move {
        // Its errors reach whoever waits for a response.
        let _ = std::future::poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            told.max_streams.set(connection.current_max_send_streams());
            polled
        })
        .await;
        told.is_over.set(true);
    });
    Ok(Connection::Http2(Http2::open(sender, state)))
}

/// Runs hyper's tasks on the process's one thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// A connection that HTTP/1.1 is spoken on, and that may become something else.
async fn open_http1<I: ByteStream + Send + 'static>(
    io: I,
    place: Option<ConnectionSlot>,
) -> Result<http1::SendRequest<ToHyper<()>>, Error> {
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| lost(&error))?;
    tokio::task::spawn_local(async move {
        // Its errors reach whoever waits for a response.
        let _ = connection.with_upgrades().await;
        drop(place);
    });
    Ok(sender)
}

fn lost(error: &hyper::Error) -> Error {
    if error.is_parse() {
        return Error::new(
            Kind::Internal,
            format!("The server's answer is no HTTP: {error}"),
        );
    }
    Error::lost()
}

/// A request that is about to be sent, in whichever version.
struct Outgoing {
    message: Message,
    /// The whole URL.
    uri: http::Uri,
    host: HeaderValue,
    /// The server is told the whole URL: it is a proxy.
    proxy: bool,
}

impl Outgoing {
    fn new(request: Request, options: &HttpOptions) -> Result<Self, Error> {
        let bad = || Error::bad_url(&request.url);
        let uri: http::Uri = request.url.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host).map_err(|_| bad())?;
        let mut headers = request.headers;
        // The client's, which a proxy is told beside the URL, and nobody else.
        if !options.proxy {
            headers.remove(HOST);
        }
        if let (Some(name), Some(scheme)) = (&options.forwarded_proto, uri.scheme_str())
            && let Ok(value) = HeaderValue::from_str(scheme)
        {
            headers.insert(name.clone(), value);
        }
        if let (Some(name), Some(cf)) = (&options.cf_blob, &request.cf)
            && let Ok(value) = HeaderValue::from_bytes(cf.as_bytes())
        {
            headers.insert(HeaderName::clone(name), value);
        }
        inject(&mut headers, &options.inject_request);
        let host = headers.remove(HOST).unwrap_or(host);
        let mut message = http::Request::new(ToHyper::new(request.body, ()));
        *message.method_mut() = request.method;
        *message.headers_mut() = headers;
        let proxy = options.proxy;
        Ok(Self {
            message,
            uri,
            host,
            proxy,
        })
    }

    /// The message as HTTP/1.1 has it.
    fn http1(&mut self) -> Result<Message, Error> {
        let (method, length) = (self.message.method().clone(), self.message.body().length());
        frame_request(
            self.message.headers_mut(),
            &method,
            length,
            self.host.clone(),
        );
        let target = if self.proxy {
            self.uri.clone()
        } else {
            self.path()?.into()
        };
        Ok(self.take(target))
    }

    /// The message as HTTP/2 has it (RFC 9113 section 8.3.1).
    fn http2(&mut self) -> Result<Message, Error> {
        frame_http2_request(self.message.headers_mut());
        let mut parts = http::uri::Parts::default();
        parts.path_and_query = Some(self.path()?);
        if self.proxy {
            parts.scheme = self.uri.scheme().cloned();
            parts.authority = self.uri.authority().cloned();
            self.message.headers_mut().insert(HOST, self.host.clone());
        } else {
            parts.scheme = Some(Scheme::HTTPS);
            let authority = Authority::try_from(self.host.as_bytes());
            parts.authority = Some(authority.map_err(|_| self.bad())?);
        }
        let target = http::Uri::from_parts(parts).map_err(|_| self.bad())?;
        Ok(self.take(target))
    }

    fn take(&mut self, target: http::Uri) -> Message {
        let empty = http::Request::new(ToHyper::new(Body::Empty, ()));
        let mut message = std::mem::replace(&mut self.message, empty);
        *message.uri_mut() = target;
        message
    }

    /// What of the URL the server looks at. A URL may have a query and no path: those that list keys do.
    fn path(&self) -> Result<PathAndQuery, Error> {
        match self.uri.path_and_query() {
            None => Ok(PathAndQuery::from_static("/")),
            Some(path) if path.as_str().starts_with('?') => {
                format!("/{path}").parse().map_err(|_| self.bad())
            }
            Some(path) => Ok(path.clone()),
        }
    }

    fn bad(&self) -> Error {
        Error::bad_url(&self.uri.to_string())
    }
}

/// Whether it is unclear where the message ends (RFC 9112 section 6.3): the connection is not used again.
fn is_ambiguous(headers: &http::HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

fn incoming(response: http::Response<Body>, inject_response: &[Injected]) -> Response {
    let (head, body) = response.into_parts();
    let status_text = head
        .extensions
        .get::<hyper::ext::ReasonPhrase>()
        .map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let mut headers = head.headers;
    inject(&mut headers, inject_response);
    Response {
        status: head.status.as_u16(),
        status_text,
        headers,
        body,
        websocket: None,
    }
}

#[cfg(test)]
mod tests;
