//! Tokens: how stubs are written into what Durable Objects store.
//!
//! A token is a magic number and a packed Cap'n Proto message (`schema/token.capnp`), as the published workerd lays them
//! out. The runtime process makes them of its stubs and finds stubs by them; nothing here knows what they mean.

use capnp::message::{Builder, ReaderOptions};
use capnp::serialize_packed;
use schema::token_capnp as wire;

const MAGIC: [u8; 4] = 0x9082_806d_u32.to_le_bytes();

/// Words that one token may take, what it refers to included.
const MAX_WORDS: usize = 8 << 20;

/// Tokens within tokens.
const MAX_DEPTH: usize = 64;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stub of a service.
    Service,
    /// A class of Durable Objects.
    Class,
    /// A stub of JavaScript RPC.
    Stub,
}

/// What a token leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An entrypoint of a service of the config.
    Entrypoint {
        /// Its name in the config.
        service: String,
        /// What the worker exports it as; none is the default one.
        name: Option<String>,
        /// What it is given.
        props: Value,
    },
    /// A Durable Object.
    Actor {
        /// The key of its namespace.
        namespace: String,
        /// 32 bytes.
        id: Vec<u8>,
        /// The name that the id was made of, if it was.
        name: Option<String>,
    },
    /// What an entrypoint makes of a value when it is asked to restore it.
    Restored {
        /// Whose `[restore]()` makes it.
        vendor: Box<Token>,
        /// What that is called with.
        argument: Value,
    },
}

/// A JavaScript value and what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value itself.
    pub content: Content,
    /// What it refers to, in order.
    pub caps: Vec<(Kind, Token)>,
}

/// How a value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// No value.
    Empty,
    /// JSON.
    Json(String),
    /// V8's wire format.
    Serialized(Vec<u8>),
}

/// Why bytes are no token: for the log and for whoever reads it.
#[derive(Debug)]
pub struct BadToken(String);

impl std::fmt::Display for BadToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "invalid channel token for storage: {}", self.0)
    }
}

