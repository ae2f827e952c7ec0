// Views beside the scatter: map, histogram of distances, classes, curves, runs, paper figures.

import { between, countedAt, countsSteps, momentOf, nearestEpoch, similarityOf } from "./data.js";
import { download } from "./export.js";
import { colorOf, element, percent, shortened, swatch } from "./scatter.js";
import { distanceAt } from "./selection.js";
import { classButton, markLine, SortedTable } from "./tables.js";

const BINS = 60;
const LONGEST = Math.SQRT2 * 1.5;

function pens(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  return pen;
}

function ink() {
  return getComputedStyle(document.documentElement).getPropertyValue("--ink");
}

// Distances of all rows shown to (1, 0), at the epoch that is nearest; NaN without a triplet.
export function distancesOf(report, dataset, series, epoch) {
  const start = nearestEpoch(series.epochs, epoch) * dataset.n;
  return Array.from({ length: dataset.n }, (_, at) => {
    const s_ap = similarityOf(series.s_ap[start + at], report);
    return Math.hypot(1 - s_ap, similarityOf(series.s_an[start + at], report));
  });
}

// Rows of a run whose distance lies between two values, both ends among them.
export function rowsByDistance(report, dataset, series, epoch, low, high) {
  const distances = distancesOf(report, dataset, series, epoch);
  return Array.from(dataset.rows).filter((_, at) => distances[at] >= low && distances[at] <= high);
}

// Histogram of the distances of every run, with a brush that selects by the first run.
export class Histogram {
  constructor(report, actions) {
    Object.assign(this, { report, actions, width: 380, height: 170, brush: null });
    this.canvas = element("canvas", { role: "img", ariaLabel: "Histogram of the distances to (1, 0)" });
    this.low = element("input", { type: "number", step: "0.01", min: "0", value: "0", ariaLabel: "Distance from" });
    this.high = element("input", { type: "number", step: "0.01", min: "0", value: "1", ariaLabel: "Distance to" });
    this.run = element("select", { ariaLabel: "Run of the distances" });
    const apply = element("button", { type: "button" }, "Select");
    apply.addEventListener("click", () => this.select(Number(this.low.value), Number(this.high.value)));
    this.root = element(
      "section",
      { class: "view" },
      element("h3", {}, "Distance to (1, 0); select by ", this.run),
      this.canvas,
      element("p", { class: "row" }, "from ", this.low, " to ", this.high, apply),
    );
    this.listen();
  }

  toDistance(left) {
    return ((left - 34) / (this.width - 40)) * this.top;
  }

  select(low, high) {
    const series = this.dataset.series[this.run.selectedIndex] ?? this.dataset.series[0];
    this.actions.choose(rowsByDistance(this.report, this.dataset, series, this.state.epoch, low, high));
  }

  listen() {
    let start = null;
    const where = (event) => event.clientX - this.canvas.getBoundingClientRect().left;
    this.canvas.addEventListener("pointerdown", (event) => {
      start = this.toDistance(where(event));
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const end = this.toDistance(where(event));
      this.brush = [Math.max(0, Math.min(start, end)), Math.max(start, end)];
      this.draw(this.dataset, this.state);
    });
    this.canvas.addEventListener("pointerup", () => {
      start = null;
      if (!this.brush) return;
      const [low, high] = this.brush;
      this.brush = null;
      this.low.value = low.toFixed(3);
      this.high.value = high.toFixed(3);
      this.select(low, high);
    });
  }

  draw(dataset, state) {
    if (this.dataset !== dataset) {
      this.run.replaceChildren(...dataset.series.map((one) => element("option", {}, shortened(this.report.runs[one.run].name))));
    }
    Object.assign(this, { dataset, state });
    if (this.counted?.dataset !== dataset || this.counted.epoch !== state.epoch) this.count(dataset, state);
    this.drawCounts();
  }

  // Marks the distance of a row in every run.
  mark(row) {
    if (!this.counted || row === this.marked) return;
    this.marked = row;
    this.drawCounts();
  }

  count(dataset, state) {
    const samples = dataset.series.map((series) => distancesOf(this.report, dataset, series, state.epoch));
    const largest = Math.max(0.1, ...samples.map((sample) => sample.reduce((a, b) => (b > a ? b : a), 0)));
    this.top = Math.min(LONGEST, Math.ceil(largest * 10) / 10);
    const counts = samples.map((sample) => {
      const bins = new Array(BINS).fill(0);
      for (const value of sample) {
        if (!Number.isNaN(value)) bins[Math.min(BINS - 1, Math.floor((value / this.top) * BINS))] += 1;
      }
      return bins;
    });
    this.counted = { dataset, epoch: state.epoch, counts };
  }

