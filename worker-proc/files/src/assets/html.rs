//! `html_handling`: at which one path each HTML file is served, and what other paths lead there.

use serde::Deserialize;

/// The form of the paths of HTML files.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Shape {
    /// `/about`, and `/sub/` for `/sub/index.html`.
    #[default]
    #[serde(rename = "auto-trailing-slash")]
    Auto,
    /// `/about/` and `/sub/`.
    #[serde(rename = "force-trailing-slash")]
    Force,
    /// `/about` and `/sub`.
    #[serde(rename = "drop-trailing-slash")]
    Drop,
    /// As the files are named.
    #[serde(rename = "none")]
    None,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Answer<F> {
    /// A file.
    Serve(F),
    /// A decoded path that serves it.
    Redirect(String),
}

const HTML: &str = ".html";
const INDEX: &str = "/index.html";

impl Shape {
    /// The path of a file; of any but an HTML file its name.
    pub fn canonical(self, file: &str) -> String {
        let (stem, is_index) = match (file.strip_suffix(INDEX), file.strip_suffix(HTML)) {
            _ if self == Self::None => return file.to_owned(),
            (Some(folder), _) => (folder, true),
            (None, Some(stem)) if !stem.ends_with('/') => (stem, false),
            (None, _) => return file.to_owned(),
        };
        match self {
            Self::Auto if !is_index => stem.to_owned(),
            Self::Drop if !stem.is_empty() => stem.to_owned(),
            _ => format!("{stem}/"),
        }
    }

    /// The files that a path can mean, the one that it names best first.
    pub fn candidates(self, path: &str) -> Vec<String> {
        let page = |stem: &str| format!("{stem}{HTML}");
        let index = |folder: &str| format!("{folder}{INDEX}");
        let own = path.to_owned();
        if self == Self::None {
            return vec![own];
        }
        if let Some(folder) = path.strip_suffix('/') {
            return vec![index(folder), page(folder)];
        }
        if let Some(folder) = path.strip_suffix("/index") {
            return vec![own, index(folder), page(folder)];
        }
        if let Some(folder) = path.strip_suffix(INDEX) {
            return vec![own, page(folder)];
        }
        match path.strip_suffix(HTML) {
            Some(stem) => vec![own, index(stem)],
            None => vec![own, page(path), index(path)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_path() {
        for (file, auto, force, drop) in [
            ("/about.html", "/about", "/about/", "/about"),
            ("/sub/index.html", "/sub/", "/sub/", "/sub"),
            ("/index.html", "/", "/", "/"),
            ("/a.css", "/a.css", "/a.css", "/a.css"),
            ("/sub/.html", "/sub/.html", "/sub/.html", "/sub/.html"),
        ] {
            assert_eq!(Shape::Auto.canonical(file), auto);
            assert_eq!(Shape::Force.canonical(file), force);
            assert_eq!(Shape::Drop.canonical(file), drop);
            assert_eq!(Shape::None.canonical(file), file);
        }
    }
}
