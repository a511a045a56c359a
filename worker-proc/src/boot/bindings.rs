//! A worker's bindings as properties of `env`. Knows no binding by name: the schema says of what types its members are, the
//! folder of its kind what is made of them. `config` calls it.

use std::collections::HashMap;

use schema::binding;
use schema::workerd_capnp::worker;

use super::fields::{optional, read_designator, text};
use crate::bindings;
use crate::glue::{Property, Reference};
use crate::service::Outlet;

/// Key of every namespace and whether it is ephemeral, by service and class.
pub type AllNamespaces = HashMap<(String, String), (String, bool)>;

/// Why a binding is not read.
pub enum Unread {
    Malformed(capnp::Error),
    /// What is wrong with it, in words for the user.
    Wrong(String),
}

impl From<capnp::Error> for Unread {
    fn from(error: capnp::Error) -> Self {
        Self::Malformed(error)
    }
}

/// One binding of a worker.
pub fn read(
    given: worker::binding::Reader<'static>,
    worker: &str,
    namespaces: &AllNamespaces,
) -> Result<Property, Unread> {
    let name = text(given.get_name()?)?.to_owned();
    let wrong = |error: &str| Unread::Wrong(format!("binding {name}: {error}"));
    let kind = binding::kind(given)?.unwrap_or("its type");
    let binding = bindings::ALL.iter().find(|one| one.kind == kind);
    let binding = binding.ok_or_else(|| wrong(&format!("{kind} is not supported yet.")))?;
    let value = binding::read(given, &mut |reference| {
        resolve(reference, worker, namespaces).map_err(|unread| match unread {
            Unread::Wrong(error) => wrong(&error),
            malformed => malformed,
        })
    })?;
    let value = (binding.prepare)(&name, value).map_err(Unread::Wrong)?;
    Ok(Property {
        name,
        binding,
        value,
    })
}

fn resolve(
    reference: binding::Reference<'static>,
    worker: &str,
    namespaces: &AllNamespaces,
) -> Result<Reference, Unread> {
    Ok(match reference {
        binding::Reference::Service(to) => Reference::Outlet(Outlet::Named(read_designator(to)?)),
        binding::Reference::Namespace(to) => {
            let service = optional(to.get_service_name()).unwrap_or(worker).to_owned();
            let class = text(to.get_class_name()?)?.to_owned();
            let wanted = (service, class);
            let Some((key, is_ephemeral)) = namespaces.get(&wanted) else {
                let (service, class) = wanted;
                return Err(Unread::Wrong(format!(
                    "service \"{service}\" has no Durable Object namespace of the class \"{class}\"."
                )));
            };
            Reference::Outlet(Outlet::Namespace {
                key: key.clone(),
                is_own: false,
                is_ephemeral: *is_ephemeral,
            })
        }
        binding::Reference::Binding(inner) => match read(inner, worker, namespaces) {
            Ok(property) => Reference::Property(Box::new(property)),
            Err(Unread::Wrong(error)) => return Err(Unread::Wrong(format!("inner {error}"))),
            Err(malformed) => return Err(malformed),
        },
        binding::Reference::Unknown(what) => {
            return Err(Unread::Wrong(format!("unknown {what}.")));
        }
    })
}
