//! The language as a whole: files in a directory go in, a message or errors come out.

use super::*;
use schema::workerd_capnp::{http_options, service, socket, tls_options, worker};

const USING: &str = "using Workerd = import \"/workerd/workerd.capnp\";\n";

/// Parses the first of some files, each a name and a text.
fn parse_files(files: &[(&str, &str)], import_path: &[&str]) -> Result<Message, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let import_path: Vec<PathBuf> = import_path.iter().map(PathBuf::from).collect();
    let failure = match parse(Path::new(files[0].0), dir.path(), &import_path, None).result {
        Ok(message) => return Ok(message),
        Err(failure) => failure,
    };
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    Err(failure
        .errors
        .into_iter()
        .map(first_line)
        .chain(failure.usage)
        .collect())
}

fn errors(text: &str) -> Vec<String> {
    let text = format!("{USING}const config :Workerd.Config = ();\n{text}");
    parse_files(&[("c.capnp", &text)], &[])
        .err()
        .unwrap_or_default()
}

/// Checks a configuration given as the value of its constant, and what else the file declares.
fn check(value: &str, rest: &str, look: impl FnOnce(config::Reader<'_>)) {
    let text = format!("{USING}const config :Workerd.Config = {value};\n{rest}");
    let message = parse_files(&[("c.capnp", &text)], &[]).unwrap();
    look(message.get_root_as_reader().unwrap());
}

fn texts(list: capnp::text_list::Reader<'_>) -> Vec<String> {
    list.iter()
        .map(|text| text.unwrap().to_string().unwrap())
        .collect()
}

#[test]
fn structs_unions_groups_and_lists() {
    check(
        r#"(sockets = [
            (name = "a", https = (options = (style = proxy), tlsOptions = (minVersion = tls1Dot2)), service = "x"),
            (name = "b", udp = (idleTimeoutMs = 0x10)),
            (name = "c", http = (),),
        ], v8Flags = ["one" "-more", `a line
        ], structuredLogging = true)"#,
        "",
        |root| {
            assert_eq!(
                texts(root.get_v8_flags().unwrap()),
                ["one-more", "a line\n"]
            );
            assert!(root.get_structured_logging());
            let sockets = root.get_sockets().unwrap();
            let Ok(socket::Https(https)) = sockets.get(0).which() else {
                panic!()
            };
            assert_eq!(
                https.get_options().unwrap().get_style().unwrap(),
                http_options::Style::Proxy
            );
            assert_eq!(
                https.get_tls_options().unwrap().get_min_version().unwrap(),
                tls_options::Version::Tls1Dot2
            );
            assert_eq!(
                sockets.get(0).get_service().unwrap().get_name().unwrap(),
                "x"
            );
            let Ok(socket::Udp(udp)) = sockets.get(1).which() else {
                panic!()
            };
            assert_eq!(
                (udp.get_idle_timeout_ms(), udp.get_max_pending_bytes()),
                (16, 262_144)
            );
        },
    );
}

#[test]
fn constants_refer_to_constants() {
    check(
        "(services = .services, v8Flags = [S.flag, .aliased, Alias.flag])",
        r#"using Alias = .S; using aliased = S.flag;
           const services :List(Workerd.Service) = [.first, (name = .name, worker = Other.worker), (.name)];
           const first :Workerd.Service = "promoted";
           const name :Text = S.inner;
           struct S { const flag :Text = "f"; const inner :Text = S.flag; field @0 :Int8; }
           struct Other { const worker :Workerd.Worker = (bindings = [(name = "d", data = .bytes), (name = "e", data = "t")]); }
           const bytes :Data = 0x"00 ff";"#,
        |root| {
            assert_eq!(texts(root.get_v8_flags().unwrap()), ["f", "f", "f"]);
            let services = root.get_services().unwrap();
            let names: Vec<String> = services
                .iter()
                .map(|service| service.get_name().unwrap().to_string().unwrap())
                .collect();
            assert_eq!(names, ["promoted", "f", "f"]);
            let Ok(service::Worker(Ok(worker))) = services.get(1).which() else {
                panic!()
            };
            let Ok(worker::binding::Data(Ok(data))) = worker.get_bindings().unwrap().get(0).which()
            else {
                panic!()
            };
            assert_eq!(data, [0, 255]);
            assert_eq!(
                worker.get_global_outbound().unwrap().get_name().unwrap(),
                "internet"
            );
        },
    );
}

#[test]
fn the_last_of_a_union_counts() {
    check(
        r#"(services = [(name = "a", disk = "/x", network = (), name = "b")])"#,
        "",
        |root| {
            let service = root.get_services().unwrap().get(0);
            assert_eq!(service.get_name().unwrap(), "b");
            assert!(matches!(service.which(), Ok(service::Network(_))));
        },
    );
}

#[test]
fn numbers_of_every_type() {
    let good = "const a :Int8 = -128; const b :UInt64 = 0xffffffffffffffff; const c :Float32 = -1.5e3; const d :Float64 = 7;
        const e :Float64 = -inf; const f :Float32 = nan; const g :Int64 = -9223372036854775808; const h :UInt16 = .b2;
        const b2 :UInt64 = 9; const i :List(List(Bool)) = [[true], [], [false, false]]; const j :Void = void;";
    assert_eq!(errors(good), [""; 0]);
    for (text, message) in [
        ("const a :Int8 = -129;", "Integer value out of range."),
        ("const a :UInt8 = 256;", "Integer value out of range."),
        ("const a :UInt8 = -1;", "Integer value out of range."),
        (
            "const a :Int64 = -9223372036854775809;",
            "Integer is too big to be negative.",
        ),
        ("const a :UInt8 = 1.5;", "Type mismatch; expected UInt8."),
        ("const a :Text = 5;", "Type mismatch; expected Text."),
        ("const a :Bool = 1;", "Type mismatch; expected Bool."),
        ("const a :Void = true;", "Type mismatch; expected Void."),
        (
            "const a :List(Text) = 5;",
            "Type mismatch; expected List(Text).",
        ),
        ("const a :Text = 0x\"00\";", "Type mismatch; expected Text."),
        (
            "const a :AnyPointer = \"\";",
            "Type mismatch; expected AnyPointer.",
        ),
    ] {
        let found = errors(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with(message), "{text}: {found:?}");
    }
}

#[test]
fn every_error_is_reported_at_once() {
    assert_eq!(
        errors(
            r#"const a :Workerd.Service = (nme = "x", 5, disk = [], worker = (modules = "x", bindings = [(jsn = "")]));
const b :Workerd.Socket = (https = "x", http = (style = sideways));
const c :Workerd.Nothing = ();
const d :Nothing = .gone;
const e :Text = f;
const f :Text = "f";
const g :Workerd = 1;
const h :List = [];
const i :List(Text, Text) = [];
const j :Text(Data) = "";
const k :Text = Workerd;
const l :Text = "x".y;
struct Mine {}
const m :Mine = ();
const n :Text = embed "nope";
const o :Int8 = embed "c.capnp";
const p :Text = import "nope";
const q :Text = .r.s;
const r :Text = "r";"#
        ),
        [
            "c.capnp:3:29-32: Struct has no field named 'nme'.",
            "c.capnp:3:40-41: Missing field name.",
            "c.capnp:3:50-52: Type mismatch; expected DiskDirectory.",
            "c.capnp:3:74-77: Type mismatch; expected List(Module).",
            "c.capnp:3:92-95: Struct has no field named 'jsn'.",
            "c.capnp:4:36-39: Type mismatch; expected group.",
            "c.capnp:4:57-65: Not defined: sideways",
            "c.capnp:5:18-25: 'Workerd' has no member named 'Nothing'",
            "c.capnp:6:10-17: Not defined: Nothing",
            "c.capnp:7:17-18: Constant names must be qualified to avoid confusion.  Please replace 'f' with '.f', if \
             that's what you intended.",
            "c.capnp:9:10-17: 'Workerd' is not a type.",
            "c.capnp:10:10-14: 'List' requires exactly one parameter.",
            "c.capnp:11:10-26: 'List' requires exactly one parameter.",
            "c.capnp:12:10-20: Declaration does not accept generic parameters.",
            "c.capnp:13:17-24: 'Workerd' does not refer to a constant.",
            "c.capnp:14:17-20: Expected name.",
            "c.capnp:16:10-14: 'Mine' cannot be used: constants can only have the types of /workerd/workerd.capnp.",
            "c.capnp:17:23-29: Couldn't read file for embed: nope",
            "c.capnp:18:17-32: Embeds can only be used when Text or Data is expected.",
            "c.capnp:19:24-30: Import failed: nope",
            "c.capnp:20:20-21: '.r' has no member named 's'",
        ]
    );
}

#[test]
fn cycles() {
    assert_eq!(
        errors("const a :Text = .b; const b :Text = .c; const c :Text = .a;"),
        ["c.capnp:3:7-8: Declaration recursively depends on itself."]
    );
    assert_eq!(
        errors("const a :List(Text) = [.a];"),
        ["c.capnp:3:7-8: Declaration recursively depends on itself."]
    );
    let aliases = errors("using A = .B; using B = .A; const c :Text = .A;");
    assert!(
        aliases[0].ends_with("Declaration recursively depends on itself."),
        "{aliases:?}"
    );
}

#[test]
fn files_import_each_other() {
    let main = format!(
        "{USING}using Other = import \"sub/other.capnp\"; using Lib = import \"/lib.capnp\";
         const config :Workerd.Config = (v8Flags = [Other.flag, Lib.flag, import \"sub/other.capnp\".raw, Other.Alias.flag]);
         const shared :Text = embed \"shared.txt\";"
    );
    let other = "@0xfedcba9876543210; using Main = import \"../main.capnp\"; using Alias = import \"/lib.capnp\";
        const flag :Text = Main.shared; const raw :Text = embed \"/raw.txt\"; const broken :Text = .gone;";
    let files = [
        ("main.capnp", main.as_str()),
        ("sub/other.capnp", other),
        ("shared.txt", "shared"),
        ("one/lib.capnp", "const flag :Text = \"lib\";"),
        ("two/raw.txt", "raw"),
        ("two/lib.capnp", "syntax error"),
    ];
    let message = parse_files(&files, &["one", "two"]).unwrap();
    let root: config::Reader<'_> = message.get_root_as_reader().unwrap();
    assert_eq!(
        texts(root.get_v8_flags().unwrap()),
        ["shared", "lib", "raw", "lib"]
    );
    let found = parse_files(&files, &["two", "one"])
        .err()
        .unwrap_or_default();
    assert!(
        found[0].starts_with("two/lib.capnp:1:1-7: Parse error"),
        "{found:?}"
    );
}

#[test]
fn a_copy_of_the_schema_is_the_schema() {
    let main = "using W = import \"/workerd/workerd.capnp\"; const config :W.Config = (v8Flags = [\"x\"]);";
    let schema = include_str!("../../../../schema/workerd.capnp");
    let files = [("main.capnp", main), ("src/workerd/workerd.capnp", schema)];
    assert!(parse_files(&files, &["src"]).is_ok());
    let direct = "using W = import \"src/workerd/workerd.capnp\"; const config :W.Config = ();";
    assert!(parse_files(&[("main.capnp", direct), files[1]], &[]).is_ok());
}

#[test]
fn what_would_grow_without_end_is_refused() {
    // Each constant is ten times the one before.
    let mut bomb = String::from("const b0 :List(Workerd.Worker.Binding) = [];\n");
    for i in 1..12 {
        let inner = format!("(name = \"x\", wrapped = (innerBindings = .b{}))", i - 1);
        bomb += &format!(
            "const b{i} :List(Workerd.Worker.Binding) = [{}];\n",
            vec![inner; 10].join(", ")
        );
    }
    let value = "(services = [(worker = (bindings = .b11))])";
    let text = format!("{USING}const config :Workerd.Config = {value};\n{bomb}");
    let found = parse_files(&[("c.capnp", &text)], &[])
        .err()
        .unwrap_or_default();
    assert!(
        found.len() == 1 && found[0].contains("larger than"),
        "{found:?}"
    );

    // Each constant nests one level deeper.
    let mut tower = String::from("const b0 :List(Workerd.Worker.Binding) = [];\n");
    for i in 1..2000 {
        tower += &format!(
            "const b{i} :List(Workerd.Worker.Binding) = [(wrapped = (innerBindings = .b{}))];\n",
            i - 1
        );
    }
    assert!(errors(&tower)[0].contains("levels deep"));
    let backwards: Vec<&str> = tower.lines().rev().collect();
    assert!(errors(&backwards.join("\n"))[0].contains("inside each other"));
}

#[test]
fn a_file_may_be_anything() {
    for bytes in [
        &b"\xff\xfeu\0"[..],
        b"\0",
        b"\x80\x80",
        b"const a :Text = \"\xff\";",
        b"",
        b"using Workerd = import",
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("c"), bytes).unwrap();
        assert!(parse(Path::new("c"), dir.path(), &[], None).result.is_err());
    }
}
