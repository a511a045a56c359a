//! The admin pages as HTML: whole in themselves, for a wide window and a phone, by day and by night. A script draws the overview's
//! plots; all else does without one.
//!
//! All that comes from workers and clients is escaped where it is put into a page.

use ipc::live::{LiveObject, Order};

use super::http::{HTML, Request, Response, SCRIPT};
use super::objects::{AskedProcess, List};
use super::processes::Row;
use crate::http::head::Refusal;
use crate::observe::time::{bytes, count, now_ms, utc};

/// Seconds between two loads of a page that renews itself, at most.
const MAX_REFRESH_SECONDS: u32 = 3600;

const STYLE: &str = include_str!("page.css");

/// How often the page is to be loaded anew.
pub fn refresh(request: &Request) -> Result<Option<u32>, Refusal> {
    let Some(text) = request.query.get("refresh").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=MAX_REFRESH_SECONDS).contains(seconds));
    match seconds {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Refusal(
            400,
            "refresh is a number of seconds from 1 to 3600.",
        )),
    }
}

/// What every page has around its content. `here` is the link to this very page.
fn frame(title: &str, here: &str, refresh: Option<u32>, content: &str) -> Response {
    let tab = |path: &str, name: &str| {
        let current = if name == title {
            " aria-current=\"page\""
        } else {
            ""
        };
        format!("<a href=\"{path}\"{current}>{name}</a>")
    };
    let with = |seconds: &str| {
        format!(
            "{here}{}refresh={seconds}",
            if here.contains('?') { "&" } else { "?" }
        )
    };
    let renew = match refresh {
        None => format!("<a href=\"{}\">every 5 s</a>", escape(&with("5"))),
        Some(seconds) => format!("every {seconds} s, <a href=\"{}\">stop</a>", escape(here)),
    };
    let again = refresh.map_or(here.to_owned(), |seconds| with(&seconds.to_string()));
    let meta = refresh.map_or(String::new(), |seconds| {
        format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">")
    });
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · workerd</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{meta}<style>{STYLE}</style></head>\n\
         <body><header><b>workerd</b><nav>{}{}{}</nav><p><time>{}</time> · <a href=\"{}\">refresh</a> · {renew}</p></header>\n\
         <main>{content}</main></body></html>\n",
        tab("/", "Overview"),
        tab("/objects", "Objects"),
        tab("/processes", "Processes"),
        utc(now_ms()),
        escape(&again),
    );
    Response {
        status: 200,
        kind: HTML,
        body,
    }
}

/// `/`.
pub fn overview(status: &str, request: &Request) -> Result<Response, Refusal> {
    let content = format!(
        "<h1 id=\"status\">{}</h1>\
         <section id=\"plots\" class=\"plots\" aria-label=\"The last five minutes\"></section>\
         <noscript><p class=\"note\">Plots need a script; the numbers are in <a href=\"/metrics\">/metrics</a>.</p></noscript>\
         <ul class=\"links\">\
         <li><a href=\"/objects\">Objects</a> Durable Objects that are live: where, how busy, what they hold \
         (<a href=\"/objects.json\">JSON</a>)</li>\
         <li><a href=\"/processes\">Processes</a> phases, restarts, connections, memory \
         (<a href=\"/processes.json\">JSON</a>)</li>\
         <li><a href=\"/metrics\">Metrics</a> for Prometheus: counters of all processes, over restarts; \
         <a href=\"/healthz\">healthz</a> and <a href=\"/readyz\">readyz</a> for probes</li></ul>\
         <p class=\"note\">What objects have stored, live or not, is shown by <code>workerd objects list</code>.</p>\
         <script type=\"module\" src=\"/overview.js\"></script>",
        escape(status)
    );
    Ok(frame("Overview", "/", refresh(request)?, &content))
}

/// `/overview.js`, which draws the overview's plots.
pub fn script() -> Response {
    Response {
        status: 200,
        kind: SCRIPT,
        body: include_str!("overview.js").to_owned(),
    }
}