  drawCounts() {
    const { dataset, counts } = this.counted;
    const pen = pens(this.canvas, this.width, this.height);
    const most = Math.max(1, ...counts.flat());
    const inner = { left: 34, bottom: this.height - 22, width: this.width - 40, height: this.height - 30 };
    counts.forEach((bins, number) => {
      const [red, green, blue] = colorOf(this.report.runs[dataset.series[number].run].color).map((part) => 255 * part);
      pen.beginPath();
      pen.moveTo(inner.left, inner.bottom);
      bins.forEach((count, bin) => {
        const top = inner.bottom - (count / most) * inner.height;
        pen.lineTo(inner.left + (bin / BINS) * inner.width, top);
        pen.lineTo(inner.left + ((bin + 1) / BINS) * inner.width, top);
      });
      pen.lineTo(inner.left + inner.width, inner.bottom);
      pen.fillStyle = `rgba(${red}, ${green}, ${blue}, 0.2)`;
      pen.fill();
      pen.strokeStyle = `rgb(${red}, ${green}, ${blue})`;
      pen.stroke();
    });
    this.drawMarks(pen, inner);
    pen.fillStyle = pen.strokeStyle = ink();
    pen.textAlign = "center";
    for (let part = 0; part <= 4; part += 1) {
      pen.fillText(((this.top * part) / 4).toFixed(2), inner.left + (part / 4) * inner.width - (part === 4 ? 8 : 0), this.height - 6);
    }
    pen.textAlign = "right";
    pen.fillText(String(most), inner.left - 4, 14);
    pen.fillText("0", inner.left - 4, inner.bottom);
    if (this.brush) {
      const [from, to] = this.brush.map((value) => inner.left + (value / this.top) * inner.width);
      pen.fillStyle = "rgba(128, 128, 128, 0.3)";
      pen.fillRect(from, 4, to - from, inner.bottom - 4);
    }
  }

  drawMarks(pen, inner) {
    for (const row of new Set([this.state.pinned, this.marked ?? null])) {
      if (row === null) continue;
      for (const series of this.dataset.series) {
        const distance = distanceAt(this.report, this.dataset, series, row, this.state.epoch);
        if (Number.isNaN(distance)) continue;
        const left = inner.left + (Math.min(distance, this.top) / this.top) * inner.width;
        pen.strokeStyle = this.report.runs[series.run].color;
        pen.lineWidth = 3;
        pen.beginPath();
        pen.moveTo(left, inner.bottom);
        pen.lineTo(left, inner.bottom - inner.height);
        pen.stroke();
        pen.lineWidth = 1;
      }
    }
  }
}

// A t-SNE map of the items at the epoch; dots glide between the maps.
export class MapView {
  constructor(report, series, actions) {
    Object.assign(this, { report, series, actions, side: 300 });
    this.canvas = element("canvas", { role: "img" });
    const run = report.runs[series.run];
    this.canvas.setAttribute("aria-label", `t-SNE map of run ${run.name}`);
    this.root = element("section", { class: "view" }, element("h3", {}, swatch(run.color), `t-SNE, ${shortened(run.name)}`), this.canvas);
    this.canvas.addEventListener("pointermove", (event) => this.actions.hoverRow(this.rowAt(event)));
    this.canvas.addEventListener("pointerleave", () => this.actions.hoverRow(null));
    this.canvas.addEventListener("click", (event) => this.actions.pinRow(this.rowAt(event)));
  }

  placeOf(at, { from, to, part }) {
    const m = this.series.map.rows.length;
    const one = (axis) => {
      const start = this.series.map.xy[2 * (from * m + at) + axis];
      return start + (this.series.map.xy[2 * (to * m + at) + axis] - start) * part;
    };
    return [8 + (one(0) / 65535) * (this.side - 16), 8 + (1 - one(1) / 65535) * (this.side - 16)];
  }

  rowAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const position = between(this.series.map.epochs, this.state.epoch);
    let best = null;
    let least = 100;
    this.series.map.rows.forEach((row, at) => {
      const [left, top] = this.placeOf(at, position);
      const distance = (left - event.clientX + box.left) ** 2 + (top - event.clientY + box.top) ** 2;
      if (distance < least) [least, best] = [distance, row];
    });
    return best;
  }

  draw(dataset, state, hovered = null) {
    this.state = state;
    const pen = pens(this.canvas, this.side, this.side);
    const position = between(this.series.map.epochs, state.epoch);
    const chosen = new Set(state.selected);
    const color = this.report.runs[this.series.run].color;
    const order = Array.from(this.series.map.rows.keys()).sort(
      (a, b) => chosen.has(this.series.map.rows[a]) - chosen.has(this.series.map.rows[b]),
    );
    for (const at of order) {
      const row = this.series.map.rows[at];
      const [left, top] = this.placeOf(at, position);
      const marked = chosen.has(row);
      pen.fillStyle = chosen.size && !marked ? "rgba(128, 128, 128, 0.35)" : color;
      pen.beginPath();
      pen.arc(left, top, marked ? 3 : 2, 0, 2 * Math.PI);
      pen.fill();
      if (row === state.pinned || row === hovered) {
        pen.strokeStyle = ink();
        pen.lineWidth = 2;
        pen.beginPath();
        pen.arc(left, top, 6, 0, 2 * Math.PI);
        pen.stroke();
      }
    }
  }
}

// For each class the number of rows shown, and Recall@1 of each run at an epoch.
export function classTable(report, dataset, epoch) {
  const lines = dataset.classes.map(([label, name], number) => ({
    number, label, name, n: 0, recalls: dataset.series.map(() => [0, 0]),
  }));
  dataset.rows.forEach((row) => {
    lines[dataset.class_of[row]].n += 1;
  });
  dataset.series.forEach((series, place) => {
    const start = nearestEpoch(series.epochs, epoch) * dataset.n;
    dataset.rows.forEach((row, at) => {
      const s_ap = series.s_ap[start + at];
      if (s_ap === report.similarity.missing) return;
      const counts = lines[dataset.class_of[row]].recalls[place];
      counts[0] += s_ap > series.s_an[start + at] ? 1 : 0;
      counts[1] += 1;
    });
  });
  return lines
    .filter((line) => line.n)
    .map((line) => ({ ...line, recalls: line.recalls.map(([right, all]) => (all ? right / all : NaN)) }));
}

export class ClassView {
  constructor(report, actions) {
    Object.assign(this, { report, actions });
    this.table = new SortedTable("Classes", { sort: 2, step: 100 });
    this.title = element("h3");
    this.root = element("section", { class: "view" }, this.title, this.table.root);
  }

  mark(number) {
    markLine(this.root, number);
  }

  draw(dataset, state) {
    const lines = classTable(this.report, dataset, state.epoch);
    const recalls = dataset.series.map((series, at) => ({
      name: `R@1 ${shortened(this.report.runs[series.run].name)}`,
      key: (line) => line.recalls[at],
      cell: (line) => (Number.isNaN(line.recalls[at]) ? "" : percent(line.recalls[at])),
    }));
    this.title.textContent = `Classes (${lines.length.toLocaleString("en")})`;
    this.table.draw(
      [
        { name: "class", key: (line) => line.name, cell: (line) => classButton(line, this.actions) },
        { name: "n", key: (line) => line.n, cell: (line) => String(line.n) },
        ...recalls,
      ],
      lines,
    );
  }
}

const HIDDEN = ["epoch", "step", "seconds", "trained_epochs"];

// One metric of the logs against the epoch, or the step, where the page is marked.
export class CurveView {
  constructor(report) {
    Object.assign(this, { report, width: 380, height: 190 });
    const names = [...new Set(report.runs.flatMap((run) => Object.keys(run.log)))].filter(
      (name) => !HIDDEN.includes(name) && report.runs.some((run) => run.log[name]?.some((value) => value !== null)),
    );
    this.metric = element("select", { ariaLabel: "Metric" }, ...names.map((name) => element("option", {}, name)));
    const first = names.find((name) => name.includes("recall_at_1"));
    if (first) this.metric.value = first;
    this.metric.addEventListener("change", () => this.draw(this.dataset, this.state));
    this.canvas = element("canvas", { role: "img", ariaLabel: "Curves of a logged metric" });
    this.root = element("section", { class: "view", hidden: !names.length }, element("h3", {}, "Log ", this.metric), this.canvas);
  }

