//! WebSockets: each direction is an object that takes its messages.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use capnp::Error;
use capnp_rpc::new_client;
use schema::bytes_capnp::web_socket::{self, Client};
use tokio::sync::oneshot;

use super::bytes::Sequence;
use super::error::told;
use crate::service::websocket::{Close, MAX_MESSAGE_BYTES, Message, WebSocket};

/// What takes messages for an end, and the carrying of it.
pub fn carry(end: WebSocket) -> (Client, Carried) {
    let end = Rc::new(end);
    let (sender, gone) = oneshot::channel();
    let sink = Sink {
        end: end.clone(),
        gone: Cell::new(Some(sender)),
        closed: Cell::new(false),
        order: Sequence::default(),
    };
    (new_client(sink), Carried { end, gone })
}

/// An end whose other end is elsewhere. Dropping it is a loss for both.
pub struct Carried {
    end: Rc<WebSocket>,
    /// Whether the other side has closed, or dropped what takes its messages.
    gone: oneshot::Receiver<bool>,
}

impl Carried {
    /// Sends what the end says, until both directions have been closed or one is lost.
    pub async fn run(self, to: Client) -> Result<(), Error> {
        let lost = || Error::disconnected("The WebSocket was lost.".into());
        let Self { end, mut gone } = self;
        let mut sent = pin!(send(end, to));
        tokio::select! {
            sent = &mut sent => {
                sent?;
                match gone.await {
                    Ok(true) => Ok(()),
                    _ => Err(lost()),
                }
            }
            closed = &mut gone => match closed {
                Ok(true) => sent.await,
                _ => Err(lost()),
            },
        }
    }
}

/// Sends what an end says until it closes, or is lost: then what takes it is dropped, and the other side knows.
async fn send(end: Rc<WebSocket>, to: Client) -> Result<(), Error> {
    loop {
        let message = end.receive(MAX_MESSAGE_BYTES).await;
        match message.map_err(|error| told(&error))? {
            Message::Text(text) => {
                let mut request = to.send_text_request();
                request.get().set_text(capnp::text::Reader::from(&text[..]));
                request.send().await?;
            }
            Message::Binary(data) => {
                let mut request = to.send_data_request();
                request.get().set_data(&data);
                request.send().await?;
            }
            Message::Close(close) => {
                let mut request = to.close_request();
                request.get().set_code(close.code);
                request.get().set_reason(&*close.reason);
                request.send().promise.await?;
                return Ok(());
            }
        }
    }
}

/// See [`carry`].
struct Sink {
    end: Rc<WebSocket>,
    gone: Cell<Option<oneshot::Sender<bool>>>,
    closed: Cell<bool>,
    order: Sequence,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.is_gone(false);
    }
}

impl Sink {
    fn is_gone(&self, closed: bool) {
        if let Some(gone) = self.gone.take() {
            let _ = gone.send(closed);
        }
    }

    fn put(
        self: Rc<Self>,
        read: impl FnOnce() -> Result<Message, Error> + 'static,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        let this = self.clone();
        self.order.next(async move {
            if this.closed.get() {
                return Err(Error::failed("The WebSocket has been closed.".into()));
            }
            let message = read()?;
            let closes = matches!(message, Message::Close(_));
            this.closed.set(closes);
            let sent = this.end.send(message).await;
            // The other side keeps what takes its messages until the exchange is over.
            if closes {
                this.is_gone(sent.is_ok());
            }
            sent.map_err(|error| told(&error))
        })
    }
}

impl web_socket::Server for Sink {
    fn send_text(
        self: Rc<Self>,
        params: web_socket::SendTextParams,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        self.put(move || {
            let text = params.get()?.get_text()?.to_str()?;
            Ok(Message::Text(Bytes::copy_from_slice(text.as_bytes())))
        })
    }

    fn send_data(
        self: Rc<Self>,
        params: web_socket::SendDataParams,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        self.put(move || {
            let data = params.get()?.get_data()?;
            Ok(Message::Binary(Bytes::copy_from_slice(data)))
        })
    }

    fn close(
        self: Rc<Self>,
        params: web_socket::CloseParams,
        _: web_socket::CloseResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        self.put(move || {
            let params = params.get()?;
            let reason = params.get_reason()?.to_str()?;
            Ok(Message::Close(Close {
                code: params.get_code(),
                reason: reason.to_owned(),
            }))
        })
    }
}
