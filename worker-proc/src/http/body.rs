//! Between hyper's bodies and ours, chunk by chunk, without copies.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::sweep::Connection;
use crate::service::{Body, BodyStream, Error};

struct FromHyper {
    body: Incoming,
    /// The client's connection, for a request's body.
    client: Option<Arc<Connection>>,
}

/// A response's body as ours. Trailers are dropped, as workerd drops them.
pub fn from_hyper(body: Incoming) -> Body {
    received(body, None)
}

/// A request's body as ours. Its connection learns when it breaks.
pub fn from_client(body: Incoming, client: Arc<Connection>) -> Body {
    received(body, Some(client))
}

fn received(body: Incoming, client: Option<Arc<Connection>>) -> Body {
    if body.is_end_stream() {
        Body::Empty
    } else {
        Body::Stream(Box::new(FromHyper { body, client }))
    }
}

impl BodyStream for FromHyper {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => {
                    if let Some(client) = &self.client {
                        client.body_broke();
                    }
                    return Poll::Ready(Some(Err(Error::disconnected("Network connection lost."))));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_) => {}
                },
            }
        }
    }

    fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }
}

/// Our body as hyper wants it. `on_end` is dropped with it, which tells the server that the exchange is over.
pub struct ToHyper<G> {
    body: Body,
    left: Option<u64>,
    _on_end: G,
}

impl<G> ToHyper<G> {
    pub fn new(body: Body, on_end: G) -> Self {
        let left = body.length();
        Self {
            body,
            left,
            _on_end: on_end,
        }
    }
}

impl<G: Unpin> http_body::Body for ToHyper<G> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = self.body.poll_chunk(cx);
        if let (Poll::Ready(Some(Ok(chunk))), Some(left)) = (&polled, &mut self.left) {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        polled.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.body, Body::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}
