//! One client in its isolate: what it says goes to V8's session, what that says to the client, with what V8 leaves to others.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use v8::inspector::{Channel, ChannelImpl, StringBuffer, V8InspectorSession};

use super::Text;
use super::line::{ClientId, Line};

/// V8's answers to this number are to what we asked, and not the client.
const OWN: i32 = -1;

/// Clients step over internal JavaScript, and do not stop in it.
const INTERNAL: &str = "^internal:";

/// The method is in a domain that we have, but not this one of it.
const NOT_SUPPORTED: i32 = -32600;

/// See the module.
pub struct Session {
    pub client: ClientId,
    voice: Rc<Voice>,
    v8: V8InspectorSession,
}

/// Where the client hears.
pub struct Voice {
    line: Arc<Line>,
    /// It wants to be told of subrequests.
    pub network: Cell<bool>,
}

/// What matters of a message here.
#[derive(Deserialize)]
struct Command {
    id: Option<Value>,
    #[serde(default)]
    method: String,
}

impl Session {
    pub fn open(
        client: ClientId,
        line: Arc<Line>,
        connect: impl FnOnce(Channel) -> V8InspectorSession,
    ) -> Rc<Self> {
        let voice = Rc::new(Voice {
            line,
            network: Cell::new(false),
        });
        let v8 = connect(Channel::new(Box::new(Speaker(voice.clone()))));
        Rc::new(Self { client, voice, v8 })
    }

    pub fn voice(&self) -> &Rc<Voice> {
        &self.voice
    }

    /// The client has said something.
    pub fn hear(&self, text: &str) {
        self.voice.line.heard();
        // What makes no sense V8 refuses in its own words.
        let Ok(Command { id, method }) = serde_json::from_str(text) else {
            return self.dispatch(text);
        };
        let id = id.unwrap_or_default();
        match &*method {
            "Network.enable" | "Network.disable" => {
                self.voice.network.set(method == "Network.enable");
                self.voice.tell(&json!({"id": id, "result": {}}));
            }
            "Network.getResponseBody" => {
                let message = format!("{method} is not supported");
                let error = json!({"code": NOT_SUPPORTED, "message": message});
                self.voice.tell(&json!({"id": id, "error": error}));
            }
            "Debugger.setBlackboxPatterns" => self.dispatch(&with_internal(text)),
            "Debugger.enable" => {
                self.dispatch(text);
                let ours = json!({"patterns": [INTERNAL]});
                self.command("Debugger.setBlackboxPatterns", &ours);
            }
            _ => self.dispatch(text),
        }
    }

    fn command(&self, method: &str, params: &Value) {
        let command = json!({"id": OWN, "method": method, "params": params});
        self.dispatch(&command.to_string());
    }

    fn dispatch(&self, text: &str) {
        self.v8.dispatch_protocol_message(Text::new(text).view());
    }

    /// The client is gone: its breakpoints go, and what it has stopped goes on.
    pub fn end(&self) {
        self.command("Debugger.disable", &json!({}));
    }

    /// The isolate is gone.
    pub fn hang_up(&self) {
        self.voice.line.hang_up();
    }
}

/// The same patterns and ours.
fn with_internal(text: &str) -> String {
    let mut command: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(patterns) = command.pointer_mut("/params/patterns")
        && let Some(patterns) = patterns.as_array_mut()
    {
        patterns.push(INTERNAL.into());
    }
    command.to_string()
}

impl Voice {
    /// Tells the client.
    pub fn tell(&self, message: &Value) {
        self.line.send(&message.to_string());
    }

    fn say(&self, message: &StringBuffer) {
        self.line.send(&shown(message));
    }
}

/// What V8 says, as others may hear it.
pub fn shown(message: &StringBuffer) -> String {
    without_internal(with_time(message.string().to_string()))
}

const CONSOLE: &str = r#"{"method":"Runtime.consoleAPICalled""#;
const EXCEPTION: &str = r#"{"method":"Runtime.exceptionThrown""#;

/// V8 has no clock of its own for what it says of the console and of exceptions.
fn with_time(text: String) -> String {
    const NONE: &str = r#""timestamp":0"#;
    let told = [CONSOLE, EXCEPTION];
    // A quote in a string has a backslash before it, so this is the field.
    match text.find(NONE) {
        Some(at) if told.iter().any(|told| text.starts_with(told)) => {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
            let now = since.map_or(0, |since| since.as_millis());
            let (before, after) = (&text[..at], &text[at + NONE.len()..]);
            format!(r#"{before}"timestamp":{now}{after}"#)
        }
        _ => text,
    }
}

/// Stacks begin and end in JavaScript of ours, which no client should be shown: on workerd there is none.
fn without_internal(text: String) -> String {
    let told = [EXCEPTION, CONSOLE]
        .iter()
        .find(|told| text.starts_with(**told));
    let stack = match told {
        Some(&EXCEPTION) => "/params/exceptionDetails",
        Some(_) => "/params",
        None => return text,
    };
    if !text.contains(r#""url":"internal:"#) {
        return text;
    }
    let Ok(mut message) = serde_json::from_str::<Value>(&text) else {
        return text;
    };
    if let Some(Value::Object(holder)) = message.pointer_mut(stack)
        && let Some(mut trace) = holder.remove("stackTrace")
        && keep_own_frames(&mut trace)
    {
        holder.insert("stackTrace".into(), trace);
    }
    message.to_string()
}

/// Drops internal frames from a stack and from those that led to it; whether any frame is left.
fn keep_own_frames(trace: &mut Value) -> bool {
    if let Some(frames) = trace.get_mut("callFrames").and_then(Value::as_array_mut) {
        frames.retain(|frame| {
            let url = frame.get("url").and_then(Value::as_str);
            !url.is_some_and(|url| url.starts_with("internal:"))
        });
    }
    if let Some(parent) = trace.get_mut("parent")
        && !keep_own_frames(parent)
    {
        trace.as_object_mut().map(|trace| trace.remove("parent"));
    }
    let frames = trace.get("callFrames").and_then(Value::as_array);
    frames.is_some_and(|frames| !frames.is_empty()) || trace.get("parent").is_some()
}

struct Speaker(Rc<Voice>);

impl ChannelImpl for Speaker {
    fn send_response(&self, call_id: i32, message: v8::UniquePtr<StringBuffer>) {
        if call_id != OWN
            && let Some(message) = message.as_ref()
        {
            self.0.say(message);
        }
    }

    fn send_notification(&self, message: v8::UniquePtr<StringBuffer>) {
        if let Some(message) = message.as_ref() {
            self.0.say(message);
        }
    }

    fn flush_protocol_notifications(&self) {}
}
