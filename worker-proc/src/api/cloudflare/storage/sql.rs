//! The ops of `storage.sql`. Rows become V8 values where SQLite holds them, one copy for each value.

use std::rc::Rc;

use super::Open;
use super::error::Refused;
use crate::glue::args::to_string;
use crate::glue::bytes::array_buffer;
use crate::glue::{
    JsArray, List, Maybe, OpError, Ops, OrThrow, Throw, Thrown, intern, native_object, op, string,
    with_bytes,
};
use crate::storage::{Cursor, Row, ValueRef};

pub(super) fn ops(r: &mut Ops) {
    r.add_all(&[
        sql_exec,
        sql_next,
        sql_all,
        sql_one,
        sql_counts,
        sql_ingest,
        sql_size,
        sql_max_pages,
    ]);
    r.share::<Executed>();
    r.share::<Counts>();
    r.share::<Ingested>();
}

/// A parameter, taken out of JavaScript before SQLite sees any: converting one may run a worker's code.
enum Parameter {
    Null,
    Number(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Parameter {
    /// None after an exception.
    fn from_js(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<Self> {
        Some(if value.is_null_or_undefined() {
            Self::Null
        } else if value.is_number() {
            Self::Number(value.number_value(scope)?)
        } else if value.is_string() {
            Self::Text(to_string(scope, value))
        } else if value.is_array_buffer() || value.is_array_buffer_view() {
            Self::Blob(with_bytes(value, <[u8]>::to_vec))
        } else if value.is_big_int() {
            Refused::BigInt.throw(scope);
            return None;
        } else {
            Self::Text(value.to_string(scope)?.to_rust_string_lossy(scope))
        })
    }

    fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Number(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }
}

/// None after an exception.
fn parameters<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    array: v8::Local<'s, v8::Array>,
) -> Option<Vec<Parameter>> {
    let mut taken = Vec::with_capacity(array.length() as usize);
    for index in 0..array.length() {
        let value = array.get_index(scope, index)?;
        taken.push(Parameter::from_js(scope, value)?);
    }
    Some(taken)
}

/// A statement that has run.
#[derive(JsArray)]
struct Executed<'s> {
    /// Of the columns.
    names: List<v8::Local<'s, v8::String>>,
    rows_read: f64,
    rows_written: f64,
    /// It was prepared before.
    reused: bool,
    /// Undefined where there is no row.
    cursor: Maybe<v8::Local<'s, v8::Object>>,
}

/// `sqlExec(life, sql, parameters)`.
#[op]
fn sql_exec<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    open: Open,
    sql: String,
    parameters_list: v8::Local<'s, v8::Array>,
) -> Result<Executed<'s>, Thrown> {
    let parameters = parameters(scope, parameters_list).ok_or(Thrown)?;
    let values: Vec<_> = parameters.iter().map(Parameter::as_ref).collect();
    let cursor = open.storage.sql.exec(&sql, &values).or_throw(scope)?;
    let names = cursor.columns().iter();
    Ok(Executed {
        names: List(names.map(|name| intern(scope, name)).collect()),
        rows_read: cursor.rows_read() as f64,
        rows_written: cursor.rows_written() as f64,
        reused: cursor.reused_cached_query(),
        cursor: Maybe((!cursor.is_done()).then(|| native_object(scope, cursor))),
    })
}

fn value<'s>(scope: &mut v8::PinScope<'s, '_>, value: ValueRef<'_>) -> v8::Local<'s, v8::Value> {
    match value {
        ValueRef::Null => v8::null(scope).into(),
        // A worker's integers are doubles.
        ValueRef::Integer(number) => v8::Number::new(scope, number as f64).into(),
        ValueRef::Real(number) => v8::Number::new(scope, number).into(),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => string(scope, text).into(),
            Err(_) => string(scope, &String::from_utf8_lossy(text)).into(),
        },
        ValueRef::Blob(bytes) => array_buffer(scope, bytes.to_vec()).into(),
    }
}

/// A row as an array of its values, or with names as an object.
fn row<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    row: &Row<'_>,
    names: &[v8::Local<'s, v8::Name>],
    raw: bool,
) -> v8::Local<'s, v8::Value> {
    if raw {
        let values: Vec<_> = (0..names.len())
            .map(|index| value(scope, row.column(index)))
            .collect();
        return v8::Array::new_with_elements(scope, &values).into();
    }
    let object = v8::Object::new(scope);
    for (index, name) in names.iter().enumerate() {
        let value = value(scope, row.column(index));
        object.create_data_property(scope, *name, value);
    }
    object.into()
}

