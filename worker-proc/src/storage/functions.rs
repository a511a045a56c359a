//! `instr`, `replace` and `trim` of SQL in place of SQLite's own, which compare each place of a text with all that is looked for:
//! of a few megabytes that takes minutes, in one step of SQLite's machine, which nothing ends.
//!
//! `raw` gives them to every connection. They answer as SQLite's do.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::{ptr, slice};

use memchr::memmem;
use rusqlite::ffi;

use super::interrupt;

type Function =
    unsafe extern "C" fn(*mut ffi::sqlite3_context, c_int, *mut *mut ffi::sqlite3_value);

const FUNCTIONS: [(&CStr, c_int, Function); 5] = [
    (c"instr", 2, on_instr),
    (c"replace", 3, on_replace),
    (c"trim", 2, on_trim),
    (c"ltrim", 2, on_ltrim),
    (c"rtrim", 2, on_rtrim),
];

/// Gives a connection the functions; SQLite's result code.
///
/// # Safety
/// The connection is open.
pub(super) unsafe fn install(db: *mut ffi::sqlite3) -> c_int {
    let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;
    for (name, arguments, function) in FUNCTIONS {
        let (name, nothing) = (name.as_ptr(), ptr::null_mut::<c_void>());
        // SAFETY: as for this function; the name is copied, and no state goes along.
        let code = unsafe {
            let call = Some(function);
            ffi::sqlite3_create_function_v2(
                db, name, arguments, flags, nothing, call, None, None, None,
            )
        };
        if code != ffi::SQLITE_OK {
            return code;
        }
    }
    ffi::SQLITE_OK
}

/// An argument of a call, for as long as it lasts.
#[derive(Clone, Copy)]
struct Argument<'a> {
    /// The bytes of a blob, or of anything else as text.
    bytes: &'a [u8],
    is_blob: bool,
}

/// The arguments of a call; none if one of them is NULL, which is the result then.
///
/// # Safety
/// They are what SQLite has called a function of `COUNT` arguments with.
unsafe fn arguments<'a, const COUNT: usize>(
    values: *mut *mut ffi::sqlite3_value,
) -> Option<[Argument<'a>; COUNT]> {
    // SAFETY: as for this function.
    let values: &[_; COUNT] = unsafe { &*values.cast() };
    let mut null = false;
    // SAFETY: bytes stay until SQLite is told to turn the value into something else, which nobody does here.
    let taken = values.map(|value| unsafe {
        let kind = ffi::sqlite3_value_type(value);
        let is_blob = kind == ffi::SQLITE_BLOB;
        let data: *const u8 = match is_blob {
            true => ffi::sqlite3_value_blob(value).cast(),
            false => ffi::sqlite3_value_text(value),
        };
        null |= kind == ffi::SQLITE_NULL || (data.is_null() && !is_blob);
        let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
        let bytes = match data.is_null() {
            true => &[][..],
            false => slice::from_raw_parts(data, length),
        };
        Argument { bytes, is_blob }
    });
    (!null).then_some(taken)
}

/// Returns text, or says that it took too long.
///
/// # Safety
/// The context is that of the call that runs.
unsafe fn give(context: *mut ffi::sqlite3_context, text: Option<&[u8]>) {
    // SAFETY: as for this function; SQLite copies the text.
    unsafe {
        match text {
            Some(text) => {
                let (at, length) = (text.as_ptr().cast::<c_char>(), text.len() as u64);
                let at = if length == 0 { c"".as_ptr() } else { at };
                let copy = ffi::SQLITE_TRANSIENT();
                ffi::sqlite3_result_text64(context, at, length, copy, ffi::SQLITE_UTF8 as u8);
            }
            None => ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERRUPT),
        }
    }
}

