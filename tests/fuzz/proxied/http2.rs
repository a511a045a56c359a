//! The client's side over HTTP/2 with prior knowledge: one connection, a stream an exchange.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Reason, SendStream};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::case::{Case, Upload};
use crate::check::{End, Got, PATIENCE};

pub struct Connection {
    /// Of a thread that goes on between exchanges: what a client left is reset at once.
    runtime: Handle,
    /// The thread ends with it.
    _open: oneshot::Sender<()>,
    sender: SendRequest<Bytes>,
}

impl Connection {
    pub fn open(port: u16) -> io::Result<Self> {
        let here = Builder::new_current_thread().enable_all().build()?;
        let runtime = here.handle().clone();
        let (open, closed) = oneshot::channel();
        thread::spawn(move || here.block_on(closed));
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let opened = client::handshake(stream).await;
            let (sender, connection) = opened.map_err(io::Error::other)?;
            // Its error is seen by the streams.
            tokio::spawn(async {
                let _ = connection.await;
            });
            Ok::<_, io::Error>(sender)
        })?;
        Ok(Self {
            runtime,
            _open: open,
            sender,
        })
    }

    /// All at the same time.
    pub fn exchange(&mut self, cases: &[Arc<Case>], port: u16) -> Vec<Got> {
        self.runtime.block_on(async {
            let answer =
                |case: &Arc<Case>| tokio::spawn(answer(self.sender.clone(), case.clone(), port));
            let mut gots = Vec::new();
            for answer in cases.iter().map(answer).collect::<Vec<_>>() {
                gots.push(answer.await.expect("no panic"));
            }
            gots
        })
    }
}

async fn answer(sender: SendRequest<Bytes>, case: Arc<Case>, port: u16) -> Got {
    let mut got = Got::default();
    let done = timeout(PATIENCE, exchange(sender, &case, port, &mut got)).await;
    got.end = match done {
        Err(_) => End::Hang,
        Ok(Ok(())) if case.leaves.is_some() => End::Left,
        Ok(Ok(())) => check(&case, &got),
        Ok(Err(error)) if error.is_library() => End::Bad(error.to_string()),
        Ok(Err(_)) if got.status == 0 => End::Closed,
        Ok(Err(_)) => End::Cut,
    };
    got
}

/// What HTTP/2 demands of an answer, and the library does not.
fn check(case: &Case, got: &Got) -> End {
    let lengths = got.all("content-length");
    let bad = match &lengths[..] {
        [] => false,
        [length] if case.method == "HEAD" || got.status == 304 => length.parse::<u64>().is_err(),
        [length] => *length != got.body.len().to_string(),
        _ => true,
    };
    match bad || !got.all("transfer-encoding").is_empty() {
        true => End::Bad(format!("framing {:?}", got.headers)),
        false => End::Whole,
    }
}

async fn exchange(
    sender: SendRequest<Bytes>,
    case: &Case,
    port: u16,
    got: &mut Got,
) -> Result<(), h2::Error> {
    let mut sender = sender.ready().await?;
    let body = Bytes::from(case.uploaded());
    let uri = format!("http://front{}.example{}", case.id % 3, case.target(port));
    let mut request = http::Request::builder()
        .method(case.method)
        .uri(uri)
        .header("x-id", case.id);
    if case.client_hop {
        request = request.header("te", "trailers");
    }
    if matches!(case.upload, Upload::Length | Upload::LengthCut) {
        request = request.header("content-length", body.len());
    }
    let request = request.body(()).expect("a good request");
    let (response, stream) = sender.send_request(request, case.upload == Upload::None)?;
    if case.upload != Upload::None {
        let sent = if case.is_cut_upload() {
            body.len() / 2
        } else {
            body.len()
        };
        let reset = case.upload == Upload::ChunkedCut;
        tokio::spawn(send(stream, body.slice(..sent), reset));
    }
    if case.leaves == Some(0) {
        // Dropped streams are reset.
        tokio::time::sleep(Duration::from_millis(1)).await;
        return Ok(());
    }
    let response = response.await?;
    got.status = response.status().as_u16();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        got.headers.push((name.to_string(), value));
    }
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        got.body.extend(data);
        if case.leaves.is_some_and(|most| got.body.len() > most) {
            break;
        }
    }
    Ok(())
}

/// Sends a body as the windows let it. The server may well not want it.
async fn send(mut stream: SendStream<Bytes>, mut body: Bytes, reset: bool) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(Ok(count)) => {
                let part = body.split_to(count.min(body.len()));
                if stream.send_data(part, false).is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
    if reset {
        // The data goes first.
        tokio::time::sleep(Duration::from_millis(1)).await;
        stream.send_reset(Reason::CANCEL);
    } else {
        let _ = stream.send_data(Bytes::new(), true);
    }
}
