//! Reads, completes and checks a configuration.

use super::binary;
use super::text::{self, Failure, Message};
use super::{ConfigErrors, LoadOptions, Loaded, Purpose, Source, overrides, plan, validate};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The largest encoded configuration read: what one segment can hold.
const MAX_MESSAGE_BYTES: u64 = 4 << 30;

/// Does everything between the command line and the first socket. All errors that need no script
/// to be run are found, and returned together.
pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigErrors> {
    let mut files = Vec::new();
    match read(options, &mut files).and_then(|message| complete(options, message)) {
        Ok(loaded) => Ok(Loaded { files, ..loaded }),
        Err(Failure { errors, usage }) => Err(ConfigErrors {
            errors,
            usage,
            files,
        }),
    }
}

fn read(options: &LoadOptions, files: &mut Vec<PathBuf>) -> Result<Message, Failure> {
    match &options.source {
        Source::Embedded(message) => binary::decode(message.as_bytes()).map_err(damaged),
        Source::Stdin if !options.binary => Err(usage(
            "-",
            "Reading config from stdin is only allowed with --binary.",
        )),
        Source::Stdin => {
            let bytes = read_all(io::stdin().lock()).map_err(|error| usage("-", error))?;
            binary::decode(&bytes).map_err(|error| usage("-", error))
        }
        Source::File(path) => {
            files.push(env::current_dir().unwrap_or_default().join(path));
            let shown = path.display().to_string();
            match fs::metadata(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(usage(&shown, "No such file."));
                }
                Err(error) => return Err(usage(&shown, error)),
                Ok(metadata) if !metadata.is_file() => {
                    return Err(usage(&shown, "Config path is not a file."));
                }
                Ok(_) => {}
            }
            if options.binary {
                let bytes = fs::File::open(path)
                    .and_then(read_all)
                    .map_err(|error| usage(&shown, error))?;
                binary::decode(&bytes).map_err(|error| usage(&shown, error))
            } else {
                read_text(options, path, files)
            }
        }
    }
}

fn read_text(
    options: &LoadOptions,
    path: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<Message, Failure> {
    let current_dir = env::current_dir().map_err(|error| usage("current directory", error))?;
    for dir in &options.import_path {
        if !dir.is_dir() {
            return Err(usage(
                &format!("--import-path={}", dir.display()),
                "No such directory.",
            ));
        }
    }
    let parsed = text::parse(
        path,
        &current_dir,
        &options.import_path,
        options.const_name.as_deref(),
    );
    files.extend(parsed.files);
    parsed.result
}

fn read_all(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_MESSAGE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MESSAGE_BYTES {
        return Err(io::Error::other(format!(
            "larger than {MAX_MESSAGE_BYTES} bytes"
        )));
    }
    Ok(bytes)
}

/// Everything after reading; leaves `files` to the caller.
fn complete(options: &LoadOptions, mut message: Message) -> Result<Loaded, Failure> {
    let unmatched =
        overrides::apply(&mut message, &options.overrides, options.purpose).map_err(damaged)?;
    let message = binary::encode(message).map_err(damaged)?;
    let (sockets, verdict) = binary::with_config(&message, |root| {
        let (sockets, without_address) = plan::plan(root, &options.overrides)?;
        let mut verdict = validate::Verdict::default();
        if options.purpose != Purpose::Compile {
            verdict.errors = without_address;
            validate::validate(root, options, &mut verdict)?;
        }
        Ok((sockets, verdict))
    })
    .map_err(damaged)?;
    let errors: Vec<String> = verdict.errors.into_iter().chain(unmatched).collect();
    if !errors.is_empty() {
        return Err(Failure {
            errors,
            usage: None,
        });
    }
    Ok(Loaded {
        message,
        sockets,
        files: Vec::new(),
        warnings: verdict.warnings,
    })
}

fn usage(what: &str, problem: impl ToString) -> Failure {
    Failure {
        errors: Vec::new(),
        usage: Some(format!("{what}: {}", problem.to_string())),
    }
}

fn damaged(error: capnp::Error) -> Failure {
    Failure {
        errors: vec![format!("The configuration cannot be used: {error}")],
        usage: None,
    }
}
