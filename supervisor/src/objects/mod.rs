//! `workerd objects`: the Durable Objects of a folder, listed, checked, exported, imported.
//!
//! Called by `main`, which gives it what the runtime can do with such a folder ([`Storage`]). Here are the options, the
//! choice of the folder (`place`) and what is printed (`show`). Exit status 1 says that something is wrong: with the
//! command line, the folder, or, for `check` and `list`, an object.

mod place;
mod show;

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ipc::objects::{Depth, Exported, Folder, Problem, StoredObject};

use crate::observe::tell;
use crate::observe::time::count;
use place::PlaceArgs;
use show::{Printer, Progress};

/// Is told of each object, and how many there are.
type Each<'a> = &'a mut dyn FnMut(StoredObject, u64);
/// Is told how many objects are done, and how many there are; 0 if that is not known.
type Done<'a> = &'a mut dyn FnMut(u64, u64);

/// What the runtime can do with a namespace's folder. The errors are texts for people.
pub struct Storage {
    /// Shows objects; returns what is wrong with the folder itself.
    pub inspect: fn(&Folder, Depth, Each) -> Result<Vec<Problem>, String>,
    /// Writes an archive, by way of an empty folder.
    pub export: fn(&Folder, &mut dyn Write, &Path, Done) -> Result<Exported, String>,
    /// Reads an archive; says how many objects that were. The second argument: whether to overwrite.
    pub import: fn(&Folder, bool, &mut dyn Read, Done) -> Result<u64, String>,
}

/// `workerd objects`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ObjectsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List objects: id, size, keys, rows, next alarm, history, integrity, name
    #[command(display_name = "workerd", after_long_help = LIST_NOTES)]
    List(ListArgs),
    /// Check that objects are whole and belong where they are; exit status 1 if one does not
    #[command(display_name = "workerd", after_long_help = CHECK_NOTES)]
    Check(CheckArgs),
    /// Write an archive of objects
    #[command(display_name = "workerd", after_long_help = EXPORT_NOTES)]
    Export(ExportArgs),
    /// Put the objects of an archive into a folder
    #[command(display_name = "workerd", after_long_help = IMPORT_NOTES)]
    Import(ImportArgs),
}

const LIST_NOTES: &str = "\
An object's size is that of its SQLite file, its log and its facets. Keys are those of the key-value API; rows are those of the \
tables that the worker made. The name is known only of objects that have an alarm. Nothing is written, and a server may run: \
each object is shown as of one instant.

Examples:
    workerd objects list config.capnp Room
    workerd objects list --json data/my-unique-key | jq .bytes";

const CHECK_NOTES: &str = "\
Checks every database with SQLite's integrity check, every step of every object's history with its checksum, and whether each \
id is one of the namespace. Says which file is damaged and what to do. Nothing is written, and a server may run.";

const EXPORT_NOTES: &str = "\
The archive is a gzipped tar with one SQLite file for each object and facet, and the alarms in namespace.json. Histories \
(point-in-time recovery) are not in it. A server may run: each file is a consistent copy of one instant. Damaged objects are left \
out, and the exit status is 1 then.

Examples:
    workerd objects export config.capnp Room --output rooms.tar.gz
    workerd objects export data/my-unique-key --name lobby | ssh other 'workerd objects import data/my-unique-key'";

const IMPORT_NOTES: &str = "\
The whole archive is read and checked before any object is put in place, and each object is replaced at once. Without \
--overwrite, an object that is there already is an error. No server may run on the folder, as it would not see the alarms. \
An object that was overwritten can be taken back to what it was by its history.

The folder's owner should run this, so that the server can write the new files.";

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object a line; times are milliseconds since 1970
    #[arg(long)]
    json: bool,
    /// Do not open the objects' files: no keys, rows, history and integrity
    #[arg(long)]
    brief: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object a line for each problem
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Write to <file>, which is replaced when the archive is whole; standard output if not given
    #[arg(short, long, value_name = "file")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ImportArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Read the archive from <file>; standard input if not given
    #[arg(short, long, value_name = "file")]
    input: Option<PathBuf>,
    /// Put the archive's objects in place of those that are there
    #[arg(long)]
    overwrite: bool,
}

/// Does what the command line says. Returns the exit status.
pub fn run(arguments: ObjectsArgs, storage: &Storage) -> u8 {
    let done = match arguments.command {
        Command::List(arguments) => list(&arguments, storage),
        Command::Check(arguments) => check(&arguments, storage),
        Command::Export(arguments) => export(&arguments, storage),
        Command::Import(arguments) => import(&arguments, storage),
    };
    match done {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            tell(format_args!("error: {error}"));
            1
        }
    }
}

/// Whether all is well.
type AllWell = Result<bool, String>;

