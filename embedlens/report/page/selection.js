// Ways to select rows: regions, classes, text, movers, disagreement; and the table of what is selected.

import { classOf, nearestEpoch } from "./data.js";
import { cardOf, thumbnail, tripletOf } from "./cards.js";
import { element, shortened } from "./scatter.js";

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

const PAGE = 50;

// The selected rows as a table that can be sorted; a row is pinned by its button.
export class SelectionTable {
  constructor(report, actions) {
    Object.assign(this, { report, actions, sort: "row", falling: false, shown: PAGE });
    this.root = element("div", { class: "table" });
  }

  draw(dataset, state) {
    const rows = state.selected;
    if (!rows.length) {
      this.root.replaceChildren(element("p", {}, "Nothing is selected. Click a percentage above a panel or a class, search, or drag in a panel with the lasso."));
      return;
    }
    const columns = this.columns(dataset, state.epoch);
    const chosen = columns.find((column) => column.name === this.sort) ?? columns[0];
    const keyed = rows.map((row) => [chosen.key(row), row]);
    const sign = this.falling ? -1 : 1;
    keyed.sort(([a, row], [b, other]) => sign * (a < b ? -1 : a > b ? 1 : 0) || row - other);
    const head = element("tr", {}, element("th", { scope: "col" }, "item"));
    for (const column of columns) {
      const button = element("button", { type: "button" }, column.name + this.arrow(column, chosen));
      button.addEventListener("click", () => this.order(column.name, dataset, state));
      const cell = element("th", { scope: "col" }, button);
      if (column === chosen) cell.setAttribute("aria-sort", this.falling ? "descending" : "ascending");
      head.append(cell);
    }
    const body = element("tbody");
    for (const [, row] of keyed.slice(0, this.shown)) body.append(this.line(row, columns, dataset, state));
    const table = element("table", {}, element("thead", {}, head), body);
    const parts = [element("div", { class: "scroll", tabIndex: 0, role: "region", ariaLabel: "Selected items" }, table)];
    if (rows.length > this.shown) {
      const more = element("button", { type: "button" }, `Show ${Math.min(PAGE, rows.length - this.shown)} more of ${rows.length.toLocaleString("en")}`);
      more.addEventListener("click", () => {
        this.shown += PAGE;
        this.draw(dataset, state);
      });
      parts.push(more);
    }
    this.root.replaceChildren(...parts);
  }

  // Marks the line of a row that is hovered elsewhere.
  mark(row) {
    markLine(this.root, row);
  }

  arrow(column, chosen) {
    return column === chosen ? (this.falling ? " ▼" : " ▲") : "";
  }

  order(name, dataset, state) {
    this.falling = this.sort === name ? !this.falling : false;
    this.sort = name;
    this.draw(dataset, state);
    this.root.querySelector("th[aria-sort] button")?.focus();
  }

  columns(dataset, epoch) {
    const columns = [
      { name: "row", key: (row) => row, text: (row) => String(row) },
      { name: "label", key: (row) => dataset.class_of[row], text: (row) => classOf(dataset, row)[0] },
      { name: "class", key: (row) => classOf(dataset, row)[1], text: (row) => classOf(dataset, row)[1] },
    ];
    for (const series of dataset.series) {
      const run = this.report.runs[series.run].name;
      for (const name of ["s_ap", "s_an", "distance"]) {
        const value = (row) => tripletOf(this.report, dataset, series, row, epoch)?.[name] ?? NaN;
        columns.push({
          name: `${shortened(run)} ${name}`,
          key: (row) => (Number.isNaN(value(row)) ? Infinity : value(row)),
          text: (row) => (Number.isNaN(value(row)) ? "" : value(row).toFixed(4)),
        });
      }
    }
    return columns;
  }

  line(row, columns, dataset, state) {
    const pin = element("button", { type: "button", class: "pin" }, thumbnail(dataset.thumbnails, row, 28));
    pin.setAttribute("aria-label", `Pin row ${row}`);
    pin.setAttribute("aria-pressed", String(state.pinned === row));
    pin.addEventListener("click", () => this.actions.pinRow(row));
    const line = element("tr", {}, element("td", {}, pin));
    line.dataset.row = row;
    for (const column of columns) line.append(element("td", {}, shortened(column.text(row))));
    line.addEventListener("pointerenter", () => this.actions.hoverRow(row));
    line.addEventListener("pointerleave", () => this.actions.hoverRow(null));
    pin.addEventListener("focus", () => this.actions.hoverRow(row));
    pin.addEventListener("blur", () => this.actions.hoverRow(null));
    return line;
  }
}

// Marks the line of a table that stands for a row or a class.
export function markLine(root, number) {
  root.querySelector("tr.hovered")?.classList.remove("hovered");
  if (number !== null) root.querySelector(`tr[data-row="${number}"]`)?.classList.add("hovered");
}

// The cards of the pinned item, one per run.
export function pinnedCards(report, dataset, state) {
  if (state.pinned === null) return [];
  return dataset.series.map((series) => cardOf(report, dataset, series, state.pinned, state.epoch));
}
