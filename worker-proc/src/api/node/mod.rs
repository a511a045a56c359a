//! The node:* modules of `nodejs_compat`, and the globals that come with them.
//!
//! They are JavaScript, compiled when a worker first imports them; the ops do the byte work of `node:buffer`.

mod cipher;
mod digest;
mod text;
mod zlib;

use crate::glue::state::IsolateState;
use crate::glue::{Api, Ops, current, i32_arg, string_arg, terminate};
use crate::js;
use crate::service::{Error, Kind};

pub const API: Api = Api {
    name: "node",
    modules: &[js!("modules.js")],
    lazy: &[
        js!("assert.js" as "node:assert"),
        js!("assert_strict.js" as "node:assert/strict"),
        js!("assertion_error.js"),
        js!("async_hooks.js" as "node:async_hooks"),
        js!("buffer.js" as "node:buffer"),
        js!("buffer/encodings.js"),
        js!("buffer/numbers.js"),
        js!("buffer/search.js"),
        js!("builtin_modules.js"),
        js!("comparisons.js"),
        js!("console_module.js" as "node:console"),
        js!("constants.js" as "node:constants"),
        js!("cwd.js"),
        js!("diagnostics_channel.js" as "node:diagnostics_channel"),
        js!("dns.js" as "node:dns"),
        js!("dns_core.js"),
        js!("dns_promises.js" as "node:dns/promises"),
        js!("errors.js"),
        js!("events.js" as "node:events"),
        js!("globals.js"),
        js!("key_mark.js"),
        js!("legacy_url.js"),
        js!("message_channel.js"),
        js!("mime.js"),
        js!("mock.js" as "node:test"),
        js!("module.js" as "node:module"),
        js!("next_tick.js"),
        js!("os.js" as "node:os"),
        js!("parse_args.js"),
        js!("parse_env.js"),
        js!("path.js" as "node:path"),
        js!("path_posix.js" as "node:path/posix"),
        js!("path_win32.js" as "node:path/win32"),
        js!("process.js" as "node:process"),
        js!("process_config.js"),
        js!("process_env.js"),
        js!("process_stdio.js"),
        js!("punycode.js" as "node:punycode"),
        js!("querystring.js" as "node:querystring"),
        js!("string_decoder.js" as "node:string_decoder"),
        js!("stubs/child_process.js" as "node:child_process"),
        js!("stubs/cluster.js" as "node:cluster"),
        js!("stubs/common.js"),
        js!("stubs/dgram.js" as "node:dgram"),
        js!("stubs/domain.js" as "node:domain"),
        js!("stubs/http2.js" as "node:http2"),
        js!("stubs/http2_constants.js"),
        js!("stubs/inspector.js" as "node:inspector"),
        js!("stubs/inspector_promises.js" as "node:inspector/promises"),
        js!("stubs/readline.js" as "node:readline"),
        js!("stubs/readline_promises.js" as "node:readline/promises"),
        js!("stubs/repl.js" as "node:repl"),
        js!("stubs/sqlite.js" as "node:sqlite"),
        js!("stubs/trace_events.js" as "node:trace_events"),
        js!("stubs/wasi.js" as "node:wasi"),
        js!("stubs/worker_threads.js" as "node:worker_threads"),
        js!("sys.js" as "node:sys"),
        js!("system_constants.js"),
        js!("system_errors.js"),
        js!("timers.js" as "node:timers"),
        js!("timers_promises.js" as "node:timers/promises"),
        js!("types.js"),
        js!("url.js" as "node:url"),
        js!("util.js" as "node:util"),
        js!("util_types.js" as "node:util/types"),
        js!("validators.js"),
        js!("stream.js" as "node:stream"),
        js!("stream_promises.js" as "node:stream/promises"),
        js!("stream_consumers.js" as "node:stream/consumers"),
        js!("stream_web.js" as "node:stream/web"),
        js!("streams/state.js"),
        js!("streams/readable.js"),
        js!("streams/writable.js"),
        js!("streams/duplex.js"),
        js!("streams/transform.js"),
        js!("streams/finished.js"),
        js!("streams/pipeline.js"),
        js!("streams/operators.js"),
        js!("streams/adapters.js"),
        js!("streams/legacy.js"),
        js!("streams/destroy.js"),
        js!("streams/from.js"),
        js!("tty.js" as "node:tty"),
        js!("perf_hooks.js" as "node:perf_hooks"),
        js!("v8.js" as "node:v8"),
        js!("vm.js" as "node:vm"),
        js!("zlib.js" as "node:zlib"),
        js!("zlib_constants.js"),
        js!("crypto.js" as "node:crypto"),
        js!("crypto/cipher.js"),
        js!("crypto/constants.js"),
        js!("crypto/hash.js"),
        js!("crypto/random.js"),
        js!("crypto/kdf.js"),
        js!("crypto/keys.js"),
        js!("crypto/util.js"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    text::ops(ops);
    digest::ops(ops);
    cipher::ops(ops);
    zlib::ops(ops);
    ops.add("createRequire", create_require);
    ops.add("exit", exit);
}

/// `createRequire(path)`: a `require` that resolves as for code of the module at `path`.
fn create_require(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let path = string_arg(scope, &args, 0);
    let Some(make) = IsolateState::get(scope).create_require.get() else {
        return;
    };
    if let Some(require) = make(scope, &path) {
        rv.set(require.into());
    }
}

/// `exit(code)`: ends the running event, or the object that runs, and its JavaScript; at global scope there is nothing to end.
fn exit(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(context) = current(scope) else {
        crate::log::line("process.exit(...) called without a current request context. Ignoring.");
        return;
    };
    let code = i32_arg(scope, &args, 0);
    let message =
        format!("The Node.js process.exit({code}) API was called. Canceling the request.");
    context.abort(Error::new(Kind::Worker, message));
    terminate(scope);
}
