// What changed at R@1 from one run and epoch to another: items won and lost, by class and by confusion.

import { momentOf, nearestEpoch } from "./data.js";
import { element, percent, shortened } from "./scatter.js";
import { classButton, SortedTable } from "./tables.js";

// Compares the nearest triplets of a place, { series, number of its epoch }, with those of another. An item is right
// where its nearest positive is more similar than its nearest negative; items without a triplet in either are
// left out. A confusion is a class and the class of the nearest negative of one of its items that is not right.
export function differenceOf(report, dataset, one, two) {
  const { missing } = report.similarity;
  const sides = [one, two].map(({ series, number }) => ({ series, start: number * dataset.n }));
  const found = { n: 0, right: [0, 0], won: [], lost: [] };
  const classes = new Map();
  const confusions = new Map();
  dataset.rows.forEach((row, at) => {
    const places = sides.map(({ start }) => start + at);
    if (sides.some(({ series }, side) => series.s_ap[places[side]] === missing)) return;
    const right = sides.map(({ series }, side) => series.s_ap[places[side]] > series.s_an[places[side]]);
    const own = dataset.class_of[row];
    const line = entry(classes, own, () => ({ number: own, name: dataset.classes[own][1], n: 0, won: [], lost: [] }));
    found.n += 1;
    line.n += 1;
    right.forEach((is, side) => {
      found.right[side] += is ? 1 : 0;
      if (is) return;
      const other = (dataset.gallery_class_of || dataset.class_of)[sides[side].series.negative[places[side]]];
      const number = own * dataset.classes.length + other;
      const pair = entry(confusions, number, () => (
        { number, name: line.name, other: dataset.classes[other][1], rows: [[], []] }));
      pair.rows[side].push(row);
    });
    if (right[0] === right[1]) return;
    const kind = right[1] ? "won" : "lost";
    found[kind].push(row);
    line[kind].push(row);
  });
  return {
    ...found,
    classes: [...classes.values()].filter((line) => line.won.length || line.lost.length),
    confusions: [...confusions.values()].filter(({ rows }) => rows[0].length !== rows[1].length),
  };
}

function entry(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

const SHOWN = "shown"; // of an epoch: the one that panels show

export class DifferenceView {
  constructor(report, actions) {
    Object.assign(this, { report, actions });
    this.places = ["First", "Second"].map((name) => ({
      run: element("select", { ariaLabel: `${name} run` }),
      epoch: element("select", { ariaLabel: `${name} epoch` }),
    }));
    this.places.forEach((place) => {
      place.run.addEventListener("change", () => {
        this.listEpochs(place);
        this.draw(this.dataset, this.state);
      });
      place.epoch.addEventListener("change", () => this.draw(this.dataset, this.state));
    });
    this.counts = element("p", { class: "row" });
    this.classes = new SortedTable("Classes that changed", { sort: 4, step: 20 });
    this.confusions = new SortedTable("Confusions that changed", { sort: 4, falling: true, step: 20 });
    const [one, two] = this.places;
    this.root = element(
      "details",
      { class: "selecting" },
      element("summary", {}, "Won and lost at R@1"),
      element("p", { class: "row" }, "from ", one.run, one.epoch, " to ", two.run, two.epoch),
      this.counts,
      element("div", { class: "panels" },
        element("div", { class: "table" }, element("h3", {}, "By class"), this.classes.root),
        element("div", { class: "table" }, element("h3", {}, "By class and class of the nearest item"), this.confusions.root)),
    );
    this.root.addEventListener("toggle", () => this.draw(this.dataset, this.state));
  }

  // Lists the runs and epochs of a split; from the first run to the second, or from the first epoch on.
  list(dataset) {
    const several = dataset.series.length > 1;
    const names = dataset.series.map((series) => shortened(this.report.runs[series.run].name));
    this.places.forEach((place, side) => {
      place.run.replaceChildren(...names.map((name) => element("option", {}, name)));
      place.run.selectedIndex = several ? side : 0;
      place.run.hidden = !several;
      this.listEpochs(place);
      if (!several && side === 0) place.epoch.selectedIndex = 1;
    });
    this.root.hidden = !several && dataset.series[0].epochs.length < 2;
  }

  listEpochs(place) {
    const series = this.dataset.series[place.run.selectedIndex];
    const kept = place.epoch.value;
    const options = series.epochs.map((epoch, number) => element("option", { value: String(epoch) }, momentOf(series, number)));
    place.epoch.replaceChildren(element("option", { value: SHOWN }, `the ${series.steps ? "step" : "epoch"} shown`), ...options);
    if ([...place.epoch.options].some((one) => one.value === kept)) place.epoch.value = kept;
  }

  draw(dataset, state) {
    const changed = dataset !== this.dataset;
    Object.assign(this, { dataset, state });
    if (changed) this.list(dataset);
    if (!this.root.open || this.root.hidden) return;
    const [one, two] = this.places.map(({ run, epoch }) => {
      const series = dataset.series[run.selectedIndex];
      return { series, number: nearestEpoch(series.epochs, epoch.value === SHOWN ? state.epoch : Number(epoch.value)) };
    });
    const found = differenceOf(this.report, dataset, one, two);
    const recalls = found.right.map((count) => percent(count / found.n)).join(" to ");
    this.counts.replaceChildren(
      ...(found.n ? [this.button(found.won, "won"), this.button(found.lost, "lost"), `of ${found.n.toLocaleString("en")} items; R@1 ${recalls}`] : ["no item has a triplet in both"]),
    );
    this.drawClasses(found.classes);
    this.drawConfusions(found.confusions);
  }

  // A number of rows as a button that selects them.
  button(rows, what, name = "") {
    const count = rows.length.toLocaleString("en");
    if (!rows.length) return element("span", {}, name ? "0" : `0 ${what}`);
    const button = element("button", { type: "button", class: name ? "name" : "share" }, name ? count : `${count} ${what}`);
    if (name) button.setAttribute("aria-label", `${count} ${what}: ${shortened(name)}`);
    button.addEventListener("click", () => this.actions.choose(rows));
    return button;
  }

  drawClasses(lines) {
    const change = (line) => line.won.length - line.lost.length;
    this.classes.draw(
      [
        { name: "class", key: (line) => line.name, cell: (line) => classButton(line, this.actions) },
        { name: "n", key: (line) => line.n, cell: (line) => line.n.toLocaleString("en") },
        { name: "won", key: (line) => line.won.length, cell: (line) => this.button(line.won, "won", line.name) },
        { name: "lost", key: (line) => line.lost.length, cell: (line) => this.button(line.lost, "lost", line.name) },
        { name: "change", key: change, cell: (line) => signed(change(line)) },
      ],
      lines,
    );
  }

  drawConfusions(lines) {
    const change = ({ rows }) => rows[1].length - rows[0].length;
    const place = (side) => ({
      name: ["first", "second"][side],
      key: ({ rows }) => rows[side].length,
      cell: ({ rows, name, other }) => this.button(rows[side], ["in the first", "in the second"][side], `${name}, ${other}`),
    });
    this.confusions.draw(
      [
        { name: "class", key: (line) => line.name, cell: (line) => shortened(line.name) },
        { name: "nearest", key: (line) => line.other, cell: (line) => shortened(line.other) },
        place(0),
        place(1),
        { name: "change", key: change, cell: (line) => signed(change(line)) },
      ],
      lines,
    );
  }
}

function signed(count) {
  return count > 0 ? `+${count.toLocaleString("en")}` : count.toLocaleString("en").replace("-", "−");
}
