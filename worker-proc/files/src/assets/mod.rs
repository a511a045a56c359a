//! An `assets` service: static files by the rules of Cloudflare's assets, with or without a worker behind them.
//!
//! A request goes first through the router (is it for the worker, by `run_worker_first`?), then through `_redirects`, then to the
//! file that its path names in the manner of `html_handling`, and then to `not_found_handling` or the worker.

mod config;
mod custom_headers;
mod html;
mod ignore;
mod pattern;
mod redirects;
mod routes;
mod types;

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use futures_util::future::LocalBoxFuture;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, LOCATION, RANGE,
};
use http::{Method, StatusCode};
use rustix::fs::FileType;

use self::config::{Config, NotFound};
use self::custom_headers::CustomHeaders;
use self::html::{Answer, Shape};
use self::ignore::Ignored;
use self::redirects::{Redirects, Target};
use self::routes::{Route, Routes};
use crate::folder::{Folder, OpenEntry, is_absent};
use crate::names::{Names, decoded_path, encoded_path, path_of, query_of};
use crate::{Conceal, reader};
use service::{Body, Error, Kind, Request, Response, Service};

/// What answers a client that a path is not for.
const BLOCKED_PREFIX: &str = "/cdn-cgi\\";

const DEBUG_HEADER: HeaderName = HeaderName::from_static("x-mf-additional-response-log");
const DEBUG_NAVIGATION: HeaderValue = HeaderValue::from_static(
    "`Sec-Fetch-Mode: navigate` header present - using `not_found_handling` behavior",
);

/// Finds the worker behind the files, once workers have started.
pub type FindWorker = Box<dyn Fn() -> Option<Rc<dyn Service>>>;

/// An `assets` service of the config.
pub struct AssetsSpec {
    /// A relative one starts at the folder that the process is in.
    pub path: PathBuf,
    /// The rules, as JSON.
    pub config: String,
    /// Whether navigations prefer `not_found_handling` to the worker.
    pub navigation_prefers_assets: bool,
}

/// The files, by the rules of the config. It answers itself, and never asks a worker.
pub struct AssetFiles {
    name: String,
    folder: Folder,
    config: Config,
    redirects: Redirects,
    headers: CustomHeaders,
    ignored: Ignored,
    conceal: Conceal,
}

/// The service: files in front of a worker.
pub struct Assets {
    files: Rc<AssetFiles>,
    worker: Option<FindWorker>,
    routes: Routes,
    navigation_prefers_assets: bool,
}

/// A file that was found, by its name in the folder, with a `/` before it.
struct Asset {
    name: String,
    found: OpenEntry,
}

/// What a path leads to.
enum Intent {
    /// Elsewhere, with that status.
    Redirect(u16, HeaderValue),
    /// The path at which the file is served.
    Canonical(HeaderValue),
    File(Asset, u16),
}

impl Assets {
    /// The service of that name, and what of its rules cannot be followed.
    ///
    /// # Errors
    /// What is wrong with its config, or with the folder.
    pub fn open(
        name: &str,
        spec: &AssetsSpec,
        worker: Option<FindWorker>,
        conceal: Conceal,
    ) -> Result<(Self, Vec<String>), String> {
        let config = Config::parse(name, &spec.config)?;
        let folder = Folder::of_service(name, &spec.path)?;
        let routes = Routes::parse(config.run_worker_first.as_ref())?;
        let mut warnings = Vec::new();
        let redirects = Redirects::parse(&config.redirects, &mut warnings);
        let headers = CustomHeaders::parse(&config.headers, &mut warnings);
        let ignored = Ignored::parse(&config.ignore, &mut warnings);
        let files = Rc::new(AssetFiles {
            name: name.to_owned(),
            folder,
            config,
            redirects,
            headers,
            ignored,
            conceal,
        });
        let assets = Self {
            files,
            worker,
            routes,
            navigation_prefers_assets: spec.navigation_prefers_assets,
        };
        Ok((assets, warnings))
    }

    /// The entrypoint `AssetWorker`.
    pub fn files(&self) -> Rc<dyn Service> {
        self.files.clone()
    }

