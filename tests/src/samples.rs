//! The samples of `deploy/samples`: each has requests, `requests.http`, and the answers to them, `answers.http`.
//!
//! `requests.http` is in the form that editors know: a line `###` with a title, the request line, headers, an empty line, the
//! body. The answers have status line, headers in order of their names in lower case, an empty line, the body.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::http::{Answer, Client};
use crate::program::Program;
use crate::server::{Server, Start};
use crate::stream::Address;

/// The folders of all samples.
pub fn all() -> Vec<PathBuf> {
    let mut samples: Vec<_> = std::fs::read_dir(crate::root().join("deploy/samples"))
        .expect("the samples")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.is_dir())
        .collect();
    samples.sort();
    samples
}

/// Serves a sample, sends its requests, and writes the answers down. What is `origin.capnp` in the sample's folder is served too,
/// as the external service `origin`.
pub fn transcript(program: &Program, sample: &Path) -> String {
    let serve = |config: &str| {
        Start::serve(program, &sample.join(config)).arg("--socket-addr=http=127.0.0.1:0")
    };
    let origin = sample
        .join("origin.capnp")
        .exists()
        .then(|| serve("origin.capnp").start());
    let mut start = serve("config.capnp");
    if let Some(origin) = &origin {
        start = start.arg(format!(
            "--external-addr=origin=127.0.0.1:{}",
            origin.port("http")
        ));
    }
    let server = start.start();
    let requests = std::fs::read_to_string(sample.join("requests.http")).expect("requests.http");
    let mut transcript = String::new();
    for (title, request) in parse(&requests) {
        writeln!(transcript, "### {title}").expect("memory");
        transcript.push_str(&show(&ask(&server.address("http"), &request, &server)));
    }
    transcript
}

fn ask(address: &Address, request: &Request, server: &Server) -> Answer {
    let asked = Client::connect(address).and_then(|mut client| {
        client.send(&request.bytes())?;
        client.read(request.line.starts_with("HEAD "))
    });
    asked.unwrap_or_else(|error| panic!("{}: {error}\n{server:?}", request.line))
}

fn show(answer: &Answer) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{}: {value}\n", name.to_ascii_lowercase()))
        .collect();
    headers.sort();
    format!(
        "{} {}\n{}\n{}\n\n",
        answer.status,
        answer.reason,
        headers.concat(),
        String::from_utf8_lossy(&answer.body).trim_end()
    )
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    /// Method and target.
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Request {
    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} HTTP/1.1\r\nHost: localhost\r\n", self.line);
        for header in &self.headers {
            write!(head, "{header}\r\n").expect("memory");
        }
        if !self.body.is_empty() {
            write!(head, "Content-Length: {}\r\n", self.body.len()).expect("memory");
        }
        format!("{head}\r\n{}", self.body).into_bytes()
    }
}

fn parse(text: &str) -> Vec<(String, Request)> {
    let parts = text.split("### ").skip(1);
    let parsed = parts.map(|part| {
        let (title, rest) = part.split_once('\n').unwrap_or((part, ""));
        let (head, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let mut lines = head.lines().map(str::to_owned);
        let line = lines.next().unwrap_or_default();
        (
            title.to_owned(),
            Request {
                line,
                headers: lines.collect(),
                body: body.trim_end().to_owned(),
            },
        )
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_parsed() {
        let parsed = parse("### one\nGET /\n\n### two\nPOST /x\na: b\n\nbody\n\n");
        assert_eq!(
            parsed[0],
            (
                "one".into(),
                Request {
                    line: "GET /".into(),
                    ..Request::default()
                }
            )
        );
        assert_eq!(
            parsed[1].1.bytes(),
            b"POST /x HTTP/1.1\r\nHost: localhost\r\na: b\r\nContent-Length: 4\r\n\r\nbody"
        );
    }
}