fn list(arguments: &ListArgs, storage: &Storage) -> AllWell {
    let folder = arguments.place.folder()?;
    let depth = if arguments.brief {
        Depth::Brief
    } else {
        Depth::Quick
    };
    let mut printer = Printer::new(arguments.json);
    let mut damaged = 0;
    let mut shown = 0;
    let problems = (storage.inspect)(&folder, depth, &mut |object, total| {
        if shown == 0 {
            printer.heading();
        }
        shown += 1;
        printer.object(&object);
        printer.progress(shown, total);
        damaged += u64::from(
            object
                .content
                .is_some_and(|content| !content.problems.is_empty()),
        );
    })?;
    printer.finish()?;
    if shown == 0 {
        tell(format_args!(
            "There are no objects in {}.",
            folder.path.display()
        ));
    }
    problems
        .iter()
        .for_each(|problem| tell(show::problem(problem)));
    if damaged > 0 {
        let of = count(damaged);
        tell(format_args!(
            "{of} damaged: `workerd objects check` says what to do."
        ));
    }
    Ok(problems.is_empty() && damaged == 0)
}

fn check(arguments: &CheckArgs, storage: &Storage) -> AllWell {
    let folder = arguments.place.folder()?;
    let mut printer = Printer::new(arguments.json);
    let (mut checked, mut found) = (0, 0);
    let problems = (storage.inspect)(&folder, Depth::Full, &mut |object, total| {
        checked += 1;
        for problem in object.content.iter().flat_map(|content| &content.problems) {
            found += 1;
            printer.problem(problem);
        }
        printer.progress(checked, total);
    })?;
    for problem in &problems {
        found += 1;
        printer.problem(problem);
    }
    printer.finish()?;
    let verdict = match found {
        0 => "no problem".to_owned(),
        1 => "1 problem".to_owned(),
        found => format!("{} problems", count(found)),
    };
    let objects = if checked == 1 { "object" } else { "objects" };
    tell(format_args!(
        "{} {objects} of {} checked: {verdict}.",
        count(checked),
        folder.unique_key
    ));
    Ok(found == 0)
}

fn export(arguments: &ExportArgs, storage: &Storage) -> AllWell {
    let folder = arguments.place.folder()?;
    let to = arguments
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let exported = match to {
        None if io::stdout().is_terminal() => {
            return Err("an archive is not for a terminal: use --output <file>, or a pipe".into());
        }
        None => {
            let scratch = Scratch::new(&std::env::temp_dir())?;
            let mut out = BufWriter::new(io::stdout().lock());
            export_to(&folder, &mut out, &scratch, storage)?
        }
        Some(path) => {
            let fails = |error: io::Error| format!("{}: {error}", path.display());
            let beside = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let scratch = Scratch::new(beside.unwrap_or(Path::new(".")))?;
            let work = scratch.0.join("archive");
            let mut out = BufWriter::new(File::create(&work).map_err(fails)?);
            let exported = export_to(&folder, &mut out, &scratch, storage)?;
            let file = out
                .into_inner()
                .map_err(|error| fails(error.into_error()))?;
            file.sync_all()
                .and_then(|()| fs::rename(&work, path))
                .map_err(fails)?;
            exported
        }
    };
    for problem in &exported.left_out {
        tell(format_args!("Left out. {}", show::problem(problem)));
    }
    tell(format_args!(
        "{} objects of {} exported.",
        count(exported.objects),
        folder.unique_key
    ));
    Ok(exported.left_out.is_empty())
}

fn export_to(
    folder: &Folder,
    out: &mut dyn Write,
    scratch: &Scratch,
    storage: &Storage,
) -> Result<Exported, String> {
    let copies = scratch.0.join("copies");
    fs::create_dir(&copies).map_err(|error| format!("{}: {error}", copies.display()))?;
    let mut progress = Progress::new("exported");
    (storage.export)(folder, out, &copies, &mut |done, total| {
        progress.show(done, total)
    })
}

fn import(arguments: &ImportArgs, storage: &Storage) -> AllWell {
    let folder = arguments.place.folder_to_make()?;
    let from = arguments
        .input
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let mut archive: Box<dyn Read> = match from {
        None if io::stdin().is_terminal() => {
            return Err(
                "an archive does not come from a terminal: use --input <file>, or a pipe".into(),
            );
        }
        None => Box::new(io::stdin().lock()),
        Some(path) => {
            Box::new(File::open(path).map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    let mut progress = Progress::new("imported");
    let imported = (storage.import)(
        &folder,
        arguments.overwrite,
        &mut archive,
        &mut |done, total| {
            progress.show(done, total);
        },
    );
    drop(progress);
    tell(format_args!(
        "{} objects of {} imported.",
        count(imported?),
        folder.unique_key
    ));
    Ok(true)
}

/// A folder for one command, removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Self, String> {
        let path = parent.join(format!(".workerd-objects-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed has a name that says what it was.
        let _ = fs::remove_dir_all(&self.0);
    }
}
