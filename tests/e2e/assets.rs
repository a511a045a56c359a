//! Assets services by HTTP: which path leads to which file, and what answers where none does.

use std::os::unix::fs::symlink;

use tests::folder::Folder;
use tests::http::{Answer, Client};
use tests::server::{Server, Start};

use crate::program;

const FILES: [(&str, &str); 15] = [
    ("site/index.html", "index"),
    ("site/about.html", "about"),
    ("site/sub/index.html", "sub"),
    ("site/both.html", "both.html"),
    ("site/both/index.html", "both/index"),
    ("site/404.html", "not found"),
    ("site/deep/404.html", "not found deep"),
    ("site/deep/er/x.html", "x"),
    ("site/style.css", "css"),
    ("site/noext", "plain"),
    ("site/.dot", "dot"),
    ("site/_headers", "text"),
    ("site/a.secret", "secret"),
    ("site/sp ace+\u{e9}.html", "named"),
    ("secret.txt", "secret"),
];

/// A server of these services, each with its config and, if it has one, its worker.
fn start(services: &[(&str, &str, bool)]) -> (Folder, Server) {
    let folder = Folder::new(&FILES);
    let mut config = String::from(
        "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = (\n  services = [\n    \
         (name = \"user\", worker = (compatibilityDate = \"2026-01-01\", modules = [(name = \"w.js\", esModule = embed \
         \"w.js\")])),\n",
    );
    let mut sockets = String::from(
        "    (name = \"http\", address = \"127.0.0.1:0\", http = (), service = \"user\"),\n",
    );
    for (name, rules, has_worker) in services {
        let behind = match has_worker {
            true => "userWorker = \"user\"",
            false => "compatibilityDate = \"2026-01-01\"",
        };
        config.push_str(&format!(
            "    (name = \"{name}\", assets = (path = \"site\", config = {rules:?}, {behind})),\n"
        ));
        for (socket, entrypoint) in [
            (*name, ""),
            (&format!("{name}-files"), ", entrypoint = \"AssetWorker\""),
        ] {
            sockets.push_str(&format!(
                "    (name = \"{socket}\", address = \"127.0.0.1:0\", http = (), service = (name = \"{name}\"{entrypoint})),\n"
            ));
        }
    }
    folder.write(
        "config.capnp",
        &format!("{config}  ],\n  sockets = [\n{sockets}  ]);\n"),
    );
    folder.write(
        "w.js",
        "export default { fetch: (request) => new Response(`worker ${request.method} ${new URL(request.url).pathname}`) };",
    );
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .arg("--experimental")
        .start();
    (folder, server)
}

fn ask(server: &Server, socket: &str, method: &str, path: &str, headers: &str) -> Answer {
    let mut client = Client::connect(&server.address(socket)).expect("a connection");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n");
    client.send(request.as_bytes()).expect("a sent request");
    client.read(method == "HEAD").expect("an answer")
}

/// What a request leads to: a body, or the path that it is redirected to.
fn leads_to(server: &Server, socket: &str, path: &str) -> String {
    let answer = ask(server, socket, "GET", path, "");
    match answer.status {
        200 => answer.text().to_owned(),
        301..=308 => format!(
            "{} {}",
            answer.status,
            answer.header("location").expect("a place")
        ),
        status => format!("{status} {}", answer.text()),
    }
}

