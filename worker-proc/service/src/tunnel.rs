//! Between a byte stream and the two bodies of a connection.

use std::pin::pin;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;

use super::body::Body;
use super::channel::{BodyWriter, channel};
use super::connect::{Connection, StartTls};
use super::error::Error;

/// The most bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// A connection over a stream that is open.
pub fn open<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    mut stream: S,
    output: Body,
) -> Connection {
    let (writer, input) = channel(None);
    tokio::task::spawn_local(async move {
        carry(&mut stream, output, writer, None).await;
    });
    Connection {
        input,
        starter: None,
    }
}

/// Moves bytes until both directions have ended. Returns at the end of what is sent if TLS is asked for by then.
pub async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    output: Body,
    input: BodyWriter,
    asked: Option<&mut oneshot::Receiver<StartTls>>,
) -> Option<StartTls> {
    let (reading, writing) = tokio::io::split(stream);
    let mut received = pin!(receive(reading, input));
    let mut sent = pin!(send(writing, output));
    let (mut writing, has_received) = tokio::select! {
        sent = &mut sent => (sent.ok()?, false),
        came = &mut received => {
            came.ok()?;
            (sent.await.ok()?, true)
        }
    };
    if let Some(start) = asked.and_then(|asked| asked.try_recv().ok()) {
        return Some(start);
    }
    if writing.shutdown().await.is_ok() && !has_received {
        let _ = received.await;
    }
    None
}

/// The connection is of no use any more.
#[derive(Debug)]
pub struct Broken;

/// Until the other side has said all, or nobody reads it.
async fn receive(mut from: impl AsyncRead + Unpin, to: BodyWriter) -> Result<(), Broken> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_BYTES);
        let read = tokio::select! {
            read = from.read_buf(&mut buffer) => read,
            () = to.closed() => return Ok(()),
        };
        match read {
            Ok(0) => {
                to.finish();
                return Ok(());
            }
            Ok(_) => {}
            Err(_) => {
                to.fail(Error::lost());
                return Err(Broken);
            }
        }
        if to.write(buffer.split().freeze()).await.is_err() {
            return Ok(());
        }
    }
}

/// Until the body ends; one that fails has ended, too.
pub async fn send<W: AsyncWrite + Unpin>(mut to: W, mut body: Body) -> Result<W, Broken> {
    while let Some(Ok(chunk)) = std::future::poll_fn(|cx| body.poll_chunk(cx)).await {
        to.write_all(&chunk).await.map_err(|_| Broken)?;
        to.flush().await.map_err(|_| Broken)?;
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    async fn chunk(body: &mut Body) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| body.poll_chunk(cx)).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn directions_end_by_themselves() {
        let (near, mut far) = tokio::io::duplex(64);
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let (output, body) = channel(None);
                let mut connection = open(near, body);
                assert!(connection.starter.is_none());
                output.write(Bytes::from_static(b"ab")).await.unwrap();
                let mut got = [0; 2];
                far.read_exact(&mut got).await.unwrap();
                assert_eq!(&got, b"ab");
                output.finish();
                drop(output);
                assert_eq!(far.read(&mut got).await.unwrap(), 0);
                far.write_all(b"cd").await.unwrap();
                let came = chunk(&mut connection.input).await.unwrap().unwrap();
                assert_eq!(&came[..], b"cd");
                drop(far);
                assert!(chunk(&mut connection.input).await.is_none());
            })
            .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_connection_that_nobody_uses_is_closed() {
        let (near, mut far) = tokio::io::duplex(64);
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let (output, body) = channel(None);
                drop(open(near, body));
                drop(output);
                assert_eq!(far.read(&mut [0; 2]).await.unwrap(), 0);
                far.write_all(b"cd").await.unwrap_err();
            })
            .await;
    }
}
