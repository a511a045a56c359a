//! Services elsewhere: an external server with one address, and a network with any.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use http::Uri;

use super::address::{Address, Rules};
use super::connect::connect;
use super::{ExternalSpec, NetworkSpec, tls};
use crate::http::HttpOptions;
use crate::http::client::{self, Pool};
use crate::service::{Error, Kind, Request, Response, Service};

/// A `network` service: connects to whatever host the URL names, where its rules allow.
pub struct Network {
    rules: Rules,
    tls: Option<tls::Client>,
    pool: Pool,
    options: HttpOptions,
}

impl Network {
    pub fn new(spec: NetworkSpec) -> Result<Self, String> {
        let rules = Rules::parse(&spec.allow, &spec.deny)?;
        Ok(Self {
            rules,
            tls: spec.tls.as_ref().map(tls::Client::new).transpose()?,
            pool: Pool::default(),
            options: HttpOptions::default(),
        })
    }
}

impl Service for Network {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            let uri: Uri = request
                .url
                .parse()
                .map_err(|_| Error::new(Kind::Worker, format!("Invalid URL: {}", request.url)))?;
            let tls = uri.scheme_str() == Some("https");
            if tls && self.tls.is_none() {
                return Err(crate::http::concealed(
                    "this client has no TLS configuration",
                ));
            }
            let host = uri
                .host()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned();
            let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
            let address = Address::Tcp {
                host: host.clone(),
                port,
            };
            let key = format!("{tls} {host} {port}");
            let this = self.clone();
            client::exchange(&self.pool, &key, request, &self.options, move || {
                let (this, address, host) = (this.clone(), address.clone(), host.clone());
                async move {
                    let tls = this.tls.as_ref().filter(|_| tls);
                    let tls = tls.map(|tls| (tls, host.as_str()));
                    connect(&address, tls, Some(&this.rules)).await
                }
            })
            .await
        })
    }
}

/// An `external` service: one server, whatever the URL says.
pub struct External {
    spec: ExternalSpec,
    tls: Option<(String, tls::Client)>,
    pool: Pool,
}

impl External {
    pub fn new(mut spec: ExternalSpec) -> Result<Self, String> {
        let tls = match spec.tls.take() {
            Some((host, options)) => Some((host, tls::Client::new(&options)?)),
            None => None,
        };
        Ok(Self {
            spec,
            tls,
            pool: Pool::default(),
        })
    }
}

impl Service for External {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            let default_port = if self.tls.is_some() { 443 } else { 80 };
            let address =
                Address::parse(&self.spec.address, default_port).map_err(Error::internal)?;
            let this = self.clone();
            client::exchange(&self.pool, "", request, &self.spec.options, move || {
                let (this, address) = (this.clone(), address.clone());
                async move {
                    let tls = this.tls.as_ref().map(|(host, tls)| (tls, host.as_str()));
                    connect(&address, tls, None).await
                }
            })
            .await
        })
    }
}
