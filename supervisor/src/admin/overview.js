/* The plots of the admin pages' overview: what every process and every service does, drawn as it comes. */
const SVG = "http://www.w3.org/2000/svg";
const POLL_MS = 2000;
const SPAN_MS = 300_000;
// A plot's size in its own units; the page scales it.
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [480, 170, 52, 18, 8];
const HUES = [212, 28, 140, 280, 350, 175, 50, 320];

const number = (value) => {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  return value >= 100 ? value.toFixed(0) : `${Number(value.toPrecision(2))}`;
};
const millis = (value) => (value >= 1000 ? `${number(value / 1000)} s` : `${number(value)} ms`);
const bytes = (value) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${number(value)} ${units[unit]}`;
};

// By their places in a sample's rows.
const PLOTS = [
  { title: "Requests a second", index: 0, show: number, groups: ["processes", "services"] },
  { title: "Errors a second", index: 1, show: number, groups: ["processes", "services"] },
  { title: "Latency, 99th percentile", index: 3, show: millis, groups: ["processes", "services"] },
  { title: "Latency, median", index: 2, show: millis, groups: ["processes", "services"] },
  { title: "Memory", index: 5, show: bytes, groups: ["processes", "services"] },
  { title: "Event-loop lag", index: 4, show: millis, groups: ["processes"] },
];
const GROUPS = { processes: "by process", services: "by service" };

const element = (name, attributes, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};
const html = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const color = (place) => `hsl(${HUES[place % HUES.length]} 70% ${place < HUES.length ? 50 : 35}%)`;

// The least of 1, 2 and 5 times a power that is not less.
const ceiling = (most, base) => {
  if (!(most > 0)) return 1;
  const step = base ** Math.floor(Math.log(most) / Math.log(base));
  for (const factor of base === 10 ? [1, 2, 5, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]) {
    if (factor * step >= most) return factor * step;
  }
  return step * base;
};

let samples = [];

const draw = ({ title, index, show }, group) => {
  const figure = html("figure");
  figure.append(html("figcaption", "", `${title} ${GROUPS[group]}`));
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample[group])))];
  names.sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  const end = samples.at(-1)?.at ?? Date.now();
  const values = samples.flatMap((sample) => Object.values(sample[group]).map((row) => row[index] ?? 0));
  const most = ceiling(Math.max(0, ...values), show === bytes ? 1024 : 10);
  const x = (at) => LEFT + (WIDTH - LEFT) * (1 - (end - at) / SPAN_MS);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.append(element("title", {}, `${title} ${GROUPS[group]}, the last five minutes`));
  for (const part of [0, 0.5, 1]) {
    const at = y(most * part);
    svg.append(element("line", { x1: LEFT, x2: WIDTH, y1: at, y2: at, class: "grid" }));
    svg.append(element("text", { x: LEFT - 6, y: at + 4, class: "scale" }, show(most * part)));
  }
  for (const minutes of [4, 3, 2, 1]) {
    svg.append(element("text", { x: x(end - minutes * 60_000), y: HEIGHT - 3, class: "time" }, `−${minutes} min`));
  }
  const legend = html("ul");
  names.forEach((name, place) => {
    let path = "";
    let drawn = false;
    for (const sample of samples) {
      const value = sample[group][name]?.[index];
      // What is not known is a gap.
      if (value === undefined || value === null) drawn = false;
      else {
        path += `${drawn ? "L" : "M"}${x(sample.at).toFixed(1)} ${y(value).toFixed(1)}`;
        drawn = true;
      }
    }
    svg.append(element("path", { d: path, stroke: color(place), class: "curve" }));
    const last = samples.at(-1)?.[group][name]?.[index];
    const entry = html("li");
    const mark = html("i");
    mark.style.background = color(place);
    const label = group === "processes" ? `process ${name}` : name;
    entry.append(mark, label, " ", html("b", "", last === undefined || last === null ? "–" : show(last)));
    legend.append(entry);
  });
  figure.append(svg, legend);
  return figure;
};

const plots = document.getElementById("plots");
const status = document.getElementById("status");

const poll = async () => {
  try {
    const since = samples.at(-1)?.at ?? 0;
    const answer = await fetch(`/overview.json?since=${since}`);
    if (!answer.ok) throw new Error(`${answer.status}`);
    const told = await answer.json();
    samples = [...samples, ...told.samples];
    const oldest = (samples.at(-1)?.at ?? 0) - SPAN_MS;
    samples = samples.filter((sample) => sample.at >= oldest);
    status.textContent = told.status;
    plots.replaceChildren(...PLOTS.flatMap((plot) => plot.groups.map((group) => draw(plot, group))));
    plots.dataset.samples = samples.length;
  } catch (error) {
    status.textContent = `The server does not answer (${error.message})`;
  }
  setTimeout(poll, POLL_MS);
};
poll();
