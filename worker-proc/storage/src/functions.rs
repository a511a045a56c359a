//! `instr`, `replace`, `trim` and `unhex` of SQL in place of SQLite's own, which compare each place of a text with all that is
//! looked for: of a few megabytes that takes minutes, in one step of SQLite's machine, which nothing ends.
//!
//! `raw` gives them to every connection. They answer as SQLite's do. Others of the kind (`json_patch`, FTS5) ask the
//! connection's progress handler by themselves, in the library of deploy/sqlite.

#![allow(unsafe_code)]

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::{CStr, c_char, c_int};
use std::{ptr, slice};

use memchr::memmem;
use rusqlite::ffi;

use super::interrupt;

/// One of the functions: its name, how many arguments it takes, and what it answers where a text may have so many bytes.
struct Function {
    name: &'static CStr,
    arguments: c_int,
    answer: for<'a> fn(&[Option<Argument<'a>>], usize) -> Answer<'a>,
}

/// Arguments of the function that has the most.
const MAX_ARGUMENTS: usize = 3;

static FUNCTIONS: [Function; 6] = [
    Function {
        name: c"instr",
        arguments: 2,
        answer: |arguments, _| match *arguments {
            [Some(text), Some(wanted)] => {
                let counts_bytes = text.is_blob && wanted.is_blob;
                Answer::Number(instr(text.bytes, wanted.bytes, counts_bytes) as i64)
            }
            _ => Answer::Null,
        },
    },
    Function {
        name: c"replace",
        arguments: 3,
        answer: |arguments, most_bytes| match *arguments {
            // Where there is nothing to look for, it does not matter what with.
            [Some(text), Some(old), _] if matches!(old.bytes.first(), None | Some(0)) => {
                Answer::Text(text.bytes.into())
            }
            [Some(text), Some(old), Some(new)] => {
                let replaced = replace(text.bytes, old.bytes, new.bytes, most_bytes);
                replaced.map_or(Answer::TooLong, |text| Answer::Text(text.into()))
            }
            _ => Answer::Null,
        },
    },
    Function {
        name: c"trim",
        arguments: 2,
        answer: |arguments, _| trimmed(arguments, true, true),
    },
    Function {
        name: c"ltrim",
        arguments: 2,
        answer: |arguments, _| trimmed(arguments, true, false),
    },
    Function {
        name: c"rtrim",
        arguments: 2,
        answer: |arguments, _| trimmed(arguments, false, true),
    },
    Function {
        name: c"unhex",
        arguments: 2,
        answer: |arguments, _| match *arguments {
            [Some(text), Some(ignored)] => {
                unhex(text.bytes, ignored.bytes).map_or(Answer::Null, Answer::Blob)
            }
            _ => Answer::Null,
        },
    },
];

/// An argument of a call that is not NULL, for as long as the call lasts.
#[derive(Clone, Copy)]
struct Argument<'a> {
    /// The bytes of a blob, or of anything else as text.
    bytes: &'a [u8],
    is_blob: bool,
}

enum Answer<'a> {
    Null,
    Number(i64),
    Text(Cow<'a, [u8]>),
    Blob(Vec<u8>),
    /// A text longer than the connection allows.
    TooLong,
    /// The statement has used its time.
    Over,
}

/// Gives a connection the functions; SQLite's result code.
///
/// # Safety
/// The connection is open.
pub(super) unsafe fn install(db: *mut ffi::sqlite3) -> c_int {
    let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;
    for function in &FUNCTIONS {
        let (name, arguments) = (function.name.as_ptr(), function.arguments);
        let data = ptr::from_ref(function).cast_mut().cast();
        // SAFETY: as for this function; the name is copied, and what goes along is static.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                db,
                name,
                arguments,
                flags,
                data,
                Some(on_call),
                None,
                None,
                None,
            )
        };
        if code != ffi::SQLITE_OK {
            return code;
        }
    }
    ffi::SQLITE_OK
}

/// # Safety
/// SQLite calls it with what `install` has given, and with as many values as it says.
unsafe extern "C" fn on_call(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    let mut arguments = [None; MAX_ARGUMENTS];
    let count = (count as usize).min(MAX_ARGUMENTS);
    // SAFETY: as for this function; none of the values is turned into something else meanwhile.
    let (function, most_bytes) = unsafe {
        let values = slice::from_raw_parts(values, count);
        for (argument, value) in arguments.iter_mut().zip(values) {
            *argument = read(*value);
        }
        let db = ffi::sqlite3_context_db_handle(context);
        let most_bytes = ffi::sqlite3_limit(db, ffi::SQLITE_LIMIT_LENGTH, -1);
        let function = &*ffi::sqlite3_user_data(context).cast::<Function>();
        (function, usize::try_from(most_bytes).unwrap_or(usize::MAX))
    };
    let answer = (function.answer)(&arguments[..count], most_bytes);
    // SAFETY: as for this function; SQLite copies a text.
    unsafe {
        match answer {
            Answer::Null => {}
            Answer::Number(number) => ffi::sqlite3_result_int64(context, number),
            Answer::Text(text) => {
                let (at, length) = (text.as_ptr().cast::<c_char>(), text.len() as u64);
                let at = if length == 0 { c"".as_ptr() } else { at };
                let copy = ffi::SQLITE_TRANSIENT();
                ffi::sqlite3_result_text64(context, at, length, copy, ffi::SQLITE_UTF8 as u8);
            }
            Answer::Blob(bytes) => {
                let (at, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
                ffi::sqlite3_result_blob64(context, at, length, ffi::SQLITE_TRANSIENT());
            }
            Answer::TooLong => ffi::sqlite3_result_error_toobig(context),
            Answer::Over => ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERRUPT),
        }
    }
}

