//! What the log says of exceptions that a worker does not catch.

use tests::folder::{Folder, ONE_WORKER};

use super::{program, serve};

const WORKER: &str = "export default {
  fetch(request, env, ctx) {
    const path = new URL(request.url).pathname;
    if (path === '/sync') throw new RangeError('at once');
    if (path === '/async') return Promise.reject(new TypeError('in a promise'));
    if (path === '/value') throw { a: 1 };
    if (path === '/reported') reportError('a value');
    if (path === '/later') ctx.waitUntil(Promise.reject(new Error('while waiting')));
    if (path === '/timer') {
      setTimeout(() => { throw new Error('in a timer'); }, 0);
      return scheduler.wait(5).then(() => new Response());
    }
    if (path === '/unhandled') Promise.reject(new Error('nobody handles this'));
    return new Response();
  },
};";

#[test]
fn uncaught_exceptions_are_told_with_their_source_and_stack() {
    let folder = Folder::worker(WORKER);
    let mut server = serve(&folder);
    let expected = [
        (
            "/sync",
            500,
            "source = Uncaught; stack = RangeError: at once",
        ),
        (
            "/async",
            500,
            "source = Uncaught (in promise); stack = TypeError: in a promise",
        ),
        ("/value", 500, "source = Uncaught; exception = #<Object>"),
        ("/reported", 200, "desc = a value"),
        (
            "/later",
            200,
            "source = Uncaught (in promise); stack = Error: while waiting",
        ),
        (
            "/timer",
            200,
            "source = Uncaught; stack = Error: in a timer",
        ),
        // As on the published binary, it is for the worker's own listeners to tell.
        ("/unhandled", 200, ""),
    ];
    for (path, status, _) in expected {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    assert_eq!(server.stop().code(), Some(0));
    let stderr = server.stderr();
    let told: Vec<_> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("error: uncaught exception; "))
        .collect();
    let texts = expected.map(|(_, _, text)| text);
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    assert_eq!(told, texts);
    assert!(stderr.contains("\n    at "), "{stderr}");
}

/// A module of two lines that were lines 11 and 21 of `../src/worker.ts`.
const COMPILED: &str = "const thrower = () => { throw new RangeError('mapped'); };
export default { fetch(request) { if (request.url.endsWith('/stack')) try { thrower(); } catch (error) { return new Response(error.stack); } thrower(); } };
";

/// From the first line to line 11, column 5 on, and from the second to line 21.
const MAP: &str =
    r#"{"version": 3, "sources": ["../src/worker.ts"], "names": [], "mappings": "AAUI;AAUA"}"#;

/// What the log tells of a request to a worker of these modules, and the stack that its code sees.
fn stacks(code: &str, modules: &str, map: &str) -> (String, String) {
    let config = ONE_WORKER.replace("],\n    compat", &format!("{modules}],\n    compat"));
    let files = [
        ("config.capnp", &*config),
        ("worker.js", code),
        ("worker.map", map),
    ];
    let folder = Folder::new(&files);
    let mut server = serve(&folder);
    let seen = server.get("/stack").text().to_owned();
    assert_eq!(server.get("/").status, 500);
    assert_eq!(server.stop().code(), Some(0));
    (server.stderr(), seen)
}

#[test]
fn stacks_in_the_log_are_those_of_the_sources() {
    let inline: String = MAP.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let inline = format!("data:application/json,{inline}");
    let module = r#", (name = "maps/worker.map", text = embed "worker.map")"#;
    let twice = format!(
        r#"{{"version": 3, "sections": [{{"offset": {{"line": 0, "column": 0}}, "map": {MAP}}}]}}"#
    );
    for (url, modules, map, source) in [
        (&*inline, "", "", "../src/worker.ts"),
        ("maps/worker.map", module, MAP, "src/worker.ts"),
        ("./maps/worker.map", module, &twice, "src/worker.ts"),
    ] {
        let code = format!("{COMPILED}//# sourceMappingURL={url}\n");
        let (told, seen) = stacks(&code, modules, map);
        let expected = format!(
            "stack = RangeError: mapped\n    at thrower ({source}:11:5)\n    at Object.fetch ({source}:21:5)"
        );
        assert!(told.contains(&expected), "{url}: {told}");
        // What code sees is V8's.
        assert!(seen.contains("at thrower (worker.js:1:31)"), "{seen}");
    }
}

#[test]
fn maps_that_cannot_be_read_change_nothing() {
    let module = r#", (name = "worker.map", text = embed "worker.map")"#;
    let rows = [
        ("data:application/json;base64,***", "", ""),
        ("data:", "", ""),
        ("worker.map", "", MAP),
        ("../../worker.map", module, MAP),
        ("worker.map", module, "no JSON"),
        (
            "worker.map",
            module,
            r#"{"version": 3, "sources": [], "names": [], "mappings": "AAUI"}"#,
        ),
        (
            "worker.map",
            module,
            r#"{"version": 3, "sources": ["a"], "names": [], "mappings": "\u0000////////////////"}"#,
        ),
        // Of other lines.
        (
            "worker.map",
            module,
            r#"{"version": 3, "sources": ["a"], "names": [], "mappings": ";;;AAAA"}"#,
        ),
        (
            "worker.map",
            module,
            r#"{"version": 3, "sources": ["a"], "names": [], "mappings": "A;A"}"#,
        ),
    ];
    for (url, modules, map) in rows {
        let code = format!("{COMPILED}//# sourceMappingURL={url}\n");
        let (told, seen) = stacks(&code, modules, map);
        let place = "at thrower (worker.js:1:31)";
        assert!(
            told.contains(place) && seen.contains(place),
            "{url} {map}: {told}"
        );
    }
}

#[test]
fn errors_at_the_start_are_those_of_the_sources() {
    let inline: String = MAP.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let code = format!(
        "throw new Error('at the start');\n//# sourceMappingURL=data:application/json,{inline}"
    );
    let folder = Folder::worker(&code);
    let output = program().run(&["serve".into(), folder.path("config.capnp")]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains("Error: at the start\n  at ../src/worker.ts:11:5"),
        "{stderr}"
    );
}
