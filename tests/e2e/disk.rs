//! Disk services by HTTP: what is in the folder, nothing that is not, and uploads that are whole.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tests::folder::Folder;
use tests::http::{Answer, Client};
use tests::server::{Server, Start};

use crate::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "files", disk = (path = "files", writable = true)),
    (name = "all", disk = (path = "files", allowDotfiles = true)),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "files"),
    (name = "all", address = "127.0.0.1:0", http = (), service = "all"),
  ],
);
"#;

/// More than a socket's buffers take.
const LARGE_BYTES: usize = 64 << 20;

fn start() -> (Folder, Server) {
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("files/a.txt", "0123456789"),
        ("files/.hidden", "hidden"),
        ("files/sub/deep/b.txt", "b"),
        ("secret/s.txt", "secret"),
    ]);
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .start();
    (folder, server)
}

fn ask(server: &Server, method: &str, path: &str, headers: &str) -> Answer {
    let mut client = Client::connect(&server.address("http")).expect("a connection");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    client.send(request.as_bytes()).expect("a sent request");
    client.read(method == "HEAD").expect("an answer")
}

fn put(server: &Server, path: &str, body: &str) -> u16 {
    let mut client = Client::connect(&server.address("http")).expect("a connection");
    let length = body.len();
    let request =
        format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
    client.send(request.as_bytes()).expect("a sent request");
    client.answer().expect("an answer").status
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn no_path_and_no_link_leads_out_of_the_folder() {
    let (folder, server) = start();
    let link =
        |to: &Path, name: &str| symlink(to, folder.path("files").join(name)).expect("a link");
    link(Path::new("../secret"), "up");
    link(&folder.path("secret/s.txt"), "absolute");
    link(Path::new("sub/../../secret/s.txt"), "winding");
    link(Path::new("/proc/self/root"), "magic");
    link(Path::new("a.txt"), "within");
    link(Path::new("../a.txt"), "sub/above");
    link(Path::new("sub"), "folder");
    for path in [
        "/up",
        "/up/s.txt",
        "/absolute",
        "/winding",
        "/magic",
        "/magic/etc/passwd",
        "/../secret/s.txt",
        "/sub/../../secret/s.txt",
        "/%2e%2e/secret/s.txt",
        "/..%2fsecret%2fs.txt",
        "/sub/..%2f..%2fsecret/s.txt",
        "/%2e%2e%2fsecret/s.txt",
        "/..%5csecret/s.txt",
        "/%00/../secret/s.txt",
        "//secret/s.txt",
        "/.hidden",
        "/%2ehidden",
    ] {
        let answer = ask(&server, "GET", path, "");
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains("secret"), "{path}");
    }
    for path in ["/up/new.txt", "/magic/tmp/new.txt", "/.new"] {
        assert_eq!(put(&server, path, "new"), 403, "{path}");
    }
    assert_eq!(ask(&server, "DELETE", "/up/s.txt", "").status, 403);
    for path in ["/within", "/sub/above"] {
        assert_eq!(ask(&server, "GET", path, "").text(), "0123456789", "{path}");
    }
    // A link is replaced and removed itself.
    assert_eq!(put(&server, "/within", "other"), 204);
    assert_eq!(put(&server, "/absolute", "other"), 204);
    assert_eq!(put(&server, "/folder/new.txt", "new"), 204);
    assert_eq!(ask(&server, "DELETE", "/up", "").status, 204);
    assert_eq!(
        fs::read(folder.path("files/a.txt")).expect("a file"),
        b"0123456789"
    );
    assert_eq!(
        fs::read(folder.path("files/sub/new.txt")).expect("a file"),
        b"new"
    );
    assert_eq!(names(&folder.path("secret")), ["s.txt"]);
    assert_eq!(
        fs::read(folder.path("secret/s.txt")).expect("a file"),
        b"secret"
    );
    let all = tests::http::get(&server.address("all"), "/.hidden").expect("an answer");
    assert_eq!(all.text(), "hidden");
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let (folder, server) = start();
    mkfifo(&folder.path("files/pipe"), Mode::S_IRWXU).expect("a pipe");
    let socket = std::os::unix::net::UnixListener::bind(folder.path("files/socket"));
    assert_eq!(ask(&server, "GET", "/pipe", "").status, 406);
    assert_eq!(ask(&server, "GET", "/socket", "").status, 406);
    drop(socket);
}

#[test]
fn what_a_client_has_is_not_sent_again() {
    let (_folder, server) = start();
    let first = ask(&server, "GET", "/a.txt", "");
    let tag = first.header("etag").expect("a tag").to_owned();
    let date = first.header("last-modified").expect("a date").to_owned();
    let status = |headers: &str| ask(&server, "GET", "/a.txt", headers).status;
    assert_eq!(status(&format!("If-None-Match: {tag}\r\n")), 304);
    assert_eq!(status("If-None-Match: \"other\"\r\n"), 200);
    assert_eq!(status(&format!("If-Modified-Since: {date}\r\n")), 304);
    assert_eq!(
        status(&format!("If-Range: {tag}\r\nRange: bytes=2-3\r\n")),
        206
    );
    assert_eq!(status("If-Range: \"other\"\r\nRange: bytes=2-3\r\n"), 200);
    assert_eq!(put(&server, "/a.txt", "abcdefghij"), 204);
    assert_eq!(status(&format!("If-None-Match: {tag}\r\n")), 200);
    let part = "Content-Range: bytes 0-0/10\r\nContent-Length: 0\r\n";
    assert_eq!(ask(&server, "PUT", "/a.txt", part).status, 400);
}