/// An argument; none of NULL.
///
/// # Safety
/// The value is one of the call that runs. The bytes stay until SQLite is told to turn it into something else.
unsafe fn read<'a>(value: *mut ffi::sqlite3_value) -> Option<Argument<'a>> {
    // SAFETY: as for this function.
    unsafe {
        let kind = ffi::sqlite3_value_type(value);
        let is_blob = kind == ffi::SQLITE_BLOB;
        let data: *const u8 = match is_blob {
            true => ffi::sqlite3_value_blob(value).cast(),
            false => ffi::sqlite3_value_text(value),
        };
        if kind == ffi::SQLITE_NULL || (data.is_null() && !is_blob) {
            return None;
        }
        let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
        let bytes = match data.is_null() {
            true => &[][..],
            false => slice::from_raw_parts(data, length),
        };
        Some(Argument { bytes, is_blob })
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

fn trimmed<'a>(arguments: &[Option<Argument<'a>>], left: bool, right: bool) -> Answer<'a> {
    let [Some(text), Some(set)] = *arguments else {
        return Answer::Null;
    };
    let trimmed = trim(text.bytes, set.bytes, left, right, interrupt::is_over);
    trimmed.map_or(Answer::Over, |text| Answer::Text(text.into()))
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

/// The bytes that a text names, in which these characters may come between two of them; none if it does not.
fn unhex(text: &[u8], ignored: &[u8]) -> Option<Vec<u8>> {
    let mut rest = ignored;
    // Most are of ASCII.
    let (mut known_ascii, mut known) = ([false; 128], HashSet::new());
    while !rest.is_empty() {
        let character = take_character(&mut rest);
        match known_ascii.get_mut(character as usize) {
            Some(known) => *known = true,
            None => _ = known.insert(character),
        }
    }
    let is_known = |character: u32| match known_ascii.get(character as usize) {
        Some(known) => *known,
        None => known.contains(&character),
    };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut rest = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(rest.len() / 2);
    while let Some(first) = rest.first() {
        if let Some(high) = digit(*first) {
            let low = digit(*rest.get(1)?)?;
            bytes.push((high << 4) | low);
            rest = &rest[2..];
        } else if !is_known(take_character(&mut rest)) {
            return None;
        }
    }
    Some(bytes)
}

/// The first character of a text as SQLite reads it, which takes bytes that are no UTF-8 for some number.
fn take_character(text: &mut &[u8]) -> u32 {
    let Some((first, mut rest)) = text.split_first() else {
        return 0;
    };
    let mut character = u32::from(*first);
    if *first >= 0xc0 {
        character &= match *first {
            0xc0..0xe0 => 0x1f,
            0xe0..0xf0 => 0x0f,
            0xf0..0xf8 => 0x07,
            0xf8..0xfc => 0x03,
            0xfc..0xfe => 0x01,
            _ => 0,
        };
        while let Some((byte, after)) = rest.split_first()
            && byte & 0xc0 == 0x80
        {
            character = (character << 6).wrapping_add(u32::from(byte & 0x3f));
            rest = after;
        }
        if matches!(character, ..0x80 | 0xd800..=0xdfff | 0xfffe | 0xffff) {
            character = 0xfffd;
        }
    }
    *text = rest;
    character
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
        // Hexadecimal digits with something between, and bytes that are no UTF-8.
        let odd = [
            "612d3061",
            "2d",
            "2d2d6146c3a9",
            "3061eda080",
            "eda080",
            "efbfbd",
            "ff",
            "c0",
            "c1bf6161",
            "f5bfbfbfbfbf",
            "efbfbe",
            "e9",
            "f480808080808061",
            "67",
            "4142204344",
            "20",
            "61610061",
            "00206161",
        ];
        values.extend(odd.map(|text| format!("cast(x'{text}' AS TEXT)")));
        values.extend(odd.map(|text| format!("x'{text}'")));
        let mut compared = 0;
        for (index, first) in values.iter().enumerate() {
            for second in values.iter().skip(index % 3).step_by(3) {
                let sql = format!(
                    "SELECT quote(instr({first}, {second})) || ' ' || quote(replace({first}, {second}, 'é')) || ' ' || \
                     quote(replace({first}, {second}, NULL)) || ' ' || \
                     quote(replace({first}, 'a', {second})) || ' ' || quote(trim({first}, {second})) || ' ' || \
                     quote(ltrim({first}, {second})) || ' ' || quote(rtrim({first}, {second})) || ' ' || \
                     quote(unhex({first}, {second})) || ' ' || quote(unhex('aBé' || {first} || '0F', 'é' || {second}))"
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
        let text = vec![b'z'; 4 << 20];
        let set = [&vec![b'y'; 4 << 20][..], b"z"].concat();
        assert_eq!(unhex(&text, &set), Some(Vec::new()));
    }
}
