"""The results as one page of HTML that needs nothing else: plots of SVG, and the table."""

import math
from html import escape

import report

COLOURS = {"ours": "#0072b2", "ours-n": "#56b4e9", "published": "#d55e00", "haproxy": "#e69f00", "deno": "#009e73",
           "node": "#cc79a7", "hyper": "#808890", "nginx": "#9a7d0a"}

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2126; --dim: #66707a; --line: #dde2e6; --card: #f7f9fa }
@media (prefers-color-scheme: dark) { :root { --back: #15191d; --text: #e6eaee; --dim: #98a2ac; --line: #333a41; --card: #1c2228 } }
body { margin: 0 auto; padding: 2rem 1.5rem; max-width: 1180px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.7rem; margin: 0 0 .3rem } h2 { font-size: 1.2rem; margin: 2.5rem 0 .3rem } h3 { font-size: .95rem; margin: 0 }
p { margin: .3rem 0; max-width: 75ch } .dim { color: var(--dim) } .failed { color: #c0392b; font-weight: 600 }
ul.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0; margin: 1rem 0; list-style: none }
ul.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .45em }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1rem; margin-top: 1rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem }
svg { display: block; width: 100%; height: auto } svg text { fill: var(--text); font: 12px system-ui, sans-serif }
svg .dim { fill: var(--dim) } svg .grid { stroke: var(--line) } svg .one { stroke: var(--text); stroke-width: 1.5 }
svg .range { stroke: var(--text); stroke-width: 1.2; opacity: .6 }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 13px; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap } th:first-child, td:first-child { text-align: left }
thead th { border-bottom: 2px solid var(--line); color: var(--dim); font-weight: 600 }
tr.workload td { border-top: 1px solid var(--line); font-weight: 600; padding-top: .5rem } td.why { color: var(--dim); text-align: left }
"""

WIDTH, LABELS, LINE = 1100, 300, 22
BAR_WIDTH, BAR_LABELS, BAR_VALUES, BAR_LINE = 340, 84, 78, 20


def colour(peer):
    return COLOURS.get(peer) or COLOURS["ours-n" if peer.startswith("ours") else "hyper"]


def ratios(workloads, metric_of):
    """Of each workload that has them, the peers' numbers as multiples of ours."""
    found = []
    for workload in workloads:
        metric = metric_of(workload)
        values = {peer: cell.get("median", {}).get(metric) for peer, cell in workload["peers"].items()}
        ours = values.pop("ours", None)
        others = {peer: value / ours for peer, value in values.items() if ours and value}
        if others:
            found.append((workload["title"], others))
    return found


def dots(rows):
    """A line for each workload, a dot for each peer, at how many times ours it is, on a logarithmic scale."""
    all_ratios = [ratio for _, others in rows for ratio in others.values()]
    low = min(-1, math.floor(math.log2(min(all_ratios))))
    high = max(1, math.ceil(math.log2(max(all_ratios))))
    x = lambda ratio: LABELS + (math.log2(ratio) - low) / (high - low) * (WIDTH - LABELS - 30)
    bottom = 26 + LINE * len(rows)
    parts = []
    for power in range(low, high + 1):
        at, label = x(2.0**power), f"{2**power}×" if power >= 0 else f"1/{2**-power}×"
        parts.append(f'<line class="{"one" if power == 0 else "grid"}" x1="{at:.1f}" x2="{at:.1f}" y1="20" y2="{bottom}"/>')
        parts.append(f'<text class="dim" x="{at:.1f}" y="13" text-anchor="middle">{"ours" if power == 0 else label}</text>')
    for index, (title, others) in enumerate(rows):
        y = 26 + LINE * index + LINE / 2
        parts.append(f'<text x="{LABELS - 14}" y="{y + 4}" text-anchor="end">{escape(title)}</text>')
        for peer, ratio in others.items():
            tip = f"{title}, {peer}: {ratio:.2f} times ours"
            parts.append(f'<circle cx="{x(ratio):.1f}" cy="{y}" r="5.5" fill="{colour(peer)}" fill-opacity=".9">'
                         f"<title>{escape(tip)}</title></circle>")
    return f'<svg viewBox="0 0 {WIDTH} {bottom + 6}" role="img">{"".join(parts)}</svg>'


