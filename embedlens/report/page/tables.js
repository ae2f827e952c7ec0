// A table that is sorted by a click on the head of a column, and shows more of its lines on request.

import { element, shortened } from "./scatter.js";

export class SortedTable {
  constructor(label, { sort = 0, falling = false, step = 50 } = {}) {
    Object.assign(this, { label, sort, falling, step, shown: step });
    this.root = element("div");
  }

  // Columns are { name, key, cell }: what a line is sorted by (NaN stands last), and what its cell shows, a text
  // or an element; a column without a key is not sorted by. Lines have a number, which settles ties.
  draw(columns, lines, mark = () => {}) {
    Object.assign(this, { columns, lines, mark });
    if (!columns[this.sort]?.key) this.sort = columns.findIndex((column) => column.key);
    const { key } = columns[this.sort];
    const sign = this.falling ? -1 : 1;
    const keyed = lines.map((line) => [key(line), line]);
    keyed.sort(([one, a], [two, b]) => {
      if (Number.isNaN(one) !== Number.isNaN(two)) return Number.isNaN(one) ? 1 : -1;
      return sign * (one < two ? -1 : one > two ? 1 : 0) || a.number - b.number;
    });
    const body = element("tbody");
    for (const [, line] of keyed.slice(0, this.shown)) {
      const row = element("tr", {}, ...columns.map((column) => element("td", {}, column.cell(line))));
      row.dataset.row = line.number;
      mark(row, line);
      body.append(row);
    }
    const table = element("table", {}, element("thead", {}, this.head()), body);
    const parts = [element("div", { class: "scroll", tabIndex: 0, role: "region", ariaLabel: this.label }, table)];
    if (lines.length > this.shown) parts.push(this.more());
    this.root.replaceChildren(...parts);
  }

  head() {
    const head = element("tr");
    this.columns.forEach((column, place) => {
      const cell = element("th", { scope: "col" });
      if (column.key) {
        const arrow = place === this.sort ? (this.falling ? " ▼" : " ▲") : "";
        const button = element("button", { type: "button" }, column.name + arrow);
        button.addEventListener("click", () => this.order(place));
        cell.append(button);
      } else cell.append(column.name);
      if (place === this.sort) cell.setAttribute("aria-sort", this.falling ? "descending" : "ascending");
      head.append(cell);
    });
    return head;
  }

  order(place) {
    this.falling = this.sort === place ? !this.falling : false;
    this.sort = place;
    this.draw(this.columns, this.lines, this.mark);
    this.root.querySelector("th[aria-sort] button")?.focus();
  }

  more() {
    const left = this.lines.length - this.shown;
    const text = `Show ${Math.min(this.step, left)} more of ${this.lines.length.toLocaleString("en")}`;
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      this.shown += this.step;
      this.draw(this.columns, this.lines, this.mark);
    });
    return button;
  }
}

// A button with the name of a class, which selects its items.
export function classButton(line, actions) {
  const button = element("button", { type: "button", class: "name" }, shortened(line.name));
  button.addEventListener("click", () => actions.chooseClass(line.number));
  return button;
}

// Marks the line of a table that has a number.
export function markLine(root, number) {
  root.querySelector("tr.hovered")?.classList.remove("hovered");
  if (number !== null) root.querySelector(`tr[data-row="${number}"]`)?.classList.add("hovered");
}
