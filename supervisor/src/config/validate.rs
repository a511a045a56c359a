//! All that can be wrong with a configuration, short of running its scripts.
//!
//! `load` calls this with the final message. The checks and their wording are upstream's. What only
//! a worker's own code can tell, such as whether an entrypoint exists or a key is well-formed, the
//! runtime process reports when it starts the worker.

mod bindings;
mod services;
mod workflows;

use super::model::{LoadOptions, Purpose};
use capnp::text;
use schema::compat;
use schema::workerd_capnp::{config, service, service_designator, socket, worker};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// What there is to say about a configuration.
#[derive(Debug, Default)]
pub struct Verdict {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

/// What a service is, as far as references to it go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Worker,
    Disk {
        writable: bool,
    },
    Assets,
    /// A network, an external server, or anything else without entrypoints.
    Other,
    /// Reported already.
    Broken,
}

struct Checker<'a> {
    options: &'a LoadOptions,
    compat: compat::Options<'a>,
    services: HashMap<String, Kind>,
    /// The Durable Object classes of each worker.
    classes: HashMap<String, HashSet<String>>,
    /// The workers that keep objects on disk.
    on_disk: HashSet<String>,
    /// Workers that can only be inherited, and why.
    abstracts: HashMap<String, String>,
    verdict: &'a mut Verdict,
}

/// Adds to `verdict` everything wrong with the configuration, in which `abstracts` are not. Fails only on a damaged message.
pub fn validate(
    root: config::Reader<'_>,
    options: &LoadOptions,
    abstracts: HashMap<String, String>,
    verdict: &mut Verdict,
) -> capnp::Result<()> {
    let compat = compat::Options {
        experimental: options.experimental,
        date_override: options
            .compat_date
            .as_deref()
            .filter(|_| options.purpose == Purpose::Test),
        ..compat::Options::default()
    };
    let mut checker = Checker {
        options,
        compat,
        services: HashMap::new(),
        classes: HashMap::new(),
        on_disk: HashSet::new(),
        abstracts,
        verdict,
    };
    if root.has_cluster() {
        checker
            .error("Config.cluster is not supported yet, as this program cannot join a cluster.");
    }
    for service in root.get_services()? {
        checker.register(service)?;
    }
    checker
        .services
        .entry("internet".into())
        .or_insert(Kind::Other);
    for service in root.get_services()? {
        checker.service(service)?;
    }
    checker.sockets(root)
}