unsafe extern "C" fn on_instr(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite calls it with two arguments.
    if let Some([text, wanted]) = unsafe { arguments(values) } {
        let counts_bytes = text.is_blob && wanted.is_blob;
        let place = instr(text.bytes, wanted.bytes, counts_bytes);
        // SAFETY: the context is the call's.
        unsafe { ffi::sqlite3_result_int64(context, place as i64) };
    }
}

/// The place of what is wanted, from 1, in bytes or in characters; 0 if it is not there.
fn instr(text: &[u8], wanted: &[u8], counts_bytes: bool) -> usize {
    let continues = |byte: &u8| byte & 0xc0 == 0x80;
    let found = match wanted.first() {
        None => Some(0),
        // Where characters count, they are looked at from the text's start and each character's.
        Some(first) if !counts_bytes && continues(first) => text.starts_with(wanted).then_some(0),
        Some(_) => memmem::find(text, wanted),
    };
    found.map_or(0, |at| match counts_bytes {
        true => at + 1,
        false => {
            let starts = text[..at].iter().skip(1).filter(|byte| !continues(byte));
            starts.count() + usize::from(at > 0) + 1
        }
    })
}

unsafe extern "C" fn on_replace(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite calls it with three arguments, and the context is the call's.
    unsafe {
        // Where there is nothing to look for, it does not matter what with.
        match arguments(values) {
            Some([text, old]) if matches!(old.bytes.first(), None | Some(0)) => {
                return give(context, Some(text.bytes));
            }
            _ => {}
        }
        let Some([text, old, new]) = arguments(values) else {
            return;
        };
        let db = ffi::sqlite3_context_db_handle(context);
        let most = ffi::sqlite3_limit(db, ffi::SQLITE_LIMIT_LENGTH, -1);
        let most_bytes = usize::try_from(most).unwrap_or(usize::MAX);
        match replace(text.bytes, old.bytes, new.bytes, most_bytes) {
            Some(replaced) => give(context, Some(&replaced)),
            None => ffi::sqlite3_result_error_toobig(context),
        }
    }
}

/// The text with every `old` replaced; none if it would be too long.
fn replace(text: &[u8], old: &[u8], new: &[u8], most_bytes: usize) -> Option<Vec<u8>> {
    let mut replaced = Vec::new();
    let mut rest = 0;
    for at in memmem::find_iter(text, old) {
        replaced.extend_from_slice(&text[rest..at]);
        replaced.extend_from_slice(new);
        rest = at + old.len();
        if replaced.len() > most_bytes {
            return None;
        }
    }
    replaced.extend_from_slice(&text[rest..]);
    (replaced.len() <= most_bytes).then_some(replaced)
}

unsafe extern "C" fn on_trim(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite calls it with two arguments.
    unsafe { trim_argument(context, values, true, true) }
}

unsafe extern "C" fn on_ltrim(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: as above.
    unsafe { trim_argument(context, values, true, false) }
}

unsafe extern "C" fn on_rtrim(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: as above.
    unsafe { trim_argument(context, values, false, true) }
}

/// # Safety
/// They are what SQLite has called a function of two arguments with.
unsafe fn trim_argument(
    context: *mut ffi::sqlite3_context,
    values: *mut *mut ffi::sqlite3_value,
    left: bool,
    right: bool,
) {
    // SAFETY: as for this function.
    unsafe {
        if let Some([text, set]) = arguments(values) {
            let is_over = interrupt::is_over;
            give(context, trim(text.bytes, set.bytes, left, right, is_over));
        }
    }
}

/// Comparisons between two looks at the time.
const LOOK_AFTER_COMPARISONS: usize = 4096;

