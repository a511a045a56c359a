"""One measurement: a server started for it alone, warmed, loaded, and looked at."""

import http.client
import os
import socket
import statistics
import subprocess
import time

import ask
import load
import process
from peers import Failure, Server


class Bench:
    """What all measurements of a run share."""

    def __init__(self, seconds, tools, certificate):
        self.seconds, self.tools, self.certificate = seconds, tools, certificate
        # Of each workload the body that was answered first: all peers answer the same bytes.
        self.bodies = {}

    def measure(self, peer, workload):
        """The numbers of one workload on one peer; `failed` ones say why in `complaint`."""
        kinds = {"load": self._load, "start": self._start, "idle": self._idle}
        try:
            with Server(peer, workload, self.certificate) as server:
                self._compare(server)
                return {"start_ms": server.start_ms, **kinds[workload.kind](server)}
        except (Failure, ask.WrongAnswer, ValueError, OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
            return {"failed": 1, "complaint": f"{type(error).__name__}: {error}"}

    def _compare(self, server):
        workload = server.workload
        first = self.bodies.setdefault(workload.name, server.answer)
        if workload.same_bytes and server.answer != first:
            raise Failure(f"its answer differs from others': {server.answer[:200]!r}")

    def _load(self, server):
        load.run(server, self.seconds / 2, self.tools)
        cpu, machine, begun = process.cpu_seconds(server.roots), process.machine_cpu_seconds(), time.monotonic()
        told = load.run(server, self.seconds, self.tools)
        took = time.monotonic() - begun
        cpu = process.cpu_seconds(server.roots) - cpu
        machine = process.machine_cpu_seconds() - machine
        requests = told["requests"]
        if requests == 0:
            raise Failure("answered no request")
        server.check_alive()
        # What was right before the load is right after it.
        self._answered(server)
        others = max(machine - cpu - told["load_cpu_s"], 0) / took / os.cpu_count()
        return {
            "rate": requests / told["seconds"], "p50_us": told["p50_us"], "p99_us": told["p99_us"],
            "cpu_us": cpu / requests * 1e6, "pss_mib": process.pss_kib(server.roots) / 1024,
            "requests": requests, "failed": told["failed"], "load_busy": told["load_busy"], "others_cpu": others,
        }

    @staticmethod
    def _answered(server):
        status, body = ask.answer(server.workload, server.port)
        if not server.workload.is_right(status, body):
            raise ask.WrongAnswer(f"answered {status} after the load: {body[:200]!r}")

    @staticmethod
    def _start(server):
        """Memory at the first answer and when every worker has answered, and how long each further worker's first answer took."""
        pss = process.pss_kib(server.roots) / 1024
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ask.ANSWER_TIMEOUT_S)
        firsts = []
        for n in range(1, server.workload.count):
            begun = time.monotonic()
            connection.request("GET", f"/numbered?n={n}")
            response = connection.getresponse()
            if not server.workload.is_right(response.status, response.read()):
                raise ask.WrongAnswer(f"worker {n} answered {response.status}")
            firsts.append((time.monotonic() - begun) * 1000)
        connection.close()
        return {
            "start_cpu_ms": server.start_cpu_s * 1000, "pss_mib": pss, "pss_all_mib": process.pss_kib(server.roots) / 1024,
            "first_ms": statistics.median(firsts) if firsts else None, "failed": 0,
        }

    @staticmethod
    def _idle(server):
        """Memory of connections that wait for a second request."""
        count = server.workload.count
        request = f"GET {server.workload.url_path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()

        def connect(number):
            opened = []
            for _ in range(number):
                opened.append(socket.create_connection(("127.0.0.1", server.port), timeout=ask.ANSWER_TIMEOUT_S))
                opened[-1].sendall(request)
                if not opened[-1].recv(4096).startswith(b"HTTP/1.1 200 "):
                    raise ask.WrongAnswer("a connection is not answered")
            return opened

        # What the first ones cost is the server's warming up.
        opened = connect(count // 100)
        before = process.pss_kib(server.roots)
        opened += connect(count)
        after = process.pss_kib(server.roots)
        for connection in opened:
            connection.setblocking(False)
        closed = sum(_is_closed(connection) for connection in opened)
        for connection in opened:
            connection.close()
        return {"each_kib": (after - before) / count, "pss_mib": after / 1024, "failed": closed}


def _is_closed(connection):
    """Whether its server has closed it; what is left of its answer is read."""
    try:
        while connection.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