/// A text for messages and look-ups; no name is refused for its encoding.
fn lossy(text: text::Reader<'_>) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

impl Checker<'_> {
    fn error(&mut self, message: impl Into<String>) {
        self.verdict.errors.push(message.into());
    }

    /// Reports that a feature needs `--experimental`, unless that is given.
    fn experimental(&mut self, prefix: &str, feature: &str) {
        if !self.options.experimental {
            self.error(format!(
                "{prefix}{feature} are an experimental feature which may change or go away in the future. You must \
                 run workerd with `--experimental` to use this feature."
            ));
        }
    }

    /// First pass: names, so that references can be checked in any order.
    fn register(&mut self, service: service::Reader<'_>) -> capnp::Result<()> {
        let name = lossy(service.get_name()?);
        let kind = match service.which() {
            Ok(service::Worker(worker)) => {
                let worker = worker?;
                self.register_classes(&name, worker)?;
                match worker.which() {
                    // Reported already.
                    Ok(worker::Inherit(_)) => Kind::Broken,
                    _ => Kind::Worker,
                }
            }
            Ok(service::Disk(disk)) => Kind::Disk {
                writable: disk?.get_writable(),
            },
            Ok(service::Assets(_)) => Kind::Assets,
            Ok(service::Network(_) | service::External(_) | service::Bucket(_)) => Kind::Other,
            Ok(service::Unspecified(())) | Err(_) => Kind::Broken,
        };
        match self.services.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(kind);
            }
            Entry::Occupied(entry) => {
                let message = format!(
                    "Config defines multiple services named \"{}\".",
                    entry.key()
                );
                self.error(message);
            }
        }
        Ok(())
    }

    fn register_classes(&mut self, name: &str, worker: worker::Reader<'_>) -> capnp::Result<()> {
        let mut classes = HashSet::new();
        for namespace in worker.get_durable_object_namespaces()? {
            classes.insert(lossy(namespace.get_class_name()?));
        }
        classes.extend(self.workflow_namespaces(name, worker)?);
        self.classes.entry(name.to_owned()).or_insert(classes);
        let storage = worker.get_durable_object_storage().which();
        if matches!(storage, Ok(worker::durable_object_storage::LocalDisk(_))) {
            self.on_disk.insert(name.to_owned());
        }
        Ok(())
    }

    fn sockets(&mut self, root: config::Reader<'_>) -> capnp::Result<()> {
        for socket in root.get_sockets()? {
            let context = format!("Socket \"{}\"", lossy(socket.get_name()?));
            self.service_reference(socket.get_service()?, &context)?;
            match socket.which() {
                Ok(socket::Https(https)) if !https.get_tls_options()?.has_keypair() => {
                    self.error(format!(
                        "{context}: TLS configuration: a TLS listener needs a keypair"
                    ));
                }
                Ok(_) => {}
                Err(_) => {
                    let name = lossy(socket.get_name()?);
                    self.error(format!(
                        "Encountered unknown socket type in \"{name}\". Was the config compiled with a newer version \
                         of the schema?"
                    ));
                }
            }
        }
        Ok(())
    }

    /// A designator in a place for a service. Whether a worker has the entrypoint is not checked.
    fn service_reference(
        &mut self,
        to: service_designator::Reader<'_>,
        context: &str,
    ) -> capnp::Result<()> {
        let name = lossy(to.get_name()?);
        let Some(&kind) = self.services.get(&name) else {
            self.undefined(&name, context);
            return Ok(());
        };
        let has_props = self.has_props(to, context);
        let has_entrypoints = match kind {
            Kind::Worker | Kind::Broken => return Ok(()),
            Kind::Assets => to.get_entrypoint()?.as_bytes() == b"AssetWorker",
            Kind::Disk { .. } | Kind::Other => false,
        };
        if to.has_entrypoint() && !has_entrypoints {
            let entrypoint = lossy(to.get_entrypoint()?);
            self.error(format!(
                "{context} refers to service \"{name}\" with a named entrypoint \"{entrypoint}\", but \"{name}\" is \
                 not a Worker, so does not have any named entrypoints."
            ));
        } else if has_props {
            self.error(format!(
                "{context} refers to service \"{name}\" and provides a `props` value, but \"{name}\" is not a \
                 Worker, so cannot accept `props`"
            ));
        }
        Ok(())
    }

    /// Says that what is referred to cannot be.
    fn undefined(&mut self, name: &str, context: &str) {
        let problem = match self.abstracts.get(name) {
            Some(why) => format!("that Worker {why}: it can only be inherited."),
            None => "no such service is defined.".to_owned(),
        };
        self.error(format!(
            "{context} refers to a service \"{name}\", but {problem}"
        ));
    }

    /// A designator in a place for a Durable Object class.
    fn class_reference(
        &mut self,
        to: service_designator::Reader<'_>,
        context: &str,
    ) -> capnp::Result<()> {
        let name = lossy(to.get_name()?);
        match self.services.get(&name) {
            None => self.undefined(&name, context),
            Some(Kind::Worker | Kind::Broken) => {
                self.has_props(to, context);
            }
            Some(_) if to.has_entrypoint() => {
                let entrypoint = lossy(to.get_entrypoint()?);
                self.error(format!(
                    "{context} refers to service \"{name}\" with a named Durable Object entrypoint \"{entrypoint}\", \
                     but \"{name}\" is not a Worker, so does not have any named entrypoints."
                ));
            }
            Some(_) => self.error(format!(
                "{context} refers to service \"{name}\" as a Durable Object class, but \"{name}\" is not a Worker, \
                 so cannot be used as a class."
            )),
        }
        Ok(())
    }

    fn has_props(&mut self, to: service_designator::Reader<'_>, context: &str) -> bool {
        match to.get_props().which() {
            Ok(service_designator::props::Empty(())) => false,
            Ok(service_designator::props::Json(_)) => true,
            Err(_) => {
                self.error(format!(
                    "{context} has unrecognized props type. Was the config compiled with a newer version of the \
                     schema?"
                ));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
