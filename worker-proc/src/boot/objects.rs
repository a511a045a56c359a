//! Durable Objects on disk, for the command line: `workerd objects`.
//!
//! The supervisor's `main.rs` hands these functions to its `objects` folder. They join `storage`, which knows files, with
//! `actors`, which knows whose an id is. Errors are texts for people. No isolate is made.

use std::io::{Read, Write};
use std::path::Path;

use ipc::objects::{Depth, Exported, Folder, Problem, StoredObject};

use crate::actors::IdFactory;
use crate::service::to_hex;
use crate::storage::{inspect, portable};

/// Shows the objects of a folder to `each`, with how many there are in all. Returns what is wrong with the folder itself.
///
/// # Errors
/// The folder cannot be read, or an object that was asked for is not there.
pub fn inspect(
    folder: &Folder,
    depth: Depth,
    each: &mut dyn FnMut(StoredObject, u64),
) -> Result<Vec<Problem>, String> {
    let ids = IdFactory::new(&folder.unique_key);
    let wanted = wanted(folder, &ids)?;
    let (mut objects, mut problems) =
        inspect::survey(&folder.path, &|id| ids.parse(id).is_ok()).map_err(text)?;
    for alarm in &objects {
        let misnamed = alarm
            .name
            .as_ref()
            .is_some_and(|name| to_hex(&ids.named(name)) != alarm.id);
        if misnamed {
            problems.push(inspect::misnamed(alarm));
        }
    }
    if !wanted.is_empty() {
        objects.retain(|object| wanted.contains(&object.id));
        let found = |id: &&String| objects.iter().any(|object| object.id == **id);
        if let Some(missing) = wanted.iter().find(|id| !found(id)) {
            return Err(no_object(missing, &folder.path));
        }
        problems.retain(|problem| wanted.iter().any(|id| problem.file.starts_with(id)));
    }
    let total = objects.len() as u64;
    for mut object in objects {
        if depth != Depth::Brief {
            object.content =
                Some(inspect::look_into(&folder.path, &object.id, depth).map_err(text)?);
        }
        each(object, total);
    }
    Ok(problems)
}

/// Writes an archive of the objects. `scratch` is an empty folder with room for the largest of them. `progress` is told
/// how many are done, and how many there are.
///
/// # Errors
/// The folder cannot be read, an object that was asked for is not there, or the archive cannot be written.
pub fn export(
    folder: &Folder,
    to: &mut dyn Write,
    scratch: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, String> {
    let factory = IdFactory::new(&folder.unique_key);
    let mut ids = wanted(folder, &factory)?;
    let (objects, _) = inspect::survey(&folder.path, &|_| true).map_err(text)?;
    if ids.is_empty() {
        ids = objects.into_iter().map(|object| object.id).collect();
    } else if let Some(missing) = ids
        .iter()
        .find(|id| !objects.iter().any(|object| object.id == **id))
    {
        return Err(no_object(missing, &folder.path));
    }
    ids.sort();
    ids.dedup();
    portable::export(
        &folder.path,
        &folder.unique_key,
        &ids,
        to,
        scratch,
        progress,
    )
    .map_err(text)
}

/// Puts the objects of an archive into the folder, and says how many there were.
///
/// # Errors
/// The archive is not whole or of another namespace, an object is there already and is not to be overwritten, or the
/// folder is in use. Nothing is imported unless the text says so.
pub fn import(
    folder: &Folder,
    overwrite: bool,
    archive: &mut dyn Read,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, String> {
    let factory = IdFactory::new(&folder.unique_key);
    let import = portable::Import {
        folder: &folder.path,
        unique_key: &folder.unique_key,
        belongs: &|id| factory.parse(id).is_ok(),
        ids: &wanted(folder, &factory)?,
        overwrite,
    };
    import.run(archive, progress).map_err(text)
}

/// The ids that were asked for, by themselves or by name.
fn wanted(folder: &Folder, ids: &IdFactory) -> Result<Vec<String>, String> {
    let mut wanted = Vec::new();
    for id in &folder.ids {
        match ids.parse(id) {
            Ok(id) => wanted.push(to_hex(&id)),
            Err(_) => {
                return Err(format!(
                    "{id} is no id of the namespace {}",
                    folder.unique_key
                ));
            }
        }
    }
    wanted.extend(folder.names.iter().map(|name| to_hex(&ids.named(name))));
    Ok(wanted)
}

fn no_object(id: &str, folder: &Path) -> String {
    format!("there is no object {id} in {}", folder.display())
}

fn text(error: storage::Error) -> String {
    error.message().to_owned()
}
