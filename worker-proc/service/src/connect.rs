//! Connections of bytes both ways: what `connect()` of `cloudflare:sockets` asks of a service, and a TCP socket of a worker.

use tokio::sync::oneshot;

use super::body::Body;
use super::error::Error;
use super::message::{Request, Response};

/// A connection on its way to a service.
#[derive(Debug)]
pub struct Connect {
    /// Host and port.
    pub authority: String,
    /// Whether it is encrypted.
    pub tls: Tls,
    /// Who connects, if it comes from the network.
    pub remote: Option<String>,
    /// Whether it is a flow of datagrams: then each is behind its length in both bodies, in two bytes.
    pub is_datagrams: bool,
    /// What is sent; its end closes that direction. Whoever is connected to drops it when it has gone.
    pub output: Body,
}

/// When a connection begins to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It stays as it is.
    Never,
    /// When both sides say so.
    Later,
    /// Before anything else is sent.
    AtOnce,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    /// What is received.
    pub input: Body,
    /// Encrypts it from here on, where that was asked for and the service can.
    pub starter: Option<Starter>,
}

/// What is sent through the connection before must have ended.
pub type Starter = oneshot::Sender<StartTls>;

/// See [`Starter`].
#[derive(Debug)]
pub struct StartTls {
    /// The host that the server's certificate must name.
    pub host: String,
    /// What is sent from now on.
    pub output: Body,
    /// Is given what is received from now on.
    pub opened: oneshot::Sender<Result<Body, Error>>,
}

/// Stands before the address of a flow of datagrams, where nobody else can have a `/`.
const DATAGRAMS: &str = "udp://";

impl Connect {
    /// The connection as an HTTP request, which crosses whatever a request does. Without TLS: none if it is asked for.
    pub fn into_request(self) -> Option<Request> {
        let url = match self.is_datagrams {
            true => format!("{DATAGRAMS}{}", self.authority),
            false => self.authority,
        };
        (self.tls != Tls::AtOnce).then_some(Request {
            method: http::Method::CONNECT,
            url,
            headers: http::HeaderMap::new(),
            body: self.output,
            cf: self.remote,
        })
    }

    /// What [`Connect::into_request`] made a request of.
    pub fn of_request(request: Request) -> Self {
        let address = request.url.strip_prefix(DATAGRAMS).map(str::to_owned);
        Self {
            is_datagrams: address.is_some(),
            authority: address.unwrap_or(request.url),
            tls: Tls::Never,
            remote: request.cf,
            output: request.body,
        }
    }
}

impl Connection {
    /// The answer to [`Connect::into_request`].
    pub fn into_response(self) -> Response {
        Response {
            status: 200,
            status_text: None,
            headers: http::HeaderMap::new(),
            body: self.input,
            websocket: None,
        }
    }

    /// # Errors
    /// It was refused.
    pub fn of_response(response: Response) -> Result<Self, Error> {
        if response.status != 200 {
            let text = format!("CONNECT was answered {}.", response.status);
            return Err(Error::internal(text));
        }
        Ok(Self {
            input: response.body,
            starter: None,
        })
    }
}
