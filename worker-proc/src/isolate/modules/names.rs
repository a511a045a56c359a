//! What modules are called and what a specifier means: paths, or URLs under `new_module_registry`.
//!
//! Pure functions over text; the module map calls them. The URLs are those of the URL standard.

use ada_url::Url;

use super::error::Error;

/// Where a worker's own modules are, as URLs.
pub const BUNDLE: &str = "file:///bundle/";

/// Prefixes that make a specifier a whole name where names are paths.
const PREFIXES: [&str; 3] = ["node:", "cloudflare:", "workerd:"];

/// How a worker's modules are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// Paths from the first module's folder.
    #[default]
    Paths,
    /// URLs below [`BUNDLE`]; query and fragment make another instance of the same module.
    Urls,
}

impl Naming {
    /// The name of a module that the config calls `name`.
    ///
    /// # Errors
    /// Says why the name is none.
    pub fn of_module(self, name: &str) -> Result<String, Error> {
        match self {
            Self::Paths => join("", name).ok_or_else(|| invalid(name)),
            Self::Urls => url_of_module(name),
        }
    }

    /// The name of an extension's module, which is as the config says.
    pub fn of_extension(self, name: &str) -> String {
        let named = match self {
            Self::Paths => join("", name),
            Self::Urls => Url::parse(name, None).ok().map(|url| url.href().to_owned()),
        };
        named.unwrap_or_else(|| name.to_owned())
    }

    /// The full name that `specifier` means in the module `referrer`; none if it is malformed.
    pub fn resolve(self, specifier: &str, referrer: &str) -> Option<String> {
        match self {
            Self::Paths if is_whole(specifier) => join("", specifier),
            Self::Paths => join(folder(referrer), specifier),
            Self::Urls => {
                let base = if Url::can_parse(referrer, None) {
                    referrer
                } else {
                    BUNDLE
                };
                let mut url = Url::parse(specifier, Some(base)).ok()?;
                normalize(&mut url);
                Some(url.href().to_owned())
            }
        }
    }

    /// The name of the definition that a full name stands for an instance of.
    pub fn definition(self, full: &str) -> &str {
        match self {
            Self::Paths => full,
            Self::Urls => full.split(['?', '#']).next().unwrap_or(full),
        }
    }

    /// How messages show a name.
    pub fn show(self, name: &str) -> &str {
        if name.is_empty() { "." } else { name }
    }

    /// What CommonJS code sees as `__filename` (`/a/b`) and as `__dirname` (`/a`); none for a URL that names no file.
    pub fn file_and_folder(self, name: &str) -> Option<(String, String)> {
        let path = match self {
            Self::Paths => name.to_owned(),
            Self::Urls => Url::parse(name, None)
                .map(|url| url.pathname().trim_start_matches('/').to_owned())
                .ok()
                .filter(|path| !path.is_empty())?,
        };
        Some((format!("/{path}"), format!("/{}", folder(&path))))
    }
}

