//! The service that is asked for modules which a worker lacks: `moduleFallback` of the config.
//!
//! `boot` makes one for each worker that has one; `isolate` asks, and waits. HTTP is spoken on a thread of its own, on one
//! connection that is kept, as nothing else runs on the process's own thread by then.

use std::cell::RefCell;
use std::sync::mpsc;
use std::time::Duration;

use ada_url::UrlSearchParams;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue, LOCATION};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::mpsc as queue;

use super::address::Address;
use super::connect::connect;
use super::fallback_module;
use crate::isolate::modules::{Fallback, FallbackAnswer, Wanted};
use crate::isolate::stall;
use crate::log;

/// From a question to the end of the answer; then the module is not found.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Of an answer. A byte of a module is up to four of them.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Of an answer that is no module, for the log.
const MAX_SHOWN_CHARS: usize = 4096;

/// A connection that was kept may be gone.
const ATTEMPTS: usize = 2;

const DEFAULT_PORT: u16 = 80;

/// See the module.
pub struct FallbackService {
    address: Address,
    /// The thread, once there was a question.
    client: RefCell<Option<queue::Sender<Question>>>,
}

/// A request, and who waits for its answer.
struct Question {
    request: http::Request<Full<Bytes>>,
    reply: mpsc::SyncSender<Result<Answer, String>>,
}

struct Answer {
    status: u16,
    location: Option<String>,
    text: String,
}

impl FallbackService {
    /// The service at an address, `host:port` with 80 for no port.
    ///
    /// # Errors
    /// It is no address.
    pub fn new(address: &str) -> Result<Self, String> {
        Ok(Self {
            address: Address::parse(address, DEFAULT_PORT)?,
            client: RefCell::default(),
        })
    }

    fn exchange(&self, request: http::Request<Full<Bytes>>) -> Result<Answer, String> {
        let (reply, answer) = mpsc::sync_channel(1);
        let mut question = Question { request, reply };
        let mut client = self.client.borrow_mut();
        if let Some(questions) = &*client {
            match questions.try_send(question) {
                Ok(()) => return answer.recv().unwrap_or_else(|_| Err(LOST.to_owned())),
                // The thread has come to its end.
                Err(error) => question = error.into_inner(),
            }
        }
        let (questions, asked) = queue::channel(1);
        let address = self.address.clone();
        let thread = std::thread::Builder::new().name("module fallback".into());
        let started = thread.spawn(move || serve(&address, asked));
        started.map_err(|error| format!("its thread cannot start: {error}"))?;
        let _ = questions.try_send(question);
        *client = Some(questions);
        drop(client);
        answer.recv().unwrap_or_else(|_| Err(LOST.to_owned()))
    }
}

const LOST: &str = "the client has ended";

impl Fallback for FallbackService {
    fn ask(&self, wanted: &Wanted<'_>) -> Option<FallbackAnswer> {
        let (request, place, name) = match wanted.is_url {
            true => by_url(wanted),
            false => by_path(wanted),
        };
        let failed = |what: std::fmt::Arguments<'_>| {
            log::error(format_args!(
                "Fallback service failed to fetch module{what}; {place}"
            ));
            None
        };
        let request = request?;
        let answer = match stall::excused(|| self.exchange(request)) {
            Ok(answer) => answer,
            Err(error) => return failed(format_args!("; exception = {error}")),
        };
        match (answer.status, answer.location) {
            (200, _) if answer.text.is_empty() => None,
            (200, _) => match fallback_module::read(&answer.text, &name) {
                Ok(source) => Some(FallbackAnswer::Module(source)),
                Err(error) => failed(format_args!("{error}")),
            },
            (301, Some(to)) => Some(FallbackAnswer::Redirect(to)),
            (301, None) => {
                log::error(format_args!(
                    "Fallback service returned a redirect with no location; {place}"
                ));
                None
            }
            _ => {
                let shown: String = answer.text.chars().take(MAX_SHOWN_CHARS).collect();
                let what = if wanted.is_url { "body" } else { "payload" };
                failed(format_args!("; {what} = {shown}"))
            }
        }
    }
}

/// What is sent, how the log tells what was asked for, and the name that the module must have.
type Inquiry = (Option<http::Request<Full<Bytes>>>, String, String);

