//! Debug ports: what this instance shows to whoever connects, and what another one shows.

use std::future::Future;
use std::rc::Rc;

use capnp::Error as Failure;
use capnp_rpc::new_client;
use schema::instance_capnp::workerd_debug_port;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{self, Line};
use super::error::told;
use super::remote::Remote;
use super::{events, props};
use crate::service::{DebugPort, Error, Props, Service};

/// Serves a connection to this instance's debug port until it ends.
pub async fn serve<S: AsyncRead + AsyncWrite + 'static>(stream: S, shown: Rc<dyn DebugPort>) {
    let port: workerd_debug_port::Client = new_client(Port(shown));
    connection::serve(stream, port.client).await;
}

/// The debug port of another instance, by a connection that is being opened.
pub fn open<S: AsyncRead + AsyncWrite + 'static>(
    opened: impl Future<Output = Result<S, Error>> + 'static,
) -> Rc<dyn DebugPort> {
    Rc::new(Elsewhere(Line::new(opened)))
}

struct Port(Rc<dyn DebugPort>);

/// A text that may be null.
fn optional(
    is_there: bool,
    text: capnp::Result<capnp::text::Reader<'_>>,
) -> Result<Option<String>, Failure> {
    is_there.then(|| Ok(text?.to_string()?)).transpose()
}

impl workerd_debug_port::Server for Port {
    async fn get_entrypoint(
        self: Rc<Self>,
        params: workerd_debug_port::GetEntrypointParams,
        mut results: workerd_debug_port::GetEntrypointResults,
    ) -> Result<(), Failure> {
        let params = params.get()?;
        let name = optional(params.has_entrypoint(), params.get_entrypoint())?;
        let props = match params.has_props() {
            true => props::read(params.get_props()?)?,
            false => None,
        };
        let service = params.get_service()?.to_str()?;
        let found = self.0.entrypoint(service, name.as_deref(), props);
        let found = found.map_err(|error| told(&error))?;
        results.get().set_entrypoint(events::serve(found));
        Ok(())
    }

    async fn get_actor(
        self: Rc<Self>,
        params: workerd_debug_port::GetActorParams,
        mut results: workerd_debug_port::GetActorResults,
    ) -> Result<(), Failure> {
        let params = params.get()?;
        let service = params.get_service()?.to_str()?;
        let class = params.get_entrypoint()?.to_str()?;
        let id = params.get_actor_id()?.to_str()?;
        let found = self
            .0
            .actor(service, class, id)
            .map_err(|error| told(&error))?;
        results.get().set_actor(events::serve(found));
        Ok(())
    }
}

/// The port of another instance.
struct Elsewhere(Rc<Line<workerd_debug_port::Client>>);

impl DebugPort for Elsewhere {
    fn entrypoint(
        &self,
        service: &str,
        name: Option<&str>,
        given: Option<Props>,
    ) -> Result<Rc<dyn Service>, Error> {
        let (service, name) = (service.to_owned(), name.map(str::to_owned));
        Ok(Remote::new(self.0.clone(), move |port| {
            let mut request = port.get_entrypoint_request();
            let mut params = request.get();
            params.set_service(&*service);
            if let Some(name) = &name {
                params.set_entrypoint(&**name);
            }
            if let Some(given) = &given {
                props::write(given, params.init_props())?;
            }
            Ok(request.send().pipeline.get_entrypoint())
        }))
    }

    fn actor(&self, service: &str, class: &str, id: &str) -> Result<Rc<dyn Service>, Error> {
        let [service, class, id] = [service, class, id].map(str::to_owned);
        Ok(Remote::new(self.0.clone(), move |port| {
            let mut request = port.get_actor_request();
            let mut params = request.get();
            params.set_service(&*service);
            params.set_entrypoint(&*class);
            params.set_actor_id(&*id);
            Ok(request.send().pipeline.get_actor())
        }))
    }
}
