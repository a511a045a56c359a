//! From HTTP/1.1 to WebSocket: the handshake (RFC 6455 section 4), as the server and as the client.
//!
//! `server` calls it for a response that carries a WebSocket, `client` for a request that asks for one.

use std::io::{IoSlice, Result as IoResult};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::service::websocket::{ByteStream, Deflate, Role, Wire, join};
use crate::service::{Error, Response, WebSocket};

const VERSION: HeaderValue = HeaderValue::from_static("13");

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Whether the headers ask for a WebSocket.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// A connection taken back from hyper, with what it has read too much.
pub struct Parts<S> {
    pub io: S,
    pub read_buf: Bytes,
}

/// A client that asks for a WebSocket.
pub struct UpgradeRequest {
    connection: OnUpgrade,
    method: Method,
    version: Option<HeaderValue>,
    key: Option<HeaderValue>,
    extensions: Option<HeaderValue>,
}

impl UpgradeRequest {
    /// `None` for a request that does not ask.
    pub fn of(request: &mut http::Request<Incoming>) -> Option<Self> {
        let headers = request.headers();
        if request.version() != Version::HTTP_11 || !is_wanted(headers) {
            return None;
        }
        let header = |name| headers.get(name).cloned();
        Some(Self {
            method: request.method().clone(),
            version: header(SEC_WEBSOCKET_VERSION),
            key: header(SEC_WEBSOCKET_KEY),
            extensions: header(SEC_WEBSOCKET_EXTENSIONS),
            connection: hyper::upgrade::on(request),
        })
    }

    /// Makes the response the one that accepts, and connects the service's end with the client as soon as it is sent.
    /// `stream` takes the connection back from hyper. An error is what the client did wrong, as status and text.
    pub fn accept<S>(
        self,
        response: &mut Response,
        websocket: WebSocket,
        stream: impl FnOnce(Upgraded) -> Option<Parts<S>> + 'static,
    ) -> Result<(), (u16, &'static str)>
    where
        S: ByteStream + 'static,
    {
        if self.method != Method::GET {
            let text = "ERROR: WebSocket must be initiated with a GET request.";
            return Err((400, text));
        }
        if self.version != Some(VERSION) {
            let text = "ERROR: The requested WebSocket version is not supported.";
            return Err((426, text));
        }
        let Some(key) = self.key else {
            return Err((400, "ERROR: Missing Sec-WebSocket-Key"));
        };
        // What the service says of compression is what it is ready for.
        let ready = response.headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        let ready =
            ready.and_then(|header| Deflate::offers(header.to_str().ok()?).first().copied());
        let asked = self.extensions;
        let deflate = ready.and_then(|ready| Deflate::accept(asked?.to_str().ok()?, &ready));
        response.status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
        let headers = &mut response.headers;
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, WEBSOCKET);
        if let Ok(accept) = HeaderValue::from_str(&accept_key(key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(deflate) = deflate
            && let Ok(value) = HeaderValue::from_str(&deflate.to_string())
        {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
        }
        let connection = self.connection;
        tokio::task::spawn_local(async move {
            // A client that goes away first is lost to the service's end, which goes with this task.
            if let Ok(upgraded) = connection.await
                && let Some(parts) = stream(upgraded)
            {
                let client = WebSocket::over(Wire {
                    stream: Box::new(parts.io),
                    leftover: parts.read_buf,
                    role: Role::Server,
                    deflate,
                });
                join(client, websocket).await;
            }
        });
        Ok(())
    }
}

/// What a client says, and remembers of it.
pub struct Offer {
    key: String,
    deflate: Option<Deflate>,
}

impl Offer {
    /// Makes the headers ask for a WebSocket.
    pub fn new(headers: &mut HeaderMap) -> Self {
        let mut nonce = [0; 16];
        // A nonce that is not random is still answered.
        let _ = aws_lc_rs::rand::fill(&mut nonce);
        let key = base64(&nonce);
        let offers = headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        let offers = offers
            .as_ref()
            .and_then(|header| header.to_str().ok())
            .map(Deflate::offers)
            .unwrap_or_default();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, WEBSOCKET);
        headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(SEC_WEBSOCKET_KEY, key);
        }
        let text: Vec<_> = offers.iter().map(ToString::to_string).collect();
        if !text.is_empty()
            && let Ok(value) = HeaderValue::from_str(&text.join(", "))
        {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
        }
        Self {
            key,
            deflate: offers.first().copied(),
        }
    }

