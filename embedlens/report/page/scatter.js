// Panels of the triplet scatter: dots, axes, ring, path and lasso.

import { between, nearestEpoch } from "./data.js";
import { glDots } from "./gl.js";
import { canvasDots } from "./canvas.js";
import { Grid, placesOf } from "./index.js";

const FRAME = { left: 44, right: 12, top: 8, bottom: 38 };
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
  return { low: Math.floor(lowest * 10) / 10, high: 1.02 };
}

export function colorOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
}

export function percent(value) {
  return `${(100 * value).toFixed(1)} %`;
}

// One panel: a run of a dataset. `actions` says what hovering, clicking and drawing do.
export class Panel {
  constructor(report, dataset, group, series, limits, actions) {
    Object.assign(this, { report, dataset, group, series, limits, actions });
    this.run = report.runs[series.run];
    this.canvas = element("canvas", { class: "dots", "aria-hidden": "true" });
    this.overlay = element("canvas", { class: "overlay", tabIndex: 0 });
    this.overlay.setAttribute("role", "application");
    this.overlay.setAttribute("aria-roledescription", "scatter plot");
    this.numbers = element("p", { class: "numbers" });
    this.root = element(
      "section",
      { class: "panel" },
      element("h3", {}, swatch(this.run.color), this.run.name),
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
    const span = this.limits.high - this.limits.low;
    return [
      FRAME.left + ((x - this.limits.low) / span) * this.inner.width,
      FRAME.top + (1 - (y - this.limits.low) / span) * this.inner.height,
    ];
  }

  toData(left, top) {
    const span = this.limits.high - this.limits.low;
    return [
      this.limits.low + ((left - FRAME.left) / this.inner.width) * span,
      this.limits.low + (1 - (top - FRAME.top) / this.inner.height) * span,
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
    const summary = this.series.summaries[nearestEpoch(this.series.epochs, state.epoch)];
    const parts = [
      `R@1 ${percent(summary.recall_at_1)}`,
      `above diagonal ${percent(summary.above_diagonal)}`,
      `top right ${percent(summary.top_right)}`,
      `right boundary ${percent(summary.right_boundary)}`,
      `n = ${summary.n.toLocaleString("en")}`,
    ];
    this.numbers.textContent = `epoch ${this.series.epochs[nearestEpoch(this.series.epochs, state.epoch)]}: ${parts.join(", ")}`;
    this.overlay.setAttribute("aria-label", `${this.run.name}, ${this.numbers.textContent}`);
    this.drawOverlay();
  }

  drawOverlay() {
    const pen = this.overlay.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.side, this.side);
    this.drawAxes(pen, ink, style.getPropertyValue("--faint"));
    if (this.state?.pinned !== null && this.state?.group === this.group) this.drawPath(pen, ink);
    if (this.hovered >= 0) this.drawRing(pen, this.hovered, ink);
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
    const { low } = this.limits;
    pen.strokeStyle = faint;
    pen.fillStyle = ink;
    pen.lineWidth = 1;
    pen.font = "12px system-ui, sans-serif";
    pen.strokeRect(FRAME.left, FRAME.top, this.inner.width, this.inner.height);
    pen.beginPath();
    pen.moveTo(...this.toPixels(low, low));
    pen.lineTo(...this.toPixels(1, 1));
    pen.stroke();
    const ticks = [];
    for (let tenth = Math.ceil((10 * low) / 2) * 2; tenth <= 10; tenth += this.side < 300 ? 4 : 2) ticks.push(tenth / 10);
    for (const tick of ticks) {
      const [left] = this.toPixels(tick, low);
      const [, top] = this.toPixels(low, tick);
      pen.textAlign = "center";
      pen.textBaseline = "top";
      pen.fillText(tick.toFixed(1), left, FRAME.top + this.inner.height + 4);
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      pen.fillText(tick.toFixed(1), FRAME.left - 5, top);
    }
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    pen.fillText("similarity to the nearest positive", FRAME.left + this.inner.width / 2, this.side - 5);
    pen.save();
    pen.translate(11, FRAME.top + this.inner.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("similarity to the nearest negative", 0, 0);
    pen.restore();
    drawStar(pen, ...this.toPixels(1, 0), ink);
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
      const reach = (this.limits.high - this.limits.low) * (REACH / this.inner.width);
      return this.gridAt(this.state.epoch).nearest(x, y, reach, reach);
    };
    let start = null;
    this.overlay.addEventListener("pointermove", (event) => {
      if (start) {
        const corner = this.toData(...where(event));
        if (this.actions.tool() === "rectangle") {
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