def bars(workload):
    """A bar for each peer that has numbers: the median, with a line from the least to the most of its rounds."""
    metric = report.primary(workload)
    measured = {peer: cell for peer, cell in workload["peers"].items() if metric in cell.get("median", {})}
    values = {peer: [one[metric] for one in cell["rounds"] if metric in one] for peer, cell in measured.items()}
    most = max((max(several) for several in values.values()), default=1) or 1
    x = lambda value: BAR_LABELS + value / most * (BAR_WIDTH - BAR_LABELS - BAR_VALUES)
    parts = []
    for index, (peer, cell) in enumerate(measured.items()):
        y, median = BAR_LINE * index, cell["median"][metric]
        least, largest = min(values[peer]), max(values[peer])
        parts.append(
            f'<text x="{BAR_LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(peer)}</text>'
            f'<rect x="{BAR_LABELS}" y="{y + 3}" width="{max(x(median) - BAR_LABELS, 1):.1f}" height="14" rx="2" fill="{colour(peer)}"/>'
            f'<line class="range" x1="{x(least):.1f}" x2="{x(largest):.1f}" y1="{y + 10}" y2="{y + 10}"/>'
            f'<text x="{x(max(median, largest)) + 6:.1f}" y="{y + 14}">{report.shown(metric, median)}</text>')
    height = BAR_LINE * len(measured) + 2
    label = report.METRICS[workload["kind"]][0][1]
    return (f'<div class="card"><h3>{escape(workload["title"])}</h3><p class="dim">{label}</p>'
            f'<svg viewBox="0 0 {BAR_WIDTH} {height}" role="img">{"".join(parts)}</svg></div>')


def table(workloads, kind):
    """The numbers of the workloads of a kind."""
    heads = ["", *(label for _, label in report.METRICS[kind]), "times ours"]
    lines = []
    for workload in workloads:
        lines.append(f'<tr class="workload"><td colspan="{len(heads)}">{escape(workload["title"])}</td></tr>')
        for peer in workload["peers"]:
            texts = report.cells(workload, peer)
            if len(texts) == 1:
                lines.append(f'<tr><td>{escape(peer)}</td><td class="why" colspan="{len(heads) - 1}">{escape(texts[0])}</td></tr>')
            else:
                lines.append(f"<tr><td>{escape(peer)}</td>{''.join(f'<td>{escape(text)}</td>' for text in texts)}</tr>")
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def plot(title, text, rows):
    return f"<h2>{title}</h2><p>{text}</p>{dots(rows)}" if rows else ""


def page(results):
    """The whole page."""
    workloads = results["workloads"]
    loads = [workload for workload in workloads if workload["kind"] == "load"]
    legend = "".join(
        f'<li><i style="background:{colour(peer["name"])}"></i>{escape(peer["name"])}: {escape(peer["title"])} '
        f'{escape(peer["version"])}</li>'
        for peer in results["peers"])
    failed = "".join(f'<p class="failed">FAILED: {escape(line)}</p>' for line in report.failures(results))
    plots = plot(
        "Cost", "What each costs as a multiple of ours: processor time a request, time to the first answer, memory of a connection. "
        "Right of the line ours is cheaper.", ratios(workloads, report.primary))
    plots += plot(
        "Slow answers", "The time within which 99 of 100 answers came, as a multiple of ours, each server at its own full speed.",
        ratios(loads, lambda _: "p99_us"))
    has_numbers = lambda workload: any("median" in cell for cell in workload["peers"].values())
    cards = "".join(map(bars, filter(has_numbers, workloads)))
    kinds = dict.fromkeys(workload["kind"] for workload in workloads)
    tables = "".join(table([one for one in workloads if one["kind"] == kind], kind) + "<br>" for kind in kinds)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>workerd on every core: benchmark</title><style>{STYLE}</style></head><body><h1>workerd on every core: benchmark</h1>"
        f'<p class="dim">{escape(results["begun"])}</p><p>{escape(report.note(results))}</p>{failed}'
        f'<ul class="legend">{legend}</ul>{plots}'
        "<h2>Each workload</h2><p>Medians; the line in a bar goes from the least to the most of the rounds. Less is better.</p>"
        f'<div class="cards">{cards}</div><h2>All numbers</h2>{tables}</body></html>\n')