/// `/objects`.
pub fn objects(list: &List, refresh: Option<u32>) -> Response {
    let calls: u64 = list.namespaces.iter().map(|total| total.calls).sum();
    let sockets: u64 = list.namespaces.iter().map(|total| total.sockets).sum();
    let heap: u64 = list.processes.iter().map(|(.., heap)| heap).sum();
    let tile = |value: String, name: &str| format!("<div><dt>{name}</dt><dd>{value}</dd></div>");
    let mut content = format!(
        "<h1>Objects</h1><dl class=\"tiles\">{}{}{}{}</dl>",
        tile(count(list.objects), "live objects"),
        tile(count(calls), "calls under way"),
        tile(count(sockets), "WebSockets"),
        tile(bytes(heap), "heap of their workers"),
    );
    for (slot, why) in &list.missing {
        content += &format!(
            "<p class=\"warning\" role=\"alert\">Process {slot} {why}: its objects are not shown.</p>"
        );
    }
    content += &namespaces(list);
    content += &form(list);
    let shown = list.page.len() as u64;
    let kind = if list.matching == list.objects {
        "live"
    } else {
        "matching"
    };
    content += &format!(
        "<p class=\"count\">{} of {} {kind} objects</p>",
        count(shown),
        count(list.matching)
    );
    if list.page.is_empty() {
        content += "<p class=\"note\">None. An object is live from its first call to ten seconds after its last, and while it has WebSockets.</p>";
    } else {
        content += &table(list);
    }
    if let Some(next) = list.next.clone() {
        let link = list.link("/objects", |query| query.after = Some(next));
        content += &format!(
            "<p><a class=\"button\" rel=\"next\" href=\"{}\">Next page</a></p>",
            escape(&link)
        );
    }
    content += "<p class=\"note\">Calls are those under way or waiting, and all since the object was started. Memory is what \
                its database has in memory: cached pages, schema, statements. JavaScript memory belongs to all objects of a \
                worker in a process together; it is the heap above, garbage included.</p>";
    let here = list.link("/objects", |query| {
        query.after.clone_from(&list.query.after)
    });
    frame("Objects", &here, refresh, &content)
}

fn namespaces(list: &List) -> String {
    if list.namespaces.is_empty() {
        return String::new();
    }
    let chip = |name: &str, objects: u64, link: &str, current: bool| {
        let current = if current {
            " aria-current=\"true\""
        } else {
            ""
        };
        let (name, link, objects) = (escape(name), escape(link), count(objects));
        format!("<a href=\"{link}\"{current}>{name} <span>{objects}</span></a>")
    };
    let asked = list.query.namespace.as_deref();
    let mut chips = chip(
        "all namespaces",
        list.objects,
        &list.link("/objects", |query| query.namespace = None),
        asked.is_none(),
    );
    for total in &list.namespaces {
        let link = list.link("/objects", |query| {
            query.namespace = Some(total.namespace.clone())
        });
        chips += &chip(
            &total.namespace,
            total.objects,
            &link,
            asked == Some(&total.namespace),
        );
    }
    format!("<nav class=\"chips\" aria-label=\"Namespaces\">{chips}</nav>")
}

fn form(list: &List) -> String {
    let hidden = list
        .query
        .namespace
        .as_ref()
        .map_or(String::new(), |namespace| {
            let namespace = escape(namespace);
            format!("<input type=\"hidden\" name=\"namespace\" value=\"{namespace}\">")
        });
    // The columns' heads do the same, where there is room for them.
    let orders = COLUMNS
        .iter()
        .filter_map(|(name, order)| Some((name, (*order)?)));
    let orders: String = orders
        .map(|(name, order)| {
            let selected = if order == list.query.order {
                " selected"
            } else {
                ""
            };
            let value = order.name();
            format!("<option value=\"{value}\"{selected}>{name}</option>")
        })
        .collect();
    let filter = escape(&list.query.filter);
    format!(
        "<form action=\"/objects\">{hidden}<label>Id begins with, or name contains \
         <input type=\"search\" name=\"q\" value=\"{filter}\" maxlength=\"200\"></label>\
         <label>Order <select name=\"order\">{orders}</select></label><button>Show</button></form>"
    )
}

/// The columns: what they are called, and the order that a click gives.
const COLUMNS: [(&str, Option<Order>); 8] = [
    ("Object", Some(Order::Id)),
    ("Namespace", None),
    ("Process", None),
    ("Calls", Some(Order::Calls)),
    ("All calls", Some(Order::Total)),
    ("Memory", Some(Order::Memory)),
    ("Sockets", Some(Order::Sockets)),
    ("Next alarm", Some(Order::Alarm)),
];

