//! What a URL's path names: the folders and the file below a folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A path below a folder, of names that a folder can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Joined by `/`; empty is the folder itself.
    joined: Vec<u8>,
}

impl Names {
    /// The decoded names of a URL's path; none if a folder cannot have one of them, or must not show it. A `/` at the end is ignored.
    pub fn of_url(url: &str, dotfiles: bool) -> Option<Self> {
        let path = path_of(url);
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut joined = Vec::new();
        if path.is_empty() {
            return Some(Self { joined });
        }
        for encoded in path.split('/') {
            let start = joined.len() + usize::from(!joined.is_empty());
            if start > 0 {
                joined.push(b'/');
            }
            joined.extend(percent_decode_str(encoded));
            if !is_name(&joined[start..], dotfiles) {
                return None;
            }
        }
        Some(Self { joined })
    }

    /// The names of a decoded path, whatever they start with; none if a folder cannot have one of them.
    pub fn of_path(path: &str) -> Option<Self> {
        let joined = path.strip_prefix('/').unwrap_or(path);
        let is_one = |name: &str| is_name(name.as_bytes(), true);
        joined.split('/').all(is_one).then(|| Self {
            joined: joined.as_bytes().to_vec(),
        })
    }

    /// The folder itself is meant.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }

    pub fn path(&self) -> &Path {
        match self.is_empty() {
            true => Path::new("."),
            false => Path::new(OsStr::from_bytes(&self.joined)),
        }
    }

    /// The path to what is named last, `.` if that is in the folder itself, and its name.
    pub fn parent_and_name(&self) -> (&Path, &OsStr) {
        let path = self.path();
        let parent = path.parent().filter(|parent| parent != &Path::new(""));
        let name = path.file_name().unwrap_or_default();
        (parent.unwrap_or(Path::new(".")), name)
    }
}

/// The path of an absolute URL, without query and fragment.
pub fn path_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let end = after.find(['?', '#']).unwrap_or(after.len());
    let after = &after[..end];
    after.find('/').map_or("", |start| &after[start..])
}

/// The query of an absolute URL with its `?`, or nothing.
pub fn query_of(url: &str) -> &str {
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    url.find('?').map_or("", |start| &url[start..])
}

/// The host of an absolute URL, without its port.
pub fn host_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let authority = &after[..after.find(['/', '?', '#']).unwrap_or(after.len())];
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    }
}

/// What an encoded path says, name by name, without empty ones in between. A name that is no text stays as it is.
pub fn decoded_path(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    for encoded in path.split('/') {
        let name = percent_decode_str(encoded).decode_utf8();
        decoded.push_str(name.as_deref().unwrap_or(encoded));
        decoded.push('/');
    }
    decoded.pop();
    while decoded.contains("//") {
        decoded = decoded.replace("//", "/");
    }
    decoded
}

/// A decoded path as URLs have it.
pub fn encoded_path(path: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'!')
        .remove(b'~')
        .remove(b'*')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')');
    let names = path
        .split('/')
        .map(|name| utf8_percent_encode(name, ENCODED).to_string());
    names.collect::<Vec<_>>().join("/")
}

fn is_name(name: &[u8], dotfiles: bool) -> bool {
    let shows = match name {
        b"" | b"." | b".." => false,
        [b'.', ..] => dotfiles,
        _ => true,
    };
    shows && !name.contains(&b'/') && !name.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_path() {
        let named = |path: &str| {
            let names = Names::of_url(&format!("http://h{path}"), false)?;
            Some(String::from_utf8_lossy(&names.joined).into_owned())
        };
        for (path, expected) in [
            ("", ""),
            ("/", ""),
            ("//", ""),
            ("/?q=/x", ""),
            ("/a", "a"),
            ("/a/", "a"),
            ("/a/b?c#d", "a/b"),
            ("/a%20b/%2Bc", "a b/+c"),
            ("/a%zz", "a%zz"),
            ("/%", "%"),
        ] {
            assert_eq!(named(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "//a", "/a//b", "/a//", "///", "/.", "/..", "/a/../b", "/%2e%2E", "/a%2fb", "/%2f",
            "/a%00", "/.a", "/a/.b", "/%2ea",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
    }

    #[test]
    fn names_with_a_dot_are_shown_where_that_is_wanted() {
        for (path, shown) in [
            ("/.a", true),
            ("/a/.b", true),
            ("/...", true),
            ("/.", false),
        ] {
            let names = Names::of_url(&format!("http://h{path}"), true);
            assert_eq!(names.is_some(), shown, "{path}");
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(path_of("http://h/a/b?c/d#e"), "/a/b");
        assert_eq!(query_of("http://h/a?b?c#d?e"), "?b?c");
        assert_eq!(query_of("http://h/a#d?e"), "");
        for (url, host) in [
            ("http://h.example:80/a:1", "h.example"),
            ("http://h?q:1", "h"),
            ("http://[::1]/", "[::1]"),
            ("http://[::1]:80/", "[::1]"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    #[test]
    fn paths_are_decoded_and_encoded() {
        for (path, decoded, encoded) in [
            ("/a%20b/%C3%A9", "/a b/\u{e9}", "/a%20b/%C3%A9"),
            ("//a///b/", "/a/b/", "/a/b/"),
            ("/a+b", "/a+b", "/a%2Bb"),
            ("/%61", "/a", "/a"),
            ("/%ff", "/%ff", "/%25ff"),
            ("/a%2fb", "/a/b", "/a/b"),
        ] {
            assert_eq!(decoded_path(path), decoded);
            assert_eq!(encoded_path(decoded), encoded);
        }
    }

    #[test]
    fn the_last_name_is_in_its_parent() {
        let split = |path: &str| {
            let names = Names::of_url(&format!("http://h{path}"), false).unwrap();
            let (parent, name) = names.parent_and_name();
            (parent.to_owned(), name.to_owned())
        };
        assert_eq!(split("/a"), (".".into(), "a".into()));
        assert_eq!(split("/a/b/c"), ("a/b".into(), "c".into()));
    }
}
