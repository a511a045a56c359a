//! JavaScript RPC: targets of this instance as the other side calls them, and targets of the other side.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use capnp::Error as Failure;
use capnp_rpc::{new_client, new_future_client};
use schema::instance_capnp::js_value::external_pusher;
use schema::instance_capnp::{js_rpc_session, js_rpc_target};
use tokio::sync::oneshot;

use super::error::{heard, told};
use super::values;
use crate::service::rpc::{Answer, Call, Operation, Payload, Returned, Target};
use crate::service::{Error, Service};

/// The longest path of properties that is followed.
const MAX_PATH: u32 = 128;

/// What the published binary says of events that it takes from its own workers alone.
pub const NO_SUCH_EVENT: &str = "RPC connections don't yet support this event type.";

/// What a session lasts for, held by all that came of it.
pub type Held = Option<Rc<dyn Any>>;

/// A target of this instance for the other side.
pub fn serve(target: Rc<dyn Target>, held: Held) -> js_rpc_target::Client {
    new_client(Served {
        callee: Callee::Target(target),
        held,
    })
}

/// A session with a service: what takes its one first call, and what lasts as long as anything that came of that does.
pub fn session(service: Rc<dyn Service>) -> (js_rpc_target::Client, js_rpc_session::Client) {
    let (alive, over) = oneshot::channel::<()>();
    let first = new_client(Served {
        callee: Callee::Session(Cell::new(Some(service))),
        held: Some(Rc::new(alive)),
    });
    let session = new_future_client(async move {
        // Told by its drop.
        let _ = over.await;
        Ok(new_client(Over))
    });
    (first, session)
}

/// A session that has ended.
struct Over;

impl js_rpc_session::Server for Over {}

struct Served {
    callee: Callee,
    held: Held,
}

enum Callee {
    Target(Rc<dyn Target>),
    /// It takes one call.
    Session(Cell<Option<Rc<dyn Service>>>),
}

impl Served {
    /// Makes the call here and now, so that calls begin in the order in which they came.
    fn begin(
        &self,
        params: &js_rpc_target::CallParams,
    ) -> Result<(Answer, external_pusher::Client), Failure> {
        use js_rpc_target::call_params::results_stream_handler::Which;
        let params = params.get()?;
        let pusher = match params.get_results_stream_handler().which()? {
            Which::ExternalPusher(pusher) => pusher?,
            Which::Obsolete4(_) => {
                let text = "The caller is of an older version of workerd.";
                return Err(Failure::unimplemented(text.into()));
            }
        };
        let call = read_call(params)?;
        let answer = match &self.callee {
            Callee::Target(target) => target.clone().call(call),
            Callee::Session(service) => service.take().ok_or_else(super::used)?.rpc(call),
        };
        Ok((answer, pusher))
    }
}

fn read_call(params: js_rpc_target::call_params::Reader<'_>) -> Result<Call, Failure> {
    use js_rpc_target::call_params::{Which, operation};
    let path = match params.which()? {
        Which::MethodName(name) => vec![name?.to_string()?],
        Which::MethodPath(names) => {
            let names = names?;
            if names.len() > MAX_PATH {
                return Err(Failure::failed("A path of properties is too long.".into()));
            }
            let names = names.iter().map(|name| Ok(name?.to_string()?));
            names.collect::<Result<_, Failure>>()?
        }
    };
    let operation = match params.get_operation().which()? {
        operation::GetProperty(()) => Operation::Get,
        operation::CallWithArgs(arguments) => Operation::Call(values::read(arguments?, &None)?),
    };
    Ok(Call { path, operation })
}

impl js_rpc_target::Server for Served {
    fn call(
        self: Rc<Self>,
        params: js_rpc_target::CallParams,
        mut results: js_rpc_target::CallResults,
    ) -> impl Future<Output = Result<(), Failure>> + 'static {
        let begun = self.begin(&params);
        drop(params);
        async move {
            let (Answer { result, pipeline }, pusher) = begun?;
            let pipeline = serve(pipeline, self.held.clone());
            results.get().set_call_pipeline(pipeline);
            results.set_pipeline()?;
            let returned = result.await.map_err(|error| told(&error))?;
            let mut told_back = results.get();
            told_back.set_has_disposer(returned.has_disposer);
            let value = told_back.init_result();
            let written = values::write(returned.value, &pusher, &self.held, value);
            written.map_err(|error| told(&error))
        }
    }
}

impl external_pusher::Server for Served {
    async fn push_byte_stream(
        self: Rc<Self>,
        params: external_pusher::PushByteStreamParams,
        results: external_pusher::PushByteStreamResults,
    ) -> Result<(), Failure> {
        values::push_byte_stream(&params, results)
    }

    async fn push_abort_signal(
        self: Rc<Self>,
        _: external_pusher::PushAbortSignalParams,
        results: external_pusher::PushAbortSignalResults,
    ) -> Result<(), Failure> {
        values::push_abort_signal(results)
    }
}

/// A target of the other side.
pub struct Elsewhere {
    client: js_rpc_target::Client,
    held: Held,
}

impl Elsewhere {
    pub fn new(client: js_rpc_target::Client, held: Held) -> Rc<Self> {
        Rc::new(Self { client, held })
    }
}

impl Target for Elsewhere {
    fn call(self: Rc<Self>, call: Call) -> Answer {
        let mut request = self.client.call_request();
        let written = write_call(call, &self.client, &self.held, request.get());
        if let Err(error) = written {
            return Answer::failed(error);
        }
        let mut handler = request.get().init_results_stream_handler();
        handler.set_external_pusher(values::pusher());
        let sent = request.send();
        let pipeline = Self::new(sent.pipeline.get_call_pipeline(), self.held.clone());
        let held = self.held.clone();
        let answered = async move {
            let response = sent.promise.await?;
            let response = response.get()?;
            Ok(Returned {
                value: values::read(response.get_result()?, &held)?,
                has_disposer: response.get_has_disposer(),
            })
        };
        Answer {
            result: Box::pin(async move { answered.await.map_err(heard) }),
            pipeline,
        }
    }
}

fn write_call(
    call: Call,
    to: &js_rpc_target::Client,
    held: &Held,
    mut params: js_rpc_target::call_params::Builder<'_>,
) -> Result<(), Error> {
    let count = u32::try_from(call.path.len()).unwrap_or(u32::MAX);
    let mut path = params.reborrow().init_method_path(count);
    for (index, name) in (0..).zip(&call.path) {
        path.set(index, &**name);
    }
    let mut operation = params.init_operation();
    match call.operation {
        Operation::Get => operation.set_get_property(()),
        // Null stands for no arguments.
        Operation::Call(Payload { bytes, .. }) if bytes.is_empty() => {}
        Operation::Call(arguments) => {
            let pusher = external_pusher::Client {
                client: to.client.clone(),
            };
            values::write(arguments, &pusher, held, operation.init_call_with_args())?;
        }
        Operation::Event(_) => return Err(Error::internal(NO_SUCH_EVENT)),
    }
    Ok(())
}