  draw(dataset, state) {
    Object.assign(this, { dataset, state });
    if (this.root.hidden) return;
    const pen = pens(this.canvas, this.width, this.height);
    const unit = countsSteps(this.report.datasets) ? "step" : "epoch";
    const here = unit === "step" ? countedAt(dataset.series[0], state.epoch) : state.epoch;
    const lines = this.report.runs.map((run) => {
      const values = run.log[this.metric.value] ?? [];
      return values.map((value, at) => [run.log[unit][at], value]).filter(([, value]) => value !== null);
    });
    const points = lines.flat();
    const [left, right] = [Math.min(...points.map((one) => one[0])), Math.max(...points.map((one) => one[0]))];
    const [low, high] = [Math.min(...points.map((one) => one[1])), Math.max(...points.map((one) => one[1]))];
    const inner = { left: 48, top: 8, width: this.width - 58, height: this.height - 34 };
    const x = (epoch) => inner.left + ((epoch - left) / (right - left || 1)) * inner.width;
    const y = (value) => inner.top + (1 - (value - low) / (high - low || 1)) * inner.height;
    pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--faint");
    pen.strokeRect(inner.left, inner.top, inner.width, inner.height);
    pen.beginPath();
    pen.moveTo(x(here), inner.top);
    pen.lineTo(x(here), inner.top + inner.height);
    pen.stroke();
    lines.forEach((line, number) => {
      pen.strokeStyle = pen.fillStyle = this.report.runs[number].color;
      pen.lineWidth = 1.5;
      pen.beginPath();
      line.forEach(([epoch, value]) => pen.lineTo(x(epoch), y(value)));
      pen.stroke();
      for (const [epoch, value] of line) {
        pen.beginPath();
        pen.arc(x(epoch), y(value), 2, 0, 2 * Math.PI);
        pen.fill();
      }
    });
    pen.fillStyle = ink();
    pen.textAlign = "right";
    pen.fillText(high.toPrecision(3), inner.left - 4, inner.top + 10);
    pen.fillText(low.toPrecision(3), inner.left - 4, inner.top + inner.height);
    pen.textAlign = "left";
    pen.fillText(left.toLocaleString("en"), inner.left, this.height - 10);
    pen.textAlign = "right";
    pen.fillText(`${unit} ${right.toLocaleString("en")}`, inner.left + inner.width, this.height - 10);
  }
}

// The runs: how they were trained, and their numbers at the epoch.
export function runsTable(report, datasets, state) {
  const names = ["run", "epoch", "n", "R@1", "above diagonal", "top right", "right boundary", "mean distance to (1, 0)", "method"];
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  const body = element("tbody");
  for (const dataset of datasets) {
    for (const series of dataset.series) {
      const run = report.runs[series.run];
      const number = nearestEpoch(series.epochs, state.epoch);
      const summary = series.summaries[number];
      const method = Object.entries(run.method).map(([name, value]) => `${name} ${value}`).join(", ");
      const fractions = ["recall_at_1", "above_diagonal", "top_right", "right_boundary"].map((name) => percent(summary[name]));
      const cells = [series.steps ? momentOf(series, number) : series.epochs[number], summary.n.toLocaleString("en"), ...fractions, summary.mean_ideal_distance.toFixed(4), method];
      const line = element("tr", {}, element("th", { scope: "row" }, swatch(run.color), shortened(run.name)));
      cells.forEach((cell, at) => line.append(element("td", at === cells.length - 1 ? { class: "long" } : {}, String(cell))));
      body.append(line);
    }
  }
  return element("table", {}, element("thead", {}, head), body);
}

export function paperFigures(report) {
  return report.figures.map((one) => {
    const source = URL.createObjectURL(new Blob([one.svg], { type: "image/svg+xml" }));
    const save = (text, kind, ending) => {
      const button = element("button", { type: "button" }, ending.toUpperCase());
      button.setAttribute("aria-label", `Save ${one.title} as ${ending}`);
      button.addEventListener("click", () => download(text, `${one.name}.${ending}`, kind));
      return button;
    };
    return element(
      "figure",
      { class: "paper" },
      element("img", { src: source, alt: one.title }),
      element("figcaption", {}, one.title, " ", save(one.svg, "image/svg+xml", "svg"), save(one.csv, "text/csv", "csv")),
    );
  });
}
