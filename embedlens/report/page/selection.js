// Ways to select rows: regions, classes, text, movers, disagreement; and the table of what is selected.

import { classOf, nearestEpoch } from "./data.js";
import { cardOf, thumbnail, tripletOf } from "./cards.js";
import { element, shortened } from "./scatter.js";
import { markLine, SortedTable } from "./tables.js";

export const REGIONS = {
  "above the diagonal": (x, y) => y > x,
  "on the diagonal": (x, y) => y === x,
  "below the diagonal": (x, y) => y < x,
  "top right": (x, y, code) => x > code(0.8) && y > code(0.8),
  "right boundary": (x, y, code) => x > code(0.95),
};

// Returns the rows of a run in a region at the epoch that is nearest; compared as codes, so exactly.
export function rowsInRegion(report, dataset, series, region, epoch) {
  const { step, missing } = report.similarity;
  const code = (value) => Math.round((value + 1) / step);
  const start = nearestEpoch(series.epochs, epoch) * dataset.n;
  const test = REGIONS[region];
  return filterRows(dataset, (at) => {
    const x = series.s_ap[start + at];
    return x !== missing && test(x, series.s_an[start + at], code);
  });
}

export function rowsOfClass(dataset, number) {
  return filterRows(dataset, (at, row) => dataset.class_of[row] === number);
}

// Rows whose number, label, class name or any column of items.csv has a text; capitals do not matter.
export function rowsWithText(dataset, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const columns = Object.values(dataset.columns);
  return filterRows(dataset, (at, row) => {
    const [label, name] = classOf(dataset, row);
    return (
      String(row) === wanted ||
      label.toLowerCase() === wanted ||
      name.toLowerCase().includes(wanted) ||
      columns.some((texts) => texts[at].toLowerCase().includes(wanted))
    );
  });
}

// The rows whose distance to (1, 0) changed most between the first and the last epoch, in any run.
export function movers(report, dataset, count) {
  const change = (row) =>
    Math.max(...dataset.series.map((series) => {
      const first = distanceAt(report, dataset, series, row, series.epochs[0]);
      const last = distanceAt(report, dataset, series, row, series.epochs.at(-1));
      return Math.abs(last - first) || 0;
    }));
  return largest(dataset, change, count);
}

// The rows whose distance to (1, 0) differs most between the runs at an epoch.
export function disagreeing(report, dataset, epoch, count) {
  const spread = (row) => {
    const values = dataset.series
      .map((series) => distanceAt(report, dataset, series, row, epoch))
      .filter((value) => !Number.isNaN(value));
    return values.length > 1 ? Math.max(...values) - Math.min(...values) : 0;
  };
  return largest(dataset, spread, count);
}

export function distanceAt(report, dataset, series, row, epoch) {
  return tripletOf(report, dataset, series, row, epoch)?.distance ?? NaN;
}

export function combined(old, found, how) {
  const set = new Set(found);
  if (how === "add") return [...old, ...found];
  if (how === "subtract") return old.filter((row) => !set.has(row));
  if (how === "intersect") return old.filter((row) => set.has(row));
  return found;
}

function filterRows(dataset, test) {
  const rows = [];
  dataset.rows.forEach((row, at) => test(at, row) && rows.push(row));
  return rows;
}

function largest(dataset, measure, count) {
  const measured = Array.from(dataset.rows, (row) => [measure(row), row]);
  measured.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  return measured.slice(0, count).map(([, row]) => row);
}

// The selected rows as a table that can be sorted; a row is pinned by its button.
export class SelectionTable {
  constructor(report, actions) {
    Object.assign(this, { report, actions });
    this.table = new SortedTable("Selected items", { sort: 1 });
    this.nothing = element("p", {}, "Nothing is selected. Click a percentage above a panel or a class, search, or drag in a panel with the lasso.");
    this.root = element("div", { class: "table" }, this.nothing, this.table.root);
  }

  draw(dataset, state) {
    const lines = state.selected.map((number) => ({ number }));
    this.nothing.hidden = lines.length > 0;
    this.table.root.hidden = !lines.length;
    if (lines.length) this.table.draw(this.columns(dataset, state), lines, (line, { number }) => this.listen(line, number));
    else this.table.root.replaceChildren();
  }

  // Marks the line of a row that is hovered elsewhere.
  mark(row) {
    markLine(this.root, row);
  }

  columns(dataset, state) {
    const columns = [
      { name: "item", cell: ({ number }) => this.pin(dataset, state, number) },
      { name: "row", key: ({ number }) => number, cell: ({ number }) => String(number) },
      { name: "label", key: ({ number }) => dataset.class_of[number], cell: ({ number }) => classOf(dataset, number)[0] },
      { name: "class", key: ({ number }) => classOf(dataset, number)[1], cell: ({ number }) => shortened(classOf(dataset, number)[1]) },
    ];
    for (const series of dataset.series) {
      const run = this.report.runs[series.run].name;
      for (const name of ["s_ap", "s_an", "distance"]) {
        const value = ({ number }) => tripletOf(this.report, dataset, series, number, state.epoch)?.[name] ?? NaN;
        columns.push({
          name: `${shortened(run)} ${name}`,
          key: value,
          cell: (line) => (Number.isNaN(value(line)) ? "" : value(line).toFixed(4)),
        });
      }
    }
    return columns;
  }

  pin(dataset, state, row) {
    const pin = element("button", { type: "button", class: "pin" }, thumbnail(dataset.thumbnails, row, 28));
    pin.setAttribute("aria-label", `Pin row ${row}`);
    pin.setAttribute("aria-pressed", String(state.pinned === row));
    pin.addEventListener("click", () => this.actions.pinRow(row));
    pin.addEventListener("focus", () => this.actions.hoverRow(row));
    pin.addEventListener("blur", () => this.actions.hoverRow(null));
    return pin;
  }

  listen(line, row) {
    line.addEventListener("pointerenter", () => this.actions.hoverRow(row));
    line.addEventListener("pointerleave", () => this.actions.hoverRow(null));
  }
}

// The cards of the pinned item, one per run.
export function pinnedCards(report, dataset, state) {
  if (state.pinned === null) return [];
  return dataset.series.map((series) => cardOf(report, dataset, series, state.pinned, state.epoch));
}
