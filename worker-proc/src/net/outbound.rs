//! Services elsewhere: an external server with one address, and a network with any.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use http::Uri;
use http::uri::Authority;
use tokio::sync::oneshot;

use super::address::Address;
use super::connect::{Stream, connect};
use super::rules::Rules;
use super::{ExternalSpec, NetworkSpec, Protocol, loopback, tls};
use crate::http::{HttpOptions, Pool, client};
use crate::interop::host::Session;
use crate::service::{
    Body, Connect, Connection, Error, Event, Kind, Request, Response, Service, Tls, channel, rpc,
    tunnel,
};

/// A `network` service: connects to whatever host the URL names, where its rules allow.
pub struct Network {
    rules: Rules,
    tls: Option<tls::Client>,
    http_tls: Option<tls::Client>,
    pool: Pool,
    options: HttpOptions,
}

impl Network {
    pub fn new(spec: NetworkSpec) -> Result<Self, String> {
        let rules = Rules::parse(&spec.allow, &spec.deny)?;
        let tls = spec.tls.as_ref().map(tls::Client::new).transpose()?;
        Ok(Self {
            rules,
            http_tls: tls.as_ref().map(tls::Client::for_http),
            tls,
            pool: Pool::default(),
            options: HttpOptions::default(),
        })
    }
}

impl Network {
    fn tls(&self) -> Result<&tls::Client, Error> {
        let missing = || crate::http::concealed("this client has no TLS configuration");
        self.tls.as_ref().ok_or_else(missing)
    }
}

impl Service for Network {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            if request.method == http::Method::CONNECT {
                let connection = self.connect(Connect::of_request(request)).await?;
                return Ok(connection.into_response());
            }
            let uri: Uri = request
                .url
                .parse()
                .map_err(|_| Error::bad_url(&request.url))?;
            // A redirect can lead to any scheme; `ws` is what some call the URL of a WebSocket's handshake.
            let tls = match uri.scheme_str() {
                Some("http" | "ws") => false,
                Some("https" | "wss") => true,
                other => {
                    let scheme = other.unwrap_or_default();
                    let text =
                        format!("cannot connect by the scheme \"{scheme}\": {}", request.url);
                    return Err(crate::http::concealed(text));
                }
            };
            if tls {
                self.tls()?;
            }
            let host = bare(uri.host().unwrap_or_default()).to_owned();
            let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
            let address = Address::Tcp {
                host: host.clone(),
                port,
            };
            let key = format!("{tls} {host} {port}");
            let this = self.clone();
            let target = client::Target {
                name: &key,
                may_be_http2: tls,
            };
            client::exchange(&self.pool, target, request, &self.options, move |changes| {
                let (this, address, host) = (this.clone(), address.clone(), host.clone());
                async move {
                    let client = if changes { &this.tls } else { &this.http_tls };
                    let tls = client.as_ref().filter(|_| tls);
                    let tls = tls.map(|tls| (tls, host.as_str()));
                    let stream = connect(&address, tls, Some(&this.rules)).await?;
                    let version = stream.version();
                    Ok((stream, version))
                }
            })
            .await
        })
    }

    fn connect(
        self: Rc<Self>,
        wanted: Connect,
    ) -> LocalBoxFuture<'static, Result<Connection, Error>> {
        Box::pin(async move {
            if wanted.is_datagrams {
                return Err(no_datagrams());
            }
            let (host, port) = host_and_port(&wanted.authority)?;
            let address = Address::Tcp {
                host: host.clone(),
                port,
            };
            let tls = match wanted.tls {
                Tls::AtOnce => Some((self.tls()?, host.as_str())),
                Tls::Never | Tls::Later => None,
            };
            let stream = connect(&address, tls, Some(&self.rules)).await?;
            Ok(match &self.tls {
                Some(tls) if wanted.tls == Tls::Later => {
                    open_for_tls(stream, wanted.output, tls.clone())
                }
                _ => tunnel::open(stream, wanted.output),
            })
        })
    }
}

/// A connection over a stream that is open, and can be encrypted later.
fn open_for_tls(mut stream: Stream, output: Body, tls: tls::Client) -> Connection {
    let (starter, mut asked) = oneshot::channel();
    let (writer, input) = channel(None);
    tokio::task::spawn_local(async move {
        let Some(start) = tunnel::carry(&mut stream, output, writer, Some(&mut asked)).await else {
            return;
        };
        let secured = tls.connect(stream, bare(&start.host)).await;
        let opened = secured.map(|stream| tunnel::open(stream, start.output).input);
        // Whoever asked may have gone.
        let _ = start.opened.send(opened);
    });
    Connection {
        input,
        starter: Some(starter),
    }
}

