//! The inspector's front door, `--inspector-addr`: lists what can be debugged, and lets clients in.
//!
//! Served by the supervisor itself, in its poll loop (`lifecycle::inspector`), so that it answers while a process is paused or busy.
//! A client that asks for a worker's WebSocket is handed to the process that has the worker, with its connection. Answers are
//! those of the published binary, and of Chrome's endpoints, which they follow.

use std::fmt::Write;
use std::io;

use serde_json::json;

use crate::http::Server;
use crate::http::head::{Head, Refusal, decode, is_local};
use crate::sockets::address::resolve;
use crate::sockets::bind::bind;

/// Where Chrome looks by itself.
const DEFAULT_PORT: u16 = 9229;

/// Binds and listens.
pub fn open(address: &str) -> io::Result<Server> {
    let resolved = resolve(address, DEFAULT_PORT).map_err(io::Error::other)?;
    let bound = bind(&resolved, 1).map_err(|error| {
        let text = format!("bind(): {error}; toString() = {address}");
        io::Error::new(error.kind(), text)
    })?;
    Server::listen(bound, |Refusal(status, why)| plain(status, why))
}

/// A worker of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub service: String,
    pub slot: u32,
}

impl Target {
    /// What clients call it: in the first process by its name alone.
    pub fn id(&self) -> String {
        match self.slot {
            0 => self.service.clone(),
            slot => format!("{}@{slot}", self.service),
        }
    }

    /// Whether a request's path names it. Tools send names as they are, standards have them encoded.
    fn is_at(&self, path: &str) -> bool {
        let id = self.id();
        path == id || decode(path).is_some_and(|path| path == id)
    }
}

/// What a request comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum DevToolsReply {
    Answer(Vec<u8>),
    /// The target gets the connection, and answers itself.
    Attach {
        target: Target,
        key: String,
    },
}

/// Does what is asked. `several` processes are told apart in titles.
pub fn ask(head: &Head, targets: &[Target], several: bool) -> DevToolsReply {
    if head.lists("upgrade", "websocket") {
        return attach(head, targets);
    }
    let body = match (&*head.method, &*head.target) {
        ("GET", "/json" | "/json/list") => list(head, targets, several),
        ("GET", "/json/version") => VERSION.to_owned(),
        ("GET", _) => return DevToolsReply::Answer(plain(500, "Not yet implemented")),
        ("HEAD", _) => return DevToolsReply::Answer(head_of(501, "Unsupported Operation", 21)),
        _ => return DevToolsReply::Answer(plain(501, "Unsupported Operation")),
    };
    DevToolsReply::Answer(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ).into_bytes())
}

const VERSION: &str = r#"{"Browser": "workerd", "Protocol-Version": "1.3" }"#;

/// Version 13 of WebSockets is the only one there is (RFC 6455 section 4.2.1). Browsers say which page asks: one from elsewhere
/// may not debug what runs here.
fn attach(head: &Head, targets: &[Target]) -> DevToolsReply {
    let refuse = |status, why| DevToolsReply::Answer(plain(status, why));
    let bad = |why: &str| {
        let length = why.len();
        let head = "HTTP/1.1 400 Bad Request\r\nConnection: close";
        let text =
            format!("{head}\r\nContent-Length: {length}\r\nContent-Type: text/plain\r\n\r\n{why}");
        DevToolsReply::Answer(text.into_bytes())
    };
    if head.header("sec-websocket-version") != Some("13") {
        return bad("ERROR: The requested WebSocket version is not supported.");
    }
    let Some(key) = head.header("sec-websocket-key") else {
        return bad("ERROR: Missing Sec-WebSocket-Key");
    };
    if head.method != "GET" {
        return refuse(501, "Unsupported Operation");
    }
    if head.header("origin").is_some_and(is_foreign) {
        return refuse(403, "Pages of other hosts may not inspect workers");
    }
    let path = head.target.trim_start_matches('/');
    let target = targets.iter().find(|target| target.is_at(path));
    match target.cloned() {
        Some(target) => DevToolsReply::Attach {
            target,
            key: key.to_owned(),
        },
        None => refuse(404, "Unknown worker session"),
    }
}

/// Whether an origin is a page that did not come from this machine. Tools have schemes of their own, or none.
fn is_foreign(origin: &str) -> bool {
    let web = ["http://", "https://"].map(|scheme| origin.strip_prefix(scheme));
    origin == "null" || web.into_iter().flatten().any(|host| !is_local(host))
}

