//! A worker's code: `main` bundled by esbuild, or as it is with what lies beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io};

use serde_json::Value;

/// A module of a worker.
pub struct Module {
    pub name: String,
    pub code: Code,
}

/// What a file is, by its ending.
pub enum Code {
    Es(String),
    CommonJs(String),
    Text(String),
    Data(Vec<u8>),
    Wasm(Vec<u8>),
}

/// Names another esbuild.
const ESBUILD_VARIABLE: &str = "WORKERD_ESBUILD";
const ESBUILD: &str = "esbuild";
const DEPENDENCIES: &str = "node_modules";

/// The modules of Node.js that code may import without `node:`.
const NODE_MODULES: &str = "assert async_hooks buffer child_process cluster console constants crypto dgram \
    diagnostics_channel dns domain events fs http http2 https inspector module net os path perf_hooks process punycode \
    querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib";

/// What a bundle begins with: CommonJS code in it requires Node.js's modules.
const BANNER: &str = "\
var require = (id) => {
  const builtin = process.getBuiltinModule(String(id));
  if (builtin === undefined) {
    const error = new Error(`Cannot find module '${id}'`);
    error.code = \"MODULE_NOT_FOUND\";
    throw error;
  }
  return builtin;
};";

/// The modules of a worker whose `main` is relative to `root`; the first is the main one. Adds the files read to `files`.
pub fn of(
    root: &Path,
    main: &str,
    is_plain: bool,
    files: &mut Vec<PathBuf>,
) -> Result<Vec<Module>, String> {
    let path = root.join(main);
    let is_script = matches!(extension(&path), Some("js" | "mjs"));
    if is_plain && !is_script {
        return Err(format!(
            "main: {main}: must be a .js or .mjs ES module under \"no_bundle\""
        ));
    }
    let esbuild = esbuild(root);
    // JavaScript needs no bundler, unless it imports packages.
    match (is_plain, is_script, esbuild) {
        (false, _, Some(esbuild)) => bundle(&esbuild, root, main, files),
        (false, false, None) => Err(not_found(ESBUILD)),
        _ => beside(&path, files),
    }
}

fn not_found(program: &str) -> String {
    format!(
        "esbuild not found ({program}). wrangler configs are bundled with esbuild: install it (`npm i -D esbuild`), set \
         {ESBUILD_VARIABLE} to its path, or set \"no_bundle\": true."
    )
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(OsStr::to_str)
}

/// The esbuild that was named, that a folder above has installed, or that is on the PATH.
fn esbuild(root: &Path) -> Option<PathBuf> {
    if let Some(named) = env::var_os(ESBUILD_VARIABLE).filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let installed = root
        .ancestors()
        .map(|folder| folder.join(DEPENDENCIES).join(".bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = installed.chain(env::split_paths(&path));
    folders
        .map(|folder| folder.join(ESBUILD))
        .find(|program| program.is_file())
}

/// A folder for a bundle, deleted when dropped.
struct Output(PathBuf);

impl Output {
    /// Its name is of no other process and no other load.
    fn new(root: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "bundle-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        Self(root.join(".wrangler/tmp").join(name))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The bundle's name without its ending.
const ENTRY: &str = "index";

fn bundle(
    esbuild: &Path,
    root: &Path,
    main: &str,
    files: &mut Vec<PathBuf>,
) -> Result<Vec<Module>, String> {
    let output = Output::new(root);
    let folder = output.0.display();
    let inputs = output.0.join("meta.json");
    let mut command = Command::new(esbuild);
    command.current_dir(root).args([
        main,
        "--bundle",
        "--format=esm",
        "--platform=browser",
        "--target=es2024",
        "--conditions=workerd,worker,browser",
        &format!("--entry-names={ENTRY}"),
        "--log-level=warning",
        "--external:node:*",
        "--external:cloudflare:*",
        "--external:workerd:*",
        "--loader:.wasm=copy",
        "--loader:.txt=text",
        "--loader:.html=text",
        "--loader:.sql=text",
        "--loader:.bin=binary",
    ]);
    for module in NODE_MODULES.split_whitespace() {
        command.args([
            format!("--external:{module}"),
            format!("--external:{module}/*"),
        ]);
    }
    command.args([
        format!("--banner:js={BANNER}"),
        format!("--outdir={folder}"),
        format!("--metafile={}", inputs.display()),
    ]);
    let ended = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => not_found(&esbuild.display().to_string()),
        _ => format!("{}: {error}", esbuild.display()),
    })?;
    let main = output.0.join(ENTRY).with_extension("js");
    if !ended.status.success() || !main.is_file() {
        let said = String::from_utf8_lossy(&ended.stderr);
        return Err(format!("esbuild failed:\n{}", said.trim_end()));
    }
    files.extend(read_inputs(root, &inputs));
    beside(&main, &mut Vec::new())
}

/// The files that a bundle was made of, but for packages: they change only when they are installed.
fn read_inputs(root: &Path, metafile: &Path) -> Vec<PathBuf> {
    let read = fs::read(metafile).ok();
    let told: Value = read
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let inputs = told["inputs"].as_object().into_iter().flatten();
    let own = inputs.filter(|(input, _)| !input.contains(&format!("{DEPENDENCIES}/")));
    own.map(|(input, _)| root.join(input)).collect()
}

/// A main module, and after it, in the order of their paths, the modules in its folder and those below.
fn beside(main: &Path, files: &mut Vec<PathBuf>) -> Result<Vec<Module>, String> {
    let folder = main.parent().unwrap_or(Path::new("/"));
    let mut paths = Vec::new();
    collect(folder, &mut paths).map_err(|error| at(folder, error))?;
    paths.retain(|path| path != main);
    paths.sort();
    paths.insert(0, main.to_owned());
    let mut modules = Vec::new();
    for path in paths {
        if let Some(code) = read(&path)? {
            let name = path.strip_prefix(folder).unwrap_or(&path);
            let name = name
                .to_str()
                .ok_or_else(|| at(&path, "its name is not UTF-8"))?;
            modules.push(Module {
                name: name.to_owned(),
                code,
            });
            files.push(path);
        }
    }
    Ok(modules)
}

/// The files below a folder. What begins with a dot, packages, and folders elsewhere are not looked into.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") || name == DEPENDENCIES {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), paths)?;
        } else if entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}

/// The module that a file is; none if its ending tells of none.
fn read(path: &Path) -> Result<Option<Code>, String> {
    let bytes = || fs::read(path).map_err(|error| at(path, error));
    let text = || String::from_utf8(bytes()?).map_err(|_| at(path, "not UTF-8"));
    Ok(Some(match extension(path) {
        Some("js" | "mjs") => Code::Es(text()?),
        Some("cjs") => Code::CommonJs(text()?),
        Some("txt" | "html" | "sql") => Code::Text(text()?),
        Some("bin") => Code::Data(bytes()?),
        Some("wasm") => Code::Wasm(bytes()?),
        _ => return Ok(None),
    }))
}

fn at(path: &Path, problem: impl std::fmt::Display) -> String {
    format!("{}: {problem}", path.display())
}
