// Panels of the triplet scatter: dots, axes, ring, path and lasso.

import { between, momentOf, nearestEpoch } from "./data.js";
import { glDots } from "./gl.js";
import { canvasDots } from "./canvas.js";
import { Grid, placesOf } from "./index.js";

const FRAME = { left: 44, right: 12, top: 8, bottom: 38 };
// Regions whose fractions stand above a panel: how they are called there, and in the summaries.
const SHARES = {
  "below the diagonal": ["R@1", "recall_at_1"],
  "above the diagonal": ["above diagonal", "above_diagonal"],
  "top right": ["top right", "top_right"],
  "right boundary": ["right boundary", "right_boundary"],
};
const REACH = 10; // pixels within which a dot is hovered

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key in made && key !== "list") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// The limits of both axes: -0.2 to 1, or as much lower as the lowest dot of any epoch.
export function limitsOf(report) {
  let lowest = -0.2;
  for (const dataset of report.datasets) {
    for (const series of dataset.series) {
      for (const codes of [series.s_ap, series.s_an]) {
        for (let at = 0; at < codes.length; at += 1) {
          if (codes[at] !== report.similarity.missing) lowest = Math.min(lowest, codes[at] * report.similarity.step - 1);
        }
      }
    }
  }
  const low = Math.floor(lowest * 10) / 10;
  return { left: low, right: 1.02, bottom: low, top: 1.02 };
}

export function colorOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
}

export function percent(value) {
  return `${(100 * value).toFixed(1)} %`;
}

const LONGEST_NAME = 120;

