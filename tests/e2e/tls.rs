//! Sockets and external servers of kind `https`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use tests::DEADLINE;
use tests::folder::Folder;
use tests::server::{Server, Start};
use tests::stream::Address;

use super::program;

/// The worker says by which URL it was called, or what the service `EXTERNAL` says.
const WORKER: &str = r#"
export default {
  async fetch(request, env) {
    if (!request.url.startsWith("http:")) return new Response(request.url);
    return env.EXTERNAL.fetch("http://external/path").catch((error) => new Response(`${error}`));
  },
};
"#;

/// SERVER and CLIENT are `TlsOptions`.
const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      bindings = [(name = "EXTERNAL", service = "external")])),
    (name = "external", external = (
      address = "unix:tls.sock", https = (certificateHost = "localhost", tlsOptions = (CLIENT)))),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "https", address = "127.0.0.1:0", https = (tlsOptions = (SERVER)), service = "main"),
    (name = "unix", address = "unix:tls.sock", https = (tlsOptions = (SERVER)), service = "main"),
  ],
);
"#;

const KEYPAIR: &str =
    r#"keypair = (privateKey = embed "key.pem", certificateChain = embed "cert.pem")"#;
const TRUST: &str = r#"trustedCertificates = [embed "ca.pem"]"#;

/// The certificates of an authority and of `localhost`, and the key of that, as PEM.
pub fn certificates() -> [(&'static str, String); 3] {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &Issuer::new(authority, authority_key))
        .unwrap();
    [
        ("ca.pem", authority_pem),
        ("cert.pem", certificate.pem()),
        ("key.pem", key.serialize_pem()),
    ]
}

fn folder(server: &str, client: &str) -> Folder {
    let config = CONFIG.replace("SERVER", server).replace("CLIENT", client);
    let folder = Folder::new(&[("worker.js", WORKER), ("config.capnp", &config)]);
    for (name, pem) in certificates() {
        folder.write(name, &pem);
    }
    folder
}

fn start(folder: &Folder) -> Server {
    Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .start()
}

/// A client that trusts the folder's authority and offers these protocols.
fn client(folder: &Folder, protocols: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = std::fs::read(folder.path("ca.pem")).unwrap();
    roots
        .add(CertificateDer::from_pem_slice(&authority).unwrap())
        .unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    Arc::new(config)
}

/// A connection to the socket `https`, with the handshake done.
fn shake(client: &Arc<ClientConfig>, server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
    let Address::Loopback(port) = server.address("https") else {
        panic!("a port");
    };
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(client.clone(), name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}

/// What HTTP/1.1 gets.
fn get(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> String {
    stream
        .write_all(b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks the socket `https`: the protocol agreed on, and the answer where it is HTTP/1.1.
fn ask(folder: &Folder, server: &Server, protocols: &[&str]) -> (Option<Vec<u8>>, String) {
    let mut stream = shake(&client(folder, protocols), server);
    let protocol = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
    let is_http2 = protocol.as_deref() == Some(b"h2");
    let answer = if is_http2 {
        String::new()
    } else {
        get(&mut stream)
    };
    (protocol, answer)
}

#[test]
fn a_session_is_resumed_by_every_process() {
    let folder = folder(KEYPAIR, "");
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .processes(2)
        .start();
    let client = client(&folder, &[]);
    let resumes = || {
        let mut stream = shake(&client, &server);
        assert!(get(&mut stream).starts_with("HTTP/1.1 200"));
        stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    };
    assert!(!resumes());
    // That all of these come to one of the two processes, nobody will see.
    assert!((0..20).all(|_| resumes()));
    let moment = server.moment();
    let process = server.phase(0, "serving", 0);
    kill(process.pid, Signal::SIGKILL).unwrap();
    server.phase(0, "serving", moment);
    assert!((0..20).all(|_| resumes()));
}

#[test]
fn a_socket_of_https() {
    let folder = folder(KEYPAIR, "");
    let server = start(&folder);
    for (offered, chosen) in [
        (&[][..], None),
        (&["http/1.1"], Some("http/1.1")),
        (&["h2", "http/1.1"], Some("h2")),
    ] {
        let (protocol, answer) = ask(&folder, &server, offered);
        assert_eq!(protocol.as_deref(), chosen.map(str::as_bytes));
        assert!(
            chosen == Some("h2") || answer.ends_with("https://localhost/x"),
            "{answer}"
        );
    }
    // What is no TLS is told so, and harms nobody.
    let _ = tests::http::exchange(
        &server.address("https"),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    server.complaint("HTTP connection failed: TLS handshake failed");
    assert!(ask(&folder, &server, &[]).1.starts_with("HTTP/1.1 200"));
}

#[test]
fn a_silent_handshake_is_cut_off() {
    let folder = folder(KEYPAIR, "");
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .arg("--header-read-timeout=100ms")
        .start();
    let mut client = tests::http::Client::connect(&server.address("https")).unwrap();
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn an_external_server_is_known_by_its_certificate() {
    let folder = folder(KEYPAIR, TRUST);
    assert_eq!(start(&folder).get("/").text(), "https://external/path");
}

/// What passes on connections to a port: it counts them.
struct Relay {
    port: u16,
    count: Arc<AtomicUsize>,
    to: Sender<u16>,
}

impl Relay {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::<AtomicUsize>::default();
        let (to, told) = channel();
        let counted = count.clone();
        thread::spawn(move || {
            let to: u16 = told.recv().unwrap();
            for from in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let from = from.unwrap();
                let there = TcpStream::connect(("127.0.0.1", to)).unwrap();
                for (mut one, mut other) in [
                    (from.try_clone().unwrap(), there.try_clone().unwrap()),
                    (there, from),
                ] {
                    thread::spawn(move || {
                        let _ = std::io::copy(&mut one, &mut other);
                        let _ = other.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { port, count, to }
    }
}

/// The socket `https` answers when ten requests are there at once: whoever calls it has them share a connection.
const SHARED: &str = r#"
let here = [];
export default {
  async fetch(request, env) {
    if (request.url.startsWith("http:")) {
      const all = Array.from({ length: 10 }, () => env.EXTERNAL.fetch("http://external/path", { method: "POST", body: "x" }));
      const texts = await Promise.all(all.map(async (response) => (await response).text()));
      return new Response([...new Set(texts)].join());
    }
    const body = await request.text();
    await new Promise((resolve) => {
      here.push(resolve);
      if (here.length === 10) setTimeout(() => here.splice(0).forEach((resolve) => resolve()));
    });
    const names = [...request.headers.keys()].sort();
    return new Response(`${request.url} ${body} ${names}`);
  },
};
"#;

#[test]
fn requests_to_a_server_that_chooses_http2_share_a_connection() {
    let folder = folder(KEYPAIR, TRUST);
    let relay = Relay::new();
    let address = format!("127.0.0.1:{}", relay.port);
    let config = CONFIG.replace("SERVER", KEYPAIR).replace("CLIENT", TRUST);
    folder.write(
        "config.capnp",
        &config.replacen("unix:tls.sock", &address, 1),
    );
    folder.write("worker.js", SHARED);
    let server = start(&folder);
    let Address::Loopback(port) = server.address("https") else {
        panic!("a port");
    };
    relay.to.send(port).unwrap();
    for _ in 0..3 {
        assert_eq!(
            server.get("/").text(),
            "https://external/path x content-length,content-type,host"
        );
    }
    assert_eq!(relay.count.load(Ordering::SeqCst), 1);
}

#[test]
fn an_external_server_that_nobody_vouches_for_is_not_called() {
    let folder = folder(KEYPAIR, "trustBrowserCas = true");
    let server = start(&folder);
    let answer = server.get("/");
    assert!(
        answer
            .text()
            .starts_with("Error: internal error; reference = "),
        "{answer:?}"
    );
    server.complaint("TLS handshake failed: invalid peer certificate: UnknownIssuer; reference = ");
}

/// A certificate of `localhost` that it has signed itself, as an authority: what `openssl req -x509` makes.
fn self_signed() -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// What a worker hears from a server with a certificate, when the config lists that or another one.
fn hear(params: CertificateParams, listed: Option<CertificateParams>) -> Result<(), Server> {
    let folder = folder(KEYPAIR, TRUST);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap().pem();
    let other = listed.map(|params| params.self_signed(&KeyPair::generate().unwrap()).unwrap());
    folder.write("key.pem", &key.serialize_pem());
    folder.write("cert.pem", &own);
    folder.write("ca.pem", &other.map_or(own, |other| other.pem()));
    let server = start(&folder);
    match server.get("/").text() {
        "https://external/path" => Ok(()),
        _ => Err(server),
    }
}

#[test]
fn a_self_signed_certificate_that_is_listed_is_trusted() {
    assert!(hear(self_signed(), None).is_ok());
    let mut usages = self_signed();
    usages.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    usages.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert!(hear(usages, None).is_ok());
}

#[test]
fn a_self_signed_certificate_is_trusted_for_what_it_says() {
    let refused = |params, listed, reason: &str| match hear(params, listed) {
        Ok(()) => panic!("{reason}"),
        Err(server) => _ = server.complaint(reason),
    };
    refused(self_signed(), Some(self_signed()), "CaUsedAsEndEntity");
    let mut elsewhere = self_signed();
    elsewhere.subject_alt_names = vec![SanType::DnsName("other.example".try_into().unwrap())];
    elsewhere
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    refused(elsewhere, None, "not valid for name \"localhost\"");
    let mut expired = self_signed();
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    refused(expired, None, "certificate expired");
    let mut future = self_signed();
    future.not_before = date_time_ymd(2500, 1, 1);
    future.not_after = date_time_ymd(2501, 1, 1);
    refused(future, None, "certificate not valid yet");
    let mut signs_only = self_signed();
    signs_only.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    refused(signs_only, None, "InvalidPurpose");
    let mut clients = self_signed();
    clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    refused(clients, None, "InvalidPurpose");
}

#[test]
fn clients_show_certificates_where_they_are_required() {
    let server = format!("{KEYPAIR}, {TRUST}, requireClientCerts = true, minVersion = tls1Dot2");
    let with = folder(&server, &format!("{KEYPAIR}, {TRUST}"));
    assert_eq!(start(&with).get("/").text(), "https://external/path");
    let without = folder(&server, &format!("{TRUST}, minVersion = tls1Dot3"));
    let server = start(&without);
    assert_ne!(server.get("/").text(), "https://external/path");
    server.complaint("TLS handshake failed: peer sent no certificates");
}

#[test]
fn clients_are_shown_the_certificate_for_the_name_that_they_ask_for() {
    let folder = folder(KEYPAIR, "");
    let (mut keys, mut chains) = (String::new(), String::new());
    let mut roots = RootCertStore::empty();
    for name in ["localhost", "other.example", "*.wild.example"] {
        let issuer_key = KeyPair::generate().unwrap();
        let issuer = self_signed();
        let issuer_certificate = issuer.self_signed(&issuer_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params
            .signed_by(&key, &Issuer::new(issuer, issuer_key))
            .unwrap();
        keys += &key.serialize_pem();
        chains += &certificate.pem();
        chains += &issuer_certificate.pem();
        roots.add(issuer_certificate.der().clone()).unwrap();
    }
    folder.write("key.pem", &keys);
    folder.write("cert.pem", &chains);
    let server = start(&folder);
    let Address::Loopback(port) = server.address("https") else {
        panic!("a port");
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = Arc::new(config.with_no_client_auth());
    let shake = |name: &'static str| {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut connection =
            ClientConnection::new(config.clone(), name.try_into().unwrap()).unwrap();
        let shaken = connection.complete_io(&mut socket).map(|_| ());
        let length = connection.peer_certificates().map_or(0, <[_]>::len);
        shaken.map(|()| length).map_err(|error| error.to_string())
    };
    // Each with its own chain.
    for name in ["localhost", "other.example", "a.wild.example"] {
        assert_eq!(shake(name), Ok(2), "{name}");
    }
    let error = shake("elsewhere.example").unwrap_err();
    assert!(
        error.contains("only valid for DnsName(\"localhost\")"),
        "{error}"
    );
}

#[test]
fn certificates_are_read_anew_at_a_reload() {
    let folder = folder(KEYPAIR, "");
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .processes(2)
        .start();
    let get = || ask(&folder, &server, &[]).1.starts_with("HTTP/1.1 200");
    assert!(get());
    let moment = server.moment();
    for (name, pem) in certificates() {
        folder.write(name, &pem);
    }
    server.signal(Signal::SIGHUP);
    assert!(server.reloaded(moment));
    // The authority that vouches for the new one alone.
    assert!(get());
    folder.write("cert.pem", "none");
    let moment = server.moment();
    server.signal(Signal::SIGHUP);
    assert!(!server.reloaded(moment));
    server.complaint("no PEM certificate found");
    assert!(get());
}

#[test]
fn bad_keys_and_certificates_are_refused() {
    let (one, other) = (certificates(), certificates());
    let two = |name| {
        let both = one.iter().chain(&other).filter(|(file, _)| *file == name);
        both.map(|(_, pem)| pem.as_str()).collect::<String>()
    };
    let replaced = |part: &str| KEYPAIR.replace(&format!("embed \"{part}.pem\""), "\"none\"");
    for (server, client, message) in [
        (
            "",
            "",
            "Socket \"https\": TLS configuration: a TLS listener needs a keypair",
        ),
        (
            &replaced("key"),
            "",
            "Socket \"https\": TLS configuration: no items found",
        ),
        (
            &replaced("cert"),
            "",
            "Socket \"https\": TLS configuration: no PEM certificate found",
        ),
        (
            &format!("{KEYPAIR}, requireClientCerts = true"),
            "",
            "Socket \"https\": TLS configuration: no root trust anchors were provided",
        ),
        (
            KEYPAIR,
            "trustedCertificates = [\"none\"]",
            "service external: TLS configuration: no PEM certificate found",
        ),
        (
            &format!("{KEYPAIR}, minVersion = tls1Dot1"),
            "",
            "Socket \"https\": TLS configuration: minVersion: no version older than TLS 1.2 (tls1Dot2) can be spoken",
        ),
        (
            KEYPAIR,
            "cipherList = \"ALL:@SECLEVEL=1\"",
            "service external: TLS configuration: cipherList: \"@SECLEVEL=1\" is nothing that can be asked for",
        ),
        (
            r#"keypair = (privateKey = embed "two.pem", certificateChain = embed "cert.pem")"#,
            "",
            "Socket \"https\": TLS configuration: 1 of the private keys have no certificate",
        ),
        (
            r#"keypair = (privateKey = embed "two.pem", certificateChain = embed "ca.pem")"#,
            "",
            "Socket \"https\": TLS configuration: the first certificate is of none of the private keys",
        ),
        (
            KEYPAIR,
            r#"keypair = (privateKey = embed "two.pem", certificateChain = embed "both.pem")"#,
            "service external: TLS configuration: a client has one keypair",
        ),
    ] {
        let folder = folder(server, client);
        for (name, pem) in &one {
            folder.write(name, pem);
        }
        folder.write("two.pem", &two("key.pem"));
        folder.write("both.pem", &two("cert.pem"));
        let mut command = program().command();
        command
            .current_dir(folder.root())
            .args(["serve", "config.capnp"]);
        let output = tests::program::output(command, &[]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.lines().any(|line| line == message), "{stderr}");
    }
}
