//! The bindings of a worker.

use super::{Checker, lossy};
use schema::workerd_capnp::worker;
use worker::binding;

impl Checker<'_> {
    pub(super) fn binding(
        &mut self,
        worker_name: &str,
        worker: worker::Reader<'_>,
        binding: binding::Reader<'_>,
    ) -> capnp::Result<()> {
        let name = lossy(binding.get_name()?);
        let prefix = format!("service {worker_name}: ");
        let context = format!("Worker \"{worker_name}\"'s binding \"{name}\"");
        match binding.which() {
            Ok(binding::Unspecified(())) => {
                self.error(format!("{prefix}{context} does not specify any binding value."));
            }
            Ok(binding::Parameter(_)) => {
                self.error(format!("{prefix}{context} is a parameter, which is not implemented yet"));
            }
            Ok(binding::WasmModule(_)) => {
                if !matches!(worker.which(), Ok(worker::ServiceWorkerScript(_))) {
                    self.error(format!(
                        "{prefix}{context} is a Wasm binding, but Wasm bindings are not allowed in modules-based \
                         scripts. Use Wasm modules instead."
                    ));
                }
            }
            Ok(binding::CryptoKey(key)) => self.crypto_key(&prefix, &name, key?)?,
            Ok(binding::Service(to)) => self.service_reference(to?, &context)?,
            Ok(binding::DurableObjectClass(to)) => {
                if self.options.experimental {
                    self.class_reference(to?, &context)?;
                }
                self.experimental(&prefix, "Durable Object class bindings");
            }
            Ok(binding::DurableObjectNamespace(to)) => self.namespace(&prefix, &context, worker_name, to?)?,
            Ok(binding::KvNamespace(to) | binding::R2Bucket(to) | binding::Queue(to)) => {
                self.service_reference(to?, &context)?;
            }
            Ok(binding::Obsolete0(_)) => self.error(format!("{prefix}{context} uses an obsolete binding type.")),
            Ok(binding::Wrapped(wrapped)) => {
                for inner in wrapped?.get_inner_bindings()? {
                    self.binding(worker_name, worker, inner)?;
                }
            }
            Ok(binding::AnalyticsEngine(to)) => {
                if self.options.experimental {
                    self.service_reference(to?, &context)?;
                }
                self.experimental(&prefix, "AnalyticsEngine bindings");
            }
            Ok(binding::Hyperdrive(hyperdrive)) => {
                self.service_reference(hyperdrive.get_designator()?, &context)?;
            }
            Ok(binding::UnsafeEval(())) => self.experimental(&prefix, "Unsafe eval bindings"),
            Ok(binding::MemoryCache(cache)) => {
                self.experimental(&prefix, "MemoryCache bindings");
                if self.options.experimental && !cache.has_limits() {
                    self.error(format!(
                        "{prefix}MemoryCache bindings must specify limits. Please update the binding in the worker \
                         configuration and try again."
                    ));
                }
            }
            Ok(binding::WorkerLoader(_)) => self.experimental(&prefix, "Worker loader bindings"),
            Ok(binding::WorkerdDebugPort(())) => self.experimental(&prefix, "workerdDebugPort bindings"),
            Ok(binding::Text(_) | binding::Data(_) | binding::Json(_) | binding::FromEnvironment(_)) => {}
            Err(_) => self.error(format!(
                "{prefix}{context} has unrecognized type. Was the config compiled with a newer version of the schema?"
            )),
        }
        Ok(())
    }

    fn crypto_key(
        &mut self,
        prefix: &str,
        name: &str,
        key: binding::crypto_key::Reader<'_>,
    ) -> capnp::Result<()> {
        let unknown = match (key.which(), key.get_algorithm().which()) {
            (Err(_), _) => "type",
            (_, Err(_)) => "algorithm type",
            _ => return Ok(()),
        };
        self.error(format!(
            "{prefix}Encountered unknown CryptoKey {unknown} for binding \"{name}\". Was the config compiled with a \
             newer version of the schema?"
        ));
        Ok(())
    }

    fn namespace(
        &mut self,
        prefix: &str,
        context: &str,
        worker_name: &str,
        to: binding::durable_object_namespace_designator::Reader<'_>,
    ) -> capnp::Result<()> {
        let class = lossy(to.get_class_name()?);
        let has_class = |name: &str| {
            self.classes
                .get(name)
                .is_some_and(|classes| classes.contains(&class))
        };
        let refers = format!("refers to a Durable Object namespace named \"{class}\"");
        let problem = if to.has_service_name() {
            let service = lossy(to.get_service_name()?);
            if !self.services.contains_key(&service) {
                format!("refers to a service \"{service}\", but no such service is defined.")
            } else if !has_class(&service) {
                format!(
                    "{refers} in service \"{service}\", but no such Durable Object namespace is defined by that service."
                )
            } else {
                return Ok(());
            }
        } else if has_class(worker_name) {
            return Ok(());
        } else {
            format!("{refers}, but no such Durable Object namespace is defined by this Worker.")
        };
        self.error(format!("{prefix}{context} {problem}"));
        Ok(())
    }
}
