//! What a worker does for one event: told to tail workers when it has ended, and to streaming ones as it happens.
//!
//! `dispatch` and `actors` begin a [`Tracer`] for an event of a worker that has tails; the event's context and the ops of
//! `api` tell it what happens; `api/cloudflare/trace` shows it to the tail worker's JavaScript. Where there are no tails, there is none.

mod delivery;
mod parent;
mod stream;
mod tracer;

use bytes::Bytes;

pub use delivery::{Ancestors, Tail, Tails, Told, all_told};
pub use parent::{parent, within};
pub use stream::{Body, Event, Reader};
pub use tracer::{Span, Tracer};

/// What one event may record, as on workerd; of streamed events each.
pub const MAX_TRACE_BYTES: usize = 256 * 1024;

/// A span in its trace. Written in hex, 32 and 16 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    pub trace: u128,
    pub span: u64,
}

/// Which event it was.
#[derive(Clone, Debug)]
pub enum Info {
    Fetch {
        method: String,
        url: String,
        /// Sorted by name; values of one name are joined.
        headers: Vec<(String, String)>,
        /// JSON; empty for none.
        cf: String,
    },
    Rpc {
        method: String,
    },
    Scheduled {
        time_ms: f64,
        cron: String,
    },
    Alarm {
        time_ms: f64,
    },
    Queue {
        name: String,
        batch_size: u32,
    },
    /// A tail worker's own event, with the number of traces that it was given.
    Tail {
        traces: usize,
    },
    SocketMessage,
    SocketClose {
        code: u16,
        clean: bool,
    },
    SocketError,
    /// Anything else, such as a test.
    Custom,
}

impl Info {
    /// A request as it comes in.
    pub fn of_request(request: &super::Request) -> Self {
        let mut headers: Vec<(String, String)> = Vec::with_capacity(request.headers.keys_len());
        for name in request.headers.keys() {
            let values = request.headers.get_all(name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            headers.push((name.as_str().to_owned(), values.join(", ")));
        }
        headers.sort();
        Self::Fetch {
            method: request.method.as_str().to_owned(),
            url: request.url.clone(),
            headers,
            cf: request.cf.clone().unwrap_or_default(),
        }
    }

    /// The first call of an RPC session.
    pub fn of_call(call: &super::rpc::Call) -> Self {
        if let super::rpc::Operation::Event(_) = call.operation {
            return Self::of_answered(&call.path);
        }
        Self::Rpc {
            method: call.path.join("."),
        }
    }

    /// An event of which the sender is told the outcome, by its call's path.
    fn of_answered(path: &[String]) -> Self {
        let [handler, first, second] = path else {
            return Self::Custom;
        };
        match handler.as_str() {
            "queue" => Self::Queue {
                name: first.clone(),
                batch_size: second.parse().unwrap_or(0),
            },
            "scheduled" => Self::Scheduled {
                time_ms: first.parse().unwrap_or(0.0),
                cron: second.clone(),
            },
            _ => Self::Custom,
        }
    }

    /// Another event, by its handler's name and JSON argument.
    pub fn of_event(event: &super::Event) -> Self {
        let argument = || serde_json::from_str::<serde_json::Value>(&event.argument).ok();
        let number = |argument: &Option<serde_json::Value>, key: &str| {
            let value = argument.as_ref().and_then(|argument| argument.get(key));
            value.and_then(serde_json::Value::as_f64).unwrap_or(0.0)
        };
        let text = |argument: &Option<serde_json::Value>, key: &str| {
            let value = argument.as_ref().and_then(|argument| argument.get(key));
            let text = value.and_then(serde_json::Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        match event.handler {
            "alarm" => Self::Alarm {
                time_ms: number(&argument(), "scheduledTime"),
            },
            "scheduled" => {
                let argument = argument();
                Self::Scheduled {
                    time_ms: number(&argument, "scheduledTime"),
                    cron: text(&argument, "cron"),
                }
            }
            _ => Self::Custom,
        }
    }

    /// An event of a hibernatable WebSocket.
    pub fn of_socket(event: &super::websocket::SocketEvent) -> Self {
        use super::websocket::SocketEvent;
        match event {
            SocketEvent::Message(_) => Self::SocketMessage,
            SocketEvent::Close { close, clean } => Self::SocketClose {
                code: close.code,
                clean: *clean,
            },
            SocketEvent::Error(_) => Self::SocketError,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Fetch {
                url, headers, cf, ..
            } => {
                let pairs = headers.iter().map(|(name, value)| name.len() + value.len());
                url.len() + cf.len() + pairs.sum::<usize>()
            }
            _ => 0,
        }
    }

    /// What is left of one that is too large.
    fn trimmed(&self) -> Self {
        match self {
            Self::Fetch { method, .. } => Self::Fetch {
                method: method.clone(),
                url: String::new(),
                headers: Vec::new(),
                cf: String::new(),
            },
            other => other.clone(),
        }
    }

    /// Whether `waitUntil` work that fails makes the event fail.
    fn answers_for_background(&self) -> bool {
        matches!(
            self,
            Self::Scheduled { .. } | Self::Queue { .. } | Self::Tail { traces: 0 }
        )
    }

    /// Whether an event that ends well says that it returned.
    fn returns(&self) -> bool {
        !matches!(self, Self::Custom | Self::Tail { traces: 1.. })
    }

    /// The same where the handler threw.
    fn returns_by_throwing(&self) -> bool {
        matches!(self, Self::Alarm { .. } | Self::Tail { traces: 0 })
    }

    /// Whether the event fails where the handler throws. What a method throws is its caller's to handle.
    fn fails_by_throwing(&self) -> bool {
        self.returns_by_throwing()
            || !matches!(self, Self::Rpc { .. } | Self::Custom | Self::Tail { .. })
    }
}

/// How an event ended, in the words of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Ok,
    Exception,
    ResponseStreamDisconnected,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Exception => "exception",
            Self::ResponseStreamDisconnected => "responseStreamDisconnected",
        }
    }
}

