//! A client of an inspector (Chrome DevTools Protocol): commands, their answers, and events in between.

use std::collections::VecDeque;
use std::io;

use serde_json::{Value, json};

use crate::stream::Address;
use crate::websocket::Socket;

/// One client of one target.
pub struct Debugger {
    socket: Socket,
    last: u64,
    /// Events that came before an answer, and have not been asked for.
    events: VecDeque<Value>,
}

impl Debugger {
    /// Opens a session of a target.
    pub fn attach(inspector: &Address, target: &str) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open(inspector, &format!("/{target}"))?,
            last: 0,
            events: VecDeque::new(),
        })
    }

    /// Sends a text as it is.
    pub fn send_text(&mut self, text: &str) {
        self.socket.send(text).expect("an open connection");
    }

    /// Sends a command, and returns its number.
    pub fn send(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let command = json!({"id": self.last, "method": method, "params": params});
        self.send_text(&command.to_string());
        self.last
    }

    /// Sends a command and waits for its whole answer.
    pub fn answer(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        loop {
            let message = self.message();
            if message["id"] == id {
                return message;
            }
            self.events.push_back(message);
        }
    }

    /// Sends a command and waits for its result.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The parameters of the next event of this name that passes; those before it are forgotten.
    pub fn event_that(&mut self, method: &str, passes: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = match self.events.pop_front() {
                Some(event) => event,
                None => self.message(),
            };
            if message["method"] == method && passes(&message["params"]) {
                return message["params"].clone();
            }
        }
    }

    /// The parameters of the next event of this name.
    pub fn event(&mut self, method: &str) -> Value {
        self.event_that(method, |_| true)
    }

    /// The next message.
    pub fn message(&mut self) -> Value {
        let text = self.socket.receive().expect("a message");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The connection, which no command goes over any more.
    pub fn into_socket(self) -> Socket {
        self.socket
    }

    /// The connection.
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }
}
