#!/usr/bin/env python3
"""sbom.py: prints what the program is made of, as CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/).

Crates are those that `cargo metadata` leads to from the program, without what only tests need; checksums are Cargo.lock's. V8 and
SQLite come inside crates and are named too. The same sources give the same text.
"""
import gzip
import json
import os
import pathlib
import platform
import re
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def metadata():
    target = os.environ.get("TARGET", f"{platform.machine()}-unknown-linux-gnu")
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def reachable(nodes, start):
    """The ids of all that `start` is built of, each with those that it uses itself."""
    found, waiting = {}, [start]
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        kinds = [(dep["pkg"], {kind["kind"] for kind in dep["dep_kinds"]}) for dep in nodes[node]["deps"]]
        found[node] = sorted(package for package, of in kinds if of - {"dev"})
        waiting += found[node]
    return found


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    of = {"type": "library", "bom-ref": purl(package), "name": package["name"], "version": package["version"], "purl": purl(package)}
    if package["license"]:
        # An older way to write OR.
        of["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        of["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return of


def inside(packages):
    """What comes inside crates: the version of V8 is its crate's, SQLite says its own."""
    v8 = next(package["version"] for package in packages if package["name"] == "v8")
    source = gzip.open(ROOT / "deploy/sqlite/sqlite3.c.gz", "rt", encoding="utf-8", errors="replace").read(1 << 22)
    sqlite = re.search(r'#define SQLITE_VERSION +"([^"]+)"', source).group(1)
    return [
        {"type": "library", "bom-ref": "v8-engine", "name": "V8", "version": v8, "licenses": [{"license": {"id": "BSD-3-Clause"}}]},
        {"type": "library", "bom-ref": "sqlite", "name": "SQLite", "version": sqlite, "licenses": [{"license": {"id": "blessing"}}]},
    ]


def main():
    graph = metadata()
    by_id = {package["id"]: package for package in graph["packages"]}
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    start = next(package["id"] for package in graph["packages"] if package["name"] == "supervisor")
    used = reachable(nodes, start)
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock}
    packages = sorted((by_id[node] for node in used), key=lambda package: (package["name"], package["version"]))
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "workerd",
                "name": "workerd",
                "version": by_id[start]["version"],
                "licenses": [{"expression": by_id[start]["license"]}],
            }
        },
        "components": [component(package, checksums) for package in packages] + inside(packages),
        "dependencies": [{"ref": "workerd", "dependsOn": [purl(by_id[start]), "sqlite", "v8-engine"]}]
        + [{"ref": purl(by_id[node]), "dependsOn": sorted(purl(by_id[of]) for of in used[node])} for node in sorted(used)],
    }
    print(json.dumps(bom, indent=1))


main()