/// The names of the columns, as the worker has left them: there is one for each column, or it throws.
fn names<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    array: v8::Local<'s, v8::Array>,
    cursor: &Cursor,
) -> Result<Vec<v8::Local<'s, v8::Name>>, Thrown> {
    let count = cursor.columns().len();
    let mut names = Vec::with_capacity(count);
    for index in 0..array.length() {
        let name = array.get_index(scope, index).ok_or(Thrown)?;
        let name = match v8::Local::<v8::Name>::try_from(name) {
            Ok(name) => name,
            Err(_) => name.to_string(scope).ok_or(Thrown)?.into(),
        };
        names.push(name);
    }
    if names.len() != count {
        return Err(Thrown::throw(scope, Refused::ChangedNames));
    }
    Ok(names)
}

/// `sqlNext(life, cursor, names, raw)`: the next row, undefined at the end.
#[op]
fn sql_next<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _open: Open,
    cursor: Rc<Cursor>,
    names_array: v8::Local<'s, v8::Array>,
    raw: bool,
) -> Result<Maybe<v8::Local<'s, v8::Value>>, Thrown> {
    let names = names(scope, names_array, &cursor)?;
    let shown = cursor.next(|shown| row(scope, &shown, &names, raw));
    shown.or_throw(scope).map(Maybe)
}

/// `sqlAll(life, cursor, names)`: the rows that are left.
#[op]
fn sql_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _open: Open,
    cursor: Rc<Cursor>,
    names_array: v8::Local<'s, v8::Array>,
) -> Result<List<v8::Local<'s, v8::Value>>, Thrown> {
    let names = names(scope, names_array, &cursor)?;
    let mut rows = Vec::new();
    loop {
        let shown = cursor.next(|shown| {
            v8::escapable_handle_scope!(let scope, scope);
            let shown = row(scope, &shown, &names, false);
            scope.escape(shown)
        });
        match shown.or_throw(scope)? {
            Some(row) => rows.push(row),
            None => return Ok(List(rows)),
        }
    }
}

/// `sqlOne(life, cursor, names)`: the only row; throws if there are more.
#[op]
fn sql_one<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _open: Open,
    cursor: Rc<Cursor>,
    names_array: v8::Local<'s, v8::Array>,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    let names = names(scope, names_array, &cursor)?;
    let shown = cursor.next(|shown| row(scope, &shown, &names, false));
    let row = shown.or_throw(scope)?;
    if !cursor.is_done() {
        cursor.end();
        return Err(Thrown::throw(scope, Refused::ManyResults));
    }
    row.ok_or(Refused::NoResults).or_throw(scope)
}

/// What a cursor has done so far.
#[derive(JsArray)]
struct Counts {
    rows_read: f64,
    rows_written: f64,
}

/// `sqlCounts(cursor)`.
#[op]
fn sql_counts(cursor: Rc<Cursor>) -> Counts {
    Counts {
        rows_read: cursor.rows_read() as f64,
        rows_written: cursor.rows_written() as f64,
    }
}

/// Statements that have run.
#[derive(JsArray)]
struct Ingested {
    /// The rest of the text.
    remainder: String,
    rows_read: f64,
    rows_written: f64,
    statements: f64,
}

/// `sqlIngest(life, text)`.
#[op]
fn sql_ingest(open: Open, text: &str) -> Result<Ingested, OpError> {
    let done = open.storage.sql.ingest(text)?;
    Ok(Ingested {
        rows_read: done.rows_read as f64,
        rows_written: done.rows_written as f64,
        statements: done.statements as f64,
        remainder: done.remainder,
    })
}

/// `sqlSize(life)`: bytes of the database.
#[op]
fn sql_size(open: Open) -> Result<f64, OpError> {
    Ok(open.storage.sql.database_size()? as f64)
}

/// `sqlMaxPages(life, pages)`: for tests of a full disk.
#[op]
fn sql_max_pages(open: Open, pages: u32) -> Result<(), OpError> {
    Ok(open.storage.sql.set_max_page_count(pages)?)
}
