//! What an entrypoint or a class knows of the binding that it is reached through: `ctx.props`.

use std::fmt;
use std::rc::Rc;

use bytes::Bytes;

use super::Service;

/// See the module.
#[derive(Clone)]
pub enum Props {
    /// As the config gives them.
    Json(String),
    /// As JavaScript gives them: V8's wire format, which refers to services by number.
    Value {
        bytes: Bytes,
        services: Rc<[Rc<dyn Service>]>,
    },
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
