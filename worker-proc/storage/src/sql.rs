//! SQL of a worker: `exec` with cursors, `ingest`, `databaseSize`.
//!
//! The last statement of a text is kept prepared, by its text, for the next `exec` of the same; the ones before it run
//! again each time. A cursor runs one step ahead of what it has shown, so that a statement goes back to the cache with
//! the last row. Integers and text are handed out as SQLite holds them: the caller decides what JavaScript sees.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::database::{Database, Dependent};
use super::error::{Error, Result};
use super::raw::{Connection, Mode, NO_STATEMENT, Prepared, Statement, ValueRef};
use super::tokens;

/// SQL text whose statements are kept prepared; the least recently used goes first.
const MAX_CACHED_SQL_BYTES: usize = 1024 * 1024;

/// SQL of one object: its statements, prepared.
pub struct Sql {
    database: Rc<Database>,
    cache: Rc<RefCell<Cache>>,
    size: Rc<Size>,
}

#[derive(Default)]
struct Cache {
    entries: HashMap<Rc<str>, Rc<Entry>>,
    bytes: usize,
    clock: u64,
}

/// A text whose statements have been prepared.
struct Entry {
    /// The statements before the last, run each time before it.
    prelude: Vec<Statement>,
    last: Statement,
    /// The names of the last statement's columns; a change of the schema may change them.
    columns: RefCell<Rc<[String]>>,
    busy: Cell<bool>,
    used: Cell<u64>,
}

#[derive(Default)]
struct Size(Prepared);

impl Dependent for Size {
    fn cancel(&self, _: &Error) {
        self.0.clear();
    }
}

impl Dependent for RefCell<Cache> {
    fn cancel(&self, _: &Error) {
        *self.borrow_mut() = Cache::default();
    }
}

/// What `ingest` did with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// What is left: the beginning of a statement whose end is yet to come.
    pub remainder: String,
    /// Rows visited.
    pub rows_read: u64,
    /// Rows written, those of indexes too.
    pub rows_written: u64,
    /// How many were run.
    pub statements: u64,
}

impl Sql {
    pub(super) fn new(database: &Rc<Database>) -> Self {
        let sql = Self {
            database: database.clone(),
            cache: Rc::default(),
            size: Rc::default(),
        };
        sql.attach();
        sql
    }

    /// Asks to be told when the database is emptied or closed.
    pub(super) fn attach(&self) {
        let cache: Rc<dyn Dependent> = self.cache.clone();
        let size: Rc<dyn Dependent> = self.size.clone();
        self.database.add_dependent(Rc::downgrade(&cache));
        self.database.add_dependent(Rc::downgrade(&size));
    }