/// As on the published binary.
#[test]
fn paths_lead_to_files() {
    let (_folder, server) = start(&[
        ("auto", "{}", true),
        (
            "force",
            "{\"html_handling\":\"force-trailing-slash\"}",
            true,
        ),
        ("drop", "{\"html_handling\":\"drop-trailing-slash\"}", true),
        ("none", "{\"html_handling\":\"none\"}", true),
    ]);
    let rows = [
        ("/", "index", "index", "index", "worker GET /"),
        (
            "/about",
            "about",
            "307 /about/",
            "about",
            "worker GET /about",
        ),
        (
            "/about/",
            "307 /about",
            "about",
            "307 /about",
            "worker GET /about/",
        ),
        (
            "/about.html",
            "307 /about",
            "307 /about/",
            "307 /about",
            "about",
        ),
        (
            "/about.html?q=1",
            "307 /about?q=1",
            "307 /about/?q=1",
            "307 /about?q=1",
            "about",
        ),
        ("/sub", "307 /sub/", "307 /sub/", "sub", "worker GET /sub"),
        ("/sub/", "sub", "sub", "307 /sub", "worker GET /sub/"),
        (
            "/sub/index.html",
            "307 /sub/",
            "307 /sub/",
            "307 /sub",
            "sub",
        ),
        (
            "/sub/index",
            "307 /sub/",
            "307 /sub/",
            "307 /sub",
            "worker GET /sub/index",
        ),
        (
            "/both",
            "both.html",
            "307 /both/",
            "both.html",
            "worker GET /both",
        ),
        (
            "/both/",
            "both/index",
            "both/index",
            "307 /both",
            "worker GET /both/",
        ),
        (
            "/both.html",
            "307 /both",
            "both.html",
            "307 /both",
            "both.html",
        ),
        (
            "/both/index.html",
            "307 /both/",
            "307 /both/",
            "both/index",
            "both/index",
        ),
        ("/index", "307 /", "307 /", "307 /", "worker GET /index"),
        ("/index.html", "307 /", "307 /", "307 /", "index"),
        ("/style.css", "css", "css", "css", "css"),
        (
            "/style.css/",
            "worker GET /style.css/",
            "worker GET /style.css/",
            "worker GET /style.css/",
            "worker GET /style.css/",
        ),
        ("/noext", "plain", "plain", "plain", "plain"),
        ("/.dot", "dot", "dot", "dot", "dot"),
        (
            "//about",
            "307 /about",
            "307 /about/",
            "307 /about",
            "worker GET //about",
        ),
        (
            "/%61bout",
            "307 /about",
            "307 /about/",
            "307 /about",
            "worker GET /%61bout",
        ),
        (
            "/sp%20ace%2B%C3%A9",
            "named",
            "307 /sp%20ace%2B%C3%A9/",
            "named",
            "worker GET /sp%20ace%2B%C3%A9",
        ),
        (
            "/sp%20ace+%C3%A9.html",
            "307 /sp%20ace%2B%C3%A9",
            "307 /sp%20ace%2B%C3%A9/",
            "307 /sp%20ace%2B%C3%A9",
            "307 /sp%20ace%2B%C3%A9.html",
        ),
        (
            "/_headers",
            "worker GET /_headers",
            "worker GET /_headers",
            "worker GET /_headers",
            "worker GET /_headers",
        ),
        (
            "/deep",
            "worker GET /deep",
            "worker GET /deep",
            "worker GET /deep",
            "worker GET /deep",
        ),
    ];
    for (path, auto, force, drop, none) in rows {
        for (socket, expected) in [
            ("auto", auto),
            ("force", force),
            ("drop", drop),
            ("none", none),
        ] {
            assert_eq!(leads_to(&server, socket, path), expected, "{socket} {path}");
        }
    }
    assert_eq!(leads_to(&server, "auto-files", "/none"), "404 ");
    assert_eq!(ask(&server, "auto", "POST", "/about", "").status, 405);
    assert_eq!(
        ask(&server, "auto", "POST", "/none", "").text(),
        "worker POST /none"
    );
}