/// What a UDP socket is told whose service is no worker.
fn no_datagrams() -> Error {
    Error::internal("Datagrams are not passed on.")
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// Host and port of `host:port`. An IPv6 address may lack its brackets.
fn host_and_port(authority: &str) -> Result<(String, u16), Error> {
    let bad = || Error::new(Kind::Worker, format!("Invalid address: {authority}"));
    let (host, port) = authority.rsplit_once(':').ok_or_else(bad)?;
    let port = port.parse().map_err(|_| bad())?;
    Ok((bare(host).to_owned(), port))
}

/// An `external` service: one server, whatever the URL says.
pub struct External {
    spec: ExternalSpec,
    tls: Option<(String, tls::Client)>,
    http_tls: Option<tls::Client>,
    pool: Pool,
    /// With an instance of workerd that has a `capnpConnectHost`.
    session: RefCell<Option<Session>>,
}

impl External {
    pub fn new(mut spec: ExternalSpec) -> Result<Self, String> {
        let tls = match spec.tls.take() {
            Some((host, options)) => Some((host, tls::Client::new(&options)?)),
            None => None,
        };
        Ok(Self {
            spec,
            http_tls: tls.as_ref().map(|(_, tls)| tls.for_http()),
            tls,
            pool: Pool::default(),
            session: RefCell::default(),
        })
    }
}

impl External {
    /// A connection to the server.
    async fn open(&self, default_port: u16) -> Result<Stream, Error> {
        let tls = self.tls.as_ref().map(|(host, tls)| (tls, host.as_str()));
        self.open_with(default_port, tls).await
    }

    /// The same for HTTP, in the version that the server chooses.
    async fn open_for_http(&self, default_port: u16) -> Result<Stream, Error> {
        let host = self.tls.as_ref().map(|(host, _)| host.as_str());
        self.open_with(default_port, self.http_tls.as_ref().zip(host))
            .await
    }

    async fn open_with(
        &self,
        default_port: u16,
        tls: Option<(&tls::Client, &str)>,
    ) -> Result<Stream, Error> {
        let address = Address::parse(&self.spec.address, default_port).map_err(Error::internal)?;
        connect(&address, tls, None).await
    }

    /// The service behind a `loopback:` address, if both sides say that they speak more than HTTP.
    fn direct(&self) -> Option<Rc<dyn Service>> {
        let Protocol::Http(options) = &self.spec.protocol else {
            return None;
        };
        let name = self.spec.address.strip_prefix("loopback:")?;
        loopback::direct(name, options.capnp_connect_host.as_deref()?)
    }
}

impl External {
    /// The service there, if both sides say that they speak more than HTTP.
    fn instance(self: &Rc<Self>) -> Option<Rc<dyn Service>> {
        if let Some(direct) = self.direct() {
            return Some(direct);
        }
        let Protocol::Http(options) = &self.spec.protocol else {
            return None;
        };
        let host = options.capnp_connect_host.clone()?;
        let mut session = self.session.borrow_mut();
        if session.as_ref().is_none_or(Session::is_over) {
            let this = self.clone();
            *session = Some(Session::open(async move {
                let authority: Authority = host.parse().map_err(crate::http::concealed)?;
                let default_port = if this.tls.is_some() { 443 } else { 80 };
                client::tunnel(authority, this.open(default_port).await?).await
            }));
        }
        session.as_ref().map(Session::service)
    }
}

impl Service for External {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            if request.method == http::Method::CONNECT {
                let connection = self.connect(Connect::of_request(request)).await?;
                return Ok(connection.into_response());
            }
            let Protocol::Http(options) = &self.spec.protocol else {
                let text = "External TCP servers don't support this event type.";
                return Err(Error::new(Kind::Worker, text));
            };
            let default_port = if self.tls.is_some() { 443 } else { 80 };
            let this = self.clone();
            let target = client::Target {
                name: "",
                may_be_http2: self.tls.is_some(),
            };
            client::exchange(&self.pool, target, request, options, move |changes| {
                let this = this.clone();
                async move {
                    let stream = match changes {
                        true => this.open(default_port).await?,
                        false => this.open_for_http(default_port).await?,
                    };
                    let version = stream.version();
                    Ok((stream, version))
                }
            })
            .await
        })
    }

    fn connect(
        self: Rc<Self>,
        wanted: Connect,
    ) -> LocalBoxFuture<'static, Result<Connection, Error>> {
        if let Some(service) = self.direct() {
            return service.connect(wanted);
        }
        Box::pin(async move {
            if wanted.is_datagrams {
                return Err(no_datagrams());
            }
            match self.spec.protocol {
                Protocol::Tcp => {
                    let stream = self.open(80).await?;
                    Ok(tunnel::open(stream, wanted.output))
                }
                // Only who ends the connection there could encrypt it.
                Protocol::Http(_) if wanted.tls == Tls::AtOnce => {
                    Err(Error::internal("A proxy cannot be asked for TLS."))
                }
                Protocol::Http(_) => {
                    let bad = |_| {
                        Error::new(
                            Kind::Worker,
                            format!("Invalid address: {}", wanted.authority),
                        )
                    };
                    let authority: Authority = wanted.authority.parse().map_err(bad)?;
                    let stream = client::tunnel(authority, self.open(80).await?).await?;
                    Ok(tunnel::open(stream, wanted.output))
                }
            }
        })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        match self.instance() {
            Some(service) => service.event(event),
            None => Box::pin(async move { Err(event.refused()) }),
        }
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        match self.instance() {
            Some(service) => service.rpc(call),
            None => call.refused(),
        }
    }
}
