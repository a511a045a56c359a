//! Configs of wrangler: `wrangler.json`, `.jsonc` and `.toml`, as `serve`, `test` and `compile` take them.
//!
//! `config::load` calls [`load`]. In order of use: `fields` is what a file says (`jsonc` takes the comments out), `modules` finds
//! or makes the worker's code, `classes` tells what is stored under which key, `plan` makes services of it all, with the back-ends
//! that the program has for KV and so on, and `encode` writes them as a message. What each field becomes is what the published
//! binary makes of it; TOML is understood beyond it.

mod classes;
mod encode;
mod fields;
mod jsonc;
mod modules;
mod plan;

use std::fs;
use std::path::{Path, PathBuf};

use super::text::Message;
use fields::Wrangler;

/// Where what workers store is kept, beside the config.
const STATE: &str = ".wrangler/state/workerd";

/// Whether a file is such a config, by its name.
pub fn is_one(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("json" | "jsonc" | "toml"))
}

/// Reads a config and makes what it tells of: the bundle, the folders to store in. Adds what was read to `files`.
///
/// # Errors
/// What is wrong, in one text; where the file does not say what it should, with line and column.
pub fn load(path: &Path, experimental: bool, files: &mut Vec<PathBuf>) -> Result<Message, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let config = parse(path, &text)?;
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let root = absolute.parent().unwrap_or(Path::new("/"));
    config.check(root)?;
    if !experimental {
        config.check_stable()?;
    }
    let code = match &config.main {
        Some(main) => modules::of(root, main, config.no_bundle, files)?,
        None => Vec::new(),
    };
    let services = plan::services(&config, root, code)?;
    for folder in services.iter().filter_map(plan::Service::folder) {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    encode::message(&services).map_err(|error| error.to_string())
}

fn parse(path: &Path, text: &str) -> Result<Wrangler, String> {
    if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        return toml::from_str(text).map_err(|error| error.to_string());
    }
    serde_json::from_str(&jsonc::strip(text)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
