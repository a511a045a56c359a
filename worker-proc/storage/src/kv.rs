//! Keys and values: the table `_cf_KV`, as the published workerd lays it out.
//!
//! Keys are text and compare by their UTF-8 bytes; values are whatever bytes the caller serialised. The table is made by
//! the first write. Used by `storage.get()` and its kin and by the synchronous `storage.kv`, of objects with and without
//! SQL alike.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::database::{Database, Dependent};
use super::error::{Error, Result};
use super::raw::{Connection, Prepared, Statement, ValueRef};

const CREATE: &str = "
      CREATE TABLE IF NOT EXISTS _cf_KV (
        key TEXT PRIMARY KEY,
        value BLOB
      ) WITHOUT ROWID;
    ";

const CREATE_EXTERNALS: &str = "
      CREATE TABLE IF NOT EXISTS _cf_EXTERNALS (
        key TEXT,
        idx INTEGER,
        token BLOB,
        PRIMARY KEY (key, idx)
      ) WITHOUT ROWID;
    ";

/// How much of the key space to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// The first key; none is the first of all.
    pub start: Option<String>,
    /// Excluded itself. Not together with `start`, which the caller refuses.
    pub start_after: Option<String>,
    /// Excluded itself.
    pub end: Option<String>,
    /// What keys begin with.
    pub prefix: Option<String>,
    /// From the last to the first.
    pub reverse: bool,
    /// Greater than 0, which the caller checks.
    pub limit: Option<u32>,
}

/// A range of keys, by their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl Range {
    /// None if no key can be in it.
    fn of(options: &ListOptions) -> Option<Self> {
        let mut start = options.start.clone().unwrap_or_default().into_bytes();
        if let Some(after) = &options.start_after {
            // The first key after it.
            start = after.clone().into_bytes();
            start.push(0);
        }
        let mut end = options.end.clone().map(String::into_bytes);
        if let Some(prefix) = options.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
            let prefix = prefix.as_bytes();
            let mut after = prefix.to_vec();
            // No byte of UTF-8 is 0xff, so the last can always be one more.
            if let Some(last) = after.last_mut() {
                *last += 1;
            }
            start = start.max(prefix.to_vec());
            end = Some(end.map_or(after.clone(), |end| end.min(after)));
        }
        let empty = end.as_ref().is_some_and(|end| *end <= start);
        (!empty).then_some(Self { start, end })
    }
}

/// Keys and values of one object, in its database.
pub struct Kv {
    database: Rc<Database>,
    /// Whether the table is known to exist, and after how many rollbacks that was found out.
    table: Cell<Option<u64>>,
    /// Whether there are tokens of stored stubs, which go with their key, and after how many rollbacks that was found out.
    externals: Cell<(bool, u64)>,
    statements: Rc<Statements>,
    listing: RefCell<Weak<Listing>>,
}

#[derive(Default)]
struct Statements {
    get: Prepared,
    put: Prepared,
    delete: Prepared,
    delete_externals: Prepared,
    count: Prepared,
    savepoint: Prepared,
    release: Prepared,
    /// By direction, whether there is an end, and whether there is a limit.
    list: [Prepared; 8],
}

impl Dependent for Statements {
    fn cancel(&self, _: &Error) {
        let single = [
            &self.get,
            &self.put,
            &self.delete,
            &self.delete_externals,
            &self.count,
            &self.savepoint,
            &self.release,
        ];
        single
            .into_iter()
            .chain(&self.list)
            .for_each(Prepared::clear);
    }
}

impl Kv {
    pub(super) fn new(database: &Rc<Database>) -> Result<Self> {
        let kv = Self {
            database: database.clone(),
            table: Cell::new(None),
            externals: Cell::new((false, 0)),
            statements: Rc::default(),
            listing: RefCell::default(),
        };
        kv.attach();
        let connection = database.connection()?;
        let found = has_table(&connection, "_cf_EXTERNALS")?;
        kv.externals.set((found, database.rollbacks()));
        Ok(kv)
    }