/// All targets, in the published binary's order of fields.
fn list(head: &Head, targets: &[Target], several: bool) -> String {
    // HTTP/1.0 need not say where it has come.
    let host = head.host.as_deref().unwrap_or("localhost");
    let frontend = |page: &str| {
        let query = format!("experiments=true&v8only=true&ws={host}/");
        json!(format!("devtools://devtools/bundled/{page}.html?{query}"))
    };
    let (app, compat) = (frontend("js_app"), frontend("inspector"));
    let mut listed = String::new();
    for target in targets {
        let id = target.id();
        let mut title = format!("workerd: worker {}", target.service);
        if several {
            let _ = write!(title, " (process {})", target.slot);
        }
        let separator = if listed.is_empty() { "" } else { "," };
        let (title, url) = (json!(title), json!(format!("ws://{host}/{id}")));
        let _ = write!(
            listed,
            r#"{separator}{{"id":{},"title":{title},"type":"node","description":"workerd worker","webSocketDebuggerUrl":{url},"devtoolsFrontendUrl":{app},"devtoolsFrontendUrlCompat":{compat},"faviconUrl":"https://workers.cloudflare.com/favicon.ico","url":"https://workers.dev"}}"#,
            json!(id)
        );
    }
    format!("[{listed}]")
}

/// An answer whose reason is its body too.
fn plain(status: u16, why: &str) -> Vec<u8> {
    [&*head_of(status, why, why.len()), why.as_bytes()].concat()
}

fn head_of(status: u16, why: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status} {why}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::parse;

    fn targets() -> Vec<Target> {
        let target = |service: &str, slot| Target {
            service: service.into(),
            slot,
        };
        vec![
            target("main", 0),
            target("core:user:a b", 0),
            target("main@1", 0),
            target("main", 1),
        ]
    }

    fn reply(text: &str) -> DevToolsReply {
        ask(&parse(text.as_bytes()).unwrap().unwrap(), &targets(), true)
    }

    fn websocket(path: &str, more: &str) -> DevToolsReply {
        reply(&format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: k\r\n{more}\r\n"
        ))
    }

    fn status(reply: &DevToolsReply) -> u16 {
        match reply {
            DevToolsReply::Attach { .. } => 101,
            DevToolsReply::Answer(bytes) => String::from_utf8_lossy(&bytes[9..12]).parse().unwrap(),
        }
    }

    #[test]
    fn a_worker_is_found_by_its_name_and_its_process() {
        for (path, service, slot) in [
            ("/main", "main", 0),
            ("/core:user:a%20b", "core:user:a b", 0),
            ("/main@1", "main@1", 0),
        ] {
            let DevToolsReply::Attach { target, key } = websocket(path, "") else {
                panic!("{path} is not found");
            };
            assert_eq!((&*target.service, target.slot), (service, slot), "{path}");
            assert_eq!(key, "k");
        }
        for path in ["/", "/Main", "/main/", "/main?x", "/main@2", "/main%zz"] {
            assert_eq!(status(&websocket(path, "")), 404, "{path}");
        }
    }

    #[test]
    fn pages_from_elsewhere_may_not_attach() {
        for (origin, expected) in [
            ("devtools://devtools", 101),
            ("http://localhost:8080", 101),
            ("https://127.0.0.1", 101),
            ("http://[::1]:1", 101),
            ("https://evil.example", 403),
            ("http://localhost.evil.example", 403),
            ("null", 403),
        ] {
            let asked = websocket("/main", &format!("Origin: {origin}\r\n"));
            assert_eq!(status(&asked), expected, "{origin}");
        }
    }

    #[test]
    fn names_are_json_in_the_list() {
        let head = parse(b"GET /json HTTP/1.1\r\nHost: \"h\"\r\n\r\n");
        let quoted = [Target {
            service: "a\"b\\".into(),
            slot: 3,
        }];
        let text = list(&head.unwrap().unwrap(), &quoted, true);
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(list[0]["id"], "a\"b\\@3");
        assert_eq!(list[0]["title"], "workerd: worker a\"b\\ (process 3)");
        assert_eq!(list[0]["webSocketDebuggerUrl"], "ws://\"h\"/a\"b\\@3");
    }

    #[test]
    fn what_is_no_target_has_the_published_statuses() {
        for (line, expected) in [
            ("GET /json", 200),
            ("GET /json/list", 200),
            ("GET /json/version", 200),
            ("GET /json?x", 500),
            ("GET /main", 500),
            ("HEAD /json", 501),
            ("PUT /json/new", 501),
        ] {
            let asked = reply(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
            assert_eq!(status(&asked), expected, "{line}");
        }
        let old = reply(
            "GET /main HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n",
        );
        assert_eq!(status(&old), 400);
    }
}
