//! Source maps (ECMA-426): what a stack names in a module, as places in the sources that the module was made of.
//!
//! The log asks, and nobody else: what code sees of a stack is V8's. No map is looked for before there is something to log.
//! A map is in the module's last comment as a `data:` URL, or is a text, JSON or data module that the comment names.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use ada_url::Url;
use percent_encoding::percent_decode_str;
use swc_sourcemap::{DecodedMap, SourceMap, decode_slice};

use super::map::{ModuleMap, map};
use crate::glue::base64::{self, Base64Options};
use crate::glue::code::{Source, Text};

/// Maps that a process keeps ready, of all its workers; one that cannot be read is kept as such.
const MAX_KEPT_MAPS: usize = 8;

/// A longer map is not read.
const MAX_MAP_BYTES: usize = 32 * 1024 * 1024;

/// Of a text, so many lines are mapped.
const MAX_MAPPED_LINES: usize = 200;

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// The map of a module, which is known by its text.
struct Kept {
    code: Text,
    map: Option<Rc<ModuleSources>>,
}

struct ModuleSources {
    map: SourceMap,
    /// What the names of the sources are seen from.
    base: String,
}

/// What a frame of a stack begins with.
const FRAME: &str = "    at ";
const ASYNC: &str = "async ";

/// A stack whose lines name sources, where there are maps.
pub fn mapped<'t>(isolate: &v8::Isolate, stack: &'t str) -> Cow<'t, str> {
    if !stack.contains(FRAME) {
        return stack.into();
    }
    let mut lines = stack.split_inclusive('\n');
    let mut whole = String::with_capacity(stack.len());
    for line in lines.by_ref().take(MAX_MAPPED_LINES) {
        match mapped_line(isolate, line) {
            Some(line) => whole.push_str(&line),
            None => whole.push_str(line),
        }
    }
    whole.extend(lines);
    whole.into()
}

/// `    at f (file:1:2)` or `    at file:1:2`, mapped.
fn mapped_line(isolate: &v8::Isolate, line: &str) -> Option<String> {
    let frame = line.strip_prefix(FRAME)?.trim_end();
    let (start, end) = match frame.strip_suffix(')') {
        Some(inside) => (inside.rfind(" (")? + " (".len(), inside.len()),
        None if frame.starts_with(ASYNC) => (ASYNC.len(), frame.len()),
        None => (0, frame.len()),
    };
    let mut parts = frame[start..end].rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let number = parts.next()?.parse().ok()?;
    let at = place(isolate, parts.next()?, number, column)?;
    let (before, after) = (&line[..FRAME.len() + start], &line[FRAME.len() + end..]);
    Some(format!("{before}{at}{after}"))
}

/// The source's `file:line:column` of a place in a module. Lines and columns count from 1.
pub fn place(isolate: &v8::Isolate, file: &str, line: u32, column: u32) -> Option<String> {
    let shared = map(isolate);
    let map = shared.borrow();
    let (name, code) = code_of(&map, file)?;
    let sources = kept(code, || read(&map, name, file, code))?;
    let (line, column) = (line.checked_sub(1)?, column.saturating_sub(1));
    let token = sources.map.lookup_token(line, column)?;
    // A line that has no mapping of its own is from no source.
    if token.get_dst_line() != line || !token.has_source() {
        return None;
    }
    let source = seen_from(&sources.base, token.get_source()?);
    let (line, column) = token.get_src();
    Some(format!(
        "{source}:{}:{}",
        u64::from(line) + 1,
        u64::from(column) + 1
    ))
}

/// The name and text of the code that stacks call `file`: its name, or what its comment `sourceURL` says.
fn code_of<'m>(map: &'m ModuleMap, file: &str) -> Option<(&'m str, &'m Text)> {
    let script = map.script.iter().map(|(name, text)| (name.as_str(), text));
    let modules = map.definitions.iter().filter_map(|(name, definition)| {
        let (Source::Es(text) | Source::CommonJs { text, .. }) = &definition.source else {
            return None;
        };
        Some((name.as_str(), text))
    });
    let mut all = script.chain(modules);
    let named = all.clone().find(|(name, _)| *name == file);
    named.or_else(|| all.find(|(_, text)| comment(text, "sourceURL") == Some(file)))
}