    /// Asks to be told when the database is emptied or closed.
    pub(super) fn attach(&self) {
        let statements: Rc<dyn Dependent> = self.statements.clone();
        self.database.add_dependent(Rc::downgrade(&statements));
    }

    /// Whether there is a table to read; found out once, and again after a rollback, which may undo it.
    fn has_table(&self, connection: &Rc<Connection>) -> Result<bool> {
        let rollbacks = self.database.rollbacks();
        if self.table.get() == Some(rollbacks) {
            return Ok(true);
        }
        let found = has_table(connection, "_cf_KV")?;
        if found {
            self.table.set(Some(rollbacks));
        }
        Ok(found)
    }

    /// What every write begins with: the turn's transaction, and the table.
    fn prepare_write(&self, confirm: bool) -> Result<Rc<Connection>> {
        self.database.before_write(confirm)?;
        let connection = self.database.connection()?;
        if !self.has_table(&connection)? {
            connection
                .execute(CREATE)
                .map_err(|error| self.database.failed(error))?;
            self.table.set(Some(self.database.rollbacks()));
        }
        Ok(connection)
    }

    /// Shows the value of a key to `read`, if there is one.
    pub fn get<T>(&self, key: &str, read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        let connection = self.database.connection()?;
        if !self.has_table(&connection)? {
            return Ok(None);
        }
        let get = self
            .statements
            .get
            .get(&connection, "SELECT value FROM _cf_KV WHERE key = ?")?;
        let (mut read, mut answer) = (Some(read), None);
        let found = get.query(&[text(key)], |row| {
            if let Some(read) = read.take() {
                answer = Some(read(blob(row, 0)));
            }
        });
        found.map_err(|error| self.database.failed(error))?;
        Ok(answer)
    }

    /// Stores a value. `confirm` is false for `allowUnconfirmed`: nothing waits for this write to be durable.
    pub fn put(&self, key: &str, value: &[u8], confirm: bool) -> Result<()> {
        let connection = self.prepare_write(confirm)?;
        self.put_prepared(&connection, key, value)
    }

    fn put_prepared(&self, connection: &Rc<Connection>, key: &str, value: &[u8]) -> Result<()> {
        let put = self.statements.put.get(
            connection,
            "INSERT INTO _cf_KV VALUES(?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        put.run(&[text(key), ValueRef::Blob(value)])
            .map_err(|error| self.database.failed(error))?;
        self.drop_externals(connection, key)
    }

    /// Stores all of the pairs or, if one fails, none.
    pub fn put_many<K: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        pairs: &[(K, V)],
        confirm: bool,
    ) -> Result<()> {
        let connection = self.prepare_write(confirm)?;
        let statements = &self.statements;
        statements
            .savepoint
            .get(&connection, "SAVEPOINT _cf_put_multiple_savepoint")?
            .run(&[])?;
        let stored = pairs.iter().try_for_each(|(key, value)| {
            self.put_prepared(&connection, key.as_ref(), value.as_ref())
        });
        if stored.is_err() && self.database.broken().is_none() {
            connection.execute("ROLLBACK TO _cf_put_multiple_savepoint")?;
        }
        if self.database.broken().is_none() {
            statements
                .release
                .get(&connection, "RELEASE _cf_put_multiple_savepoint")?
                .run(&[])?;
        }
        stored
    }

    /// Deletes a key and says whether it was there.
    pub fn delete(&self, key: &str, confirm: bool) -> Result<bool> {
        let connection = self.prepare_write(confirm)?;
        let delete = self
            .statements
            .delete
            .get(&connection, "DELETE FROM _cf_KV WHERE key = ?")?;
        delete
            .run(&[text(key)])
            .map_err(|error| self.database.failed(error))?;
        let found = connection.changes() > 0;
        self.drop_externals(&connection, key)?;
        Ok(found)
    }

