//! TCP sockets whose connections begin in plaintext, until the worker's handler asks for TLS (`tlsMode = startTls`).
//!
//! `accept` serves these. Nothing is read that the worker does not ask for: what comes after its word is the handshake's.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

use super::accept::TcpEndpoint;
use super::stream::Accepted;
use super::tls;
use crate::http::server::Counted;
use crate::service::{Body, BodyStream, Connect, Error, StartTls, Starter, Tls, channel, tunnel};

/// The most bytes of one read.
const READ_BYTES: usize = 64 << 10;

/// Connects a client with the service of a socket, and encrypts the connection when that asks for it.
pub async fn relay(
    _held: Counted,
    tls: tls::Server,
    stream: Accepted,
    handshake_timeout: Duration,
    endpoint: std::rc::Rc<TcpEndpoint>,
) {
    let (starter, mut asked) = oneshot::channel();
    let received = Received {
        stream: Some(stream.clone()),
        starter: Some(starter),
    };
    let connect = Connect {
        authority: endpoint.address.clone(),
        tls: Tls::Later,
        remote: stream.peer(),
        is_datagrams: false,
        output: Body::Stream(Box::new(received)),
    };
    // The worker's log has said why it refuses.
    let Ok(connection) = endpoint.service.clone().connect(connect).await else {
        return;
    };
    let Ok(mut plain) = tunnel::send(stream, connection.input).await else {
        return;
    };
    let Ok(StartTls { output, opened, .. }) = asked.try_recv() else {
        // The worker has said all, and may read on.
        let _ = plain.shutdown().await;
        let _ = asked.await;
        return;
    };
    match tokio::time::timeout(handshake_timeout, tls.accept(plain)).await {
        Ok(Ok(mut secured)) => {
            let (writer, input) = channel(None);
            // Who asked may have gone.
            let _ = opened.send(Ok(input));
            tunnel::carry(&mut secured, output, writer, None).await;
        }
        Ok(Err(error)) => {
            let _ = opened.send(Err(crate::http::concealed(error)));
        }
        Err(_) => {
            let _ = opened.send(Err(Error::lost()));
        }
    }
}

/// What the client sends, read when it is asked for.
struct Received {
    /// None at its end.
    stream: Option<Accepted>,
    starter: Option<Starter>,
}

impl BodyStream for Received {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        use tokio::io::AsyncRead;
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let mut bytes = BytesMut::zeroed(READ_BYTES);
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = ready!(Pin::new(stream).poll_read(cx, &mut buffer));
        let count = buffer.filled().len();
        bytes.truncate(count);
        match read {
            Ok(()) if count > 0 => Poll::Ready(Some(Ok(bytes.freeze()))),
            Ok(()) => {
                self.stream = None;
                Poll::Ready(None)
            }
            Err(_) => {
                self.stream = None;
                Poll::Ready(Some(Err(Error::lost())))
            }
        }
    }

    fn take_starter(&mut self) -> Option<Starter> {
        self.starter.take()
    }
}