/// The text without the characters of a set at its ends; none where it takes too long.
fn trim<'a>(
    mut text: &'a [u8],
    set: &[u8],
    left: bool,
    right: bool,
    is_over: impl Fn() -> bool,
) -> Option<&'a [u8]> {
    let set = characters(set);
    let mut comparisons = 0_usize;
    let mut find = |matches: &dyn Fn(&[u8]) -> bool| {
        for character in &set {
            comparisons += 1;
            if comparisons.is_multiple_of(LOOK_AFTER_COMPARISONS) && is_over() {
                return Err(());
            }
            if matches(character) {
                return Ok(Some(character.len()));
            }
        }
        Ok(None)
    };
    while left && let Some(length) = find(&|character| text.starts_with(character)).ok()? {
        text = &text[length..];
    }
    while right && let Some(length) = find(&|character| text.ends_with(character)).ok()? {
        text = &text[..text.len() - length];
    }
    Some(text)
}

/// The characters of a set, which a NUL ends.
fn characters(set: &[u8]) -> Vec<&[u8]> {
    let set = set.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut characters = Vec::new();
    let mut start = 0;
    while start < set.len() {
        let mut end = start + 1;
        while set[start] >= 0xc0 && set.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
            end += 1;
        }
        characters.push(&set[start..end]);
        start = end;
    }
    characters
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite's own beside these, over all short texts of few characters, and some values that are none.
    #[test]
    fn they_answer_as_sqlites() {
        let theirs = rusqlite::Connection::open_in_memory().unwrap();
        let ours = rusqlite::Connection::open_in_memory().unwrap();
        // SAFETY: the connection is open.
        assert_eq!(unsafe { install(ours.handle()) }, ffi::SQLITE_OK);
        let mut values: Vec<String> = [
            "NULL",
            "''",
            "1.5",
            "-120",
            "x'00'",
            "x''",
            "char(97, 0, 98)",
            "char(0)",
        ]
        .map(str::to_owned)
        .into();
        let bytes = ["61", "62", "c3a9", "80", "e28082"];
        let mut texts = vec![String::new()];
        for _ in 0..3 {
            let longer = texts
                .iter()
                .flat_map(|text| bytes.map(|byte| format!("{text}{byte}")));
            texts = longer.chain(texts.clone()).collect();
            texts.sort();
            texts.dedup();
        }
        values.extend(texts.iter().map(|text| format!("cast(x'{text}' AS TEXT)")));
        values.extend(texts.iter().step_by(5).map(|text| format!("x'{text}'")));
        values.push("'10'".to_owned());
        let mut compared = 0;
        for (index, first) in values.iter().enumerate() {
            for second in values.iter().skip(index % 3).step_by(3) {
                let sql = format!(
                    "SELECT quote(instr({first}, {second})) || ' ' || quote(replace({first}, {second}, 'é')) || ' ' || \
                     quote(replace({first}, {second}, NULL)) || ' ' || \
                     quote(replace({first}, 'a', {second})) || ' ' || quote(trim({first}, {second})) || ' ' || \
                     quote(ltrim({first}, {second})) || ' ' || quote(rtrim({first}, {second}))"
                );
                let answer = |connection: &rusqlite::Connection| {
                    connection.query_row(&sql, [], |row| {
                        row.get_ref(0).map(|value| format!("{value:?}"))
                    })
                };
                assert_eq!(answer(&ours).unwrap(), answer(&theirs).unwrap(), "{sql}");
                compared += 1;
            }
        }
        assert!(compared > 5000, "{compared}");
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert_eq!(
            replace(b"aaa", b"a", b"bb", 6).as_deref(),
            Some(&b"bbbbbb"[..])
        );
        assert_eq!(replace(b"aaa", b"a", b"bb", 5), None);
    }

    #[test]
    fn long_texts_end() {
        let text = vec![b'a'; 4 << 20];
        let wanted = [&text[..2 << 20], b"b"].concat();
        assert_eq!(instr(&text, &wanted, false), 0);
        assert_eq!(replace(&text, &wanted, b"", usize::MAX), Some(text.clone()));
        let mut set = b"bcdefgh".repeat(1 << 17);
        set.push(b'a');
        let trimmed = trim(&text, &set, true, false, || true);
        assert_eq!(trimmed, None);
    }
}