/// The protocol of modules whose names are paths.
fn by_path(wanted: &Wanted<'_>) -> Inquiry {
    let prefixes = ["node:", "cloudflare:", "workerd:"];
    let last = wanted.name.rsplit('/').next().unwrap_or_default();
    let is_whole = prefixes.iter().any(|prefix| last.starts_with(prefix));
    let (specifier, name) = match is_whole {
        true => (last.to_owned(), last),
        false => (format!("/{}", wanted.name), wanted.name),
    };
    let referrer = format!("/{}", wanted.referrer.trim_start_matches('/'));
    let query: UrlSearchParams = [
        ("specifier", specifier.as_str()),
        ("referrer", &referrer),
        ("rawSpecifier", wanted.raw),
    ]
    .into_iter()
    .collect();
    let target = format!("/?{query}");
    let how = if wanted.is_require {
        "require"
    } else {
        "import"
    };
    let request = http::Request::get(&target)
        .header(HOST, HeaderValue::from_static("localhost"))
        .header("x-resolve-method", how)
        .body(Full::default());
    (request.ok(), format!("spec = {target}"), name.to_owned())
}

/// The protocol of modules whose names are URLs.
fn by_url(wanted: &Wanted<'_>) -> Inquiry {
    let texts = [wanted.name, wanted.raw, wanted.referrer].map(|text| json!(text));
    let [specifier, raw, referrer] = texts;
    let how = if wanted.is_require {
        "require"
    } else {
        "import"
    };
    let attributes = wanted.kind.map_or_else(String::new, |kind| {
        format!(
            r#","attributes":[{{"name":"type","value":{}}}]"#,
            json!(kind)
        )
    });
    let body = format!(
        r#"{{"type":"{how}","specifier":{specifier},"rawSpecifier":{raw},"referrer":{referrer}{attributes}}}"#
    );
    let request = http::Request::post("/")
        .header(CONTENT_LENGTH, body.len())
        .header(HOST, HeaderValue::from_static("localhost"))
        .body(Full::from(body));
    let place = format!("specifier = {}", wanted.name);
    (request.ok(), place, wanted.name.to_owned())
}

/// The thread: answers one question after the other, until nobody can ask any more.
fn serve(address: &Address, mut asked: queue::Receiver<Question>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    // Without it the thread ends, and whoever asks is told so.
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let mut kept = None;
        while let Some(Question { request, reply }) = asked.recv().await {
            let answer =
                tokio::time::timeout(MAX_WAIT, exchange(address, request, &mut kept)).await;
            let answer = answer.unwrap_or_else(|_| {
                kept = None;
                let seconds = MAX_WAIT.as_secs();
                Err(format!("no answer came within {seconds} s"))
            });
            let _ = reply.send(answer);
        }
    });
}

type Connection = SendRequest<Full<Bytes>>;

/// One exchange, on the connection that is kept if there is one; tried again where a connection is lost.
async fn exchange(
    address: &Address,
    request: http::Request<Full<Bytes>>,
    kept: &mut Option<Connection>,
) -> Result<Answer, String> {
    let mut tried = 0;
    loop {
        tried += 1;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => open(address).await?,
        };
        match attempt(&mut connection, request.clone()).await {
            Ok(answer) => {
                *kept = connection.ready().await.is_ok().then_some(connection);
                return Ok(answer);
            }
            Err(Failed::Lost(_)) if tried < ATTEMPTS => {}
            Err(Failed::Lost(error)) => return Err(format!("disconnected: {error}")),
            Err(Failed::TooLarge) => {
                return Err(format!("the answer has more than {MAX_ANSWER_BYTES} bytes"));
            }
        }
    }
}

enum Failed {
    Lost(String),
    TooLarge,
}

async fn open(address: &Address) -> Result<Connection, String> {
    let stream = connect(address, None, None).await;
    let stream = stream.map_err(|error| error.message)?;
    let opened = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = opened.map_err(|error| error.to_string())?;
    // It ends with the sender; what is wrong with it the sender tells.
    tokio::task::spawn_local(connection);
    Ok(sender)
}

async fn attempt(
    connection: &mut Connection,
    request: http::Request<Full<Bytes>>,
) -> Result<Answer, Failed> {
    let lost = |error: hyper::Error| Failed::Lost(error.to_string());
    connection.ready().await.map_err(lost)?;
    let response = connection.send_request(request).await.map_err(lost)?;
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION);
    let location = location.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
    let body =
        body.collect()
            .await
            .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => Failed::TooLarge,
                None => Failed::Lost(error.to_string()),
            })?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok(Answer {
        status,
        location: location.filter(|to| !to.is_empty()),
        text,
    })
}
