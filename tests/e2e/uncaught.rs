//! What the log says of exceptions that a worker does not catch.

use tests::folder::Folder;

use super::serve;

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
