//! What the record of an event says of what has come in.

use crate::message::{Event, Request};
use crate::record::Info;
use crate::rpc;
use crate::websocket::SocketEvent;

impl Info {
    /// A request as it comes in.
    pub fn of_request(request: &Request) -> Self {
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
    pub fn of_call(call: &rpc::Call) -> Self {
        if let rpc::Operation::Event(_) = call.operation {
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
    pub fn of_event(event: &Event) -> Self {
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
    pub fn of_socket(event: &SocketEvent) -> Self {
        match event {
            SocketEvent::Message(_) => Self::SocketMessage,
            SocketEvent::Close { close, clean } => Self::SocketClose {
                code: close.code,
                clean: *clean,
            },
            SocketEvent::Error(_) => Self::SocketError,
        }
    }
}
