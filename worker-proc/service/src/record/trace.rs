//! What is recorded of one event.

use bytes::Bytes;

/// What one event may record, as on workerd; of streamed events each.
pub const MAX_TRACE_BYTES: usize = 256 * 1024;

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
    pub(crate) fn bytes(&self) -> usize {
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
    pub(crate) fn trimmed(&self) -> Self {
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
    pub(crate) fn answers_for_background(&self) -> bool {
        matches!(
            self,
            Self::Scheduled { .. } | Self::Queue { .. } | Self::Tail { traces: 0 }
        )
    }

    /// Whether an event that ends well says that it returned.
    pub(crate) fn returns(&self) -> bool {
        !matches!(self, Self::Custom | Self::Tail { traces: 1.. })
    }

    /// The same where the handler threw.
    pub(crate) fn returns_by_throwing(&self) -> bool {
        matches!(self, Self::Alarm { .. } | Self::Tail { traces: 0 })
    }

    /// Whether the event fails where the handler throws. What a method throws is its caller's to handle.
    pub(crate) fn fails_by_throwing(&self) -> bool {
        self.returns_by_throwing()
            || !matches!(self, Self::Rpc { .. } | Self::Custom | Self::Tail { .. })
    }
}

/// How an event ended, in the words of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventOutcome {
    #[default]
    Ok,
    Exception,
    ResponseStreamDisconnected,
}

impl EventOutcome {
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
    pub(crate) fn bytes(&self) -> usize {
        self.name.len() + self.message.len() + self.stack.as_ref().map_or(0, String::len)
    }

    /// Cut to what a streamed event may hold.
    pub(crate) fn trimmed(&self) -> Self {
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
    pub(crate) fn bytes(&self) -> usize {
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
    pub outcome: EventOutcome,
    pub truncated: bool,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0.0, |now| now.as_millis() as f64)
}
