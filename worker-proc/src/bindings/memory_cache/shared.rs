//! One memory cache in all processes: each keeps what its workers read, and a key's owner is asked before a value is made.
//!
//! So a hit asks nobody, a value is made once for all processes, and it is a copy of the owner's in every other one that reads
//! it. What is deleted is deleted in all; until that has arrived, another process may still read its copy. A process that is
//! away is not waited for: its keys' values are made anew. `boot` says where the others are.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::header::{EXPIRES, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::store::{Cache, Ticket, Turn, Use, Value};
use crate::service::{ActorId, Address, Body, Error, Request, Response, Service, channel};

/// The namespace of caches as the processes address each other. No unique key of a namespace has a NUL.
pub const NAMESPACE: &str = "\0memory-cache";

/// The number of a duty to make a value.
const TICKET: HeaderName = HeaderName::from_static("ticket");

/// The other processes.
pub trait Peers {
    /// What the owner of this address has there; none if that is this process.
    fn owner(&self, address: Address) -> Option<Rc<dyn Service>>;
    /// The same of all other processes.
    fn others(&self, address: Address) -> Vec<Rc<dyn Service>>;
}

thread_local! {
    static PEERS: RefCell<Option<Rc<dyn Peers>>> = const { RefCell::new(None) };
    /// Duties of makers in other processes, by number.
    static TICKETS: RefCell<HashMap<u64, Ticket>> = RefCell::default();
    static NEXT_TICKET: Cell<u64> = const { Cell::new(0) };
}

/// Says where the other processes are, if there are any.
pub fn connect(peers: Rc<dyn Peers>) {
    PEERS.set(Some(peers));
}

/// The cache that another process addresses.
///
/// # Errors
/// None of this process's workers has it.
pub fn resolve(address: &Address) -> Result<Rc<dyn Service>, Error> {
    let id = address.name.as_deref().unwrap_or_default();
    let cache = Cache::of(id)
        .ok_or_else(|| Error::disconnected("This process has no such memory cache."))?;
    Ok(Rc::new(Shared(cache)))
}

fn address(id: &str, key: &str) -> Address {
    let mut hasher = DefaultHasher::new();
    (id, key).hash(&mut hasher);
    let mut bytes = ActorId::default();
    bytes[..8].copy_from_slice(&hasher.finish().to_le_bytes());
    Address {
        namespace: NAMESPACE.to_owned(),
        id: bytes,
        name: Some(id.to_owned()),
        props: None,
    }
}

/// Who owns a key, if it is another process.
pub fn owner(of: &Use, key: &str) -> Option<Rc<dyn Service>> {
    let peers = PEERS.with_borrow(Clone::clone)?;
    peers.owner(address(of.id()?, key))
}

/// Deletes a value in the other processes.
pub fn remove(of: &Use, key: &str) {
    let Some((peers, id)) = PEERS.with_borrow(Clone::clone).zip(of.id()) else {
        return;
    };
    for other in peers.others(address(id, key)) {
        let request = request(Method::DELETE, key, Body::Empty);
        tokio::task::spawn_local(async move {
            // One that is away has nothing left.
            let _ = other.fetch(request).await;
        });
    }
}

fn request(method: Method, key: &str, body: Body) -> Request {
    Request {
        method,
        url: key.to_owned(),
        headers: HeaderMap::new(),
        body,
        cf: None,
    }
}

/// The value that a key's owner has.
pub async fn read(owner: Rc<dyn Service>, key: &str) -> Option<Value> {
    let response = owner.fetch(request(Method::GET, key, Body::Empty)).await;
    value_of(response.ok()?).await
}

/// What becomes of a reader's turn, once the key's owner is asked.
pub async fn ask(turn: Turn, owner: Option<Rc<dyn Service>>, key: &str) -> Lookup {
    let ticket = match turn {
        Turn::Value(value) => return Lookup::Value(value),
        Turn::Make(ticket) => ticket,
    };
    let alone = |ticket: Ticket| Lookup::Make(ticket.into());
    let Some(owner) = owner else {
        return alone(ticket);
    };
    let response = owner
        .clone()
        .fetch(request(Method::POST, key, Body::Empty))
        .await;
    let Ok(response) = response else {
        return alone(ticket);
    };
    if let Some(number) = response.headers.get(TICKET) {
        let duty = Duty {
            owner,
            number: number.clone(),
            held: response.body,
        };
        return Lookup::Make(Making {
            ticket,
            duty: Some(duty),
        });
    }
    match value_of(response).await {
        Some(value) => {
            ticket.made(value.clone(), now());
            Lookup::Value(value)
        }
        None => alone(ticket),
    }
}

