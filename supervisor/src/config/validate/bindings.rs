//! The bindings of a worker: what the schema's types say of each, and the rules of its kind.

use super::{Checker, lossy};
use schema::binding::{Reference, Rule, kind, read, rules};
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
        let Some(kind) = kind(binding)? else {
            self.error(format!(
                "{prefix}{context} has unrecognized type. Was the config compiled with a newer version of the schema?"
            ));
            return Ok(());
        };
        let mut means_class = false;
        for rule in rules(kind) {
            match rule {
                Rule::Never(why) => {
                    self.error(format!("{prefix}{context} {why}"));
                    return Ok(());
                }
                Rule::Experimental(feature) if !self.options.experimental => {
                    self.experimental(&prefix, feature);
                    return Ok(());
                }
                Rule::ScriptsOnly(why)
                    if !matches!(worker.which(), Ok(worker::ServiceWorkerScript(_))) =>
                {
                    self.error(format!("{prefix}{context} {why}"));
                }
                Rule::MeansClass => means_class = true,
                Rule::Experimental(_) | Rule::ScriptsOnly(_) | Rule::Requires(..) => {}
            }
        }
        let mut given = read(binding, &mut |reference| match reference {
            Reference::Service(to) if means_class => self.class_reference(to, &context),
            Reference::Service(to) => self.service_reference(to, &context),
            Reference::Namespace(to) => self.namespace(&prefix, &context, worker_name, to),
            Reference::Binding(inner) => self.binding(worker_name, worker, inner),
            Reference::Unknown(what) => {
                self.error(format!(
                    "{prefix}Encountered unknown {what} for binding \"{name}\". Was the config compiled with a newer \
                     version of the schema?"
                ));
                Ok(())
            }
        })?;
        for rule in rules(kind) {
            if let Rule::Requires(member, message) = rule
                && !given.take(member).is_some()
            {
                self.error(format!("{prefix}{message}"));
            }
        }
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
            if let Some(why) = self.abstracts.get(&service) {
                format!(
                    "refers to a service \"{service}\", but that Worker {why}: it can only be inherited."
                )
            } else if !self.services.contains_key(&service) {
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
