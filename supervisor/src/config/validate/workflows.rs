//! The workflows of a worker: each is a namespace of Durable Objects that the config does not list.

use std::collections::HashSet;

use schema::workerd_capnp::worker;

use super::{Checker, lossy};

impl Checker<'_> {
    /// The namespaces of a worker's workflows; none if something is wrong with what they are called.
    pub(super) fn workflow_namespaces(
        &mut self,
        name: &str,
        worker: worker::Reader<'_>,
    ) -> capnp::Result<Vec<String>> {
        if !worker.has_workflows_engine() {
            return Ok(Vec::new());
        }
        let engine = worker.get_workflows_engine()?;
        let mut problems = Vec::new();
        if !engine.has_actor_class() {
            problems.push("'s workflowsEngine is missing actorClass.".to_owned());
        }
        let (mut names, mut classes) = (HashSet::new(), HashSet::new());
        for workflow in engine.get_workflows()? {
            let class = lossy(workflow.get_class_name()?);
            let workflow_name = lossy(workflow.get_name()?);
            if class.is_empty() {
                problems.push(" configures a Workflow without className.".to_owned());
            }
            if workflow_name.is_empty() {
                problems.push(" configures a Workflow without name.".to_owned());
            }
            // It is part of a folder's name.
            if workflow_name.contains(['/', '\\', '\0']) {
                problems.push(format!(
                    " configures Workflow name \"{workflow_name}\" containing a path separator."
                ));
            }
            if !workflow.has_binding_service() {
                problems.push(format!(
                    "'s Workflow \"{workflow_name}\" is missing bindingService."
                ));
            }
            if !class.is_empty() && !classes.insert(class.clone()) {
                problems.push(format!(
                    " configures multiple Workflows for class \"{class}\"."
                ));
            }
            if !workflow_name.is_empty() && !names.insert(workflow_name.clone()) {
                problems.push(format!(
                    " configures multiple Workflows named \"{workflow_name}\"."
                ));
            }
        }
        if problems.is_empty() {
            let names = names.iter();
            return Ok(names.map(|name| schema::workflow_namespace(name)).collect());
        }
        for problem in problems {
            self.error(format!("Worker service \"{name}\"{problem}"));
        }
        Ok(Vec::new())
    }

    /// What a worker's workflows refer to.
    pub(super) fn workflows(
        &mut self,
        name: &str,
        worker: worker::Reader<'_>,
    ) -> capnp::Result<()> {
        if !worker.has_workflows_engine() {
            return Ok(());
        }
        let prefix = format!("service {name}: ");
        let engine = worker.get_workflows_engine()?;
        if engine.has_actor_class() {
            let class = engine.get_actor_class()?;
            let context = format!("{prefix}workflowsEngine.actorClass");
            self.class_reference(class, &context)?;
            if self.has_props(class, &context) {
                self.error(format!(
                    "{context} must not specify props; Workflow props are supplied by the runtime."
                ));
            }
        }
        for workflow in engine.get_workflows()? {
            if !workflow.has_binding_service() {
                continue;
            }
            let service = workflow.get_binding_service()?;
            let workflow = lossy(workflow.get_name()?);
            let context = format!("Worker \"{name}\"'s Workflow \"{workflow}\"'s bindingService");
            self.service_reference(service, &context)?;
            let service = lossy(service.get_name()?);
            if self.services.contains_key(&service) && !self.on_disk.contains(&service) {
                self.error(format!(
                    "{prefix}Workflow \"{workflow}\"'s bindingService Worker must configure \
                     durableObjectStorage.localDisk; in-memory and absent storage are unsupported."
                ));
            }
        }
        Ok(())
    }
}
