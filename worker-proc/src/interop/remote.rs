//! The calling side: a service of another instance.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use capnp::Error as Failure;
use capnp::capability::FromClientHook;
use capnp_rpc::new_client;
use futures_util::future::LocalBoxFuture;
use http::Method;
use schema::bytes_capnp::http_service::{client_request_context, connect_client_request_context};
use schema::instance_capnp::{event_dispatcher, workerd_bootstrap};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::connection::Line;
use super::error::{heard, told};
use super::{bytes, heads, rpc, sockets};
use crate::service::rpc::{Operation, Target};
use crate::service::{
    Body, BodyStream, Connect, Connection, Error, Event, Request, Response, Service, Tls,
    WebSocket, rpc as calls,
};

/// Asks what the other side gives for a service.
type Find<C> = Box<dyn Fn(&C) -> Result<workerd_bootstrap::Client, Error>>;

/// See the module. `C` is what the other side gives to whoever connects.
pub struct Remote<C> {
    line: Rc<Line<C>>,
    find: Find<C>,
    found: OnceCell<workerd_bootstrap::Client>,
}

impl<C: FromClientHook + Clone + 'static> Remote<C> {
    pub fn new(
        line: Rc<Line<C>>,
        find: impl Fn(&C) -> Result<workerd_bootstrap::Client, Error> + 'static,
    ) -> Rc<Self> {
        Rc::new(Self {
            line,
            find: Box::new(find),
            found: OnceCell::new(),
        })
    }

    /// What takes one event.
    async fn dispatcher(&self, cf: Option<&str>) -> Result<event_dispatcher::Client, Error> {
        let bootstrap = self.line.bootstrap().await?;
        let service = match self.found.get() {
            Some(service) => service,
            None => {
                let found = (self.find)(&bootstrap)?;
                self.found.get_or_init(|| found)
            }
        };
        let mut start = service.start_event_request();
        if let Some(cf) = cf {
            start.get().set_cf_blob_json(cf);
        }
        Ok(start.send().pipeline.get_dispatcher())
    }
}

/// An exchange that goes on behind a body or a WebSocket, and ends with it.
struct Exchange {
    task: JoinHandle<()>,
    _line: Rc<dyn Any>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A body of an exchange.
struct Incoming {
    body: Body,
    /// How the call ends, where that says whether the body is whole: the published binary ends one that breaks off, and fails
    /// the call.
    ended: Option<Ended>,
    _exchange: Exchange,
}

/// Told at the end of a call.
type Ended = oneshot::Receiver<Result<(), Error>>;

impl BodyStream for Incoming {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<::bytes::Bytes, Error>>> {
        let polled = self.body.poll_chunk(cx);
        if !matches!(polled, Poll::Ready(None)) {
            return polled;
        }
        let Some(ended) = &mut self.ended else {
            return Poll::Ready(None);
        };
        let ended = ready!(Pin::new(ended).poll(cx));
        self.ended = None;
        Poll::Ready(match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(_) => Some(Err(Error::lost())),
        })
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }

    fn refuse(&mut self, reason: Error) {
        std::mem::take(&mut self.body).refuse(reason);
    }
}

impl<C: FromClientHook + Clone + 'static> Service for Remote<C> {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            if request.method == Method::CONNECT {
                let connection = self.connect(Connect::of_request(request)).await?;
                return Ok(connection.into_response());
            }
            self.request(request).await
        })
    }

    fn connect(
        self: Rc<Self>,
        connect: Connect,
    ) -> LocalBoxFuture<'static, Result<Connection, Error>> {
        Box::pin(async move { self.tunnel(connect).await })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { Err(event.refused()) })
    }

    fn rpc(self: Rc<Self>, call: calls::Call) -> calls::Answer {
        if let Operation::Event(_) = call.operation {
            return calls::Answer::failed(Error::internal(rpc::NO_SUCH_EVENT));
        }
        let (reply, answer) = calls::answer();
        tokio::task::spawn_local(async move {
            let dispatcher = match self.dispatcher(None).await {
                Ok(dispatcher) => dispatcher,
                Err(error) => return reply.finish(Err(error)),
            };
            let session = dispatcher.js_rpc_session_request().send();
            let first = session.pipeline.get_top_level();
            // What comes of the call keeps the session, and the connection.
            let held = (self.line.clone(), session.pipeline.get_session());
            let target = rpc::Elsewhere::new(first, Some(Rc::new(held)));
            reply.forward(target.call(call));
        });
        answer
    }
}

