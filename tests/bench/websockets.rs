//! `websockets PORT BYTES CONNECTIONS SECONDS`: a load generator, for what wrk and h2load lack. Each connection sends a binary
//! message to `/websocket`, waits until it has come back, compares it, and sends the next. Prints one line of JSON: how many
//! came back, how many were wrong or never came, and microseconds of the round trips.

use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

const USAGE: &str = "usage: websockets PORT BYTES CONNECTIONS SECONDS";
/// No answer takes longer, or it counts as one that never comes.
const PATIENCE: Duration = Duration::from_secs(5);
/// A nonce of no meaning: the answer's hash of it is not looked at.
const UPGRADE: &str = "GET /websocket HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
const MASK: [u8; 4] = [0x5a, 0x17, 0xc3, 0x88];

/// What one connection has seen.
#[derive(Default)]
struct Tally {
    round_trips_us: Vec<u32>,
    failed: u32,
}

/// The two frames of a message, as a client sends it and as a server does (RFC 6455, 5.2).
fn frames(payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let head = |mask_bit: u8| {
        let mut head = vec![0x82];
        match u16::try_from(payload.len()).expect("at most 64 KiB") {
            length @ 0..=125 => head.push(mask_bit | length.to_be_bytes()[1]),
            length => {
                head.push(mask_bit | 126);
                head.extend(length.to_be_bytes());
            }
        }
        head
    };
    let masked = payload.iter().zip(MASK.iter().cycle());
    let mut sent = head(0x80);
    sent.extend(MASK);
    sent.extend(masked.map(|(byte, mask)| byte ^ mask));
    (sent, [&head(0), payload].concat())
}

async fn open(port: u16) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    stream.write_all(UPGRADE.as_bytes()).await?;
    let mut head = Vec::new();
    // A server sends nothing behind its head before it has been sent a message.
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if head.starts_with(b"HTTP/1.1 101 ") {
        Ok(stream)
    } else {
        Err(io::Error::other("the server does not switch protocols"))
    }
}

async fn echo(stream: &mut TcpStream, sent: &[u8], came: &mut [u8]) -> io::Result<()> {
    stream.write_all(sent).await?;
    stream.read_exact(came).await?;
    Ok(())
}

/// Echoes until the deadline, or until one fails.
async fn converse(port: u16, payload: &[u8], end: Instant) -> Tally {
    let mut tally = Tally::default();
    let (sent, expected) = frames(payload);
    let mut came = vec![0; expected.len()];
    let Ok(Ok(mut stream)) = tokio::time::timeout(PATIENCE, open(port)).await else {
        tally.failed = 1;
        return tally;
    };
    loop {
        let begun = Instant::now();
        if begun >= end {
            return tally;
        }
        let echoed = tokio::time::timeout(PATIENCE, echo(&mut stream, &sent, &mut came)).await;
        if !matches!(echoed, Ok(Ok(()))) || came != expected {
            tally.failed = 1;
            return tally;
        }
        let us = begun.elapsed().as_micros();
        tally
            .round_trips_us
            .push(u32::try_from(us).unwrap_or(u32::MAX));
    }
}

async fn load(port: u16, bytes: usize, connections: usize, seconds: f64) -> Tally {
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let payload = vec![b'x'; bytes];
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let payload = payload.clone();
            tokio::task::spawn_local(async move { converse(port, &payload, end).await })
        })
        .collect();
    let mut all = Tally::default();
    for task in tasks {
        let one = task.await.expect("no panic");
        all.round_trips_us.extend(one.round_trips_us);
        all.failed += one.failed;
    }
    all.round_trips_us.sort_unstable();
    all
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || io::Error::other(USAGE);
    let [port, bytes, connections, seconds] = arguments.as_slice() else {
        return Err(usage());
    };
    let port = port.parse().map_err(|_| usage())?;
    let bytes = bytes.parse().map_err(|_| usage())?;
    let connections = connections.parse().map_err(|_| usage())?;
    let seconds: f64 = seconds.parse().map_err(|_| usage())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begun = Instant::now();
    let tally = LocalSet::new().block_on(&runtime, load(port, bytes, connections, seconds));
    let took = begun.elapsed().as_secs_f64();
    let times = &tally.round_trips_us;
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index.min(times.len().saturating_sub(1)))
    };
    println!(
        "{}",
        json!({
            "requests": times.len(), "failed": tally.failed, "seconds": took,
            "p50_us": at(0.5), "p99_us": at(0.99),
        })
    );
    Ok(())
}