impl From<capnp::Error> for BadToken {
    fn from(error: capnp::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::str::Utf8Error> for BadToken {
    fn from(error: std::str::Utf8Error) -> Self {
        Self(error.to_string())
    }
}

impl From<capnp::NotInSchema> for BadToken {
    fn from(error: capnp::NotInSchema) -> Self {
        Self(error.to_string())
    }
}

fn bad<T>(why: &str) -> Result<T, BadToken> {
    Err(BadToken(why.to_owned()))
}

/// The bytes of a token.
pub fn encode(kind: Kind, token: &Token) -> Vec<u8> {
    let mut message = Builder::new_default();
    let mut root: wire::token::Builder = message.init_root();
    root.set_kind(match kind {
        Kind::Service => wire::token::Kind::Service,
        Kind::Class => wire::token::Kind::Class,
        Kind::Stub => wire::token::Kind::Stub,
    });
    root.reborrow().init_persistence().set_irrevocable(());
    match token {
        Token::Entrypoint {
            service,
            name,
            props,
        } => {
            let mut entrypoint = root.init_entrypoint();
            entrypoint.set_service(service.as_str());
            if let Some(name) = name {
                entrypoint.set_name(name.as_str());
            }
            write_value(entrypoint.init_props(), props);
        }
        Token::Actor {
            namespace,
            id,
            name,
        } => {
            let mut actor = root.init_actor();
            actor.set_namespace(namespace.as_str());
            actor.set_id(id);
            if let Some(name) = name {
                actor.set_name(name.as_str());
            }
        }
        Token::Restored { vendor, argument } => {
            let mut restored = root.init_restored();
            restored.set_vendor(&encode(Kind::Service, vendor));
            write_value(restored.init_argument(), argument);
        }
    }
    let mut bytes = MAGIC.to_vec();
    // Writing to memory does not fail.
    let _ = serialize_packed::write_message(&mut bytes, &message);
    bytes
}

fn write_value(mut value: wire::value::Builder, from: &Value) {
    match &from.content {
        Content::Empty => value.set_empty_object(()),
        Content::Json(json) => value.set_json(json.as_str()),
        Content::Serialized(bytes) => value.set_serialized(bytes),
    }
    let count = from.caps.len() as u32;
    value.set_cap_count(count);
    if count == 0 {
        return;
    }
    let caps: wire::token::caps::Builder = value.init_caps().init_as();
    let mut list = caps.init_list(count);
    for (index, (kind, token)) in (0..).zip(&from.caps) {
        let mut cap = list.reborrow().get(index);
        let bytes = encode(*kind, token);
        match kind {
            Kind::Service => cap.set_service(&bytes),
            Kind::Class => cap.set_class(&bytes),
            Kind::Stub => cap.set_stub(&bytes),
        }
    }
}

/// Reads a token, which must be of the kind.
///
/// # Errors
/// The bytes are no such token.
pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Token, BadToken> {
    decode_within(kind, bytes, MAX_DEPTH)
}

fn decode_within(kind: Kind, bytes: &[u8], depth: usize) -> Result<Token, BadToken> {
    let Some(mut packed) = bytes.strip_prefix(&MAGIC) else {
        return bad("it has another magic number");
    };
    let Some(depth) = depth.checked_sub(1) else {
        return bad("it refers to too many others");
    };
    let options = ReaderOptions {
        traversal_limit_in_words: Some(MAX_WORDS),
        ..ReaderOptions::new()
    };
    let message = serialize_packed::read_message(&mut packed, options)?;
    let root: wire::token::Reader = message.get_root()?;
    let found = match root.get_kind()? {
        wire::token::Kind::Service => Kind::Service,
        wire::token::Kind::Class => Kind::Class,
        wire::token::Kind::Stub => Kind::Stub,
    };
    if found != kind {
        return bad("channel token type mismatch");
    }
    let token = match root.which()? {
        wire::token::Entrypoint(entrypoint) => Token::Entrypoint {
            service: entrypoint.get_service()?.to_str()?.to_owned(),
            name: match entrypoint.has_name() {
                true => Some(entrypoint.get_name()?.to_str()?.to_owned()),
                false => None,
            },
            props: read_value(entrypoint.get_props()?, depth)?,
        },
        wire::token::Actor(actor) => Token::Actor {
            namespace: actor.get_namespace()?.to_str()?.to_owned(),
            id: actor.get_id()?.to_vec(),
            name: match actor.has_name() {
                true => Some(actor.get_name()?.to_str()?.to_owned()),
                false => None,
            },
        },
        wire::token::Restored(restored) => Token::Restored {
            vendor: Box::new(decode_within(Kind::Service, restored.get_vendor()?, depth)?),
            argument: read_value(restored.get_argument()?, depth)?,
        },
    };
    match (&token, kind) {
        (Token::Actor { .. }, Kind::Service)
        | (Token::Restored { .. }, Kind::Service | Kind::Stub) => {}
        (Token::Entrypoint { .. }, Kind::Service | Kind::Class) => {}
        _ => return bad("channel token type mismatch"),
    }
    Ok(token)
}

fn read_value(value: wire::value::Reader, depth: usize) -> Result<Value, BadToken> {
    if !value.get_properties()?.is_empty() {
        return bad("its value has properties of their own");
    }
    let content = match value.which()? {
        wire::value::EmptyObject(()) => Content::Empty,
        wire::value::Json(json) => Content::Json(json?.to_str()?.to_owned()),
        wire::value::Serialized(bytes) => Content::Serialized(bytes?.to_vec()),
        wire::value::ArrayBuffer(_) | wire::value::Capability(_) => {
            return bad("its value is of an unknown kind");
        }
    };
    let mut caps = Vec::new();
    if value.has_caps() {
        let table: wire::token::caps::Reader = value.get_caps().get_as()?;
        for cap in table.get_list()? {
            let (kind, bytes) = match cap.which()? {
                wire::token::caps::cap::Unknown(()) => return bad("it refers to nothing"),
                wire::token::caps::cap::Service(bytes) => (Kind::Service, bytes?),
                wire::token::caps::cap::Class(bytes) => (Kind::Class, bytes?),
                wire::token::caps::cap::Stub(bytes) => (Kind::Stub, bytes?),
            };
            caps.push((kind, decode_within(kind, bytes, depth)?));
        }
    }
    Ok(Value { content, caps })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Value {
        Value {
            content: Content::Empty,
            caps: Vec::new(),
        }
    }

    fn actor() -> Token {
        Token::Actor {
            namespace: "key".to_owned(),
            id: vec![7; 32],
            name: Some("name".to_owned()),
        }
    }

    fn entrypoint(props: Value) -> Token {
        Token::Entrypoint {
            service: "main".to_owned(),
            name: Some("Greeter".to_owned()),
            props,
        }
    }

    #[test]
    fn tokens_come_back() {
        let props = Value {
            content: Content::Serialized(vec![0xff, 15, 1, 2, 3]),
            caps: vec![(Kind::Class, entrypoint(empty())), (Kind::Service, actor())],
        };
        let restored = Token::Restored {
            vendor: Box::new(entrypoint(props.clone())),
            argument: Value {
                content: Content::Json("{}".to_owned()),
                caps: vec![],
            },
        };
        for (kind, token) in [
            (Kind::Service, entrypoint(props.clone())),
            (Kind::Class, entrypoint(props)),
            (Kind::Service, actor()),
            (Kind::Stub, restored),
        ] {
            let bytes = encode(kind, &token);
            assert_eq!(decode(kind, &bytes).unwrap(), token);
            for cut in 0..bytes.len() {
                // Whatever is left, nothing panics.
                let _ = decode(kind, &bytes[..cut]);
            }
            let other = if kind == Kind::Stub {
                Kind::Class
            } else {
                Kind::Stub
            };
            assert!(decode(other, &bytes).is_err());
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        assert!(decode(Kind::Service, b"").is_err());
        assert!(decode(Kind::Service, &[0; 64]).is_err());
        let class_of_actor = encode(Kind::Class, &actor());
        assert!(decode(Kind::Class, &class_of_actor).is_err());
        let mut deep = actor();
        for _ in 0..MAX_DEPTH + 1 {
            deep = Token::Restored {
                vendor: Box::new(deep),
                argument: empty(),
            };
        }
        assert!(decode(Kind::Service, &encode(Kind::Service, &deep)).is_err());
    }
}
