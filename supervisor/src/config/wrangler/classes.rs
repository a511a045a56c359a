//! The classes of Durable Objects, and under which key each is stored: the one that it had first, whatever it is called now.

use std::collections::HashSet;

use super::fields::{Export, Migration, Renamed, State, Storage, Wrangler};

/// A class whose objects are stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Class {
    pub name: String,
    /// No two classes had the same, ever.
    pub key: String,
    pub has_sql: bool,
}

/// The classes of a config. One that is only bound has no SQL.
pub fn of(config: &Wrangler) -> Result<Vec<Class>, String> {
    let mut history = History::default();
    if config.exports.is_empty() {
        for migration in &config.migrations {
            history
                .migrate(migration)
                .map_err(|error| format!("migrations: {error}"))?;
        }
    } else if !config.migrations.is_empty() {
        return Err("exports and migrations cannot both declare Durable Objects".to_owned());
    } else {
        history.classes = exported(config).map_err(|error| format!("exports: {error}"))?;
    }
    for binding in &config.durable_objects.bindings {
        if history.position(&binding.class_name).is_none() {
            history.add(&binding.class_name, false);
        }
    }
    Ok(history.classes)
}

/// The classes as steps have left them.
#[derive(Default)]
struct History {
    classes: Vec<Class>,
    keys: HashSet<String>,
}

impl History {
    fn position(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class.name == name)
    }

    /// A name that is used anew gets another key: what was stored under it is another class's, or deleted.
    fn add(&mut self, name: &str, has_sql: bool) {
        let numbered = (1..).map(|number| format!("{name}~{number}"));
        let mut keys = std::iter::once(name.to_owned()).chain(numbered);
        let key = keys
            .find(|key| !self.keys.contains(key))
            .unwrap_or_default();
        self.keys.insert(key.clone());
        self.classes.push(Class {
            name: name.to_owned(),
            key,
            has_sql,
        });
    }

    fn migrate(&mut self, step: &Migration) -> Result<(), String> {
        for name in &step.deleted_classes {
            let at = self
                .position(name)
                .ok_or_else(|| format!("deleted class {name} does not exist"))?;
            self.classes.remove(at);
        }
        for Renamed { from, to } in &step.renamed_classes {
            let at = self
                .position(from)
                .ok_or_else(|| format!("renamed class {from} does not exist"))?;
            if self.position(to).is_some() {
                return Err(format!("renamed-to class {to} already exists"));
            }
            self.classes[at].name.clone_from(to);
        }
        for (names, has_sql) in [(&step.new_classes, false), (&step.new_sqlite_classes, true)] {
            for name in names {
                if self.position(name).is_some() {
                    return Err(format!("new class {name} already exists"));
                }
                self.add(name, has_sql);
            }
        }
        Ok(())
    }
}

/// The classes that there are now, in the order of their names.
fn exported(config: &Wrangler) -> Result<Vec<Class>, String> {
    let mut classes = Vec::new();
    for (name, export) in &config.exports {
        let Export {
            state,
            storage,
            renamed_to,
            ..
        } = export;
        match (state, storage, renamed_to) {
            (State::Created, Some(storage), None) => classes.push(Class {
                name: name.clone(),
                key: name.clone(),
                has_sql: *storage == Storage::Sqlite,
            }),
            (State::Deleted, None, None) | (State::Renamed, None, Some(_)) => {}
            _ => return Err(format!("{name} has the wrong fields for its state")),
        }
    }
    let mut targets = HashSet::new();
    for (name, export) in &config.exports {
        let Some(to) = &export.renamed_to else {
            continue;
        };
        let Some(class) = classes.iter_mut().find(|class| class.name == *to) else {
            return Err(format!("{name} is renamed to {to}, which is not live"));
        };
        if !targets.insert(to) {
            return Err(format!("more than one class is renamed to {to}"));
        }
        class.key.clone_from(name);
    }
    Ok(classes)
}