// Returns a text as it is shown in a line: the beginning of a very long one.
export function shortened(text) {
  return text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME)}…` : text;
}

// Round numbers within an interval, at most so many of them.
export function ticksOf(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + 1e-9; number += 1) ticks.push([number * step, (number * step + 0).toFixed(digits)]);
  return ticks;
}

// One panel: a run of a dataset. `actions` says what hovering, clicking and drawing do.
export class Panel {
  constructor(report, dataset, group, series, limits, actions) {
    Object.assign(this, { report, dataset, group, series, limits, actions, whole: limits });
    this.run = report.runs[series.run];
    this.canvas = element("canvas", { class: "dots", "aria-hidden": "true" });
    this.overlay = element("canvas", { class: "overlay", tabIndex: 0 });
    this.overlay.setAttribute("role", "application");
    this.overlay.setAttribute("aria-roledescription", "scatter plot");
    this.counted = element("span");
    this.regions = Object.keys(SHARES).map((region) => {
      const button = element("button", { type: "button", class: "share", title: `Select the dots ${region}` });
      button.addEventListener("click", () => this.actions.region(this, region));
      return [region, button];
    });
    this.numbers = element("p", { class: "numbers" }, this.counted, ...this.regions.map(([, button]) => button));
    this.root = element(
      "section",
      { class: "panel" },
      element("h3", {}, swatch(this.run.color), shortened(this.run.name)),
      this.numbers,
      element("div", { class: "plot" }, this.canvas, this.overlay),
    );
    this.root.setAttribute("aria-label", `Triplets of run ${this.run.name}, split ${dataset.split}`);
    this.hovered = -1;
    this.outline = [];
    this.grid = null;
    this.listen();
  }

  start() {
    const n = this.dataset.n;
    this.dots = glDots(this.canvas, this.report, this.series, n);
    if (!this.dots) {
      const plain = this.canvas.cloneNode();
      this.canvas.replaceWith(plain);
      this.canvas = plain;
      this.dots = canvasDots(plain, this.report, this.series, n);
    }
    this.resize();
  }

  resize() {
    const side = Math.max(160, Math.floor(this.root.querySelector(".plot").clientWidth));
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const inner = { width: side - FRAME.left - FRAME.right, height: side - FRAME.top - FRAME.bottom };
    this.side = side;
    this.ratio = ratio;
    this.inner = inner;
    this.canvas.width = Math.round(inner.width * ratio);
    this.canvas.height = Math.round(inner.height * ratio);
    for (const [name, value] of [["left", FRAME.left], ["top", FRAME.top], ["width", inner.width], ["height", inner.height]]) {
      this.canvas.style[name] = `${value}px`;
    }
    this.overlay.width = Math.round(side * ratio);
    this.overlay.height = Math.round(side * ratio);
    this.overlay.style.width = this.overlay.style.height = `${side}px`;
    this.root.querySelector(".plot").style.height = `${side}px`;
  }

  // Pixels of a place in the diagram, and back.
  toPixels(x, y) {
    const { left, right, bottom, top } = this.limits;
    return [
      FRAME.left + ((x - left) / (right - left)) * this.inner.width,
      FRAME.top + (1 - (y - bottom) / (top - bottom)) * this.inner.height,
    ];
  }

  toData(across, down) {
    const { left, right, bottom, top } = this.limits;
    return [
      left + ((across - FRAME.left) / this.inner.width) * (right - left),
      bottom + (1 - (down - FRAME.top) / this.inner.height) * (top - bottom),
    ];
  }

  gridAt(epoch) {
    if (!this.grid || this.grid.epoch !== epoch) {
      this.grid = new Grid(placesOf(this.report, this.series, this.dataset.n, epoch));
      this.grid.epoch = epoch;
    }
    return this.grid;
  }

  // Draws dots and overlay for a state; `marked` has a 1 for each selected row shown.
  draw(state, marked) {
    this.state = state;
    const [left, right, bottom, top] = state.view ?? [];
    this.limits = state.view ? { left, right, bottom, top } : this.whole;
    const [red, green, blue] = colorOf(this.run.color);
    const n = this.dataset.n;
    const size = (n > 20000 ? 2 : n > 2000 ? 3 : 5) * this.ratio;
    const any = state.selected.length > 0 && state.group === this.group;
    const alpha = n > 20000 ? 0.35 : 0.55;
    this.dots.mark(any ? marked : new Uint8Array(n));
    this.dots.draw(between(this.series.epochs, state.epoch), this.limits, [
      { color: any ? [0.5, 0.5, 0.5, alpha * 0.4] : [red, green, blue, alpha], size },
      { color: [red, green, blue, 0.95], size: size + 1.5 * this.ratio },
    ]);
    const number = nearestEpoch(this.series.epochs, state.epoch);
    const summary = this.series.summaries[number];
    this.counted.textContent = `${momentOf(this.series, number)}, n = ${summary.n.toLocaleString("en")}`;
    for (const [region, button] of this.regions) button.textContent = `${SHARES[region][0]} ${percent(summary[SHARES[region][1]])}`;
    this.overlay.setAttribute("aria-label", `${this.run.name}, ${this.counted.textContent}, R@1 ${percent(summary.recall_at_1)}`);
    this.drawOverlay();
  }

  drawOverlay() {
    const pen = this.overlay.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.side, this.side);
    this.drawAxes(pen, ink, style.getPropertyValue("--faint"));
    this.clipped(pen, () => {
      if (this.state?.pinned !== null && this.state?.group === this.group) this.drawPath(pen, ink);
      if (this.hovered >= 0) this.drawRing(pen, this.hovered, ink);
    });
    if (this.outline.length) {
      pen.strokeStyle = ink;
      pen.setLineDash([4, 3]);
      pen.beginPath();
      this.outline.forEach(([x, y], at) => pen[at ? "lineTo" : "moveTo"](...this.toPixels(x, y)));
      pen.closePath();
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  drawAxes(pen, ink, faint) {
    const { left: low, right: high, bottom, top: upper } = this.limits;
    pen.strokeStyle = faint;
    pen.fillStyle = ink;
    pen.lineWidth = 1;
    pen.font = "12px system-ui, sans-serif";
    pen.strokeRect(FRAME.left, FRAME.top, this.inner.width, this.inner.height);
    this.clipped(pen, () => {
      pen.beginPath();
      pen.moveTo(...this.toPixels(-1, -1));
      pen.lineTo(...this.toPixels(1, 1));
      pen.stroke();
      drawStar(pen, ...this.toPixels(1, 0), ink);
    });
    const most = this.side < 300 ? 4 : 7;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const [tick, text] of ticksOf(low, high, most)) pen.fillText(text, this.toPixels(tick, 0)[0], FRAME.top + this.inner.height + 4);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const [tick, text] of ticksOf(bottom, upper, most)) pen.fillText(text, FRAME.left - 5, this.toPixels(0, tick)[1]);
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    pen.fillText("similarity to the nearest positive", FRAME.left + this.inner.width / 2, this.side - 5);
    pen.save();
    pen.translate(11, FRAME.top + this.inner.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("similarity to the nearest negative", 0, 0);
    pen.restore();
  }

  // Draws what must not leave the frame of the axes, but for the rim of a dot that stands on it.
  clipped(pen, draw) {
    pen.save();
    pen.beginPath();
    pen.rect(FRAME.left - 8, FRAME.top - 8, this.inner.width + 16, this.inner.height + 16);
    pen.clip();
    draw();
    pen.restore();
  }

  drawRing(pen, at, ink) {
    const places = this.gridAt(this.state.epoch).places;
    const [left, top] = this.toPixels(places[2 * at], places[2 * at + 1]);
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(left, top, 7, 0, 2 * Math.PI);
    pen.stroke();
  }

  // The places of the pinned item at every epoch, joined, and a ring at the current one.
  drawPath(pen, ink) {
    const at = this.dataset.place.get(this.state.pinned);
    if (at === undefined) return;
    const { step, missing } = this.report.similarity;
    const corners = this.series.epochs
      .map((_, number) => number * this.dataset.n + at)
      .filter((place) => this.series.s_ap[place] !== missing)
      .map((place) => this.toPixels(this.series.s_ap[place] * step - 1, this.series.s_an[place] * step - 1));
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.beginPath();
    corners.forEach((corner, number) => pen[number ? "lineTo" : "moveTo"](...corner));
    pen.stroke();
    for (const [left, top] of corners) {
      pen.fillStyle = this.run.color;
      pen.beginPath();
      pen.arc(left, top, 3, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
    const places = this.gridAt(this.state.epoch).places;
    if (!Number.isNaN(places[2 * at])) this.drawRing(pen, at, ink);
  }

  hover(at) {
    if (at === this.hovered) return;
    this.hovered = at;
    this.drawOverlay();
  }

  listen() {
    const where = (event) => {
      const box = this.overlay.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const found = (event) => {
      const [x, y] = this.toData(...where(event));
      const { left, right, bottom, top } = this.limits;
      return this.gridAt(this.state.epoch).nearest(x, y, (right - left) * (REACH / this.inner.width), (top - bottom) * (REACH / this.inner.height));
    };
    let start = null;
    this.overlay.addEventListener("pointermove", (event) => {
      if (start) {
        const corner = this.toData(...where(event));
        if (this.actions.tool() !== "lasso") {
          this.outline = [start, [corner[0], start[1]], corner, [start[0], corner[1]]];
        } else this.outline.push(corner);
        this.drawOverlay();
        return;
      }
      if (!this.state.playing) this.actions.hover(this, found(event), event);
    });
    this.overlay.addEventListener("pointerleave", () => start || this.actions.hover(this, -1));
    this.overlay.addEventListener("pointerdown", (event) => {
      if (event.button || this.actions.tool() === "point") return;
      start = this.toData(...where(event));
      this.outline = [start];
      this.overlay.setPointerCapture(event.pointerId);
      this.actions.hover(this, -1);
    });
    this.overlay.addEventListener("pointerup", (event) => {
      const outline = this.outline;
      const drawn = start && outline.length > 2;
      start = null;
      this.outline = [];
      this.drawOverlay();
      if (drawn) this.actions.enclose(this, outline);
      else this.actions.pin(this, found(event));
    });
    this.overlay.addEventListener("pointercancel", () => {
      start = null;
      this.outline = [];
      this.drawOverlay();
    });
    this.overlay.addEventListener("keydown", (event) => this.actions.key(this, event));
  }
}

export function swatch(color) {
  const made = element("span", { class: "swatch" });
  made.style.backgroundColor = color;
  return made;
}

function drawStar(pen, left, top, ink) {
  pen.beginPath();
  for (let corner = 0; corner < 10; corner += 1) {
    const radius = corner % 2 ? 3.5 : 8;
    const angle = (Math.PI * corner) / 5 - Math.PI / 2;
    pen.lineTo(left + radius * Math.cos(angle), top + radius * Math.sin(angle));
  }
  pen.closePath();
  pen.fillStyle = "#E69F00";
  pen.strokeStyle = ink;
  pen.fill();
  pen.lineWidth = 0.8;
  pen.stroke();
}
