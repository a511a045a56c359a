"""Whom is measured: how each server is started, and what it cannot do."""

import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import ask
import process
from workloads import FILES, IDLE_CONNECTIONS, cold_config

HERE = Path(__file__).parent
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
BACK_ENDS = ("objects", "backEnds")
FILE_SERVICES = ("disk", "assets")

HAPROXY = """global
  nbthread 1
  no strict-limits
  maxconn {connections}
defaults
  mode http
  maxconn {connections}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend bench
  bind 127.0.0.1:{port}
  default_backend instances
backend instances
  balance leastconn
  http-reuse always
{servers}
"""

NGINX = """daemon off;
user {user} {group};
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=100;
  client_body_temp_path {folder}/t1;
  proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4;
  scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""


class Failure(Exception):
    """A server that does not start, or answers what is wrong."""


class Server:
    """A running server of a workload, in a folder of its own that it may write to; `with` stops it and removes the folder.

    `start_ms` is from the start to the first right answer, `start_cpu_s` the processor time that took.
    """

    def __init__(self, peer, workload, certificate):
        self.peer, self.workload = peer, workload
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.children = []
        prepare(self.folder, workload, certificate)

    def __enter__(self):
        begun = time.monotonic()
        try:
            self.port = self.peer.launch(self)
            self.answer = ask.until_right(self, begun + START_TIMEOUT_S)
        except BaseException:
            self.__exit__()
            raise
        self.start_ms = (time.monotonic() - begun) * 1000
        self.start_cpu_s = process.cpu_seconds(self.roots)
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder)

    @property
    def roots(self):
        return [child.pid for child in self.children]

    def spawn(self, *command):
        """Starts a process. What it says is dropped: some of it would be a line for each request."""
        env = {**os.environ, "DENO_DIR": str(self.folder / "deno"), "DENO_NO_UPDATE_CHECK": "1"}
        null = subprocess.DEVNULL
        child = subprocess.Popen(list(map(str, command)), cwd=self.folder, env=env, stdin=null, stdout=null, stderr=null)
        self.children.append(child)

    def check_alive(self):
        for child in self.children:
            if child.poll() is not None:
                raise Failure(f"ended with status {child.returncode}: {' '.join(map(str, child.args))}")


def make_certificate(folder):
    """A key and a certificate for TLS."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True, capture_output=True)


def prepare(folder, workload, certificate):
    """Puts the workers, their configs, files to serve, and what is in the folder of the certificate into a folder."""
    shutil.copytree(HERE / "workers", folder, dirs_exist_ok=True)
    shutil.copytree(certificate, folder, dirs_exist_ok=True)
    (folder / "storage").mkdir()
    (folder / "files").mkdir()
    for name, content in FILES.items():
        (folder / "files" / name).write_bytes(content)
    if workload.kind == "start":
        config = folder / "cold.capnp"
        config.write_text(cold_config(config.read_text(), workload.count))


class Peer:
    """A server to measure; `program` is None where it is not installed."""

    # Of the workloads, what it cannot do: groups (`config`), names, or kinds, with the reason.
    cannot = {}
    processes = 1

    def __init__(self, name, title, program):
        self.name, self.title, self.program = name, title, program

    def why_not(self, workload):
        """Why it cannot do a workload; None if it can."""
        if self.program is None:
            return "not installed"
        keys = [workload.name, workload.config, workload.tool, workload.kind]
        return next((self.cannot[key] for key in keys if key in self.cannot), None)

    def version(self):
        told = subprocess.run([self.program, "--version"], capture_output=True, text=True)
        return (re.search(r"\d[\w.-]*", told.stdout + told.stderr) or [""])[0]

    def launch(self, server):
        """Starts its processes, and gives the port to ask."""
        raise NotImplementedError


class Workerd(Peer):
    """This program or the published one."""

    def __init__(self, name, title, program, processes=1, is_ours=False):
        super().__init__(name, title, program)
        self.processes, self.is_ours = processes, is_ours
        self.cannot = {} if is_ours else {"http2": "serves no HTTP/2"}
        if processes == 1:
            self.cannot["object-remote"] = "has one process"

    def launch(self, server):
        [port] = process.free_ports(1)
        more = [f"--processes={self.processes}", f"--max-connections={2 * IDLE_CONNECTIONS}"] if self.is_ours else []
        serve(server, self.program, port, *more)
        return port


