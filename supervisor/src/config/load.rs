//! Reads, completes and checks a configuration.

use super::binary;
use super::model::{ConfigErrors, LoadOptions, Loaded, Purpose, Source};
use super::text::{self, Failure, Message};
use super::{inherit, overrides, plan, validate, wrangler};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The largest encoded configuration read: what one segment can hold.
const MAX_MESSAGE_BYTES: u64 = 4 << 30;

/// Does everything between the command line and the first socket. All errors that need no script
/// to be run are found, and returned together.
pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigErrors> {
    let mut files = Vec::new();
    let mut structured_logging = false;
    let completed = read(options, &mut files)
        .and_then(|message| complete(options, message, &mut structured_logging));
    match completed {
        Ok(loaded) => Ok(Loaded { files, ..loaded }),
        Err(Failure { errors, usage }) => Err(ConfigErrors {
            errors,
            usage,
            files,
            structured_logging,
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
            } else if wrangler::is_one(path) {
                read_wrangler(options, path, files)
            } else {
                read_text(options, path, files)
            }
        }
    }
}

fn read_wrangler(
    options: &LoadOptions,
    path: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<Message, Failure> {
    if let Some(name) = &options.const_name {
        return Err(usage(name, "A wrangler config has no named constants."));
    }
    let shown = path.display();
    if !options.import_path.is_empty() {
        let problem = "--import-path applies to Cap'n Proto configs, not wrangler configs.";
        return Err(usage(&shown.to_string(), problem));
    }
    // What is compiled may be run with the option later.
    let may_experiment = options.experimental || options.purpose == Purpose::Compile;
    wrangler::load(path, may_experiment, files).map_err(|error| Failure {
        errors: vec![format!("{shown}: {error}")],
        usage: None,
    })
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
fn complete(
    options: &LoadOptions,
    mut message: Message,
    structured_logging: &mut bool,
) -> Result<Loaded, Failure> {
    let unmatched =
        overrides::apply(&mut message, &options.overrides, options.purpose).map_err(damaged)?;
    let mut inheritance = inherit::Findings::default();
    if options.purpose != Purpose::Compile {
        message = inherit::expand(message, &mut inheritance).map_err(damaged)?;
    }
    let message = binary::encode(message).map_err(damaged)?;
    let (sockets, folders, workers, verdict) = binary::with_config(&message, |root| {
        *structured_logging = schema::is_structured_logging(root)?;
        let (sockets, without_address) = plan::plan(root, &options.overrides)?;
        let mut verdict = validate::Verdict::default();
        if matches!(options.purpose, Purpose::Serve | Purpose::Test) {
            verdict.errors = without_address;
            validate::validate(root, options, inheritance.abstracts, &mut verdict)?;
        }
        Ok((sockets, plan::folders(root)?, plan::workers(root)?, verdict))
    })
    .map_err(damaged)?;
    let errors = inheritance.errors.into_iter().chain(verdict.errors);
    let errors: Vec<String> = errors.chain(unmatched).collect();
    if !errors.is_empty() {
        return Err(Failure {
            errors,
            usage: None,
        });
    }
    Ok(Loaded {
        message,
        sockets,
        folders,
        workers,
        files: Vec::new(),
        warnings: verdict.warnings,
        structured_logging: *structured_logging,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn options(path: PathBuf) -> LoadOptions {
        LoadOptions {
            source: Source::File(path),
            purpose: Purpose::Compile,
            binary: false,
            import_path: Vec::new(),
            const_name: None,
            overrides: Overrides::default(),
            experimental: false,
            compat_date: None,
        }
    }

    fn loaded(text: &str, const_name: Option<&str>) -> Result<Loaded, ConfigErrors> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.capnp");
        fs::write(
            &path,
            format!("using Workerd = import \"/workerd/workerd.capnp\";\n{text}"),
        )
        .unwrap();
        let options = LoadOptions {
            const_name: const_name.map(str::to_owned),
            ..options(path)
        };
        load(&options)
    }

    fn problem(text: &str, const_name: Option<&str>) -> String {
        let usage = loaded(text, const_name).unwrap_err().usage.unwrap();
        usage.split_once(": ").unwrap().1.to_owned()
    }

    #[test]
    fn the_constant_is_chosen() {
        let two =
            "const a :Workerd.Config = (); const b :Workerd.Config = (); const t :Text = \"\";
                   struct S { const c :Workerd.Config = (); }";
        assert_eq!(
            problem(two, None),
            "The config file defines multiple top-level constants of type 'Config', so you must specify which one to \
             use with <const-name>. The options are: a, b"
        );
        assert!(loaded(two, Some("b")).is_ok() && loaded(two, Some("S.c")).is_ok());
        assert_eq!(
            problem(two, Some("x")),
            "x: No such constant is defined in the config file."
        );
        assert_eq!(problem(two, Some("S")), "S: Symbol is not a constant.");
        assert_eq!(
            problem(two, Some("t")),
            "t: Constant is not of type 'Config'."
        );
        assert_eq!(
            problem(two, Some("x.y")),
            "x.y: No such constant is defined in the config file (the parent scope 'x' does not exist)."
        );
        assert_eq!(
            problem("", None),
            "The config file does not define any top-level constants of type 'Config'."
        );
    }

    #[test]
    fn files_that_are_none() {
        let usage = |options: &LoadOptions| load(options).unwrap_err().usage.unwrap();
        assert_eq!(
            usage(&options("/nope.capnp".into())),
            "/nope.capnp: No such file."
        );
        assert_eq!(usage(&options("/".into())), "/: Config path is not a file.");
        let stdin = LoadOptions {
            source: Source::Stdin,
            ..options("".into())
        };
        assert_eq!(
            usage(&stdin),
            "-: Reading config from stdin is only allowed with --binary."
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        let import = LoadOptions {
            import_path: vec!["/nope".into()],
            ..options(file.path().into())
        };
        assert_eq!(usage(&import), "--import-path=/nope: No such directory.");
    }

    #[test]
    fn a_message_reads_back_as_itself() {
        let first = loaded(
            "const a :Workerd.Config = (services = [(name = \"x\", disk = \"/\")]);",
            None,
        )
        .unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), first.message.as_bytes()).unwrap();
        let again = load(&LoadOptions {
            binary: true,
            ..options(file.path().into())
        })
        .unwrap();
        assert_eq!(first.message.as_bytes(), again.message.as_bytes());
        let embedded = LoadOptions {
            source: Source::Embedded(first.message.clone()),
            ..options("".into())
        };
        assert_eq!(
            first.message.as_bytes(),
            load(&embedded).unwrap().message.as_bytes()
        );
    }

    #[test]
    fn damaged_messages_are_refused() {
        let good = loaded(
            "const a :Workerd.Config = (services = [(name = \"x\", worker = (modules = [(name = \"m\", data = 0x\"00\")],
             bindings = [(name = \"b\", json = \"{}\"), (name = \"c\", cryptoKey = (raw = 0x\"01\", usages = [sign]))]))]);",
            None,
        )
        .unwrap();
        let good = good.message.as_bytes();
        let read = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), bytes).unwrap();
            load(&LoadOptions {
                binary: true,
                ..options(file.path().into())
            })
        };
        assert!(
            read(b"")
                .unwrap_err()
                .usage
                .unwrap()
                .ends_with("Premature end of file")
        );
        assert!(read(b"using Workerd").is_err());
        for length in 0..good.len() {
            assert!(read(&good[..length]).is_err(), "{length}");
        }
        for i in 0..good.len() {
            let mut bytes = good.to_vec();
            bytes[i] ^= 0xff;
            let _ = read(&bytes);
        }
    }

    #[test]
    fn every_file_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("c"), "const a :Text = embed \"e\"; const b :Text = embed \"missing\"; using I = import \"i\";").unwrap();
        fs::write(path("e"), "").unwrap();
        fs::write(path("i"), "").unwrap();
        let files = load(&options(path("c"))).unwrap_err().files;
        for name in ["c", "e", "i", "missing"] {
            assert!(files.contains(&path(name)), "{name} in {files:?}");
        }
    }
}
