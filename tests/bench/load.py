"""Load: one connection's next request follows its last answer; each tool has one thread."""

import json
import re
import resource
import signal
import subprocess
import time

import process

NEVER_S = 100_000
REQUEST_TIMEOUT_S = 10
MULTIPLEXED = 16
H2LOAD_LOG = "h2load.log"

WRK = """wrk.method = "%s"
local body = io.open("body", "rb")
if body then wrk.body = body:read("*a") end
%s
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests": %%d, "us": %%d, "bytes": %%d, "refused": %%d, "broken": %%d, "p50_us": %%d, "p99_us": %%d}\\n',
    summary.requests, summary.duration, summary.bytes, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


# A tool's thread that wanted to run for so much of the time was what limited the load.
FULL = 0.95
# When in a load the tool is looked at: none is there any more at its end.
LOOK_AT = 0.9


def run(server, seconds, tools):
    """Loads a server for that long.

    Gives `requests` answered, how long that took in `seconds`, `failed` ones, `p50_us` and `p99_us`; `load_busy`, the share of the
    time in which the tool's thread ran or waited for a processor: near 1, it is the tool that was measured; and `load_cpu_s`.
    """
    start, read = {"wrk": (_wrk, _read_wrk), "h2load": (_h2load, _read_h2load), "websockets": (_websockets, _read_websockets)}[
        server.workload.tool]
    before, begun = _children_cpu_seconds(), time.monotonic()
    tool = subprocess.Popen(list(map(str, start(server, seconds, tools))), cwd=server.folder, stdout=subprocess.PIPE, text=True)
    time.sleep(seconds * LOOK_AT)
    busy = process.busiest_thread_seconds(tool.pid) / (time.monotonic() - begun)
    if start is _wrk:
        # Its own times are whole seconds.
        time.sleep(seconds * (1 - LOOK_AT))
        tool.send_signal(signal.SIGINT)
    output = tool.communicate()[0]
    if tool.returncode != 0:
        raise ValueError(f"{server.workload.tool} ended with status {tool.returncode}")
    # Of the children only the tool was waited for in this time.
    used = {"load_busy": busy, "load_cpu_s": _children_cpu_seconds() - before}
    return {"seconds": seconds, **read(server, output), **used}


def _children_cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wrk(server, _seconds, _tools):
    workload = server.workload
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in workload.headers.items())
    if workload.body is not None:
        (server.folder / "body").write_bytes(workload.body)
    (server.folder / "load.lua").write_text(WRK % ("GET" if workload.body is None else "POST", headers))
    url = f"{workload.scheme}://127.0.0.1:{server.port}{workload.url_path}"
    return ["wrk", "-t1", f"-c{workload.connections}", f"-d{NEVER_S}s", f"--timeout={REQUEST_TIMEOUT_S}s", "-s", "load.lua", url]


def _read_wrk(server, output):
    told = json.loads(output.splitlines()[-1])
    requests, refused = told["requests"], told["refused"]
    failed = told["broken"] + (refused if server.workload.status < 400 else requests - refused)
    _check_bytes(server, told["bytes"], requests)
    return {"requests": requests, "seconds": told["us"] / 1e6, "failed": failed, "p50_us": told["p50_us"], "p99_us": told["p99_us"]}


def _h2load(server, seconds, _tools):
    workload = server.workload
    url = f"http://127.0.0.1:{server.port}{workload.url_path}"
    # It adds to a log that is there.
    (server.folder / H2LOAD_LOG).unlink(missing_ok=True)
    return ["h2load", "-t1", f"-c{workload.connections}", f"-m{MULTIPLEXED}", f"-D{round(seconds * 1000)}ms",
            f"--log-file={H2LOAD_LOG}", url]


def _read_h2load(server, output):
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output).groups()
    requests, *failed = map(int, counts)
    _check_bytes(server, int(re.search(r"\((\d+)\) data", output)[1]), requests)
    times = sorted(int(line.split()[2]) for line in (server.folder / H2LOAD_LOG).read_text().splitlines())
    at = lambda share: times[min(int(len(times) * share), len(times) - 1)] if times else None
    return {"requests": requests, "failed": sum(failed), "p50_us": at(0.5), "p99_us": at(0.99)}


def _websockets(server, seconds, tools):
    workload = server.workload
    return [tools / "websockets", server.port, workload.count, workload.connections, seconds]


def _read_websockets(_server, output):
    return json.loads(output)


def _check_bytes(server, came, requests):
    if came < requests * len(server.answer):
        raise ValueError(f"{came} bytes are not {requests} answers")