class Proxied(Peer):
    """Several instances of the published program behind HAProxy, as its documentation advises."""

    cannot = {
        **dict.fromkeys(BACK_ENDS, "each instance would have objects of its own"),
        **dict.fromkeys(["http2", "tls"], "it would be the proxy's"),
    }

    def __init__(self, name, title, program, haproxy, processes):
        super().__init__(name, title, program if haproxy else None)
        self.haproxy, self.processes = haproxy, processes

    def launch(self, server):
        port, *instances = process.free_ports(1 + self.processes)
        for instance in instances:
            serve(server, self.program, instance)
        for instance in instances:
            ask.until_listening(server, instance, time.monotonic() + START_TIMEOUT_S)
        servers = "\n".join(f"  server s{instance} 127.0.0.1:{instance}" for instance in instances)
        config = HAPROXY.format(port=port, servers=servers, connections=2 * IDLE_CONNECTIONS)
        (server.folder / "haproxy.cfg").write_text(config)
        server.spawn(self.haproxy, "-f", "haproxy.cfg")
        return port


def serve(server, program, port, *more):
    """workerd with the workload's config."""
    config = server.workload.config
    server.spawn(program, "serve", "cold.capnp" if config == "cold" else "config.capnp", config, "--experimental",
                 f"--socket-addr=bench=127.0.0.1:{port}", *more)


NOT_A_WORKERD = {
    **dict.fromkeys(BACK_ENDS, "has no Durable Objects"),
    **dict.fromkeys(FILE_SERVICES, "has no file service"),
    **dict.fromkeys(["service", "service-10"], "has no service bindings"),
    **dict.fromkeys(["start-10", "start-100"], "has one program a process"),
}


class Deno(Peer):
    cannot = NOT_A_WORKERD

    def launch(self, server):
        [port] = process.free_ports(1)
        tls = ["certificate.pem", "key.pem"] if server.workload.scheme == "https" else []
        server.spawn(self.program, "run", "--no-config", "--allow-net", "--allow-read", "deno.mjs", port, *tls)
        return port


class Node(Peer):
    cannot = {**NOT_A_WORKERD, "websockets": "has no WebSocket server"}

    def launch(self, server):
        [port] = process.free_ports(1)
        workload = server.workload
        protocol = "h2" if workload.tool == "h2load" else workload.scheme
        server.spawn(self.program, "node.mjs", port, protocol, "certificate.pem", "key.pem")
        return port


class Hyper(Peer):
    """The limit: an HTTP server in Rust with one fixed answer."""

    def why_not(self, workload):
        return super().why_not(workload) or (None if workload.name in ("hello", "idle") else "has one fixed answer")

    def version(self):
        return ""

    def launch(self, server):
        [port] = process.free_ports(1)
        server.spawn(self.program, port)
        return port


class Nginx(Peer):
    def why_not(self, workload):
        return super().why_not(workload) or (None if workload.config in FILE_SERVICES else "serves files")

    def version(self):
        told = subprocess.run([self.program, "-v"], capture_output=True, text=True).stderr
        return told.strip().rpartition("/")[2]

    def launch(self, server):
        [port] = process.free_ports(1)
        # Else it would become one who may not read the files.
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        config = NGINX.format(folder=server.folder, port=port, user=user, group=group)
        (server.folder / "nginx.conf").write_text(config)
        server.spawn(self.program, "-p", server.folder, "-c", "nginx.conf")
        return port


def all_peers(ours, tools, processes):
    """Every peer. `ours` is the program under test, `tools` the folder of the bins of this crate."""
    def find(variable, name):
        return os.environ.get(variable) or shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")

    published, hyper = os.environ.get("PUBLISHED_WORKERD"), tools / "limit"
    peers = [
        Workerd("ours", "workerd on every core", ours, 1, is_ours=True),
        Workerd(f"ours-{processes}", f"workerd on every core, {processes} processes", ours, processes, is_ours=True),
        Workerd("published", "published workerd", published),
        Proxied("haproxy", f"{processes} published workerd behind HAProxy", published, find("HAPROXY", "haproxy"), processes),
        Deno("deno", "Deno", find("DENO", "deno")),
        Node("node", "Node", find("NODE", "node")),
        Hyper("hyper", "hyper with a fixed answer", hyper if hyper.exists() else None),
        Nginx("nginx", "nginx", find("NGINX", "nginx")),
    ]
    return peers
