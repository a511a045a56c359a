//! Chrome's DevTools, of a browser on this machine, debug a worker that is written in TypeScript.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::DEADLINE;
use tests::browser::browser;
use tests::cdp::Debugger;
use tests::folder::Folder;
use tests::http::get;
use tests::server::Start;
use tests::stream::Address;

use super::program;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// What a compiler makes of [`SOURCE`]; [`MAP`] comes behind it.
const WORKER: &str = r#"export default {
  async fetch(request) {
    const asked = { name: new URL(request.url).pathname };
    const answer = "hello " + asked.name;
    return new Response(answer);
  },
};
"#;

const SOURCE: &str = r#"interface Named {
  name: string;
}

export default {
  async fetch(request: Request) {
    const asked: Named = { name: new URL(request.url).pathname };
    const answer: string = "hello " + asked.name;
    return new Response(answer);
  },
};
"#;

/// The worker's lines are the source's, 4 further down.
const MAP: &str = "AAIA;EACE;IACE;IACA;IACA;EACF;AACF";

/// The worker with its source map, whose text has nothing in it that ends a comment's URL.
fn worker() -> String {
    let map = json!({"version": 3, "sources": ["src/index.ts"], "sourcesContent": [SOURCE], "names": [], "mappings": MAP});
    let encoded = map
        .to_string()
        .bytes()
        .fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
    format!("{WORKER}//# sourceMappingURL=data:application/json,{encoded}\n")
}

/// DevTools' own modules, which share their state with the page: `debug`ger, `workspace` of sources, `points` to break at, and
/// `where` it is stopped, as the page shows it.
const MODULES: &str = r#"
const load = (name) => import(`devtools://devtools/bundled/${name}.js`);
const { TargetManager, DebuggerModel } = await load("core/sdk/sdk");
const { Workspace } = await load("models/workspace/workspace");
const { BreakpointManager } = await load("models/breakpoints/breakpoints");
const { DebuggerWorkspaceBinding } = await load("models/bindings/bindings");
const debug = TargetManager.TargetManager.instance().models(DebuggerModel.DebuggerModel)[0];
const workspace = Workspace.WorkspaceImpl.instance();
const points = BreakpointManager.BreakpointManager.instance();
const frame = () => debug?.debuggerPausedDetails()?.callFrames[0];
const source = () => workspace.uiSourceCodes().find((code) => code.url().endsWith("src/index.ts"));
const where = async () => {
  if (!frame()) return null;
  const binding = DebuggerWorkspaceBinding.DebuggerWorkspaceBinding.instance();
  const place = await binding.rawLocationToUILocation(frame().location());
  return `${frame().functionName} ${place.uiSourceCode.url()} ${place.lineNumber}`;
};
const evaluate = async (expression) => (await frame().evaluate({ expression, returnByValue: true })).object.value;
"#;

/// A browser without a window.
struct Browser {
    process: Child,
    address: Address,
    session: Debugger,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    /// None where there is none to start.
    fn start(folder: &Folder) -> Option<Self> {
        let mut process = browser(folder)?
            .arg("--remote-debugging-port=0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening = lines.find_map(|line| {
            let url = line.ok()?;
            Some(
                url.strip_prefix("DevTools listening on ws://127.0.0.1:")?
                    .to_owned(),
            )
        });
        // What it says later is read, so that it does not wait for a reader.
        thread::spawn(move || lines.count());
        let listening = listening.expect("a browser that can be driven");
        let (port, path) = listening.split_once('/').unwrap();
        let address = Address::Loopback(port.parse().unwrap());
        Some(Self {
            session: Debugger::attach(&address, path).unwrap(),
            process,
            address,
        })
    }

    fn open(&mut self, url: &str) -> Page {
        let page = self
            .session
            .call("Target.createTarget", json!({"url": url}));
        let id = page["targetId"].as_str().unwrap();
        Page(Debugger::attach(&self.address, &format!("devtools/page/{id}")).unwrap())
    }
}

/// A page of DevTools.
struct Page(Debugger);

impl Page {
    /// What some JavaScript returns that has [`MODULES`], or what it throws.
    fn run(&mut self, code: &str) -> Value {
        let expression = format!("(async () => {{ {MODULES} {code} }})()");
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let told = self.0.call("Runtime.evaluate", asked);
        match &told["exceptionDetails"] {
            Value::Null => told["result"]["value"].clone(),
            thrown => thrown["exception"]["description"].clone(),
        }
    }

    /// Waits until it returns this.
    fn shows(&mut self, code: &str, expected: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let shown = self.run(code);
            if shown == expected {
                return;
            }
            assert!(Instant::now() < end, "{shown}, not {expected}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_browser_stops_at_a_line_of_typescript_while_the_other_process_serves() {
    let folder = Folder::new(&[("config.capnp", CONFIG), ("worker.js", &worker())]);
    let Some(mut browser) = Browser::start(&folder) else {
        return;
    };
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .processes(2)
        .arg("--inspector-addr=127.0.0.1:0")
        .start();
    let event = server.wait("the inspector", 0, |event| {
        event["event"] == "listen-inspector"
    });
    let port = &event["port"];
    let url = format!("devtools://devtools/bundled/js_app.html?ws=127.0.0.1:{port}/main@1");
    let mut page = browser.open(&url);
    page.shows("return source()?.url()", "src/index.ts");
    let set = "await points.setBreakpoint(source(), 7, 0, '', true, false, 'USER_ACTION')";
    page.shows(
        &format!("const set = {set}; return set.getLastResolvedState()?.[0].url"),
        "worker.js",
    );
    // So many that the kernel gives some to each process.
    let (sender, answers) = channel();
    for number in 0..40 {
        let (address, sender) = (server.address("http"), sender.clone());
        thread::spawn(move || {
            let answer = get(&address, &format!("/{number}")).unwrap();
            sender.send(answer.text().to_owned())
        });
    }
    page.shows("return where()", "fetch src/index.ts 7");
    let asked = page.run("return evaluate('asked.name')");
    let hello = format!("hello {}", asked.as_str().unwrap());
    page.run("await debug.stepOver()");
    page.shows("return where()", "fetch src/index.ts 8");
    assert_eq!(page.run("return evaluate('answer')"), *hello);
    // The other process has answered meanwhile.
    let first = answers.recv_timeout(DEADLINE).unwrap();
    assert_ne!(first, hello);
    let go_on = "for (const at of points.allBreakpointLocations()) await at.breakpoint.remove(false); debug.resume();";
    page.run(go_on);
    let rest = (1..40).map(|_| answers.recv_timeout(DEADLINE).unwrap());
    assert!(rest.filter(|answer| *answer == hello).count() == 1);
}
