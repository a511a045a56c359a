//! Workflows: the namespaces whose objects are a worker's instances, run by a class of another worker.
//!
//! `router` opens them once all workers have started, as the class is another's. What a worker knows of its own workflows,
//! `ctx.exports`, it has from its start.

use std::rc::Rc;

use bytes::Bytes;

use super::directory::Directory;
use super::router::Router;
use super::spec::{WorkflowSpec, WorkflowsSpec};
use super::worker::Worker;
use crate::actors::Class;
use crate::glue::{IsolateState, ServiceHandle, native_object, string, with_bytes};
use crate::service::{Cap, Limits, Props};

impl Router {
    /// Opens the namespaces of all workflows.
    ///
    /// # Errors
    /// What the workers lack that a config says they have, and what is wrong with the folders.
    pub fn open_workflows(self: &Rc<Self>) -> Result<(), Vec<String>> {
        let mut errors = Vec::new();
        for worker in self.workers() {
            let Some(workflows) = worker.workflows() else {
                continue;
            };
            let said = |error| format!("service {}: {error}", worker.name());
            let opened = self.open(&worker, workflows);
            errors.extend(opened.into_iter().map(said));
        }
        match errors.is_empty() {
            true => Ok(()),
            false => Err(errors),
        }
    }

    /// Opens those of one worker; what is wrong with them.
    fn open(self: &Rc<Self>, worker: &Rc<Worker>, workflows: &WorkflowsSpec) -> Vec<String> {
        let engine = &workflows.engine;
        let class = engine.entrypoint.as_deref().unwrap_or("default");
        let Some(home) = self.worker(&engine.service) else {
            return Vec::new();
        };
        if !home.has_class(class) {
            return vec![format!(
                "workflowsEngine.actorClass refers to service \"{}\" with Durable Object entrypoint \"{class}\", but no \
                 such class is exported.",
                engine.service
            )];
        }
        let opened = workflows.all.iter().map(|workflow| {
            let props = self.props_of(worker, workflow)?;
            let class = home.class(class.to_owned(), Some(props), Limits::default());
            self.add_namespace(worker, workflow, class)
        });
        opened.filter_map(Result::err).collect()
    }

    /// What the engine is told of a workflow: its names, and the class that has its code.
    fn props_of(&self, worker: &Rc<Worker>, workflow: &WorkflowSpec) -> Result<Props, String> {
        let WorkflowSpec {
            name,
            class_name,
            binding,
            ..
        } = workflow;
        if let Some(entrypoint) = &binding.entrypoint
            && let Some(service) = self.worker(&binding.service)
            && !service.has(entrypoint)
        {
            return Err(format!(
                "Workflow \"{name}\"'s bindingService Worker does not export WorkerEntrypoint \"{entrypoint}\"."
            ));
        }
        let code = worker.own(&Some(class_name.clone()), None);
        let live = worker.live().map_err(|error| error.message)?;
        let bytes = live.isolate.run(None, |scope| {
            v8::tc_scope!(let scope, scope);
            let this = v8::undefined(scope).into();
            let arguments = [
                string(scope, class_name).into(),
                string(scope, name).into(),
                native_object(scope, ServiceHandle(code.clone())).into(),
            ];
            let make = IsolateState::get(scope).internal(scope, "workers", "workflowProps")?;
            let bytes = make.call(scope, this, &arguments)?;
            let copy = || with_bytes(bytes, Bytes::copy_from_slice);
            bytes.is_array_buffer_view().then(copy)
        });
        let bytes = bytes.ok_or_else(|| {
            format!(
                "Workflow \"{name}\" refers to class \"{class_name}\", but the Worker exports no such WorkflowEntrypoint."
            )
        })?;
        Ok(Props::Value {
            bytes,
            caps: Rc::new([Cap::Service(code)]),
        })
    }

    fn add_namespace(
        &self,
        worker: &Worker,
        workflow: &WorkflowSpec,
        class: Class,
    ) -> Result<(), String> {
        self.host().add(
            worker.name(),
            workflow.namespace(),
            class,
            &workflow.storage,
        )
    }
}
