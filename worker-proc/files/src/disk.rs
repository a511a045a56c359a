//! A `disk` service: the files of a folder by GET and HEAD, and, where it is writable, PUT and DELETE.
//!
//! A worker is told what the published binary tells it. Who speaks HTTP, so that the request has a `Host`, is told an `ETag`
//! besides, and its conditions hold (RFC 9110 section 13).

use std::fmt::Display;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderValue, LAST_MODIFIED,
    RANGE,
};
use http::{Method, StatusCode};
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::folder::{Folder, OpenEntry, is_absent};
use crate::names::{Names, path_of};
use crate::range::{Wanted, wanted};
use crate::upload::{Upload, remove};
use crate::{Conceal, cond, jobs, listing, reader};
use service::{Body, BodyStream, Error, Request, Response, Service};

/// Bytes of an upload that are written at once, about.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// A folder, and what may be done with it.
#[derive(Clone, Debug)]
pub struct DiskSpec {
    /// A relative one starts at the folder that the process is in.
    pub path: PathBuf,
    /// Whether PUT and DELETE are accepted.
    pub writable: bool,
    /// Whether names that start with a dot are shown.
    pub dotfiles: bool,
}

/// See the module.
pub struct Disk {
    name: String,
    folder: Folder,
    writable: bool,
    dotfiles: bool,
    conceal: Conceal,
}

impl Disk {
    /// The service of that name.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn open(name: &str, spec: &DiskSpec, conceal: Conceal) -> Result<Self, String> {
        let folder = Folder::of_service(name, &spec.path)?;
        Ok(Self {
            name: name.to_owned(),
            folder,
            writable: spec.writable,
            dotfiles: spec.dotfiles,
            conceal,
        })
    }

    async fn answer(&self, request: Request) -> Result<Response, Error> {
        let names = Names::of_url(&request.url, self.dotfiles);
        match request.method {
            Method::GET | Method::HEAD => match names {
                Some(names) => self.get(&names, &request).await,
                None => Ok(not_found()),
            },
            Method::PUT | Method::DELETE if !self.writable => {
                Ok(Response::text(405, "Method Not Allowed"))
            }
            // A part would take the place of the whole (RFC 9110 section 14.5).
            Method::PUT if request.headers.contains_key(CONTENT_RANGE) => {
                Ok(Response::text(400, "Bad Request"))
            }
            Method::PUT | Method::DELETE => match names.filter(|names| !names.is_empty()) {
                Some(names) if request.method == Method::PUT => self.put(names, request).await,
                Some(names) => self.delete(names, &request).await,
                None => Ok(unauthorized()),
            },
            _ => Ok(Response::text(501, "Not Implemented")),
        }
    }

    async fn get(&self, names: &Names, request: &Request) -> Result<Response, Error> {
        let found = match self.folder.find(names).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(not_found()),
            // What a socket says.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => {
                return Ok(not_acceptable());
            }
            Err(error) => return Err(self.failed(request, &error)),
        };
        match found.kind {
            FileType::RegularFile => Ok(self.file(found, request)),
            FileType::Directory => self.list(found, request).await,
            _ => Ok(not_acceptable()),
        }
    }

    fn file(&self, found: OpenEntry, request: &Request) -> Response {
        let mut headers = HeaderMap::new();
        let asked = &request.headers;
        let [inode, bytes, modified] = found.version;
        let tag = format!("\"{inode:x}-{bytes:x}-{modified:x}\"");
        let mut range = asked.get(RANGE);
        if asked.contains_key(HOST) {
            if cond::is_unchanged(asked, &tag, found.modified) {
                headers.insert(ETAG, text(tag));
                headers.insert(LAST_MODIFIED, last_modified(&found));
                return with_headers(304, headers, Body::Empty);
            }
            range = range.filter(|_| cond::may_be_part(asked, &tag, found.modified));
            headers.insert(ETAG, text(tag));
        }
        headers.insert(LAST_MODIFIED, last_modified(&found));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        if request.method == Method::HEAD {
            headers.insert(CONTENT_LENGTH, found.bytes.into());
            return with_headers(200, headers, Body::Empty);
        }
        let (status, first, bytes) = match wanted(range, found.bytes) {
            Wanted::Whole => (200, 0, found.bytes),
            Wanted::Part(first, last) => {
                let range = format!("bytes {first}-{last}/{}", found.bytes);
                headers.insert(CONTENT_RANGE, text(range));
                (206, first, last - first + 1)
            }
            Wanted::Unsatisfiable => {
                let mut answer = Response::text(416, "Range Not Satisfiable");
                let range = format!("bytes */{}", found.bytes);
                answer.headers.insert(CONTENT_RANGE, text(range));
                return answer;
            }
        };
        headers.insert(CONTENT_LENGTH, bytes.into());
        let body = reader::body(found.fd, first, bytes, self.conceal);
        with_headers(status, headers, body)
    }

    async fn list(&self, found: OpenEntry, request: &Request) -> Result<Response, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(LAST_MODIFIED, last_modified(&found));
        if request.method == Method::HEAD {
            return Ok(with_headers(200, headers, Body::Empty));
        }
        let dotfiles = self.dotfiles;
        let list = jobs::run(move || listing::list(found.fd, dotfiles)).await;
        let list = list.map_err(|error| self.failed(request, &error))?;
        let body = Body::Stream(Box::new(OfUnknownLength(Some(list))));
        Ok(with_headers(200, headers, body))
    }

    async fn put(&self, names: Names, mut request: Request) -> Result<Response, Error> {
        let mut upload = None;
        loop {
            let (chunks, is_last) = batch(&mut request.body).await?;
            let (folder, names) = (self.folder.clone(), names.clone());
            let work = move || {
                let mut upload = match upload {
                    Some(upload) => upload,
                    None => Upload::begin(&folder, &names)?,
                };
                upload.write(&chunks)?;
                if is_last {
                    upload.finish()?;
                    return Ok(None);
                }
                Ok(Some(upload))
            };
            upload = match jobs::run(work).await {
                Ok(None) => return Ok(with_headers(204, HeaderMap::new(), Body::Empty)),
                Ok(begun) => begun,
                Err(error) if leads_out(&error) => return Ok(unauthorized()),
                Err(error) => return Err(self.failed(&request, &error)),
            };
        }
    }

    async fn delete(&self, names: Names, request: &Request) -> Result<Response, Error> {
        let folder = self.folder.clone();
        match jobs::run(move || remove(&folder, &names)).await {
            Ok(()) => Ok(with_headers(204, HeaderMap::new(), Body::Empty)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(not_found()),
            Err(error) if leads_out(&error) => Ok(unauthorized()),
            Err(error) => Err(self.failed(request, &error)),
        }
    }

    fn failed(&self, request: &Request, error: &dyn Display) -> Error {
        let path = path_of(&request.url);
        (self.conceal)(&format_args!(
            "disk service {}: {} {path}: {error}",
            self.name, request.method
        ))
    }
}

