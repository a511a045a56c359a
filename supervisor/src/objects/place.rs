//! Which folder a command is about: named itself, or by a config and one of its namespaces.

use std::path::{Path, PathBuf};

use clap::Args;
use ipc::objects::Folder;

use crate::config::{self, LoadOptions, Overrides, Purpose, Source, StoredNamespace};
use crate::observe::tell;

/// The options of every command.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// Look for imports of the config that begin with a slash in <dir> too; may be given several times
    #[arg(short = 'I', long, value_name = "dir")]
    import_path: Vec<PathBuf>,
    /// The config is an encoded Cap'n Proto message rather than text
    #[arg(short, long)]
    binary: bool,
    /// The disk service <name> is at <path>, instead of where the config says
    #[arg(short, long, value_name = "name>=<path", value_parser = Overrides::named)]
    directory_path: Vec<(String, String)>,
    /// The constant to use, when the config file defines several configs
    #[arg(long, value_name = "name")]
    const_name: Option<String>,
    /// The object of this id alone; may be given several times
    #[arg(long, value_name = "id")]
    id: Vec<String>,
    /// The object that idFromName() gives for this name; may be given several times
    #[arg(long, value_name = "name")]
    name: Vec<String>,
    /// A namespace's folder, which is named after its unique key; or a config that says where folders are
    #[arg(value_name = "folder|config-file")]
    place: PathBuf,
    /// Which namespace of the config: <class>, <service>:<class>, or a unique key; needed if there are several
    #[arg(value_name = "namespace")]
    namespace: Option<String>,
}

impl PlaceArgs {
    /// The folder, which is there.
    pub(super) fn folder(&self) -> Result<Folder, String> {
        let folder = self.folder_to_make()?;
        if folder.path.is_dir() {
            Ok(folder)
        } else {
            Err(format!(
                "{}: there is no such folder: no object of the namespace {} has been stored",
                folder.path.display(),
                folder.unique_key
            ))
        }
    }

    /// The folder, which an import may make.
    pub(super) fn folder_to_make(&self) -> Result<Folder, String> {
        let (path, unique_key) = if self.place.is_file() || self.place.as_os_str() == "-" {
            let namespace = self.in_config()?;
            (namespace.folder, namespace.unique_key)
        } else if let Some(namespace) = &self.namespace {
            return Err(format!(
                "{} is no config file, so it is the folder of one namespace, and {namespace:?} says nothing",
                self.place.display()
            ));
        } else {
            (self.place.clone(), key_of(&self.place)?)
        };
        Ok(Folder {
            path,
            unique_key,
            ids: self.id.clone(),
            names: self.name.clone(),
        })
    }

    fn in_config(&self) -> Result<StoredNamespace, String> {
        let source = if self.place.as_os_str() == "-" {
            Source::Stdin
        } else {
            Source::File(self.place.clone())
        };
        let load = LoadOptions {
            source,
            // Sockets may still be without addresses.
            purpose: Purpose::Inspect,
            binary: self.binary,
            import_path: self.import_path.clone(),
            const_name: self.const_name.clone(),
            overrides: Overrides {
                directories: self.directory_path.clone(),
                ..Overrides::default()
            },
            experimental: true,
            compat_date: None,
        };
        let loaded = config::load(&load).map_err(|errors| errors.to_string())?;
        loaded.warnings.iter().for_each(tell);
        choose(
            config::stored_namespaces(&loaded)?,
            self.namespace.as_deref(),
        )
    }
}

/// The namespace that is meant.
fn choose(mut all: Vec<StoredNamespace>, wanted: Option<&str>) -> Result<StoredNamespace, String> {
    if all.is_empty() {
        return Err("the config has no Durable Object namespace that is stored on disk".into());
    }
    let names: Vec<String> = all
        .iter()
        .map(|one| format!("{}:{}", one.service, one.class))
        .collect();
    let choice = |what: String| format!("{what}: give one of {}", names.join(", "));
    if let Some(wanted) = wanted {
        all.retain(|one| {
            one.class == wanted
                || one.unique_key == wanted
                || format!("{}:{}", one.service, one.class) == wanted
        });
    }
    match (all.len(), wanted) {
        (1, _) => Ok(all.remove(0)),
        (0, Some(wanted)) => Err(choice(format!(
            "the config has no namespace {wanted:?} on disk"
        ))),
        (_, Some(wanted)) => Err(choice(format!(
            "the config has several namespaces {wanted:?}"
        ))),
        (_, None) => Err(choice("the config has several namespaces".into())),
    }
}

/// The name of a folder, also of one that is given as `.` or through a link.
fn key_of(path: &Path) -> Result<String, String> {
    let name = match path.file_name() {
        Some(name) if path.file_name() != Some("..".as_ref()) => Some(name.to_owned()),
        _ => path
            .canonicalize()
            .ok()
            .and_then(|path| path.file_name().map(Into::into)),
    };
    let name = name.and_then(|name| name.into_string().ok());
    name.ok_or_else(|| {
        format!(
            "{}: the folder's name is the namespace's unique key, and this has none",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(service: &str, class: &str, key: &str) -> StoredNamespace {
        StoredNamespace {
            service: service.into(),
            class: class.into(),
            unique_key: key.into(),
            folder: Path::new("data").join(key),
        }
    }

    #[test]
    fn a_namespace_is_chosen_by_class_service_or_key() {
        let all = || {
            vec![
                namespace("a", "Room", "k1"),
                namespace("b", "Room", "k2"),
                namespace("b", "User", "k3"),
            ]
        };
        let key = |wanted| choose(all(), Some(wanted)).map(|one| one.unique_key);
        assert_eq!(key("User"), Ok("k3".into()));
        assert_eq!(key("b:Room"), Ok("k2".into()));
        assert_eq!(key("k1"), Ok("k1".into()));
        let choices = "give one of a:Room, b:Room, b:User";
        for wanted in [Some("Room"), Some("Nobody"), None] {
            assert!(choose(all(), wanted).unwrap_err().ends_with(choices));
        }
        assert_eq!(
            choose(vec![namespace("a", "Room", "k1")], None)
                .unwrap()
                .unique_key,
            "k1"
        );
        assert!(choose(Vec::new(), None).is_err());
    }

    #[test]
    fn a_folder_is_named_after_its_key() {
        assert_eq!(key_of(Path::new("data/key/")), Ok("key".into()));
        let here = std::env::current_dir().unwrap();
        let name = here.file_name().unwrap().to_str().unwrap();
        assert_eq!(key_of(Path::new(".")), Ok(name.into()));
        assert!(key_of(Path::new("/")).is_err());
    }
}