/// The value of `//# name=value` behind all code.
fn comment<'t>(code: &'t str, name: &str) -> Option<&'t str> {
    let lines = code.rsplit('\n').map(str::trim);
    let comments = lines.take_while(|line| line.is_empty() || line.starts_with("//"));
    let mut values = comments.filter_map(|line| {
        let rest = line
            .strip_prefix("//# ")
            .or_else(|| line.strip_prefix("//@ "))?;
        rest.strip_prefix(name)?.strip_prefix('=')
    });
    values.next()
}

/// The map of that code, read by `read` if it is not at hand.
fn kept(code: &Text, read: impl FnOnce() -> Option<ModuleSources>) -> Option<Rc<ModuleSources>> {
    KEPT.with_borrow_mut(|all| {
        // The entry holds the text, so that no other text can be at its address.
        let known = all
            .iter()
            .position(|kept| std::ptr::eq::<str>(&*kept.code, &**code));
        let found = match known {
            Some(known) => all.remove(known),
            None => Kept {
                code: code.clone(),
                map: read().map(Rc::new),
            },
        };
        let map = found.map.clone();
        all.insert(0, found);
        all.truncate(MAX_KEPT_MAPS);
        map
    })
}

fn read(map: &ModuleMap, name: &str, file: &str, code: &str) -> Option<ModuleSources> {
    let url = comment(code, "sourceMappingURL")?;
    let (bytes, base) = match url.strip_prefix("data:") {
        Some(data) => (Cow::Owned(data_of(data)?), file.to_owned()),
        None => {
            let full = map.naming.resolve(url, name)?;
            let there = map.visible(&full, name);
            let source = map.source_of(&full).filter(|_| there)?;
            (Cow::Borrowed(source.bytes()), full)
        }
    };
    if bytes.len() > MAX_MAP_BYTES {
        return None;
    }
    let mut map = match decode_slice(&bytes).ok()? {
        DecodedMap::Regular(map) => map,
        DecodedMap::Index(index) => index.flatten().ok()?,
        DecodedMap::Hermes(_) => return None,
    };
    // Only places are asked for.
    for source in 0..map.get_source_count() {
        map.set_source_contents(source, None);
    }
    Some(ModuleSources { map, base })
}

/// What is in a `data:` URL (RFC 2397), without its scheme.
fn data_of(url: &str) -> Option<Vec<u8>> {
    let (head, data) = url.split_once(',')?;
    if data.len() > MAX_MAP_BYTES * 2 {
        return None;
    }
    match head.strip_suffix(";base64") {
        Some(_) => base64::decode(data.as_bytes(), Base64Options::Default).ok(),
        None => Some(percent_decode_str(data).collect()),
    }
}

/// The name of a source, seen from that of a module: URLs as URLs, paths as paths, which may lead out of the root.
fn seen_from(base: &str, source: &str) -> String {
    let is_whole = source.starts_with('/') || Url::can_parse(source, None);
    if is_whole {
        return source.to_owned();
    }
    if let Ok(url) = Url::parse(source, Some(base)) {
        return url.href().to_owned();
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_count_behind_all_code() {
        let map = |code| comment(code, "sourceMappingURL");
        assert_eq!(map("a()\n//# sourceMappingURL=a.map"), Some("a.map"));
        assert_eq!(
            map("a()\r\n//@ sourceMappingURL=b.map\r\n\n//# sourceURL=c\n"),
            Some("b.map")
        );
        assert_eq!(map("`\n//# sourceMappingURL=a.map\n`"), None);
        assert_eq!(map(""), None);
    }

    #[test]
    fn sources_are_seen_from_the_module() {
        assert_eq!(seen_from("worker.js", "../src/a.ts"), "../src/a.ts");
        assert_eq!(seen_from("dist/worker.js", "../src/a.ts"), "src/a.ts");
        assert_eq!(seen_from("dist/a/worker.js", "../../../b.ts"), "../b.ts");
        assert_eq!(
            seen_from("file:///bundle/a/b.js", "../c.ts"),
            "file:///bundle/c.ts"
        );
        assert_eq!(
            seen_from("a.js", "webpack://b/./c.ts"),
            "webpack://b/./c.ts"
        );
        assert_eq!(seen_from("a.js", "/b.ts"), "/b.ts");
    }

    #[test]
    fn data_urls_are_read_in_either_form() {
        let json = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
        assert_eq!(json(data_of("application/json;base64,e30=")), "{}");
        assert_eq!(json(data_of("application/json;charset=utf-8,%7B}")), "{}");
        assert_eq!(data_of("application/json;base64,***"), None);
        assert_eq!(data_of("application/json"), None);
    }
}
