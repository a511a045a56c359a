//! The content types of assets, by the endings of their names.

/// The types that are told; of others none is.
const TYPES: [(&[&str], &str); 41] = [
    (&["html", "htm"], "text/html; charset=utf-8"),
    (&["css"], "text/css; charset=utf-8"),
    (&["js", "mjs", "cjs"], "text/javascript; charset=utf-8"),
    (&["txt"], "text/plain; charset=utf-8"),
    (&["md"], "text/markdown; charset=utf-8"),
    (&["csv"], "text/csv; charset=utf-8"),
    (&["ics"], "text/calendar; charset=utf-8"),
    (&["json", "map"], "application/json"),
    (&["jsonld"], "application/ld+json"),
    (&["webmanifest"], "application/manifest+json"),
    (&["xml"], "application/xml"),
    (&["rss"], "application/rss+xml"),
    (&["atom"], "application/atom+xml"),
    (&["wasm"], "application/wasm"),
    (&["pdf"], "application/pdf"),
    (&["zip"], "application/zip"),
    (&["gz"], "application/gzip"),
    (&["tar"], "application/x-tar"),
    (&["svg"], "image/svg+xml"),
    (&["png"], "image/png"),
    (&["apng"], "image/apng"),
    (&["jpg", "jpeg"], "image/jpeg"),
    (&["gif"], "image/gif"),
    (&["webp"], "image/webp"),
    (&["avif"], "image/avif"),
    (&["bmp"], "image/bmp"),
    (&["ico"], "image/vnd.microsoft.icon"),
    (&["woff"], "font/woff"),
    (&["woff2"], "font/woff2"),
    (&["ttf"], "font/ttf"),
    (&["otf"], "font/otf"),
    (&["eot"], "application/vnd.ms-fontobject"),
    (&["mp4"], "video/mp4"),
    (&["webm"], "video/webm"),
    (&["ogv"], "video/ogg"),
    (&["mov"], "video/quicktime"),
    (&["mp3"], "audio/mpeg"),
    (&["m4a"], "audio/mp4"),
    (&["wav"], "audio/wav"),
    (&["ogg"], "audio/ogg"),
    (&["flac"], "audio/flac"),
];

/// The type of a file of that name.
pub fn of(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next()?;
    let (_, ending) = file.rsplit_once('.')?;
    let is_one = |endings: &[&str]| endings.iter().any(|one| one.eq_ignore_ascii_case(ending));
    let known = TYPES.iter().find(|(endings, _)| is_one(endings));
    known.map(|(_, kind)| *kind)
}
