"""What is measured: each workload with its request, and the answer that is right."""

import gzip
import hashlib
import json
from dataclasses import dataclass, field, replace

MIB = 1 << 20
IDLE_CONNECTIONS = 10_000
BOUNDARY = "one-boundary"
HEADERS = {f"x-header-{i}": f"value {i}" for i in range(20)}
ITEMS = [{"id": i, "name": f"item {i}", "price": i * 1.25, "tags": ["a", "b", str(i)]} for i in range(50)]
EVENT_STREAM = b"".join(b"data: %d\n\n" % i for i in range(200))
FORM = (
    f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="f.bin"\r\n'
    f"content-type: application/octet-stream\r\n\r\n".encode() + b"x" * MIB + f"\r\n--{BOUNDARY}--\r\n".encode()
)
FILES = {"4k.bin": b"f" * 4096, "1m.bin": b"f" * MIB}
NODE_TEXT = b"the same text, again and again"


@dataclass(frozen=True)
class Workload:
    """One request, asked again and again.

    `kind` says what is measured: a `load` of requests, a cold `start` with `count` workers, or `idle` connections, `count` of them.
    `config` names the constant of workers/config.capnp, or `cold`; `answer` is the right body, or says whether a body is right. The tool
    `websockets` sends messages of `count` bytes to `/websocket`, once the server has answered this request.
    """

    name: str
    title: str
    config: str = "plain"
    kind: str = "load"
    tool: str = "wrk"
    path: str = ""
    body: bytes = None
    headers: dict = field(default_factory=dict)
    answer: object = b""
    status: int = 200
    same_bytes: bool = True
    connections: int = 32
    count: int = 0

    @property
    def url_path(self):
        return self.path or "/" + self.name

    @property
    def scheme(self):
        return "https" if self.config == "tls" else "http"

    def is_right(self, status, body):
        right = self.answer(body) if callable(self.answer) else body == self.answer
        return status == self.status and right


def is_json(value):
    return lambda body: json.loads(body) == value


def post(name, title, body, answer, content_type="application/octet-stream", **more):
    return Workload(name, title, body=body, answer=answer, headers={"content-type": content_type}, **more)


WORKLOADS = [
    Workload("hello", "Hello World", answer=b"Hello World\n"),
    Workload("headers", "20 headers in, 3 read", headers=HEADERS, answer=b"value 3 value 9 value 17"),
    Workload("json", "JSON of 3 KiB", path="/json?q=one", headers={"user-agent": "bench"},
             answer=is_json({"items": ITEMS, "agent": "bench", "q": "one"})),
    post("echo", "echo of 16 KiB", b"x" * 16384, b"x" * 16384),
    post("array-buffer", "arrayBuffer() of 1 MiB", b"x" * MIB, b"1048576"),
    post("text", "text() of 1 MiB", b"x" * MIB, b"1048576"),
    post("form", "FormData upload of 1 MiB", FORM, b"1048576", f"multipart/form-data; boundary={BOUNDARY}"),
    Workload("big", "body of 1 MiB", answer=b"a" * MIB),
    Workload("stream", "stream of 1 MiB in 16 chunks", answer=b"a" * MIB),
    Workload("sse-pulled", "SSE, 200 chunks pulled", answer=EVENT_STREAM),
    Workload("sse-written", "SSE, 200 chunks written", answer=EVENT_STREAM),
    # What the body says of the error is each runtime's own.
    Workload("throw", "a handler that throws", status=500, answer=lambda body: True, same_bytes=False),
    Workload("uuid", "20 randomUUID", answer=b"720"),
    Workload("events", "50 event dispatches", answer=b"50"),
    Workload("abort", "AbortController", answer=b"enough"),
    # Compressors may differ in their bytes.
    Workload("compress", "CompressionStream of 16 KiB", answer=lambda body: gzip.decompress(body) == b"a" * 16384, same_bytes=False),
    Workload("clone", "structuredClone, 3 times", answer=is_json(ITEMS)),
    Workload("sha", "SHA-256 of 64 KiB", answer=hashlib.sha256(b"a" * 65536).digest()),
    Workload("create-hash", "node:crypto createHash", "nodeApi", answer=hashlib.sha256(b"the text to hash").hexdigest().encode()),
    Workload("buffer", "20 Buffer conversions", "nodeApi", answer=NODE_TEXT),
    Workload("service", "service binding", answer=b"callee"),
    Workload("service-10", "service binding, 10 calls", answer=b"60"),
    Workload("websocket-32", "WebSocket echo of 32 B", tool="websockets", path="/hello", answer=b"Hello World\n", count=32),
    Workload("websocket-4k", "WebSocket echo of 4 KiB", tool="websockets", path="/hello", answer=b"Hello World\n", count=4096),
    Workload("http2", "Hello World, HTTP/2", tool="h2load", path="/hello", answer=b"Hello World\n", connections=8),
    Workload("tls", "Hello World, TLS", "tls", path="/hello", answer=b"Hello World\n"),
    Workload("tls-new", "Hello World, new TLS connection each", "tls", path="/hello", headers={"connection": "close"},
             answer=b"Hello World\n"),
    Workload("object-local", "object in the same process", "objects", path="/local", answer=b"counted"),
    Workload("object-remote", "object in another process", "objects", path="/remote", answer=b"counted"),
    Workload("object-put", "object, storage.put()", "objects", path="/put", answer=b"counted"),
    Workload("kv-get", "KV get of 1 KiB", "backEnds", answer=b"v" * 1024),
    Workload("kv-put", "KV put of 1 KiB", "backEnds", answer=b"put"),
    Workload("queue-send", "queue send of 1 KiB, delivered", "backEnds", answer=b"sent"),
    Workload("disk-4k", "disk service, 4 KiB", "disk", path="/4k.bin", answer=FILES["4k.bin"]),
    Workload("disk-1m", "disk service, 1 MiB", "disk", path="/1m.bin", answer=FILES["1m.bin"]),
    Workload("assets-4k", "assets service, 4 KiB", "assets", path="/4k.bin", answer=FILES["4k.bin"]),
    Workload("assets-1m", "assets service, 1 MiB", "assets", path="/1m.bin", answer=FILES["1m.bin"]),
    *(
        Workload(f"start-{n}", f"cold start, {n} worker{'s' * (n > 1)} with nodejs_compat", "cold", "start",
                 path="/hello", answer=b"Hello World\n", count=n)
        for n in (1, 10, 100)
    ),
    Workload("idle", "idle connections", kind="idle", path="/hello", answer=b"Hello World\n", count=IDLE_CONNECTIONS),
]


def within(workload, open_files):
    """The workload with no more idle connections than that many open files permit: some servers take two for each."""
    if workload.kind != "idle":
        return workload
    count = min(workload.count, (open_files // 2 - 500) // 100 * 100)
    return replace(workload, count=count, title=f"{count:,} {workload.title}")


def cold_config(template, count):
    """A config of `count` workers: the first is asked from outside, and it asks the others."""
    numbers = range(1, count)
    bindings = "\n".join(f'(name = "WORKER_{n}", service = "worker-{n}"),' for n in numbers)
    services = "\n".join(f'(name = "worker-{n}", worker = .numbered),' for n in numbers)
    return template.replace("# BINDINGS", bindings).replace("# SERVICES", services)
