//! The ops of `storage.sql`. Rows become V8 values where SQLite holds them, one copy for each value.

use super::{Args, checked, open};
use crate::glue::args::to_string;
use crate::glue::bytes::array_buffer;
use crate::glue::{
    Ops, bool_arg, intern, native_arg, native_object, string, string_arg, throw_error,
    throw_type_error, u32_arg, with_bytes,
};
use crate::storage::{Cursor, Row, ValueRef};

pub(super) fn ops(r: &mut Ops) {
    r.add("sqlExec", exec);
    r.add("sqlNext", next);
    r.add("sqlAll", all);
    r.add("sqlOne", one);
    r.add("sqlCounts", counts);
    r.add("sqlIngest", ingest);
    r.add("sqlSize", size);
    r.add("sqlMaxPages", max_pages);
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
            throw_type_error(scope, "Cannot convert a BigInt value to a number");
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

fn parameters(scope: &mut v8::PinScope, args: Args, index: i32) -> Option<Vec<Parameter>> {
    let Ok(array) = v8::Local::<v8::Array>::try_from(args.get(index)) else {
        return Some(Vec::new());
    };
    let mut taken = Vec::with_capacity(array.length() as usize);
    for index in 0..array.length() {
        let value = array.get_index(scope, index)?;
        taken.push(Parameter::from_js(scope, value)?);
    }
    Some(taken)
}

/// `sqlExec(life, sql, parameters)`: names of the columns, rows read, rows written, whether the statement was prepared
/// before, and the cursor unless there is no row.
fn exec(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(parameters) = parameters(scope, &args, 2) else {
        return;
    };
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let sql = string_arg(scope, &args, 1);
    let values: Vec<_> = parameters.iter().map(Parameter::as_ref).collect();
    let Some(cursor) = checked(scope, storage.sql.exec(&sql, &values)) else {
        return;
    };
    let names: Vec<_> = cursor
        .columns()
        .iter()
        .map(|name| intern(scope, name).into())
        .collect();
    let names = v8::Array::new_with_elements(scope, &names);
    let mut made: Vec<v8::Local<v8::Value>> = vec![
        names.into(),
        v8::Number::new(scope, cursor.rows_read() as f64).into(),
        v8::Number::new(scope, cursor.rows_written() as f64).into(),
        v8::Boolean::new(scope, cursor.reused_cached_query()).into(),
    ];
    if !cursor.is_done() {
        made.push(native_object(scope, cursor).into());
    }
    rv.set(v8::Array::new_with_elements(scope, &made).into());
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
    args: Args<'_, 's>,
    cursor: &Cursor,
) -> Option<Vec<v8::Local<'s, v8::Name>>> {
    let array = v8::Local::<v8::Array>::try_from(args.get(2)).ok()?;
    let count = cursor.columns().len();
    let mut names = Vec::with_capacity(count);
    for index in 0..array.length() {
        let name = array.get_index(scope, index)?;
        let name = match v8::Local::<v8::Name>::try_from(name) {
            Ok(name) => name,
            Err(_) => name.to_string(scope)?.into(),
        };
        names.push(name);
    }
    if names.len() != count {
        throw_error(scope, "The names of the cursor's columns were changed.");
        return None;
    }
    Some(names)
}

/// `sqlNext(life, cursor, names, raw)`: the next row, undefined at the end.
fn next<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    if open(scope, &args).is_none() {
        return;
    }
    let raw = bool_arg(&args, 3);
    let Some(cursor) = native_arg::<Cursor>(scope, &args, 1) else {
        return;
    };
    let Some(names) = names(scope, &args, &cursor) else {
        return;
    };
    let shown = cursor.next(|shown| row(scope, &shown, &names, raw));
    if let Some(Some(row)) = checked(scope, shown) {
        rv.set(row);
    }
}

/// `sqlAll(life, cursor, names)`: the rows that are left.
fn all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    if open(scope, &args).is_none() {
        return;
    }
    let Some(cursor) = native_arg::<Cursor>(scope, &args, 1) else {
        return;
    };
    let Some(names) = names(scope, &args, &cursor) else {
        return;
    };
    let mut rows = Vec::new();
    loop {
        let shown = cursor.next(|shown| {
            v8::escapable_handle_scope!(let scope, scope);
            let shown = row(scope, &shown, &names, false);
            scope.escape(shown)
        });
        match checked(scope, shown) {
            Some(Some(row)) => rows.push(row),
            Some(None) => break,
            None => return,
        }
    }
    rv.set(v8::Array::new_with_elements(scope, &rows).into());
}

/// `sqlOne(life, cursor, names)`: the only row; throws if there are more.
fn one<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    if open(scope, &args).is_none() {
        return;
    }
    let Some(cursor) = native_arg::<Cursor>(scope, &args, 1) else {
        return;
    };
    let Some(names) = names(scope, &args, &cursor) else {
        return;
    };
    let shown = cursor.next(|shown| row(scope, &shown, &names, false));
    let Some(row) = checked(scope, shown) else {
        return;
    };
    if !cursor.is_done() {
        cursor.end();
        return throw_error(
            scope,
            "Expected exactly one result from SQL query, but got multiple results.",
        );
    }
    match row {
        Some(row) => rv.set(row),
        None => throw_error(
            scope,
            "Expected exactly one result from SQL query, but got no results.",
        ),
    }
}

/// `sqlCounts(cursor)`: rows read and rows written.
fn counts(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cursor) = native_arg::<Cursor>(scope, &args, 0) else {
        return;
    };
    let counts = [
        v8::Number::new(scope, cursor.rows_read() as f64).into(),
        v8::Number::new(scope, cursor.rows_written() as f64).into(),
    ];
    rv.set(v8::Array::new_with_elements(scope, &counts).into());
}

/// `sqlIngest(life, text)`: the rest of the text, rows read, rows written, statements.
fn ingest(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some((_, storage)) = open(scope, &args) else {
        return;
    };
    let text = string_arg(scope, &args, 1);
    let Some(done) = checked(scope, storage.sql.ingest(&text)) else {
        return;
    };
    let made = [
        string(scope, &done.remainder).into(),
        v8::Number::new(scope, done.rows_read as f64).into(),
        v8::Number::new(scope, done.rows_written as f64).into(),
        v8::Number::new(scope, done.statements as f64).into(),
    ];
    rv.set(v8::Array::new_with_elements(scope, &made).into());
}

/// `sqlSize(life)`: bytes of the database.
fn size(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some((_, storage)) = open(scope, &args)
        && let Some(bytes) = checked(scope, storage.sql.database_size())
    {
        rv.set_double(bytes as f64);
    }
}

/// `sqlMaxPages(life, pages)`: for tests of a full disk.
fn max_pages(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let pages = u32_arg(scope, &args, 1);
    if let Some((_, storage)) = open(scope, &args) {
        let set = storage.sql.set_max_page_count(pages);
        checked(scope, set);
    }
}
