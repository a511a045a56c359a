//! The serving side of HTTP: requests of the other side for a service of this one.

use std::cell::Cell;
use std::rc::Rc;

use capnp::Error;
use capnp_rpc::new_client;
use http::Method;
use schema::bytes_capnp::byte_stream;
use schema::bytes_capnp::http_service::{
    self, Client, client_request_context, connect_client_request_context, server_request_context,
};

use super::error::told;
use super::{bytes, heads, sockets};
use crate::service::{Body, Connect, Request, Response, Service, Tls};

/// The service as one that takes one request. `cf` is the request's, as JSON.
pub fn serve(service: Rc<dyn Service>, cf: Option<String>) -> Client {
    new_client(Serving {
        service: Cell::new(Some(service)),
        cf: Cell::new(cf),
    })
}

struct Serving {
    service: Cell<Option<Rc<dyn Service>>>,
    cf: Cell<Option<String>>,
}

impl Serving {
    fn service(&self) -> Result<Rc<dyn Service>, Error> {
        self.service.take().ok_or_else(super::used)
    }

    /// The request, and what its body is written to.
    fn begin(
        &self,
        head: schema::bytes_capnp::http_request::Reader<'_>,
    ) -> Result<(Request, Option<byte_stream::Client>), Error> {
        let (mut request, announced) = heads::read_request(head)?;
        request.cf = self.cf.take();
        if announced.is_empty() {
            return Ok((request, None));
        }
        let (stream, body) = bytes::receive(announced.length());
        request.body = body;
        Ok((request, Some(stream)))
    }
}

impl http_service::Server for Serving {
    async fn request(
        self: Rc<Self>,
        params: http_service::RequestParams,
        mut results: http_service::RequestResults,
    ) -> Result<(), Error> {
        let service = self.service()?;
        let (request, stream) = self.begin(params.get()?.get_request()?)?;
        let context = params.get()?.get_context()?;
        drop(params);
        if let Some(stream) = stream {
            results.get().set_request_body(stream);
            results.set_pipeline()?;
        }
        answer(service, request, &context).await
    }

    async fn start_request(
        self: Rc<Self>,
        params: http_service::StartRequestParams,
        mut results: http_service::StartRequestResults,
    ) -> Result<(), Error> {
        let service = self.service()?;
        let (request, stream) = self.begin(params.get()?.get_request()?)?;
        let context = params.get()?.get_context()?;
        if let Some(stream) = stream {
            results.get().set_request_body(stream);
        }
        // The promise is what is dropped to cancel the request.
        let answered = capnp_rpc::new_future_client::<server_request_context::Client>(async move {
            answer(service, request, &context).await?;
            Ok(new_client(Answered))
        });
        results.get().set_context(answered);
        Ok(())
    }

    async fn connect(
        self: Rc<Self>,
        params: http_service::ConnectParams,
        mut results: http_service::ConnectResults,
    ) -> Result<(), Error> {
        let service = self.service()?;
        let (up, output) = bytes::receive(None);
        let (connect, down, context) = {
            let params = params.get()?;
            let tls = match params.get_settings()?.get_use_tls() {
                true => Tls::AtOnce,
                false => Tls::Never,
            };
            let connect = Connect {
                authority: params.get_host()?.to_string()?,
                tls,
                remote: self.cf.take(),
                is_datagrams: false,
                output,
            };
            (connect, params.get_down()?, params.get_context()?)
        };
        drop(params);
        results.get().set_up(up);
        results.set_pipeline()?;
        tunnel(service, connect, down, &context).await
    }
}

/// The request of [`http_service::Server::start_request`] has been answered.
struct Answered;

impl server_request_context::Server for Answered {}

/// Has the service answer; ends when the other side has all of it.
async fn answer(
    service: Rc<dyn Service>,
    request: Request,
    to: &client_request_context::Client,
) -> Result<(), Error> {
    let is_head = request.method == Method::HEAD;
    let mut response = service.fetch(request).await.map_err(|error| told(&error))?;
    if let Some(end) = response.websocket.take() {
        let (sink, carried) = sockets::carry(end);
        let mut start = to.start_web_socket_request();
        start.get().set_up_socket(sink);
        let list = start.get().init_headers(heads::count(&response.headers));
        heads::write_headers(&response.headers, list);
        let started = start.send();
        let down = started.pipeline.get_down_socket();
        let (_, ended) = futures_util::future::join(started.promise, carried.run(down)).await;
        // Who closed it without a word has been told by the loss itself.
        return ended.or_else(|error| match error.kind {
            capnp::ErrorKind::Disconnected => Ok(()),
            _ => Err(error),
        });
    }
    respond(response, is_head, to).await
}

async fn respond(
    mut response: Response,
    is_head: bool,
    to: &client_request_context::Client,
) -> Result<(), Error> {
    let mut start = to.start_response_request();
    let head = start.get().init_response();
    let announced = heads::write_response(&response, is_head, head);
    let started = start.send();
    if announced.is_empty() {
        started.promise.await?;
        return Ok(());
    }
    let stream = started.pipeline.get_body();
    let body = std::mem::replace(&mut response.body, Body::Empty);
    let (_, sent) = futures_util::future::join(started.promise, bytes::send(body, &stream)).await;
    sent
}

/// Connects the two for as long as either direction goes on.
async fn tunnel(
    service: Rc<dyn Service>,
    connect: Connect,
    down: byte_stream::Client,
    context: &connect_client_request_context::Client,
) -> Result<(), Error> {
    let connection = service
        .connect(connect)
        .await
        .map_err(|error| told(&error))?;
    let mut start = context.start_connect_request();
    let mut head = start.get().init_response();
    head.set_status_code(200);
    head.set_status_text("OK");
    start.send().promise.await?;
    bytes::send(connection.input, &down).await
}