impl<C: FromClientHook + Clone + 'static> Remote<C> {
    async fn request(&self, mut request: Request) -> Result<Response, Error> {
        let dispatcher = self.dispatcher(request.cf.as_deref()).await?;
        let http = dispatcher
            .get_http_service_request()
            .send()
            .pipeline
            .get_http();
        let mut call = http.request_request();
        let announced = heads::write_request(&request, call.get().init_request()).map_err(heard)?;
        let (sender, started) = oneshot::channel();
        call.get()
            .set_context(new_client(Answering(RefCell::new(Some(sender)))));
        let call = call.send();
        let stream = call.pipeline.get_request_body();
        let body = std::mem::take(&mut request.body);
        let upload = async move {
            if !announced.is_empty() {
                // The other side may answer without reading it all.
                let _ = bytes::send(body, &stream).await;
            }
        };
        let (failed, failure) = oneshot::channel();
        let task = tokio::task::spawn_local(async move {
            let mut promise = std::pin::pin!(call.promise);
            let ended = tokio::select! {
                ended = &mut promise => ended.map(drop),
                () = upload => promise.await.map(drop),
            };
            drop(call.pipeline);
            let _ = failed.send(ended.map_err(heard));
            // What has been answered goes on arriving.
            std::future::pending::<()>().await;
        });
        let exchange = Exchange {
            task,
            _line: self.line.clone(),
        };
        match started.await {
            Ok(answer) => Ok(answer.into_response(exchange, failure)),
            Err(_) => Err(reason(failure).await),
        }
    }

    async fn tunnel(&self, connect: Connect) -> Result<Connection, Error> {
        let dispatcher = self.dispatcher(connect.remote.as_deref()).await?;
        let http = dispatcher
            .get_http_service_request()
            .send()
            .pipeline
            .get_http();
        let mut call = http.connect_request();
        let (down, input) = bytes::receive(None);
        let (sender, started) = oneshot::channel();
        call.get().set_host(&*connect.authority);
        call.get().set_down(down);
        call.get()
            .init_settings()
            .set_use_tls(connect.tls == Tls::AtOnce);
        call.get()
            .set_context(new_client(ConnectContext(RefCell::new(Some(sender)))));
        let call = call.send();
        let up = call.pipeline.get_up();
        let output = connect.output;
        let (failed, failure) = oneshot::channel();
        let task = tokio::task::spawn_local(async move {
            let upload = bytes::send(output, &up);
            let (ended, _) = futures_util::future::join(call.promise, upload).await;
            let _ = failed.send(ended.map(drop).map_err(heard));
            std::future::pending::<()>().await;
        });
        let exchange = Exchange {
            task,
            _line: self.line.clone(),
        };
        match started.await {
            Ok(()) => Ok(Connection {
                input: Body::Stream(Box::new(Incoming {
                    body: input,
                    ended: None,
                    _exchange: exchange,
                })),
                starter: None,
            }),
            Err(_) => Err(reason(failure).await),
        }
    }
}

/// Why a call ended without an answer.
async fn reason(ended: Ended) -> Error {
    match ended.await {
        Ok(Err(error)) => error,
        _ => Error::lost(),
    }
}

/// What has been answered.
enum Answer {
    Response(Response),
    WebSocket(Response, LocalBoxFuture<'static, ()>),
}

impl Answer {
    fn into_response(self, exchange: Exchange, ended: Ended) -> Response {
        match self {
            Self::Response(mut response) => {
                if matches!(response.body, Body::Stream(_)) {
                    let body = std::mem::take(&mut response.body);
                    response.body = Body::Stream(Box::new(Incoming {
                        body,
                        ended: Some(ended),
                        _exchange: exchange,
                    }));
                }
                response
            }
            Self::WebSocket(response, carried) => {
                tokio::task::spawn_local(async move {
                    let _exchange = exchange;
                    carried.await;
                });
                response
            }
        }
    }
}

/// What takes the answer of a request; gone once it has.
struct Answering(RefCell<Option<oneshot::Sender<Answer>>>);

impl Answering {
    fn answer(&self, answer: Answer) -> Result<(), Failure> {
        let sender = self.0.take().ok_or_else(super::used)?;
        let gone = |_| told(&Error::lost());
        sender.send(answer).map_err(gone)
    }
}

impl client_request_context::Server for Answering {
    async fn start_response(
        self: Rc<Self>,
        params: client_request_context::StartResponseParams,
        mut results: client_request_context::StartResponseResults,
    ) -> Result<(), Failure> {
        let (mut response, announced) = heads::read_response(params.get()?.get_response()?)?;
        if !announced.is_empty() {
            let (stream, body) = bytes::receive(announced.length());
            response.body = body;
            results.get().set_body(stream);
        }
        self.answer(Answer::Response(response))
    }

    async fn start_web_socket(
        self: Rc<Self>,
        params: client_request_context::StartWebSocketParams,
        mut results: client_request_context::StartWebSocketResults,
    ) -> Result<(), Failure> {
        let params = params.get()?;
        let (near, far) = WebSocket::pair();
        let (down, carried) = sockets::carry(far);
        let up = params.get_up_socket()?;
        results.get().set_down_socket(down);
        let response = Response {
            status: 101,
            status_text: None,
            headers: heads::read_headers(params.get_headers()?)?,
            body: Body::Empty,
            websocket: Some(near),
        };
        let carried = Box::pin(async move { drop(carried.run(up).await) });
        self.answer(Answer::WebSocket(response, carried))
    }
}

/// The same of a CONNECT.
struct ConnectContext(RefCell<Option<oneshot::Sender<()>>>);

impl connect_client_request_context::Server for ConnectContext {
    async fn start_connect(
        self: Rc<Self>,
        _: connect_client_request_context::StartConnectParams,
        _: connect_client_request_context::StartConnectResults,
    ) -> Result<(), Failure> {
        let sender = self.0.take().ok_or_else(super::used)?;
        sender.send(()).map_err(|()| told(&Error::lost()))
    }
}