#[test]
fn files_have_types_tags_and_control() {
    let rules = "{\"headers\":\"/style.css\\n  X-A: 1\\n  X-A: 2\\n  Cache-Control: no-store\\n/*\\n  X-All: yes\\n\"}";
    let (_folder, server) = start(&[("as", rules, true)]);
    let answer = ask(&server, "as", "GET", "/about", "");
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=0, must-revalidate")
    );
    assert_eq!(answer.header("x-all"), Some("yes"));
    let tag = answer.header("etag").expect("a tag").to_owned();
    for (known, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        ("*".to_owned(), 200),
    ] {
        let header = format!("If-None-Match: {known}\r\n");
        assert_eq!(
            ask(&server, "as", "GET", "/about", &header).status,
            status,
            "{known}"
        );
    }
    let answer = ask(&server, "as", "GET", "/style.css", "Range: bytes=0-0\r\n");
    assert_eq!((answer.status, answer.text()), (200, "css"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-a"), Some("1, 2"));
    let head = ask(&server, "as", "HEAD", "/style.css", "");
    assert_eq!(head.header("content-length"), Some("3"));
    assert_eq!(
        ask(&server, "as", "GET", "/noext", "").header("content-type"),
        None
    );
    assert_eq!(ask(&server, "as", "GET", "/none", "").header("x-all"), None);
}

#[test]
fn what_is_missing_is_handled() {
    let page = "{\"not_found_handling\":\"404-page\"}";
    let spa = "{\"not_found_handling\":\"single-page-application\"}";
    let routed = "{\"not_found_handling\":\"single-page-application\",\"run_worker_first\":[\"/api/*\",\"!/api/x\"]}";
    let (_folder, server) = start(&[
        ("page", page, true),
        ("alone", page, false),
        ("spa", spa, true),
        ("routed", routed, true),
        ("base", "{\"base_path\":\"/app\"}", true),
        ("first", "{\"run_worker_first\":true}", true),
    ]);
    let navigate = "Sec-Fetch-Mode: navigate\r\n";
    for (socket, path, headers, status, text) in [
        ("page", "/none", "", 200, "worker GET /none"),
        ("page", "/none", navigate, 404, "not found"),
        ("page", "/deep/er/none", navigate, 404, "not found deep"),
        ("alone", "/deep/none", "", 404, "not found deep"),
        ("alone", "/none", "", 404, "not found"),
        ("spa", "/none", "", 200, "worker GET /none"),
        ("spa", "/none", navigate, 200, "index"),
        ("routed", "/none", "", 200, "index"),
        ("routed", "/api/about", "", 200, "worker GET /api/about"),
        ("routed", "/api/x", "", 200, "index"),
        ("base", "/app/about", "", 200, "about"),
        ("base", "/about", "", 200, "worker GET /about"),
        ("base", "/application", "", 200, "worker GET /application"),
        ("first", "/about", "", 200, "worker GET /about"),
        ("first-files", "/about", "", 200, "about"),
    ] {
        let answer = ask(&server, socket, "GET", path, headers);
        assert_eq!(
            (answer.status, answer.text()),
            (status, text),
            "{socket} {path} {headers}"
        );
    }
    assert_eq!(leads_to(&server, "base", "/app?q"), "307 /app/?q");
    assert_eq!(
        leads_to(&server, "base", "/app/about.html"),
        "307 /app/about"
    );
}

#[test]
fn redirects_go_before_files() {
    let rules = "{\"redirects\":\"/r1 /about 301\\n/old/* /new/:splat\\n/style.css /about 200\\n/bad\\n\",\
                 \"ignore\":\"*.secret\\n\"}";
    let (folder, server) = start(&[("as", rules, true)]);
    for (path, expected) in [
        ("/r1?x=1", "301 /about?x=1"),
        ("/old/a/b", "302 /new/a/b"),
        ("/style.css", "about"),
        ("/a.secret", "worker GET /a.secret"),
    ] {
        assert_eq!(leads_to(&server, "as", path), expected, "{path}");
    }
    server.complaint("service as: Found 1 invalid redirect rule(s):");
    symlink("../secret.txt", folder.path("site/link.txt")).expect("a link");
    symlink("about.html", folder.path("site/within.html")).expect("a link");
    for path in [
        "/link.txt",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/deep/..%2f..%2fsecret.txt",
    ] {
        assert!(
            !leads_to(&server, "as", path).starts_with("secret"),
            "{path}"
        );
    }
    assert_eq!(leads_to(&server, "as", "/within"), "about");
}