/// What a reader gets.
pub enum Lookup {
    Value(Value),
    /// It is to make the value.
    Make(Making),
}

/// The duty to make a value for this process, and for all if the key's owner is another one. Dropped, it passes on.
pub struct Making {
    ticket: Ticket,
    duty: Option<Duty>,
}

/// What the owner waits for. The body's end tells it that nobody makes the value.
struct Duty {
    owner: Rc<dyn Service>,
    number: HeaderValue,
    held: Body,
}

impl From<Ticket> for Making {
    fn from(ticket: Ticket) -> Self {
        Self { ticket, duty: None }
    }
}

impl Making {
    pub fn made(self, value: Value, now: f64) {
        if let Some(duty) = self.duty {
            let mut told = request(Method::PUT, "", Body::Bytes(value.bytes.clone()));
            told.headers.insert(TICKET, duty.number);
            told.headers.extend(expires(&value));
            tokio::task::spawn_local(async move {
                // An owner that is away has forgotten it.
                let _ = duty.owner.fetch(told).await;
                drop(duty.held);
            });
        }
        self.ticket.made(value, now);
    }
}

/// When a value expires, as a header: milliseconds since 1970.
fn expires(value: &Value) -> Option<(HeaderName, HeaderValue)> {
    let at = HeaderValue::try_from(value.expiration?.to_string()).ok()?;
    Some((EXPIRES, at))
}

fn expiration(headers: &HeaderMap) -> Option<f64> {
    headers.get(EXPIRES)?.to_str().ok()?.parse().ok()
}

async fn value_of(response: Response) -> Option<Value> {
    if response.status != StatusCode::OK {
        return None;
    }
    let expiration = expiration(&response.headers);
    let bytes = bytes_of(response.body).await.ok()?;
    Some(Value { bytes, expiration })
}

async fn bytes_of(mut body: Body) -> Result<Bytes, Error> {
    let mut all = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|cx| body.poll_chunk(cx)).await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all.into())
}

fn now() -> f64 {
    ipc::log::now_ms() as f64
}

/// A cache of this process, for the others.
struct Shared(Rc<Cache>);

impl Shared {
    fn answer(&self, turn: Turn) -> Response {
        let ticket = match turn {
            Turn::Value(value) => {
                return response(StatusCode::OK, expires(&value), Body::Bytes(value.bytes));
            }
            Turn::Make(ticket) => ticket,
        };
        let number = NEXT_TICKET.replace(NEXT_TICKET.get() + 1);
        TICKETS.with_borrow_mut(|tickets| tickets.insert(number, ticket));
        let (writer, body) = channel(None);
        tokio::task::spawn_local(async move {
            writer.closed().await;
            let ticket = TICKETS.with_borrow_mut(|tickets| tickets.remove(&number));
            drop(ticket);
        });
        response(StatusCode::ACCEPTED, Some((TICKET, number.into())), body)
    }

    async fn made(request: Request) -> Result<(), Error> {
        let expiration = expiration(&request.headers);
        let number = request.headers.get(TICKET);
        let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
        let bytes = bytes_of(request.body).await?;
        let ticket = number.and_then(|number| TICKETS.with_borrow_mut(|all| all.remove(&number)));
        if let Some(ticket) = ticket {
            ticket.made(Value { bytes, expiration }, now());
        }
        Ok(())
    }
}

impl Service for Shared {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            let empty = |status| response(status, None, Body::Empty);
            let key = request.url.as_str();
            Ok(match request.method {
                Method::GET => match self.0.get(key, now()) {
                    Some(value) => self.answer(Turn::Value(value)),
                    None => empty(StatusCode::NOT_FOUND),
                },
                Method::POST => match self.0.get_or_make(key, now()).turn().await {
                    Some(turn) => self.answer(turn),
                    None => empty(StatusCode::NOT_FOUND),
                },
                Method::PUT => {
                    Self::made(request).await?;
                    empty(StatusCode::NO_CONTENT)
                }
                _ => {
                    self.0.remove(key);
                    empty(StatusCode::NO_CONTENT)
                }
            })
        })
    }
}

fn response(status: StatusCode, header: Option<(HeaderName, HeaderValue)>, body: Body) -> Response {
    Response {
        status: status.as_u16(),
        status_text: None,
        headers: header.into_iter().collect(),
        body,
        websocket: None,
    }
}
