//! The client side: one exchange over a pooled HTTP/1.1 connection.

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{ToHyper, from_hyper};
use super::headers::{HttpOptions, Injected, frame_request, has_known_coding, inject};
use super::pool::{Pool, Sender};
use super::upgrade::{self, Offer, Parts};
use crate::service::websocket::ByteStream;
use crate::service::{Body, Error, Kind, Request, Response};

/// Headers that an answer may have; hyper bounds their bytes.
const MAX_HEADERS: usize = 1024;

/// Sends a request and returns the response's head with its streamed body.
///
/// A connection from the pool that turns out to be closed is replaced by a new one: the request was not sent then.
pub async fn exchange<I, F>(
    pool: &Pool,
    key: &str,
    request: Request,
    options: &HttpOptions,
    connect: impl Fn() -> F,
) -> Result<Response, Error>
where
    I: ByteStream + Send + 'static,
    F: Future<Output = Result<I, Error>>,
{
    let wanted = upgrade::is_wanted(&request.headers);
    let mut message = outgoing(request, options)?;
    if wanted {
        return open_websocket(message, connect().await?, options).await;
    }
    loop {
        let (mut sender, pooled) = match pool.take(key) {
            Some(sender) => (sender, true),
            None => (open(connect().await?).await?, false),
        };
        match sender.try_send_request(message).await {
            Ok(response) if !has_known_coding(response.headers()) => {
                return Err(Error::internal(
                    "The response has a transfer coding that is not supported.",
                ));
            }
            Ok(response) => {
                if !is_ambiguous(response.headers()) {
                    let (pool, key) = (pool.clone(), key.to_owned());
                    tokio::task::spawn_local(async move {
                        if sender.ready().await.is_ok() {
                            pool.put(key, sender);
                        }
                    });
                }
                return Ok(incoming(response, &options.inject_response));
            }
            Err(mut failure) => match failure.take_message() {
                Some(unsent) if pooled => message = unsent,
                _ => return Err(lost(failure.error())),
            },
        }
    }
}

/// Asks for a connection to somewhere else, through one to a proxy.
pub async fn tunnel<I: ByteStream + Send + 'static>(
    authority: http::uri::Authority,
    io: I,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + 'static, Error> {
    let mut sender = open(io).await?;
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
    mut message: http::Request<ToHyper<()>>,
    io: I,
    options: &HttpOptions,
) -> Result<Response, Error> {
    let offer = Offer::new(message.headers_mut());
    let mut sender = open(io).await?;
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
    let mut response = incoming(response, &options.inject_response);
    response.websocket = websocket;
    Ok(response)
}

/// A connection that HTTP is spoken on, and that may become something else.
async fn open<I: ByteStream + Send + 'static>(io: I) -> Result<Sender, Error> {
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| lost(&error))?;
    tokio::task::spawn_local(async move {
        // Its errors reach whoever waits for a response.
        let _ = connection.with_upgrades().await;
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

fn outgoing(request: Request, options: &HttpOptions) -> Result<http::Request<ToHyper<()>>, Error> {
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
    frame_request(&mut headers, &request.method, &request.body, host);
    let target = if options.proxy {
        uri
    } else {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if path.starts_with('?') {
            // A URL may have a query and no path: those that list keys do.
            format!("/{path}").parse().map_err(|_| bad())?
        } else {
            path.parse().map_err(|_| bad())?
        }
    };
    let mut message = http::Request::new(ToHyper::new(request.body, ()));
    *message.method_mut() = request.method;
    *message.uri_mut() = target;
    *message.headers_mut() = headers;
    Ok(message)
}

/// Whether it is unclear where the message ends (RFC 9112 section 6.3): the connection is not used again.
fn is_ambiguous(headers: &http::HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

fn incoming(
    response: http::Response<hyper::body::Incoming>,
    inject_response: &[Injected],
) -> Response {
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
        body: from_hyper(body),
        websocket: None,
    }
}
