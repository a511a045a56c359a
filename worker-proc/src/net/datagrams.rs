//! UDP sockets: the datagrams of one peer are a flow, which is a connection to the socket's service.
//!
//! `accept` serves these. In the bodies of a flow each datagram is behind its length, in two bytes, so that its bounds outlive
//! whatever a body passes; `api/cloudflare/sockets/datagrams.js` makes and reads the same. What nobody reads in time is
//! dropped, as the network would.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::net::UdpSocket;

use crate::http::Server;
use crate::http::server::Counted;
use crate::service::{Body, BodyStream, Connect, Error, Service, Tls};

/// No datagram is longer.
const MAX_DATAGRAM_BYTES: usize = u16::MAX as usize;

/// Bytes of the length before each.
const LENGTH_BYTES: usize = 2;

/// Datagrams of a flow that wait to be read, however short they are.
const MAX_PENDING_DATAGRAMS: usize = 4096;

/// After an error of the socket it is read again this much later.
const RETRY: Duration = Duration::from_millis(50);

/// What the flows of a UDP socket share.
pub struct UdpEndpoint {
    pub service: Rc<dyn Service>,
    /// The address that clients send to, as the config has it.
    pub address: String,
    /// A flow ends after this long without a datagram.
    pub idle_timeout: Duration,
    /// Bytes of one flow's datagrams that wait to be read.
    pub max_pending_bytes: usize,
}

/// The flows of one socket, by their peers. Dropped, it ends them: what has come is read, and nothing more comes.
#[derive(Default)]
struct Flows(Rc<RefCell<HashMap<SocketAddr, Rc<Flow>>>>);

impl Drop for Flows {
    fn drop(&mut self) {
        self.0.take().values().for_each(|flow| flow.end());
    }
}

/// Receives until it is dropped.
pub async fn serve(server: &Rc<Server>, socket: &Rc<UdpSocket>, endpoint: &Rc<UdpEndpoint>) {
    let flows = Flows::default();
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        let Ok((bytes, peer)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let known = flows.0.borrow().get(&peer).cloned();
        let flow = match known {
            Some(flow) => flow,
            // As the network would lose it.
            None if server.is_full() => continue,
            None => {
                let flow = Rc::new(Flow::default());
                flows.0.borrow_mut().insert(peer, flow.clone());
                let run = Run {
                    flow: flow.clone(),
                    peer,
                    socket: socket.clone(),
                    endpoint: endpoint.clone(),
                    flows: flows.0.clone(),
                    _held: server.hold(),
                };
                tokio::task::spawn_local(run.live());
                flow
            }
        };
        flow.push(&buffer[..bytes], endpoint.max_pending_bytes);
    }
}

/// What one peer has sent.
struct Flow(RefCell<Received>);

struct Received {
    /// Each behind its length.
    waiting: VecDeque<Bytes>,
    bytes: usize,
    is_over: bool,
    reader: Option<Waker>,
    /// When a datagram was last received or sent.
    active: Instant,
}

impl Default for Flow {
    fn default() -> Self {
        Self(RefCell::new(Received {
            waiting: VecDeque::new(),
            bytes: 0,
            is_over: false,
            reader: None,
            active: Instant::now(),
        }))
    }
}

impl Flow {
    fn push(&self, datagram: &[u8], max_pending_bytes: usize) {
        let mut received = self.0.borrow_mut();
        received.active = Instant::now();
        let bytes = received.bytes + datagram.len();
        if received.is_over
            || bytes > max_pending_bytes
            || received.waiting.len() >= MAX_PENDING_DATAGRAMS
        {
            return;
        }
        received.bytes = bytes;
        let mut framed = BytesMut::with_capacity(LENGTH_BYTES + datagram.len());
        framed.put_u16(datagram.len() as u16);
        framed.put_slice(datagram);
        received.waiting.push_back(framed.freeze());
        if let Some(reader) = received.reader.take() {
            reader.wake();
        }
    }

    fn end(&self) {
        let mut received = self.0.borrow_mut();
        received.is_over = true;
        if let Some(reader) = received.reader.take() {
            reader.wake();
        }
    }

    /// Ends when no datagram has been received or sent for so long.
    async fn idle(&self, timeout: Duration) {
        loop {
            let left = timeout.checked_sub(self.0.borrow().active.elapsed());
            match left.filter(|left| !left.is_zero()) {
                None => return,
                Some(left) => tokio::time::sleep(left).await,
            }
        }
    }
}

