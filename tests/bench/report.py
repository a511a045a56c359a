"""What a run has found: the results as one value, and as a table of text."""

import statistics

import load

# Of each kind of workload what is shown, the first being what peers are compared by: less is better.
METRICS = {
    "load": [("cpu_us", "CPU/request"), ("rate", "requests/s"), ("p50_us", "p50"), ("p99_us", "p99"),
             ("start_ms", "start"), ("pss_mib", "memory")],
    "start": [("start_ms", "first answer"), ("start_cpu_ms", "CPU until then"), ("first_ms", "further worker's first"),
              ("pss_mib", "memory"), ("pss_all_mib", "all have answered")],
    "idle": [("each_kib", "memory each"), ("pss_mib", "memory"), ("start_ms", "start")],
}


def primary(workload):
    """The metric by which peers are compared."""
    return METRICS[workload["kind"]][0][0]


def summary(rounds):
    """Medians of all numbers, failures added up."""
    names = {name for one in rounds for name, value in one.items() if isinstance(value, (int, float))}
    median = {name: statistics.median(one[name] for one in rounds if one.get(name) is not None) for name in names}
    median["failed"] = sum(one["failed"] for one in rounds)
    return median


def result(workload, peers, rounds, reasons):
    """All of one workload: of each peer either the reason `why` it has no numbers, or its rounds and their medians."""
    cells = {}
    for peer in peers:
        if (why := reasons.get((workload.name, peer.name))) is not None:
            cells[peer.name] = {"why": why}
        elif (found := rounds.get((workload.name, peer.name))):
            cells[peer.name] = {"rounds": found, "median": summary(found)}
    return {"name": workload.name, "title": workload.title, "kind": workload.kind, "peers": cells}


def failures(results):
    """Lines of what failed or was wrong."""
    lines = []
    for workload in results["workloads"]:
        for peer, cell in workload["peers"].items():
            if not cell.get("median", {}).get("failed"):
                continue
            complaints = {one["complaint"] for one in cell["rounds"] if "complaint" in one}
            told = "; ".join(sorted(complaints)) or "requests without a right answer"
            lines.append(f"{workload['name']} on {peer}: {cell['median']['failed']:.0f} failed: {told}")
    return lines


def number(value):
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def shown(metric, value):
    """A number with its unit."""
    if value is None:
        return ""
    name, _, unit = metric.rpartition("_")
    if name == "":
        return number(value)
    if unit == "us" and value >= 1000:
        value, unit = value / 1000, "ms"
    return f"{number(value)} {dict(us='µs', ms='ms', mib='MiB', kib='KiB')[unit]}"


def ratio(workload, peer):
    """How many times ours a peer's primary metric is; None where one of them is missing."""
    metric = primary(workload)
    ours, other = (workload["peers"].get(name, {}).get("median", {}).get(metric) for name in ("ours", peer))
    return other / ours if ours and other else None


def is_full(cell):
    return cell.get("median", {}).get("load_busy", 0) >= load.FULL


def cells(workload, peer):
    """The texts of a line of the table: the numbers, then how many times ours; or the reason why there are none."""
    cell = workload["peers"][peer]
    if "why" in cell:
        return [cell["why"]]
    median = cell["median"]
    if primary(workload) not in median:
        return ["FAILED"]
    texts = [shown(metric, median.get(metric)) for metric, _ in METRICS[workload["kind"]]]
    times = ratio(workload, peer)
    texts.append("" if times is None else f"{times:.2f}")
    if is_full(cell):
        texts[1] += "*"
    if median["failed"]:
        texts[0] += f" {median['failed']:.0f} FAILED"
    return texts


def table(results):
    """The results for a terminal."""
    lines = []
    kind = None
    width = max(map(len, (peer["name"] for peer in results["peers"])), default=0) + 2
    for workload in results["workloads"]:
        if workload["kind"] != kind:
            kind = workload["kind"]
            heads = [label for _, label in METRICS[kind]] + ["times ours"]
            columns = [max(len(head), 11) + 2 for head in heads]
            lines += ["", " " * width + "".join(map(str.rjust, heads, columns))]
        lines.append(f"{workload['title']} ({workload['name']})")
        for peer in workload["peers"]:
            texts = cells(workload, peer)
            text = f"  {texts[0]}" if len(texts) == 1 else "".join(map(str.rjust, texts, columns))
            lines.append(f"  {peer}".ljust(width) + text)
    lines.append("")
    lines += [f"FAILED: {line}" for line in failures(results)] + [note(results)]
    return "\n".join(lines)


def note(results):
    """What has to be known of the numbers."""
    settings, machine = results["settings"], results["machine"]
    rounds = "One round" if settings["rounds"] == 1 else f"Medians of {settings['rounds']} rounds"
    text = (f"{rounds} of {settings['seconds']} s each, on {machine['cpu']}, {machine['cores']} cores, "
            f"{machine['kernel']}. CPU and memory (PSS) are of the server's whole process tree.")
    if any(is_full(cell) for workload in results["workloads"] for cell in workload["peers"].values()):
        text += " * The load generator's thread was busy all the time: requests/s and times are its own as much as the server's."
    others = [cell["median"]["others_cpu"] for workload in results["workloads"] for cell in workload["peers"].values()
              if "others_cpu" in cell.get("median", {})]
    if others and (share := statistics.median(others)) > 0.05:
        text += f" The machine was not idle: other programs used {share:.0%} of it."
    return text
