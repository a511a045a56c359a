//! Why RPC does not do what JavaScript asks for; the messages are workerd's where it has the case.

use crate::glue::JsError;
use crate::service::rpc::TRIGGER_LOST;

#[derive(JsError)]
pub enum Refused {
    #[error(
        "Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: {bytes} bytes."
    )]
    TooLarge { bytes: usize },
    #[error("The RPC target is gone.")]
    Gone,
    #[error("{TRIGGER_LOST}")]
    TriggerLost {},
    #[dom(
        DataCloneError,
        "Cannot store this stub because the target worker does not have the allow_irrevocable_stub_storage compatibility flag enabled."
    )]
    NotStorable,
    /// As the reader of tokens says it.
    #[error("{0}")]
    BadToken(String),
    #[error("What a stored stub refers to is not configured.")]
    NotConfigured,
    /// Nobody knows how to find the worker again.
    #[error(
        "ctx.restore() cannot be used in this context because the system does not know how to restore this context itself, in order to be able to invoke its [restore]() method. This may happen if the current worker is a Dynamic Worker or a Durable Object Facet (or both), and the immediate caller did not specify how to restore it. To fix this, ensure that the caller of this Worker uses a stub that was created via its own context.restore()."
    )]
    NoSelf,
}
