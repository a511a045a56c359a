//! What is recorded of one event.

use bytes::Bytes;

/// What one event may record, as on workerd; of streamed events each.
pub const MAX_TRACE_BYTES: usize = 256 * 1024;

/// Which event it was.
#[derive(Clone, Debug)]
pub enum Info {
    /// An HTTP request.
    Fetch {
        /// In upper case.
        method: String,
        /// As the handler sees it.
        url: String,
        /// Sorted by name; values of one name are joined.
        headers: Vec<(String, String)>,
        /// JSON; empty for none.
        cf: String,
    },
    /// A call of JavaScript RPC.
    Rpc {
        /// The path, joined by dots.
        method: String,
    },
    /// A scheduled event.
    Scheduled {
        /// When it was due, in milliseconds since 1970.
        time_ms: f64,
        /// The text of its schedule.
        cron: String,
    },
    /// An object's alarm.
    Alarm {
        /// When it was due, in milliseconds since 1970.
        time_ms: f64,
    },
    /// A batch of a queue's messages.
    Queue {
        /// The queue's name.
        name: String,
        /// How many messages there are.
        batch_size: u32,
    },
    /// A tail worker's own event, with the number of traces that it was given.
    Tail {
        /// How many traces it is given.
        traces: usize,
    },
    /// A message on a hibernatable WebSocket.
    SocketMessage,
    /// The end of one.
    SocketClose {
        /// Of the Close frame.
        code: u16,
        /// Whether there was one.
        clean: bool,
    },
    /// The failure of one.
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
    /// It has ended well.
    #[default]
    Ok,
    /// Something threw.
    Exception,
    /// The client went away before it had the whole body.
    ResponseStreamDisconnected,
}

impl EventOutcome {
    /// As the API writes it.
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
    /// Its `name`.
    pub name: String,
    /// Its `message`.
    pub message: String,
    /// Its `stack`, without the first line; none if it has none.
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
    /// Milliseconds since 1970.
    pub time_ms: f64,
    /// Its level, such as `log`.
    pub level: &'static str,
    /// The arguments as a JSON array; a part of one if it was cut.
    pub message: String,
    /// For each argument that is an error what it says; none if none is.
    pub errors: Option<Vec<Option<ErrorInfo>>>,
    /// Whether `message` was cut.
    pub truncated: bool,
}

/// An exception that nobody caught.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Milliseconds since 1970.
    pub time_ms: f64,
    /// What was thrown.
    pub error: ErrorInfo,
}

/// A message on a diagnostics channel.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Milliseconds since 1970.
    pub time_ms: f64,
    /// Its name.
    pub channel: String,
    /// In V8's wire format; empty for none.
    pub message: Bytes,
}

/// The value of a span's attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A whole number.
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

/// Names and values.
pub type Attributes = Vec<(String, Value)>;

/// Whose event it was.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// What the worker exports it as; none is the default one.
    pub entrypoint: Option<String>,
    /// A Durable Object's id, if it was one's event.
    pub object: Option<String>,
}

impl Subject {
    /// As the API writes it.
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
    /// Whose event it was.
    pub subject: Subject,
    /// Which event it was.
    pub info: Info,
    /// When it began, in milliseconds since 1970.
    pub time_ms: f64,
    /// In the order in which they were written.
    pub logs: Vec<Log>,
    /// Those that nobody caught.
    pub exceptions: Vec<Exception>,
    /// Messages on diagnostics channels.
    pub diagnostics: Vec<Diagnostic>,
    /// Of a fetch event: its response's status.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: EventOutcome,
    /// Whether something is left out for [`MAX_TRACE_BYTES`].
    pub truncated: bool,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0.0, |now| now.as_millis() as f64)
}