    /// Runs the statements of a text. The parameters are the last one's, and the cursor is over its rows.
    pub fn exec(&self, sql: &str, parameters: &[ValueRef<'_>]) -> Result<Cursor> {
        let connection = self.database.connection()?;
        let cached = self.cache.borrow_mut().get(sql);
        let (entry, reused) = match cached {
            Some(entry) if !entry.busy.get() => {
                for statement in &entry.prelude {
                    self.run_prelude(statement)?;
                }
                (entry, true)
            }
            // The same text is in use by a cursor: this run gets a statement of its own.
            Some(_) => (Rc::new(self.prepare(&connection, sql, false)?), false),
            None => {
                let entry = Rc::new(self.prepare(&connection, sql, true)?);
                self.cache.borrow_mut().add(sql, &entry);
                (entry, false)
            }
        };
        entry.busy.set(true);
        let run = Rc::new(Run {
            state: RefCell::new(State::Running(entry)),
            rows_read: Cell::new(0),
            rows_written: Cell::new(0),
        });
        let columns = self.start(&run, parameters)?;
        if run.is_running() {
            let dependent: Rc<dyn Dependent> = run.clone();
            self.database.add_dependent(Rc::downgrade(&dependent));
        }
        Ok(Cursor {
            run,
            columns,
            database: self.database.clone(),
            reused,
        })
    }

    /// Binds and makes the first step, which is when a statement without rows does its work.
    fn start(&self, run: &Run, parameters: &[ValueRef<'_>]) -> Result<Rc<[String]>> {
        let Some(entry) = run.entry() else {
            return Ok([].into());
        };
        let statement = &entry.last;
        if statement.parameters() != parameters.len() {
            run.finish();
            return Err(Error::worker(
                "Wrong number of parameter bindings for SQL query.",
            ));
        }
        let started = self.before_write(statement).and_then(|()| {
            for (index, value) in parameters.iter().enumerate() {
                statement.bind(index + 1, *value)?;
            }
            Ok(())
        });
        if let Err(error) = started {
            run.finish();
            return Err(error);
        }
        run.step(&self.database, &entry)?;
        if statement.was_prepared_anew() {
            entry.columns.replace(columns_of(statement));
        }
        Ok(entry.columns.borrow().clone())
    }

    fn before_write(&self, statement: &Statement) -> Result<()> {
        if statement.is_readonly() {
            Ok(())
        } else {
            self.database.before_write(true)
        }
    }

    fn run_prelude(&self, statement: &Statement) -> Result<()> {
        if statement.parameters() > 0 {
            return Err(Error::worker(
                "When executing multiple SQL statements in a single call, only the last statement can have parameters.",
            ));
        }
        self.before_write(statement)?;
        let stepped = statement.step();
        statement.reset();
        stepped.map_err(|error| self.database.failed(error))?;
        Ok(())
    }

    /// Prepares the statements of a text, running all but the last: one may make the table that the next one uses.
    fn prepare(&self, connection: &Rc<Connection>, sql: &str, keep: bool) -> Result<Entry> {
        let mut prelude = Vec::new();
        let mut rest = sql;
        loop {
            let (statement, used) = connection
                .prepare(rest, Mode::User, keep)
                .map_err(|error| self.database.failed(error))?;
            let statement = statement.ok_or_else(|| Error::worker(NO_STATEMENT))?;
            let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
            rest = rest
                .get(used..)
                .unwrap_or_default()
                .trim_start_matches(blank);
            if rest.is_empty() {
                return Ok(Entry {
                    prelude,
                    columns: RefCell::new(columns_of(&statement)),
                    last: statement,
                    busy: Cell::new(false),
                    used: Cell::new(0),
                });
            }
            self.run_prelude(&statement)?;
            prelude.push(statement);
        }
    }

    /// Runs every complete statement of a text and hands back the rest of it.
    pub fn ingest(&self, text: &str) -> Result<Ingested> {
        let mut ingested = Ingested {
            remainder: String::new(),
            rows_read: 0,
            rows_written: 0,
            statements: 0,
        };
        let mut rest = text;
        while let Some(length) = tokens::complete_statement(rest.as_bytes()) {
            let (statement, after) = rest.split_at(length);
            let connection = self.database.connection()?;
            let entry = Rc::new(self.prepare(&connection, statement, false)?);
            let run = Run {
                state: RefCell::new(State::Running(entry)),
                rows_read: Cell::new(0),
                rows_written: Cell::new(0),
            };
            self.start(&run, &[])?;
            run.finish();
            ingested.rows_read += run.rows_read.get();
            ingested.rows_written += run.rows_written.get();
            ingested.statements += 1;
            rest = after;
        }
        ingested.remainder = rest.to_owned();
        Ok(ingested)
    }

    /// Bytes that the database uses of its file, free pages not counted.
    pub fn database_size(&self) -> Result<u64> {
        let connection = self.database.connection()?;
        let size = self.size.0.get(
            &connection,
            "SELECT ((SELECT * FROM pragma_page_count) - (SELECT * FROM pragma_freelist_count)) \
             * (SELECT * FROM pragma_page_size)",
        )?;
        let mut bytes = 0;
        let asked = size.query(&[], |row| {
            if let ValueRef::Integer(value) = row.column(0) {
                bytes = u64::try_from(value).unwrap_or(0);
            }
        });
        asked.map_err(|error| self.database.failed(error))?;
        Ok(bytes)
    }

    /// Bounds the file, for tests of a full disk.
    pub fn set_max_page_count(&self, pages: u32) -> Result<()> {
        self.database
            .connection()?
            .execute(&format!("PRAGMA max_page_count = {pages}"))
    }
}

fn columns_of(statement: &Statement) -> Rc<[String]> {
    let names = (0..statement.columns()).map(|index| statement.column_name(index));
    names.collect()
}

impl Cache {
    fn get(&mut self, sql: &str) -> Option<Rc<Entry>> {
        let entry = self.entries.get(sql)?;
        self.clock += 1;
        entry.used.set(self.clock);
        Some(entry.clone())
    }

    fn add(&mut self, sql: &str, entry: &Rc<Entry>) {
        self.clock += 1;
        entry.used.set(self.clock);
        self.bytes += sql.len();
        self.entries.insert(sql.into(), entry.clone());
        while self.bytes > MAX_CACHED_SQL_BYTES {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.used.get());
            let Some(sql) = oldest.map(|(sql, _)| sql.clone()) else {
                return;
            };
            self.bytes -= sql.len();
            self.entries.remove(&sql);
        }
    }
}

/// The rows of a statement, taken one at a time.
pub struct Cursor {
    run: Rc<Run>,
    columns: Rc<[String]>,
    database: Rc<Database>,
    reused: bool,
}

/// One execution of a statement.
struct Run {
    state: RefCell<State>,
    rows_read: Cell<u64>,
    rows_written: Cell<u64>,
}

enum State {
    /// On a row that has not been shown.
    Running(Rc<Entry>),
    Done,
    Cancelled(Error),
}

/// A row that a cursor is on.
pub struct Row<'a>(&'a Statement);

