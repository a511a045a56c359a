//! What an entrypoint or a class knows of the binding that it is reached through: `ctx.props`.

use std::fmt;
use std::rc::Rc;

use bytes::Bytes;

use super::Service;
use super::rpc::{External, Target};

/// See the module.
#[derive(Clone)]
pub enum Props {
    /// As the config gives them.
    Json(String),
    /// As JavaScript gives them: V8's wire format, which refers to others by number.
    Value { bytes: Bytes, caps: Rc<[Cap]> },
}

/// What props refer to.
#[derive(Clone)]
pub enum Cap {
    Service(Rc<dyn Service>),
    /// A class of Durable Objects.
    Class(Rc<dyn Service>),
    Stub(Rc<dyn Target>),
}

impl From<&Cap> for External {
    fn from(cap: &Cap) -> Self {
        match cap {
            Cap::Service(service) | Cap::Class(service) => Self::Service(service.clone()),
            Cap::Stub(target) => Self::Target(target.clone()),
        }
    }
}

impl Props {
    /// As JSON, if they are that: for another process, where services cannot be named.
    pub fn json(&self) -> Option<&str> {
        match self {
            Self::Json(json) => Some(json),
            Self::Value { .. } => None,
        }
    }
}

impl fmt::Debug for Props {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json().unwrap_or("Value"))
    }
}
