//! What a config says. A field that is not here is an error, so that nothing is left out in silence.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrangler {
    /// What an editor checks the file by.
    #[serde(rename = "$schema")]
    pub _schema: Option<String>,
    /// Of the worker's service, and what others' begin with.
    pub name: Option<String>,
    pub main: Option<String>,
    pub compatibility_date: String,
    #[serde(default)]
    pub compatibility_flags: Vec<String>,
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    #[serde(default)]
    pub durable_objects: DurableObjects,
    #[serde(default)]
    pub exports: BTreeMap<String, Export>,
    #[serde(default)]
    pub migrations: Vec<Migration>,
    #[serde(default)]
    pub kv_namespaces: Vec<KvNamespace>,
    #[serde(default)]
    pub triggers: Triggers,
    #[serde(default)]
    pub queues: Queues,
    #[serde(default)]
    pub workflows: Vec<Workflow>,
    #[serde(default)]
    pub d1_databases: Vec<D1Database>,
    /// Serves the files beside `main` as they are.
    #[serde(default)]
    pub no_bundle: bool,
    pub assets: Option<Assets>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DurableObjects {
    #[serde(default)]
    pub bindings: Vec<DurableObject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DurableObject {
    pub name: String,
    pub class_name: String,
}

/// What has become of a class of objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    #[serde(rename = "type")]
    pub _type: ExportType,
    #[serde(default)]
    pub state: State,
    pub storage: Option<Storage>,
    pub renamed_to: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportType {
    DurableObject,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    #[default]
    Created,
    Deleted,
    Renamed,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    Sqlite,
    LegacyKv,
}

/// A step in the history of the classes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    #[serde(rename = "tag")]
    pub _tag: Option<String>,
    #[serde(default)]
    pub new_classes: Vec<String>,
    #[serde(default)]
    pub new_sqlite_classes: Vec<String>,
    #[serde(default)]
    pub renamed_classes: Vec<Renamed>,
    #[serde(default)]
    pub deleted_classes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renamed {
    pub from: String,
    pub to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvNamespace {
    pub binding: String,
    pub id: Option<String>,
    #[serde(rename = "preview_id")]
    pub _preview_id: Option<String>,
    #[serde(rename = "remote")]
    pub _remote: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct D1Database {
    pub binding: String,
    pub database_id: Option<String>,
    pub preview_database_id: Option<String>,
    #[serde(rename = "database_name")]
    pub _database_name: Option<String>,
    #[serde(rename = "migrations_table")]
    pub _migrations_table: Option<String>,
    #[serde(rename = "migrations_dir")]
    pub _migrations_dir: Option<String>,
    #[serde(rename = "migrations_pattern")]
    pub _migrations_pattern: Option<String>,
    #[serde(rename = "database_internal_env")]
    pub _database_internal_env: Option<String>,
    #[serde(rename = "remote")]
    pub _remote: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    #[serde(default)]
    pub crons: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queues {
    #[serde(default)]
    pub producers: Vec<Producer>,
    #[serde(default)]
    pub consumers: Vec<Consumer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Producer {
    pub binding: String,
    pub queue: String,
    #[serde(rename = "remote")]
    pub _remote: Option<bool>,
}

/// Times in seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    pub queue: String,
    pub max_batch_size: Option<u32>,
    pub max_batch_timeout: Option<u32>,
    pub max_retries: Option<u32>,
    pub dead_letter_queue: Option<String>,
    pub retry_delay: Option<u32>,
    pub max_concurrency: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    pub binding: String,
    pub name: String,
    pub class_name: String,
    pub script_name: Option<String>,
    pub limits: Option<WorkflowLimits>,
    #[serde(rename = "concurrency")]
    pub _concurrency: Option<Value>,
    pub schedules: Option<Value>,
    pub default_retention: Option<WorkflowRetention>,
    #[serde(rename = "jurisdiction")]
    pub _jurisdiction: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowLimits {
    pub steps: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowRetention {
    #[serde(default)]
    pub success_retention: Value,
    #[serde(default)]
    pub error_retention: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assets {
    pub directory: String,
    pub binding: Option<String>,
    pub html_handling: Option<HtmlHandling>,
    pub not_found_handling: Option<NotFoundHandling>,
    pub base_path: Option<String>,
    pub run_worker_first: Option<RunWorkerFirst>,
}

#[derive(Clone, Copy, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HtmlHandling {
    AutoTrailingSlash,
    ForceTrailingSlash,
    DropTrailingSlash,
    None,
}

#[derive(Clone, Copy, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotFoundHandling {
    SinglePageApplication,
    #[serde(rename = "404-page")]
    NotFoundPage,
    None,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(untagged)]
pub enum RunWorkerFirst {
    Always(bool),
    Rules(Vec<String>),
}

/// The services of a config without a name begin so.
const DEFAULT_NAME: &str = "main";

impl Wrangler {
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(DEFAULT_NAME)
    }

    /// What a worker is needed for, each with whether it is there; in the order of the services that are made of them.
    fn features(&self) -> [(&'static str, bool); 6] {
        let queues = &self.queues;
        [
            ("kv_namespaces", !self.kv_namespaces.is_empty()),
            ("triggers.crons", !self.triggers.crons.is_empty()),
            (
                "queues",
                !queues.producers.is_empty() || !queues.consumers.is_empty(),
            ),
            ("workflows", !self.workflows.is_empty()),
            ("d1_databases", !self.d1_databases.is_empty()),
            ("assets", self.assets.is_some()),
        ]
    }

    /// What is experimental needs the option that permits it.
    pub fn check_stable(&self) -> Result<(), String> {
        match self.features().iter().find(|(_, is_there)| *is_there) {
            None => Ok(()),
            Some((field, _)) => Err(format!(
                "{field} is an experimental feature which may change or go away in the future. You must run workerd \
                 with `--experimental` to use it."
            )),
        }
    }

    /// What fields mean together. Paths are relative to `root`.
    pub fn check(&self, root: &Path) -> Result<(), String> {
        self.check_code()?;
        let mut consumed = HashSet::new();
        for Consumer { queue, .. } in &self.queues.consumers {
            if !consumed.insert(queue) {
                return Err(format!(
                    "queues: queue {queue:?} has more than one consumer"
                ));
            }
        }
        // The names of the back-ends' own bindings.
        if !self.triggers.crons.is_empty()
            && ["SCHEDULE", "CRONS", "TEST_CLOCK"].contains(&self.name())
        {
            return Err(format!(
                "A Worker named {} cannot have triggers.crons.",
                self.name()
            ));
        }
        self.workflows
            .iter()
            .try_for_each(|workflow| workflow.check(self.name()))?;
        match &self.assets {
            Some(assets) if !root.join(&assets.directory).is_dir() => {
                let directory = root.join(&assets.directory);
                Err(format!(
                    "assets.directory: {}: not a directory",
                    directory.display()
                ))
            }
            _ => Ok(()),
        }
    }

    /// Without code there are only assets.
    fn check_code(&self) -> Result<(), String> {
        if self.main.is_some() {
            return Ok(());
        }
        let Some(assets) = &self.assets else {
            return Err("Missing entry-point to Worker script or to assets directory".to_owned());
        };
        let objects = !self.durable_objects.bindings.is_empty();
        let needing = [
            ("vars", !self.vars.is_empty()),
            ("durable_objects", objects),
            ("exports", !self.exports.is_empty()),
            ("migrations", !self.migrations.is_empty()),
            ("assets.binding", assets.binding.is_some()),
        ];
        let features = self.features();
        let mut all = needing.iter().chain(&features[..5]);
        match all.find(|(_, is_there)| *is_there) {
            None => Ok(()),
            Some((field, _)) => Err(format!("{field} needs a Worker, but there is no main")),
        }
    }
}

/// Characters of a workflow's name.
const MAX_WORKFLOW_NAME: usize = 64;

impl Workflow {
    fn check(&self, worker: &str) -> Result<(), String> {
        let Self { name, .. } = self;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let bytes = name.as_bytes();
        let fits = (1..=MAX_WORKFLOW_NAME).contains(&bytes.len());
        if !fits || !is_word(bytes[0]) || !bytes.iter().all(|&byte| is_word(byte) || byte == b'-') {
            return Err(format!(
                "workflows: {name:?}: Workflow names must be 1-{MAX_WORKFLOW_NAME} characters long, start with a letter, \
                 number, or underscore, and may only contain letters, numbers, underscores, or hyphens."
            ));
        }
        let is_elsewhere = self
            .script_name
            .as_ref()
            .is_some_and(|script| script != worker);
        for (field, is_there) in [
            ("script_name", is_elsewhere),
            ("schedules", self.schedules.is_some()),
        ] {
            if is_there {
                return Err(format!("workflows: {name:?}: {field} is not supported"));
            }
        }
        Ok(())
    }
}