    /// The server's end, if it has switched; `None` for an ordinary response.
    pub async fn accepted<S>(
        self,
        response: &mut http::Response<Incoming>,
        stream: impl FnOnce(Upgraded) -> Option<Parts<S>>,
    ) -> Result<Option<WebSocket>, Error>
    where
        S: ByteStream + 'static,
    {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(None);
        }
        let deflate = self.check(response.headers()).map_err(|text| {
            super::concealed(format!("Server failed WebSocket handshake: {text}"))
        })?;
        let lost = Error::lost;
        let upgraded = hyper::upgrade::on(response).await.map_err(|_| lost())?;
        let parts = stream(upgraded).ok_or_else(lost)?;
        Ok(Some(WebSocket::over(Wire {
            stream: Box::new(parts.io),
            leftover: parts.read_buf,
            role: Role::Client,
            deflate,
        })))
    }

    /// What is agreed, or what is wrong with the server's answer.
    fn check(&self, headers: &HeaderMap) -> Result<Option<Deflate>, String> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        match headers.get(UPGRADE) {
            None => return Err("missing Upgrade header.".to_owned()),
            Some(value) if !is_wanted(headers) => {
                let value = text(value);
                return Err(format!(
                    "incorrect Upgrade header: expected 'websocket', got '{value}'."
                ));
            }
            Some(_) => {}
        }
        let expected = accept_key(self.key.as_bytes());
        match headers.get(SEC_WEBSOCKET_ACCEPT).map(text) {
            Some(value) if value == expected => {}
            value => {
                let value = value.unwrap_or_default();
                return Err(format!(
                    "incorrect Sec-WebSocket-Accept header: expected '{expected}', got '{value}'."
                ));
            }
        }
        match headers.get(SEC_WEBSOCKET_EXTENSIONS).map(text) {
            None => Ok(None),
            Some(value) => Ok(Some(Deflate::agreed(&value, self.deflate.as_ref())?)),
        }
    }
}

/// What a server answers to a client's key.
pub fn accept_key(key: &[u8]) -> String {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat());
    base64(digest.as_ref())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            text.push(if digit <= group.len() {
                char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63])
            } else {
                '='
            });
        }
    }
    text
}

/// A stream that something is kept for: `G` is dropped with it.
pub struct Guarded<G> {
    pub stream: Box<dyn ByteStream>,
    #[allow(dead_code)] // Held for what it does when dropped.
    pub guard: G,
}

impl<G: Unpin> AsyncRead for Guarded<G> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<G: Unpin> AsyncWrite for Guarded<G> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<IoResult<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<IoResult<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<G: Unpin + 'static> ByteStream for Guarded<G> {
    fn into_socket(self: Box<Self>) -> Result<OwnedFd, Box<dyn ByteStream>> {
        let Self { stream, guard } = *self;
        match stream.into_socket() {
            Ok(socket) => Ok(socket),
            Err(stream) => Err(Box::new(Self { stream, guard })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_example_key() {
        let accept = accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"ab"), "YWI=");
    }

    #[test]
    fn servers_that_fail_the_handshake() {
        let offer = Offer::new(&mut HeaderMap::new());
        let good = accept_key(offer.key.as_bytes());
        let cases = [
            ("websocket", good.as_str(), "", true),
            ("WebSocket", good.as_str(), "", true),
            ("", good.as_str(), "", false),
            ("h2c", good.as_str(), "", false),
            ("websocket", "", "", false),
            ("websocket", "other", "", false),
            ("websocket", good.as_str(), "permessage-deflate", false),
        ];
        for (upgrade, accept, extensions, well) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                (UPGRADE, upgrade),
                (SEC_WEBSOCKET_ACCEPT, accept),
                (SEC_WEBSOCKET_EXTENSIONS, extensions),
            ] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(offer.check(&headers).is_ok(), well, "{upgrade} {accept}");
        }
    }
}