/// An error in parts; the stack is without name and message.
#[derive(Clone, Debug)]
pub struct ErrorInfo {
    pub name: String,
    pub message: String,
    pub stack: Option<String>,
}

impl ErrorInfo {
    fn bytes(&self) -> usize {
        self.name.len() + self.message.len() + self.stack.as_ref().map_or(0, String::len)
    }

    /// Cut to what a streamed event may hold.
    fn trimmed(&self) -> Self {
        let mut left = MAX_TRACE_BYTES;
        let mut take = |text: &str| {
            let part = &text[..text.floor_char_boundary(left)];
            left -= part.len();
            part.to_owned()
        };
        Self {
            name: take(&self.name),
            message: take(&self.message),
            stack: self.stack.as_deref().map(take),
        }
    }
}

/// A call of `console.log` and its like.
#[derive(Clone, Debug)]
pub struct Log {
    pub time_ms: f64,
    pub level: &'static str,
    /// The arguments as a JSON array; a part of one if it was cut.
    pub message: String,
    /// For each argument that is an error what it says; none if none is.
    pub errors: Option<Vec<Option<ErrorInfo>>>,
    pub truncated: bool,
}

/// An exception that nobody caught.
#[derive(Clone, Debug)]
pub struct Exception {
    pub time_ms: f64,
    pub error: ErrorInfo,
}

/// A message on a diagnostics channel.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub time_ms: f64,
    pub channel: String,
    /// In V8's wire format; empty for none.
    pub message: Bytes,
}

/// The value of a span's attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Bool(bool),
    Number(f64),
    Integer(i64),
}

impl Value {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bool(_) => 1,
            Self::Number(_) | Self::Integer(_) => 8,
        }
    }
}

pub type Attributes = Vec<(String, Value)>;

/// Whose event it was.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    pub entrypoint: Option<String>,
    /// A Durable Object's id, if it was one's event.
    pub object: Option<String>,
}

impl Subject {
    pub fn execution_model(&self) -> &'static str {
        match self.object {
            Some(_) => "durableObject",
            None => "stateless",
        }
    }
}

/// Everything that a worker did for one event.
#[derive(Debug)]
pub struct Trace {
    pub subject: Subject,
    pub info: Info,
    pub time_ms: f64,
    pub logs: Vec<Log>,
    pub exceptions: Vec<Exception>,
    pub diagnostics: Vec<Diagnostic>,
    /// Of a fetch event: its response's status.
    pub status: Option<u16>,
    pub outcome: Outcome,
    pub truncated: bool,
}

/// Milliseconds since 1970.
fn now_ms() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0.0, |now| now.as_millis() as f64)
}