fn is_whole(specifier: &str) -> bool {
    PREFIXES.iter().any(|prefix| specifier.starts_with(prefix))
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path seen from a folder; none if it leads out of the root or holds a NUL.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    if !path.starts_with('/') {
        parts.extend(folder.split('/').filter(|part| !part.is_empty()));
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part if part.contains('\0') => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn invalid(name: &str) -> Error {
    Error::InvalidName {
        name: name.to_owned(),
    }
}

fn url_of_module(name: &str) -> Result<String, Error> {
    let mut url = Url::parse(name, Some(BUNDLE)).map_err(|_| invalid(name))?;
    url.set_search(None);
    url.set_hash(None);
    normalize(&mut url);
    match url.protocol() {
        "file:" => {}
        "cloudflare:" | "workerd:" | "data:" => return Err(invalid(name)),
        _ => return Ok(url.href().to_owned()),
    }
    if url.href() == BUNDLE || !url.host().is_empty() {
        return Err(invalid(name));
    }
    if url.href().starts_with(BUNDLE) {
        return Ok(url.href().to_owned());
    }
    // A name that leads out of the bundle is taken from its root.
    let inside = format!("./{}", url.pathname().trim_start_matches('/'));
    match Url::parse(&inside, Some(BUNDLE)) {
        Ok(url) if url.href() != BUNDLE => Ok(url.href().to_owned()),
        _ => Err(invalid(name)),
    }
}

/// Where the virtual file system has the module of that name, below the bundle's folder; none if it is no file.
pub fn path_in_bundle(name: &str) -> Option<String> {
    let mut url = Url::parse(name, Some("file:///")).ok()?;
    normalize(&mut url);
    if url.protocol() != "file:" || !url.host().is_empty() {
        return None;
    }
    let path = url.pathname();
    Some(
        path.strip_prefix("/bundle")
            .filter(|_| name.starts_with(BUNDLE))
            .unwrap_or(path)
            .to_owned(),
    )
}

/// Decodes what needs no percent encoding in the path, so that one module has one name.
fn normalize(url: &mut Url) {
    let path = url.pathname();
    if !path.contains('%') {
        return;
    }
    let normalized = normalize_path(path);
    if normalized != path {
        let _ = url.set_pathname(Some(&normalized));
    }
}

/// A URL's path with every character escaped that has to be, and no other; one that escapes a slash stays.
pub fn normalize_path(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut normalized = String::with_capacity(path.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let escaped = (byte == b'%')
            .then(|| path.get(index + 1..index + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        index += if escaped.is_some() { 3 } else { 1 };
        let byte = escaped.unwrap_or(byte);
        // A slash that was escaped is part of a name.
        let keep = byte == b'/' && escaped.is_some();
        if keep || !(0x21..0x7f).contains(&byte) || b"\"#<>?^`{}".contains(&byte) {
            normalized.push_str(&format!("%{byte:02X}"));
        } else {
            normalized.push(char::from(byte));
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_referrers_folder() {
        let resolve = |specifier, referrer| Naming::Paths.resolve(specifier, referrer);
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(resolve("./c", "a/b"), some("a/c"));
        assert_eq!(resolve("c//./d", "a/b"), some("a/c/d"));
        assert_eq!(resolve("/c", "a/b"), some("c"));
        assert_eq!(resolve("node:path", "a/b"), some("node:path"));
        assert_eq!(resolve("../../c", "a/b"), None);
        assert_eq!(resolve("a\0b", "a"), None);
        assert_eq!(resolve("", "a"), some(""));
    }

    #[test]
    fn urls_are_seen_from_the_referrer() {
        let resolve = |specifier, referrer| Naming::Urls.resolve(specifier, referrer);
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            resolve("../c", "file:///bundle/a/b"),
            some("file:///bundle/c")
        );
        assert_eq!(
            resolve("%66oo%2fx", "worker"),
            some("file:///bundle/foo%2Fx")
        );
        assert_eq!(resolve("部", "worker"), some("file:///bundle/%E9%83%A8"));
        assert_eq!(resolve("https://", "worker"), None);
        assert_eq!(
            Naming::Urls.definition("file:///bundle/a?b#c"),
            "file:///bundle/a"
        );
    }

    #[test]
    fn names_of_modules_stay_in_the_bundle() {
        let name = |name| Naming::Urls.of_module(name).unwrap_or_default();
        assert_eq!(name("    ..//////outside    "), "file:///bundle/outside");
        assert_eq!(name("/%61bc?abc#123"), "file:///bundle/abc");
        assert_eq!(name("https://example.com/mod"), "https://example.com/mod");
        assert_eq!(name("cloudflare:mine"), "");
        assert_eq!(name(""), "");
        assert!(Naming::Paths.of_module("../a").is_err());
    }

    #[test]
    fn files_of_the_bundle_have_the_paths_of_urls() {
        let path = |name: &str| path_in_bundle(name).unwrap_or_default();
        assert_eq!(path("sub/a b"), "/sub/a%20b");
        assert_eq!(path("%61"), "/a");
        assert_eq!(path("file:///bundle/sub/a"), "/sub/a");
        assert_eq!(path("https://a.example/b"), "");
        assert_eq!(path("file://host/b"), "");
    }

    #[test]
    fn common_js_sees_absolute_paths() {
        let both = |file: &str, folder: &str| Some((file.to_owned(), folder.to_owned()));
        assert_eq!(Naming::Paths.file_and_folder("a/b"), both("/a/b", "/a"));
        assert_eq!(Naming::Paths.file_and_folder("a"), both("/a", "/"));
        let full = "file:///bundle/a";
        assert_eq!(
            Naming::Urls.file_and_folder(full),
            both("/bundle/a", "/bundle")
        );
        assert_eq!(Naming::Urls.file_and_folder("opaque:a"), both("/a", "/"));
        for fileless in ["opaque:", "https://a.example/"] {
            assert_eq!(Naming::Urls.file_and_folder(fileless), None);
        }
    }
}