    /// Deletes keys and says how many were there.
    pub fn delete_many<K: AsRef<str>>(&self, keys: &[K], confirm: bool) -> Result<u32> {
        let mut count = 0;
        for key in keys {
            count += u32::from(self.delete(key.as_ref(), confirm)?);
        }
        Ok(count)
    }

    /// Stores the tokens of what the value of a key refers to, in order; its value was stored just before.
    pub fn put_externals(&self, key: &str, tokens: &[Vec<u8>]) -> Result<()> {
        let connection = self.database.connection()?;
        let failed = |error| self.database.failed(error);
        if !has_table(&connection, "_cf_EXTERNALS")? {
            connection.execute(CREATE_EXTERNALS).map_err(failed)?;
        }
        self.externals.set((true, self.database.rollbacks()));
        let sql = "INSERT INTO _cf_EXTERNALS VALUES(?, ?, ?)";
        let put = connection.trusted(sql)?;
        for (index, token) in (0..).zip(tokens) {
            let values = [text(key), ValueRef::Integer(index), ValueRef::Blob(token)];
            put.run(&values).map_err(failed)?;
        }
        Ok(())
    }

    /// The tokens of a key.
    pub fn externals(&self, key: &str) -> Result<Vec<Vec<u8>>> {
        let mut tokens = Vec::new();
        let connection = self.database.connection()?;
        if self.has_externals(&connection)? {
            let sql = "SELECT token FROM _cf_EXTERNALS WHERE key = ? ORDER BY idx";
            let found = connection
                .trusted(sql)?
                .query(&[text(key)], |row| tokens.push(blob(row, 0).to_vec()));
            found.map_err(|error| self.database.failed(error))?;
        }
        Ok(tokens)
    }

    fn has_externals(&self, connection: &Rc<Connection>) -> Result<bool> {
        let (known, then) = self.externals.get();
        let rollbacks = self.database.rollbacks();
        if !known || then == rollbacks {
            return Ok(known);
        }
        let found = has_table(connection, "_cf_EXTERNALS")?;
        self.externals.set((found, rollbacks));
        Ok(found)
    }

    fn drop_externals(&self, connection: &Rc<Connection>, key: &str) -> Result<()> {
        if !self.has_externals(connection)? {
            return Ok(());
        }
        let sql = "DELETE FROM _cf_EXTERNALS WHERE key = ?";
        let delete = self.statements.delete_externals.get(connection, sql)?;
        delete
            .run(&[text(key)])
            .map_err(|error| self.database.failed(error))
    }

    /// How many keys there are.
    pub(super) fn count(&self) -> Result<u64> {
        let connection = self.database.connection()?;
        if !self.has_table(&connection)? {
            return Ok(0);
        }
        let count = self
            .statements
            .count
            .get(&connection, "SELECT count(*) FROM _cf_KV")?;
        let mut keys = 0;
        let counted = count.query(&[], |row| {
            if let ValueRef::Integer(count) = row.column(0) {
                keys = u64::try_from(count).unwrap_or(0);
            }
        });
        counted.map_err(|error| self.database.failed(error))?;
        Ok(keys)
    }

    /// Everything is gone: what is known of the tables is, too.
    pub(super) fn erased(&self) {
        self.table.set(None);
        self.externals.set((false, 0));
        self.attach();
    }

    /// Lists a range, in order, step by step. There is one listing at a time: a new one ends the one before.
    pub fn cursor(&self, options: &ListOptions) -> Result<KvCursor> {
        Ok(KvCursor {
            listing: self.listing(options)?,
            database: self.database.clone(),
        })
    }

