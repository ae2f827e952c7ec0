// Places of dots at an epoch, and exact questions about them: which is nearest, which are inside.

import { between, similarityOf } from "./data.js";

// Returns the places of all dots of a run at a position on the axis of epochs, x and y in turn; NaN: no dot.
export function placesOf(report, series, n, epoch) {
  const { from, to, part } = between(series.epochs, epoch);
  const places = new Float64Array(2 * n);
  for (let at = 0; at < n; at += 1) {
    for (const [axis, codes] of [[0, series.s_ap], [1, series.s_an]]) {
      const start = similarityOf(codes[from * n + at], report);
      const end = part ? similarityOf(codes[to * n + at], report) : start;
      places[2 * at + axis] = part ? start + (end - start) * part : start;
    }
  }
  return places;
}

const CELLS = 128;

// A grid of cells over the square from -1 to 1, so that a question looks at few dots.
export class Grid {
  constructor(places) {
    this.places = places;
    const n = places.length / 2;
    this.starts = new Int32Array(CELLS * CELLS + 1);
    const cells = new Int32Array(n);
    for (let at = 0; at < n; at += 1) {
      const x = places[2 * at];
      cells[at] = Number.isNaN(x) ? -1 : cellOf(x) + CELLS * cellOf(places[2 * at + 1]);
      if (cells[at] >= 0) this.starts[cells[at] + 1] += 1;
    }
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.order = new Int32Array(n);
    for (let at = 0; at < n; at += 1) if (cells[at] >= 0) this.order[next[cells[at]]++] = at;
  }

  // Calls a function with the place of every dot in the cells that a rectangle touches.
  visit(left, right, bottom, top, call) {
    for (let row = cellOf(bottom); row <= cellOf(top); row += 1) {
      for (let column = cellOf(left); column <= cellOf(right); column += 1) {
        const cell = column + CELLS * row;
        for (let at = this.starts[cell]; at < this.starts[cell + 1]; at += 1) call(this.order[at]);
      }
    }
  }

  // The dot that is nearest to a place, within radii along both axes; -1: none. Of equal ones the last row,
  // which is drawn on top.
  nearest(x, y, radiusX, radiusY) {
    let best = -1;
    let least = 1;
    this.visit(x - radiusX, x + radiusX, y - radiusY, y + radiusY, (at) => {
      const dx = (this.places[2 * at] - x) / radiusX;
      const dy = (this.places[2 * at + 1] - y) / radiusY;
      const distance = dx * dx + dy * dy;
      if (distance < least || (distance === least && at > best)) {
        least = distance;
        best = at;
      }
    });
    return best;
  }

  // Places of the dots inside a polygon of [x, y] corners, ascending.
  inside(polygon) {
    if (polygon.length < 3) return [];
    const xs = polygon.map((corner) => corner[0]);
    const ys = polygon.map((corner) => corner[1]);
    const found = [];
    this.visit(Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys), (at) => {
      if (isInside(polygon, this.places[2 * at], this.places[2 * at + 1])) found.push(at);
    });
    return found.sort((a, b) => a - b);
  }
}

function cellOf(value) {
  return Math.min(CELLS - 1, Math.max(0, Math.floor(((value + 1) / 2) * CELLS)));
}

// Whether a ray from the place to the right crosses the outline an odd number of times.
export function isInside(polygon, x, y) {
  let inside = false;
  for (let at = 0, before = polygon.length - 1; at < polygon.length; before = at, at += 1) {
    const [x1, y1] = polygon[at];
    const [x2, y2] = polygon[before];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