impl Service for Disk {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move { self.answer(request).await })
    }
}

/// What comes next of a body, and whether it is the last.
async fn batch(body: &mut Body) -> Result<(Vec<Bytes>, bool), Error> {
    let (mut chunks, mut bytes) = (Vec::new(), 0);
    poll_fn(|cx| {
        while bytes < MAX_BATCH_BYTES {
            match body.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    bytes += chunk.len();
                    chunks.push(chunk);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok((std::mem::take(&mut chunks), true))),
                Poll::Pending if chunks.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok((std::mem::take(&mut chunks), false)))
    })
    .await
}

/// A list, whose length is not told.
struct OfUnknownLength(Option<Bytes>);

impl BodyStream for OfUnknownLength {
    fn poll_chunk(&mut self, _: &mut std::task::Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

/// Whether a path was refused because it leads out of the folder.
fn leads_out(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::XDEV | Errno::LOOP))
}

fn last_modified(found: &OpenEntry) -> HeaderValue {
    text(httpdate::fmt_http_date(found.modified))
}

/// A text of digits, letters and signs as a header's value.
fn text(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

fn with_headers(status: u16, headers: HeaderMap, body: Body) -> Response {
    Response {
        headers,
        body,
        ..Response::text(status, "")
    }
}

fn not_found() -> Response {
    Response::text(404, "Not Found")
}

fn not_acceptable() -> Response {
    Response::text(StatusCode::NOT_ACCEPTABLE.as_u16(), "Not Acceptable")
}

fn unauthorized() -> Response {
    Response {
        status_text: Some("Unauthorized".to_owned()),
        ..Response::text(403, "Unauthorized")
    }
}
