//! What the config says of a worker's workflows and of Cloudflare Access. `config` calls it.

use std::collections::HashMap;

use schema::workerd_capnp::worker;

use super::fields::{optional, read_designator, text};
use crate::actors::StoreSpec;
use crate::dispatch::spec::{AccessSpec, WorkflowSpec, WorkflowsSpec};
use crate::http::HttpOptions;

/// Where each worker keeps its objects, by the worker's name.
pub type Stores = HashMap<&'static str, StoreSpec>;

/// The workflows of a worker, if it has any.
pub fn read_workflows(
    worker: worker::Reader<'static>,
    stores: &Stores,
) -> Result<Option<WorkflowsSpec>, capnp::Error> {
    if !worker.has_workflows_engine() {
        return Ok(None);
    }
    let engine = worker.get_workflows_engine()?;
    let mut all = Vec::new();
    for workflow in engine.get_workflows()? {
        let binding = read_designator(workflow.get_binding_service()?)?;
        let storage = stores.get(binding.service.as_str()).cloned();
        all.push(WorkflowSpec {
            name: text(workflow.get_name()?)?.to_owned(),
            class_name: text(workflow.get_class_name()?)?.to_owned(),
            storage: storage.unwrap_or(StoreSpec::None),
            binding,
        });
    }
    Ok(Some(WorkflowsSpec {
        engine: read_designator(engine.get_actor_class()?)?,
        all,
    }))
}

/// Where `ctx.access` comes from, or what is wrong with the name of the header.
pub fn read_access(
    worker: worker::Reader<'static>,
) -> Result<Result<Option<AccessSpec>, String>, capnp::Error> {
    let Some(header) = optional(worker.get_access_blob_header()) else {
        return Ok(Ok(None));
    };
    let header = match HttpOptions::header_name(header) {
        Ok(header) => header,
        Err(error) => return Ok(Err(format!("accessBlobHeader: {error}"))),
    };
    let identity = match worker.has_access_binding_service() {
        true => Some(read_designator(worker.get_access_binding_service()?)?),
        false => None,
    };
    Ok(Ok(Some(AccessSpec { header, identity })))
}
