//! The serving side of events: each is given to a service of this instance.

use std::cell::Cell;
use std::rc::Rc;

use capnp::Error;
use capnp_rpc::new_client;
use schema::instance_capnp::{event_dispatcher, workerd_bootstrap};

use super::{http, rpc};
use crate::service::{Origin, Service, with_origin};

/// The service as the other side reaches it.
pub fn serve(service: Rc<dyn Service>) -> workerd_bootstrap::Client {
    new_client(Bootstrap(service))
}

struct Bootstrap(Rc<dyn Service>);

impl workerd_bootstrap::Server for Bootstrap {
    async fn start_event(
        self: Rc<Self>,
        params: workerd_bootstrap::StartEventParams,
        mut results: workerd_bootstrap::StartEventResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let cf = match params.has_cf_blob_json() {
            true => Some(params.get_cf_blob_json()?.to_string()?),
            false => None,
        };
        let service = match params.get_from_persistent_stub() {
            true => with_origin(self.0.clone(), Origin::stored()),
            false => self.0.clone(),
        };
        results.get().set_dispatcher(new_client(Dispatcher {
            service: Cell::new(Some(service)),
            cf: Cell::new(cf),
        }));
        Ok(())
    }
}

/// What takes one event.
struct Dispatcher {
    service: Cell<Option<Rc<dyn Service>>>,
    cf: Cell<Option<String>>,
}

impl Dispatcher {
    fn service(&self) -> Result<Rc<dyn Service>, Error> {
        self.service.take().ok_or_else(super::used)
    }
}

impl event_dispatcher::Server for Dispatcher {
    async fn get_http_service(
        self: Rc<Self>,
        _: event_dispatcher::GetHttpServiceParams,
        mut results: event_dispatcher::GetHttpServiceResults,
    ) -> Result<(), Error> {
        let service = self.service()?;
        results.get().set_http(http::serve(service, self.cf.take()));
        Ok(())
    }

    async fn js_rpc_session(
        self: Rc<Self>,
        _: event_dispatcher::JsRpcSessionParams,
        mut results: event_dispatcher::JsRpcSessionResults,
    ) -> Result<(), Error> {
        let (first, session) = rpc::session(self.service()?);
        results.get().set_top_level(first);
        results.get().set_session(session);
        Ok(())
    }

    async fn prewarm(
        self: Rc<Self>,
        _: event_dispatcher::PrewarmParams,
        _: event_dispatcher::PrewarmResults,
    ) -> Result<(), Error> {
        Ok(())
    }
}
