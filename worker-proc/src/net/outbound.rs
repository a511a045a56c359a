//! Services elsewhere: an external server with one address, and a network with any.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use http::Uri;

use super::address::{Address, Rules};
use super::connect::connect;
use super::{ExternalSpec, NetworkSpec};
use crate::http::HttpOptions;
use crate::http::client::{self, Pool};
use crate::service::{Error, Kind, Request, Response, Service};

/// A `network` service: connects to whatever host the URL names, where its rules allow.
pub struct Network {
    rules: Rules,
    pool: Pool,
    options: HttpOptions,
}

impl Network {
    pub fn new(spec: NetworkSpec) -> Result<Self, String> {
        let rules = Rules::parse(&spec.allow, &spec.deny)?;
        Ok(Self {
            rules,
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
                async move { connect(&address, tls.then_some(host.as_str()), Some(&this.rules)).await }
            })
            .await
        })
    }
}

/// An `external` service: one server, whatever the URL says.
pub struct External {
    spec: ExternalSpec,
    pool: Pool,
}

impl External {
    pub fn new(spec: ExternalSpec) -> Self {
        Self {
            spec,
            pool: Pool::default(),
        }
    }
}

impl Service for External {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            let default_port = if self.spec.tls_host.is_some() {
                443
            } else {
                80
            };
            let address =
                Address::parse(&self.spec.address, default_port).map_err(Error::internal)?;
            let this = self.clone();
            client::exchange(&self.pool, "", request, &self.spec.options, move || {
                let (this, address) = (this.clone(), address.clone());
                async move { connect(&address, this.spec.tls_host.as_deref(), None).await }
            })
            .await
        })
    }
}