/// The reading end of a flow.
struct Incoming(Rc<Flow>);

impl BodyStream for Incoming {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut received = self.0.0.borrow_mut();
        if let Some(datagram) = received.waiting.pop_front() {
            received.bytes -= datagram.len() - LENGTH_BYTES;
            return Poll::Ready(Some(Ok(datagram)));
        }
        if received.is_over {
            return Poll::Ready(None);
        }
        received.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// One flow, from its first datagram to its end.
struct Run {
    flow: Rc<Flow>,
    peer: SocketAddr,
    socket: Rc<UdpSocket>,
    endpoint: Rc<UdpEndpoint>,
    flows: Rc<RefCell<HashMap<SocketAddr, Rc<Flow>>>>,
    _held: Counted,
}

impl Run {
    /// Ends with the handler; once the flow is idle, the peer's next datagram is the first of another one.
    async fn live(self) {
        let idle = async {
            self.flow.idle(self.endpoint.idle_timeout).await;
            self.flow.end();
            self.forget();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.answer() => {}
            () = idle => {}
        }
        self.flow.end();
        self.forget();
    }

    async fn answer(&self) {
        let connect = Connect {
            authority: self.endpoint.address.clone(),
            tls: Tls::Never,
            remote: None,
            is_datagrams: true,
            output: Body::Stream(Box::new(Incoming(self.flow.clone()))),
        };
        // The worker's log has said why it refuses.
        let Ok(mut connection) = self.endpoint.service.clone().connect(connect).await else {
            return;
        };
        let mut sent = BytesMut::new();
        while let Some(Ok(chunk)) = poll_fn(|cx| connection.input.poll_chunk(cx)).await {
            sent.extend_from_slice(&chunk);
            while let Some(datagram) = next_datagram(&mut sent) {
                self.flow.0.borrow_mut().active = Instant::now();
                // What cannot be sent is lost, as any datagram may be.
                let _ = self.socket.send_to(&datagram, self.peer).await;
            }
        }
    }

    /// Another flow of the same peer is let be.
    fn forget(&self) {
        let mut flows = self.flows.borrow_mut();
        if flows
            .get(&self.peer)
            .is_some_and(|flow| Rc::ptr_eq(flow, &self.flow))
        {
            flows.remove(&self.peer);
        }
    }
}

/// Takes the first datagram out of what was written, if all of it is there.
fn next_datagram(written: &mut BytesMut) -> Option<Bytes> {
    let length = usize::from(u16::from_be_bytes([*written.first()?, *written.get(1)?]));
    if written.len() < LENGTH_BYTES + length {
        return None;
    }
    written.advance(LENGTH_BYTES);
    Some(written.split_to(length).freeze())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn datagrams_keep_their_bounds() {
        let mut written = BytesMut::from(&b"\0\x02ab\0\0\0\x03cd"[..]);
        assert_eq!(next_datagram(&mut written).as_deref(), Some(&b"ab"[..]));
        assert_eq!(next_datagram(&mut written).as_deref(), Some(&b""[..]));
        assert_eq!(next_datagram(&mut written), None);
        written.extend_from_slice(b"e");
        assert_eq!(next_datagram(&mut written).as_deref(), Some(&b"cde"[..]));
        assert_eq!(next_datagram(&mut written), None);
    }

    #[test]
    fn what_is_not_read_in_time_is_dropped() {
        let flow = Rc::new(Flow::default());
        let mut incoming = Incoming(flow.clone());
        let mut read = || poll_fn(|cx| incoming.poll_chunk(cx)).now_or_never();
        for datagram in [b"abc", b"def", b"ghi"] {
            flow.push(datagram, 6);
        }
        let mut next = || read().map(|read| read.map(|read| read.unwrap()));
        assert_eq!(next(), Some(Some(Bytes::from_static(b"\0\x03abc"))));
        assert_eq!(next(), Some(Some(Bytes::from_static(b"\0\x03def"))));
        assert_eq!(next(), None);
        for _ in 0..=MAX_PENDING_DATAGRAMS {
            flow.push(b"", 6);
        }
        flow.end();
        flow.push(b"late", 6);
        for _ in 0..MAX_PENDING_DATAGRAMS {
            assert_eq!(next(), Some(Some(Bytes::from_static(b"\0\0"))));
        }
        assert_eq!(next(), Some(None));
    }
}