impl<'a> Row<'a> {
    /// A column's value, which may not outlive the closure that the row is shown to.
    pub fn column(&self, index: usize) -> ValueRef<'a> {
        self.0.column(index)
    }
}

impl Cursor {
    /// Their names, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Shows the next row to `show`; none at the end.
    pub fn next<T>(&self, show: impl FnOnce(Row<'_>) -> T) -> Result<Option<T>> {
        let entry = match &*self.run.state.borrow() {
            State::Running(entry) => entry.clone(),
            State::Done => return Ok(None),
            State::Cancelled(error) => return Err(error.clone()),
        };
        let shown = show(Row(&entry.last));
        self.run.step(&self.database, &entry)?;
        Ok(Some(shown))
    }

    /// Whether every row has been shown.
    pub fn is_done(&self) -> bool {
        !self.run.is_running()
    }

    /// Ends the cursor before its last row.
    pub fn end(&self) {
        self.run.finish();
    }

    /// Rows visited so far to find the rows of the answer.
    pub fn rows_read(&self) -> u64 {
        self.run.count();
        self.run.rows_read.get()
    }

    /// Rows written so far.
    pub fn rows_written(&self) -> u64 {
        self.run.count();
        self.run.rows_written.get()
    }

    /// Whether the statement was already prepared.
    pub fn reused_cached_query(&self) -> bool {
        self.reused
    }
}

impl Run {
    fn entry(&self) -> Option<Rc<Entry>> {
        match &*self.state.borrow() {
            State::Running(entry) => Some(entry.clone()),
            _ => None,
        }
    }

    fn is_running(&self) -> bool {
        matches!(*self.state.borrow(), State::Running(_))
    }

    fn step(&self, database: &Database, entry: &Rc<Entry>) -> Result<()> {
        match entry.last.step() {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.finish();
                Ok(())
            }
            Err(error) => {
                let error = database.failed(error);
                self.finish();
                Err(error)
            }
        }
    }

    /// Takes over what the statement has counted so far.
    fn count(&self) {
        if let State::Running(entry) = &*self.state.borrow() {
            self.rows_read.set(entry.last.rows_read());
            self.rows_written.set(entry.last.rows_written());
        }
    }

    fn finish(&self) {
        self.end_with(State::Done);
    }

    fn end_with(&self, state: State) {
        self.count();
        let Ok(mut current) = self.state.try_borrow_mut() else {
            return;
        };
        if let State::Running(entry) = std::mem::replace(&mut *current, state) {
            entry.last.reset();
            entry.busy.set(false);
        }
    }
}

impl Dependent for Run {
    fn cancel(&self, why: &Error) {
        if self.is_running() {
            self.end_with(State::Cancelled(why.clone()));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.is_running() {
            self.end_with(State::Done);
        }
    }
}