    async fn answer(&self, request: Request) -> Result<Response, Error> {
        let path = path_of(&request.url);
        if path.starts_with(BLOCKED_PREFIX) {
            return Ok(Response::text(403, "Blocked"));
        }
        let Some(worker) = self.worker.as_ref().and_then(|find| find()) else {
            return self.files.answer(&request, true).await;
        };
        let route = self.routes.route(path);
        match route {
            Route::Worker => return worker.fetch(request).await,
            Route::Files => return self.files.answer(&request, true).await,
            Route::FilesFirst => {}
        }
        let navigates = self.navigation_prefers_assets && is_navigation(&request);
        let all = navigates || self.routes.are_given();
        match self.files.intent(&request, all).await? {
            None => worker.fetch(request).await,
            Some(intent) => {
                let told = navigates && self.files.config.debug && intent.is_not_found_handling();
                let mut answer = self.files.respond(&request, Some(intent));
                if told {
                    answer.headers.insert(DEBUG_HEADER, DEBUG_NAVIGATION);
                }
                Ok(answer)
            }
        }
    }
}

impl Service for Assets {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move { self.answer(request).await })
    }
}

impl Service for AssetFiles {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move { self.answer(&request, true).await })
    }
}

fn is_navigation(request: &Request) -> bool {
    let mode = request.headers.get("sec-fetch-mode");
    mode.is_some_and(|mode| mode == "navigate")
}

impl Intent {
    /// Only paths without a file of their own are answered by `not_found_handling`.
    fn is_not_found_handling(&self) -> bool {
        matches!(self, Self::File(_, 404))
    }
}

impl AssetFiles {
    async fn answer(&self, request: &Request, all: bool) -> Result<Response, Error> {
        let intent = self.intent(request, all).await?;
        Ok(self.respond(request, intent))
    }

    /// What a request's path leads to; none if it is for nobody here. `not_found_handling` has its say if `all` of the rules hold.
    async fn intent(&self, request: &Request, all: bool) -> Result<Option<Intent>, Error> {
        let (path, query) = (path_of(&request.url), query_of(&request.url));
        let base = self.config.base();
        let Some(inner) = path.strip_prefix(base) else {
            return Ok(None);
        };
        if inner.is_empty() {
            let to = match base.is_empty() {
                true => return Ok(None),
                false => format!("{base}/{query}"),
            };
            return Ok(Some(Intent::Redirect(307, location(&to)?)));
        }
        if !inner.starts_with('/') {
            return Ok(None);
        }
        let target = self.redirects.find(inner, query);
        let inner = match &target {
            Some(Target::Elsewhere(status, to)) => {
                return Ok(Some(Intent::Redirect(*status, location(to)?)));
            }
            Some(Target::Rewritten(path)) => path.as_str(),
            None => inner,
        };
        let decoded = decoded_path(inner);
        let resolved = self.resolve(&decoded).await?;
        let (asset, to) = match resolved {
            Some(Answer::Serve(asset)) => (Some(asset), decoded),
            Some(Answer::Redirect(to)) => (None, to),
            None if all => return self.not_found(&decoded).await,
            None => return Ok(None),
        };
        let encoded = encoded_path(&to);
        Ok(Some(match asset {
            Some(asset) if encoded == inner => Intent::File(asset, 200),
            _ => Intent::Canonical(location(&format!("{base}{encoded}{query}"))?),
        }))
    }

    /// What a decoded path names, in the manner of `html_handling`.
    async fn resolve(&self, path: &str) -> Result<Option<Answer<Asset>>, Error> {
        let shape = self.config.html_handling;
        for candidate in shape.candidates(path) {
            let Some(asset) = self.find(&candidate).await? else {
                continue;
            };
            let canonical = shape.canonical(&candidate);
            if canonical == path {
                return Ok(Some(Answer::Serve(asset)));
            }
            if self.is_served_at(shape, &canonical, &candidate).await? {
                return Ok(Some(Answer::Redirect(canonical)));
            }
            if candidate == path {
                return Ok(Some(Answer::Serve(asset)));
            }
        }
        Ok(None)
    }