    fn listing(&self, options: &ListOptions) -> Result<Rc<Listing>> {
        let connection = self.database.connection()?;
        if let Some(previous) = self.listing.borrow().upgrade() {
            previous.end(Some(Error::worker(
                "kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() \
                 iterator can exist at a time.",
            )));
        }
        let range = Range::of(options);
        let (Some(range), true) = (range, self.has_table(&connection)?) else {
            return Ok(Listing::over(None));
        };
        let kind = usize::from(options.reverse)
            | usize::from(range.end.is_some()) << 1
            | usize::from(options.limit.is_some()) << 2;
        let sql = format!(
            "SELECT key, value FROM _cf_KV WHERE key >= ?{} ORDER BY key{}{}",
            if range.end.is_some() {
                " AND key < ?"
            } else {
                ""
            },
            if options.reverse { " DESC" } else { "" },
            if options.limit.is_some() {
                " LIMIT ?"
            } else {
                ""
            },
        );
        let statement = self.statements.list[kind].get(&connection, &sql)?;
        let mut values = vec![ValueRef::Text(&range.start)];
        values.extend(range.end.as_deref().map(ValueRef::Text));
        values.extend(options.limit.map(|limit| ValueRef::Integer(limit.into())));
        for (index, value) in values.into_iter().enumerate() {
            statement.bind(index + 1, value)?;
        }
        let listing = Listing::over(Some(statement));
        let dependent: Rc<dyn Dependent> = listing.clone();
        self.database.add_dependent(Rc::downgrade(&dependent));
        *self.listing.borrow_mut() = Rc::downgrade(&listing);
        Ok(listing)
    }
}

/// A run of a list statement.
struct Listing {
    state: RefCell<State>,
}

struct State {
    statement: Option<Rc<Statement>>,
    /// Why it ended before its last key, if it did.
    ended: Option<Error>,
}

impl Listing {
    fn over(statement: Option<Rc<Statement>>) -> Rc<Self> {
        Rc::new(Self {
            state: RefCell::new(State {
                statement,
                ended: None,
            }),
        })
    }

    fn end(&self, why: Option<Error>) {
        let mut state = self.state.borrow_mut();
        if let Some(statement) = state.statement.take() {
            statement.reset();
            state.ended = why;
        }
    }

    fn next<T>(
        &self,
        database: &Database,
        show: impl FnOnce(&str, &[u8]) -> T,
    ) -> Result<Option<T>> {
        let statement = {
            let state = self.state.borrow();
            match (&state.statement, &state.ended) {
                (Some(statement), _) => statement.clone(),
                (None, Some(error)) => return Err(error.clone()),
                (None, None) => return Ok(None),
            }
        };
        match statement.step() {
            Ok(true) => {
                let key = match statement.column(0) {
                    ValueRef::Text(key) => String::from_utf8_lossy(key),
                    _ => "".into(),
                };
                Ok(Some(show(&key, blob(&statement, 1))))
            }
            Ok(false) => {
                self.end(None);
                Ok(None)
            }
            Err(error) => {
                self.end(None);
                Err(database.failed(error))
            }
        }
    }
}

impl Dependent for Listing {
    fn cancel(&self, why: &Error) {
        self.end(Some(why.clone()));
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// A listing that the caller takes one key at a time.
pub struct KvCursor {
    listing: Rc<Listing>,
    database: Rc<Database>,
}

impl KvCursor {
    /// Shows the next key and value; none at the end.
    pub fn next<T>(&self, show: impl FnOnce(&str, &[u8]) -> T) -> Result<Option<T>> {
        self.listing.next(&self.database, show)
    }
}

fn text(key: &str) -> ValueRef<'_> {
    ValueRef::Text(key.as_bytes())
}

fn blob(row: &Statement, column: usize) -> &[u8] {
    match row.column(column) {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        _ => &[],
    }
}

pub(super) fn has_table(connection: &Rc<Connection>, name: &str) -> Result<bool> {
    let find =
        connection.trusted("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")?;
    Ok(find.query(&[text(name)], |_| ())? > 0)
}