#[test]
fn an_upload_is_whole_or_was_never_there() {
    let (folder, server) = start();
    let files = folder.path("files");
    let before = names(&files);
    let mut client = Client::connect(&server.address("http")).expect("a connection");
    let head = "PUT /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    client.send(head.as_bytes()).expect("a sent request");
    client.send(&[b'x'; 50_000]).expect("half of a body");
    // It is under way once there is something to be taken away.
    while names(&files) == before {
        std::thread::yield_now();
    }
    assert_eq!(ask(&server, "GET", "/a.txt", "").text(), "0123456789");
    drop(client);
    while names(&files) != before {
        std::thread::yield_now();
    }
    assert_eq!(ask(&server, "GET", "/a.txt", "").text(), "0123456789");
    let long = "n".repeat(255);
    assert_eq!(put(&server, &format!("/{long}"), "long"), 204);
    assert_eq!(ask(&server, "DELETE", &format!("/{long}"), "").status, 204);
    assert_eq!(ask(&server, "DELETE", "/sub", "").status, 204);
    assert_eq!(names(&files), [".hidden", "a.txt"]);
}

#[test]
fn a_large_file_comes_as_it_is_read() {
    let (folder, server) = start();
    let bytes: Vec<u8> = (0..LARGE_BYTES).map(|index| (index / 4099) as u8).collect();
    fs::write(folder.path("files/large"), &bytes).expect("a file");
    let resident = || {
        let status =
            fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a process");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("its memory");
        let kib: usize = line
            .split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse().ok())
            .expect("a number");
        kib << 10
    };
    let before = resident();
    // Clients that do not read.
    let request = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut clients: Vec<_> = (0..8)
        .map(|_| {
            let mut client = Client::connect(&server.address("http")).expect("a connection");
            client.send(request).expect("a sent request");
            client.head().expect("the head");
            client
        })
        .collect();
    let grown = resident().saturating_sub(before);
    assert!(
        grown < LARGE_BYTES,
        "{grown} bytes for files that nobody reads"
    );
    let all = clients.remove(0).take(LARGE_BYTES).expect("the file");
    assert!(all == bytes, "the file is another one");
    let range = format!("Range: bytes={}-\r\n", LARGE_BYTES - 300_000);
    let end = ask(&server, "GET", "/large", &range);
    assert_eq!((end.status, end.body.len()), (206, 300_000));
    assert!(bytes.ends_with(&end.body), "the part is another one");
}

/// Content of which each place looks different.
fn content(bytes: usize) -> Vec<u8> {
    let numbers = (0u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
    numbers.take(bytes).collect()
}

#[test]
fn parts_of_files_are_those_that_were_asked_for() {
    let (folder, server) = start();
    let large = content(3_000_000);
    fs::write(folder.path("files/large"), &large).expect("a file");
    let mut client = Client::connect(&server.address("http")).expect("a connection");
    // One connection, as an answer must end where the next one begins.
    for (first, last) in [
        (0, 2_999_998),
        (0, 20_000),
        (1, 524_288),
        (524_287, 1_048_577),
        (2_900_000, 2_999_999),
    ] {
        for path in ["/large", "/a.txt"] {
            let range = if path == "/large" {
                (first, last)
            } else {
                (2, 4)
            };
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nRange: bytes={}-{}\r\n\r\n",
                range.0, range.1
            );
            client.send(request.as_bytes()).expect("a sent request");
            let answer = client.answer().expect("an answer");
            assert_eq!(answer.status, 206);
            let right = if path == "/large" {
                &large[first..=last]
            } else {
                b"234"
            };
            assert!(
                answer.body == right,
                "{path}, from {} to {}",
                range.0,
                range.1
            );
        }
    }
}

#[test]
fn many_slow_readers_get_their_own_bytes() {
    let (folder, server) = start();
    let large = content(LARGE_BYTES / 8);
    fs::write(folder.path("files/large"), &large).expect("a file");
    // More than are sent by the kernel at once.
    let mut clients: Vec<_> = (0..150)
        .map(|n| {
            let mut client = Client::connect(&server.address("http")).expect("a connection");
            let (first, last) = (n * 1000, n * 1000 + 6_000_000);
            let request =
                format!("GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes={first}-{last}\r\n\r\n");
            client.send(request.as_bytes()).expect("a sent request");
            (client, first, last)
        })
        .collect();
    assert_eq!(ask(&server, "GET", "/a.txt", "").text(), "0123456789");
    for (client, first, last) in &mut clients {
        let answer = client.answer().expect("an answer");
        assert!(answer.body == large[*first..=*last], "from {first}");
    }
}

#[test]
fn a_file_that_becomes_shorter_breaks_its_answer() {
    let (folder, server) = start();
    let path = folder.path("files/large");
    fs::write(&path, vec![1; LARGE_BYTES]).expect("a file");
    let mut client = Client::connect(&server.address("http")).expect("a connection");
    client
        .send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("a sent request");
    std::thread::sleep(std::time::Duration::from_millis(300));
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_len(1000))
        .expect("a shorter file");
    assert!(client.answer().is_err(), "the answer looks whole");
    assert_eq!(ask(&server, "GET", "/a.txt", "").text(), "0123456789");
}
