#!/usr/bin/env python3
"""Compares this program with other servers: the same requests to each in turn, several rounds, medians.

Prints a table, and writes a page with plots. Each measurement starts a server for it alone, checks its answer, warms it, loads it
by one thread of wrk (or h2load, or the crate's `websockets`), and checks its answer again. The exit status is 1 if an answer was
wrong or missing. `just bench` builds the program, gets the peers from npm, and runs this.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import page
import report
from measure import Bench
from peers import all_peers, make_certificate
from workloads import WORKLOADS, within

ROOT = Path(__file__).parent.parent.parent
SECONDS, ROUNDS, PROCESSES = 3, 3, 2
OPEN_FILES = 65_536


def arguments():
    names = ", ".join(workload.name for workload in WORKLOADS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog=f"Workloads: {names}.\nPeers: ours, ours-N, published, haproxy, deno, node, hyper, nginx.")
    parser.add_argument("--only", metavar="NAMES", help="these workloads, separated by commas; default: all")
    parser.add_argument("--peers", metavar="NAMES", help="these peers, separated by commas, which then must be installed; default: all")
    parser.add_argument("--rounds", type=int, default=None, help=f"how often each is measured (default: {ROUNDS})")
    parser.add_argument("--seconds", type=float, default=None,
                        help=f"how long each load is, after half of that to warm up (default: {SECONDS})")
    parser.add_argument("--processes", type=int, default=PROCESSES, metavar="N",
                        help=f"processes of ours-N, instances behind HAProxy (default: {PROCESSES})")
    parser.add_argument("--quick", action="store_true", help="one round of half a second: whether everything works")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all numbers there")
    parser.add_argument("--page", metavar="FILE", type=Path, default=ROOT / "target/bench.html",
                        help="the page (default: target/bench.html)")
    parser.add_argument("--ours", metavar="FILE", type=Path, default=ROOT / "target/release/workerd",
                        help="the program to measure (default: target/release/workerd)")
    parser.add_argument("--tools", metavar="FOLDER", type=Path, default=ROOT / "target/release",
                        help="where the crate's `limit` and `websockets` are (default: target/release)")
    given = parser.parse_args()
    if given.rounds is None:
        given.rounds = 1 if given.quick else ROUNDS
    if given.seconds is None:
        given.seconds = 0.5 if given.quick else SECONDS
    if given.rounds < 1 or given.seconds <= 0 or given.processes < 2:
        parser.error("--rounds is at least 1, --seconds more than 0, --processes at least 2")
    if not given.ours.exists():
        parser.error(f"{given.ours} is not there: build it, or name it with --ours")
    given.ours, given.tools = given.ours.resolve(), given.tools.resolve()
    given.workloads = chosen(parser, "workload", given.only, WORKLOADS)
    peers = all_peers(given.ours, given.tools, given.processes)
    is_named = given.peers is not None
    given.peers = chosen(parser, "peer", given.peers, peers)
    absent = [peer.name for peer in given.peers if peer.program is None]
    if is_named and absent:
        parser.error(f"not installed: {', '.join(absent)}")
    return given


def chosen(parser, what, names, all_of_them):
    """Those that are named; all without names."""
    if names is None:
        return all_of_them
    by_name = {one.name: one for one in all_of_them}
    for name in names.split(","):
        if name not in by_name:
            parser.error(f"there is no {what} {name!r}; there are {', '.join(by_name)}")
    return [by_name[name] for name in names.split(",")]


def reasons(given):
    """Why a peer has no numbers of a workload."""
    found = {}
    for workload in given.workloads:
        tool = given.tools / "websockets" if workload.tool == "websockets" else workload.tool
        is_there = workload.kind != "load" or shutil.which(tool) is not None
        for peer in given.peers:
            why = peer.why_not(workload) if is_there else f"not measured: no {workload.tool}"
            if why is not None:
                found[workload.name, peer.name] = why
    return found


def measure_all(given, bench, why):
    """Every workload on every peer in every round, with a line of progress each; each round begins with another peer."""
    rounds, done, begun = {}, 0, time.monotonic()
    total = given.rounds * (len(given.workloads) * len(given.peers) - len(why))
    for index in range(given.rounds):
        first = index % len(given.peers)
        for workload in given.workloads:
            for peer in given.peers[first:] + given.peers[:first]:
                if (workload.name, peer.name) in why:
                    continue
                told = bench.measure(peer, workload)
                rounds.setdefault((workload.name, peer.name), []).append(told)
                done += 1
                left = (time.monotonic() - begun) / done * (total - done)
                left = f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s"
                metric = report.METRICS[workload.kind][0][0]
                value = told.get("complaint") or report.shown(metric, told.get(metric))
                line = f"[{done}/{total}] round {index + 1}, {workload.name} on {peer.name}: {value}, {left} left"
                print(line, file=sys.stderr, flush=True)
    return rounds


def machine():
    """Of the machine what the numbers depend on."""
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {"cpu": models[0] if models else platform.machine(), "cores": os.cpu_count(), "kernel": f"Linux {platform.release()}"}


def allow_open_files():
    """Lets this program, its tools and the servers open as many files as may be, and gives how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, max(hard, OPEN_FILES)))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def main():
    given = arguments()
    if shutil.which("openssl") is None:
        sys.exit("openssl is not installed: it makes the certificate of the workloads with TLS")
    open_files = allow_open_files()
    given.workloads = [within(workload, open_files) for workload in given.workloads]
    why = reasons(given)
    begun = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        make_certificate(Path(folder))
        rounds = measure_all(given, Bench(given.seconds, given.tools, folder), why)
    results = {
        "begun": begun,
        "machine": machine(),
        "settings": {"rounds": given.rounds, "seconds": given.seconds, "processes": given.processes},
        "peers": [{"name": peer.name, "title": peer.title, "version": peer.version() if peer.program else "(not installed)"}
                  for peer in given.peers],
        "workloads": [report.result(workload, given.peers, rounds, why) for workload in given.workloads],
    }
    print(report.table(results))
    given.page.parent.mkdir(parents=True, exist_ok=True)
    given.page.write_text(page.page(results))
    print(f"The page: {given.page}")
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if report.failures(results) else 0


if __name__ == "__main__":
    sys.exit(main())