    /// Whether a path serves that very file.
    async fn is_served_at(&self, shape: Shape, path: &str, file: &str) -> Result<bool, Error> {
        for candidate in shape.candidates(path) {
            let is_served = candidate == path || shape.canonical(&candidate) == path;
            if is_served && self.find(&candidate).await?.is_some() {
                return Ok(candidate == file);
            }
        }
        Ok(false)
    }

    /// The file of that name, if it is an asset.
    async fn find(&self, name: &str) -> Result<Option<Asset>, Error> {
        if matches!(name, "/_headers" | "/_redirects" | "/.assetsignore") {
            return Ok(None);
        }
        let Some(names) = Names::of_path(name) else {
            return Ok(None);
        };
        if self.ignored.has(name) {
            return Ok(None);
        }
        match self.folder.find(&names).await {
            Ok(found) if found.kind == FileType::RegularFile => Ok(Some(Asset {
                name: name.to_owned(),
                found,
            })),
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => {
                let name = &self.name;
                Err((self.conceal)(&format_args!(
                    "assets service {name}: {error}"
                )))
            }
        }
    }

    async fn not_found(&self, path: &str) -> Result<Option<Intent>, Error> {
        match self.config.not_found_handling {
            NotFound::None => Ok(None),
            NotFound::SinglePageApplication => {
                let index = self.find("/index.html").await?;
                Ok(index.map(|index| Intent::File(index, 200)))
            }
            NotFound::Page => {
                let mut folder = path;
                while let Some((above, _)) = folder.rsplit_once('/') {
                    if let Some(page) = self.find(&format!("{above}/404.html")).await? {
                        return Ok(Some(Intent::File(page, 404)));
                    }
                    folder = above;
                }
                Ok(None)
            }
        }
    }

    fn respond(&self, request: &Request, intent: Option<Intent>) -> Response {
        let redirect = |status, to| {
            let mut answer = Response::text(status, "");
            answer.headers.insert(LOCATION, to);
            answer
        };
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        let mut answer = match intent {
            None => Response::text(404, ""),
            Some(Intent::Redirect(status, to)) => redirect(status, to),
            Some(Intent::Canonical(_) | Intent::File(..)) if !is_read => {
                Response::text(StatusCode::METHOD_NOT_ALLOWED.as_u16(), "")
            }
            Some(Intent::Canonical(to)) => redirect(307, to),
            Some(Intent::File(asset, status)) => self.file(request, asset, status),
        };
        self.headers.attach(&request.url, &mut answer.headers);
        answer
    }

    fn file(&self, request: &Request, asset: Asset, status: u16) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(kind) = types::of(&asset.name) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        let is_shared = |name: &HeaderName| !request.headers.contains_key(name);
        if is_shared(&AUTHORIZATION) && is_shared(&RANGE) {
            let control = HeaderValue::from_static("public, max-age=0, must-revalidate");
            headers.insert(CACHE_CONTROL, control);
        }
        let tag = asset.tag();
        let known = request
            .headers
            .get(IF_NONE_MATCH)
            .and_then(|known| known.to_str().ok());
        let is_known = known.is_some_and(|known| known.strip_prefix("W/").unwrap_or(known) == tag);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(ETAG, tag);
        }
        let answer = |status, headers, body| Response {
            headers,
            body,
            ..Response::text(status, "")
        };
        if is_known {
            return answer(304, headers, Body::Empty);
        }
        let bytes = asset.found.bytes;
        headers.insert(CONTENT_LENGTH, bytes.into());
        let body = match request.method == Method::HEAD {
            true => Body::Empty,
            false => reader::body(asset.found.fd, 0, bytes, self.conceal),
        };
        answer(status, headers, body)
    }
}

impl Asset {
    /// The same for every process.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.name.hash(&mut hasher);
        let modified = self
            .found
            .modified
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut tag = format!("\"{:x}", hasher.finish());
        let _ = write!(tag, "-{:x}-{:x}\"", self.found.bytes, modified.as_nanos());
        tag
    }
}

fn location(to: &str) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(to).map_err(|_| Error::new(Kind::Worker, "A redirect leads to no URL."))
}