fn table(list: &List) -> String {
    let heads = COLUMNS.map(|(name, order)| match order {
        None => format!("<th scope=\"col\">{name}</th>"),
        Some(order) => {
            let link = escape(&list.link("/objects", |query| query.order = order));
            let (sorted, mark) = match (order == list.query.order, order) {
                (false, _) => ("", ""),
                (true, Order::Id | Order::Alarm) => (" aria-sort=\"ascending\"", " ▲"),
                (true, _) => (" aria-sort=\"descending\"", " ▼"),
            };
            format!("<th scope=\"col\"{sorted}><a href=\"{link}\">{name}{mark}</a></th>")
        }
    });
    let rows: String = list
        .page
        .iter()
        .map(|(object, process)| row(object, process))
        .collect();
    format!(
        "<table><thead><tr>{}</tr></thead><tbody>{rows}</tbody></table>",
        heads.concat()
    )
}

fn row(object: &LiveObject, process: &AskedProcess) -> String {
    let numbers = &object.numbers;
    let id = escape(&object.id);
    let name = object
        .name
        .as_deref()
        .map_or(String::new(), |name| format!("<b>{}</b> ", escape(name)));
    let alarm = numbers.next_alarm_ms.map_or("–".to_owned(), utc);
    let cells = [
        format!("{name}<code title=\"{id}\">{id}</code>"),
        escape(&object.namespace),
        format!(
            "<span title=\"pid {}, generation {}\">{}</span>",
            process.pid, process.generation, process.slot
        ),
        count(numbers.calls.into()),
        count(numbers.total_calls),
        bytes(numbers.storage_bytes),
        count(numbers.sockets.into()),
        alarm,
    ];
    let cells = COLUMNS
        .iter()
        .zip(cells)
        .map(|((name, _), cell)| format!("<td data-label=\"{name}\">{cell}</td>"));
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

/// `/processes`.
pub fn processes(status: &str, rows: &[Row], request: &Request) -> Result<Response, Refusal> {
    const COLUMNS: [&str; 9] = [
        "Process",
        "Generation",
        "Pid",
        "Phase",
        "Up",
        "Crashes",
        "Connections",
        "Requests",
        "Memory",
    ];
    let heads: String = COLUMNS
        .iter()
        .map(|name| format!("<th scope=\"col\">{name}</th>"))
        .collect();
    let mut body = String::new();
    for row in rows {
        let or_dash = |text: Option<String>| text.unwrap_or("–".into());
        let phase = match row.restart_ms {
            Some(wait) => format!("{}, starts again in {wait} ms", row.phase),
            None => row.phase.into(),
        };
        let cells = [
            row.slot.to_string(),
            format!("{} ({})", row.generation, row.role),
            or_dash(row.pid.map(|pid| pid.to_string())),
            format!("<span class=\"phase {}\">{phase}</span>", row.phase),
            or_dash(row.up_seconds.map(up)),
            count(row.crashes.into()),
            count(row.connections.into()),
            count(row.requests),
            or_dash(row.resident_bytes.map(bytes)),
        ];
        let cells = COLUMNS
            .iter()
            .zip(cells)
            .map(|(name, cell)| format!("<td data-label=\"{name}\">{cell}</td>"));
        body += &format!("<tr>{}</tr>\n", cells.collect::<String>());
    }
    let content = format!(
        "<h1>{}</h1><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>\
         <p class=\"note\">Crashes are counted for each process since the last reload. Connections and requests are as of the \
         last second. Memory is resident, as the kernel counts it; with one process it is the whole program's.</p>",
        escape(status)
    );
    Ok(frame(
        "Processes",
        "/processes",
        refresh(request)?,
        &content,
    ))
}

fn up(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A text for HTML, in an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // HTML has no place for control characters.
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc::live::{NamespaceTotal, Numbers};

    #[test]
    fn nothing_of_a_worker_gets_out_of_its_place() {
        let evil = "<script>\"'&\0";
        let object = LiveObject {
            namespace: evil.into(),
            id: "0".repeat(64),
            name: Some(evil.into()),
            numbers: Numbers::default(),
        };
        let mut list = List::default();
        list.query.namespace = Some(evil.into());
        list.query.filter = evil.into();
        list.namespaces.push(NamespaceTotal {
            namespace: evil.into(),
            ..NamespaceTotal::default()
        });
        list.next = Some(object.position(Order::Id));
        list.page.push((
            object,
            AskedProcess {
                generation: 1,
                slot: 0,
                pid: 1,
            },
        ));
        let page = objects(&list, Some(5)).body;
        assert!(
            !page.contains("<script>") && page.contains("&lt;script&gt;&quot;&#39;&amp;\u{fffd}")
        );
        assert!(!page.contains('\0'));
    }

    #[test]
    fn times_are_short() {
        assert_eq!(
            [up(5), up(65), up(3700), up(90_000)],
            ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]
        );
    }
}
