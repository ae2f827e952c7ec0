// Builds the page, and joins state, panels and views.

import { countsSteps, nearestEpoch, positionText, readReport } from "./data.js";
import { epochsOf, groupsOf, makeState, readAddress } from "./state.js";
import { element, limitsOf, Panel, shortened } from "./scatter.js";
import { cardOf, tripletOf } from "./cards.js";
import { combined, disagreeing, movers, pinnedCards, REGIONS, rowsInRegion, rowsOfClass, rowsWithText, SelectionTable } from "./selection.js";
import { ClassView, classTable, CurveView, Histogram, MapView, paperFigures, rowsByDistance, runsTable } from "./views.js";
import { DifferenceView, differenceOf } from "./differences.js";
import { csvOf, download } from "./export.js";

const WAIT = 125; // milliseconds before a card appears
const LATER = 60; // milliseconds before tables follow the epoch
const SPEEDS = { "half speed": 0.5, "1 epoch a second": 1, "2 epochs a second": 2, "4 epochs a second": 4 };

class Page {
  constructor(report) {
    this.report = report;
    Object.assign(this, makeState(report));
    this.limits = limitsOf(report);
    this.timer = 0;
    this.hoveredRow = null;
    this.table = new SelectionTable(report, this.actions());
    this.classes = new ClassView(report, this.actions());
    this.histogram = new Histogram(report, this.actions());
    this.curves = new CurveView(report);
    this.differences = new DifferenceView(report, this.actions());
    this.set(readAddress(), { address: false });
    this.layout();
    this.rebuild();
    this.listen((state, changed) => {
      if (changed.has("split")) this.rebuild();
      else this.draw(changed.size === 1 && changed.has("epoch"));
    });
    window.addEventListener("popstate", () => this.set(readAddress(), { address: false }));
    window.addEventListener("hashchange", () => this.set(readAddress(), { address: false }));
    window.addEventListener("resize", () => this.resize());
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    document.addEventListener("keydown", (event) => this.shortcut(event));
  }

  get datasets() {
    return groupsOf(this.report, this.state.split);
  }

  get dataset() {
    return this.datasets[this.state.group];
  }

  // What panels and views may do.
  actions() {
    return {
      tool: () => this.tool.value,
      hover: (panel, at, event) => this.hover(panel, at, event),
      pin: (panel, at) => this.pin(panel.group, at < 0 ? null : panel.dataset.rows[at]),
      pinRow: (row) => row !== null && this.pin(this.state.group, row),
      hoverRow: (row) => this.hoverRow(row),
      region: (panel, region) => {
        this.choose(rowsInRegion(this.report, panel.dataset, panel.series, region, this.state.epoch), panel.group);
      },
      enclose: (panel, outline) => {
        if (this.tool.value === "zoom") {
          this.zoom(outline);
          return;
        }
        const found = panel.gridAt(this.state.epoch).inside(outline);
        this.choose(found.map((at) => panel.dataset.rows[at]), panel.group);
      },
      choose: (rows) => this.choose(rows),
      chooseClass: (number) => this.choose(rowsOfClass(this.dataset, number)),
      key: (panel, event) => this.panelKey(panel, event),
    };
  }

  choose(rows, group = this.state.group) {
    const old = group === this.state.group ? this.state.selected : [];
    this.set({ group, selected: combined(old, rows, this.combine.value) });
    const count = this.state.selected.length;
    this.status.textContent = `${count.toLocaleString("en")} ${count === 1 ? "item" : "items"} selected`;
  }

  // Shows the rectangle around some places in every panel.
  zoom(places) {
    if (!places.length) return;
    const [xs, ys] = [0, 1].map((axis) => places.map((place) => place[axis]));
    const ends = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    this.set({ view: [...ends(xs), ...ends(ys)] });
  }

  // Shows the selected items, of every run at the epoch, with a margin.
  zoomToSelection() {
    const places = [];
    for (const panel of this.panels.filter((one) => one.group === this.state.group)) {
      const grid = panel.gridAt(this.state.epoch).places;
      for (const row of this.state.selected) {
        const at = 2 * this.dataset.place.get(row);
        if (!Number.isNaN(grid[at])) places.push([grid[at] - 0.02, grid[at + 1] - 0.02], [grid[at] + 0.02, grid[at + 1] + 0.02]);
      }
    }
    this.zoom(places);
  }

  pin(group, row) {
    const changes = { group, pinned: row };
    if (group !== this.state.group) changes.selected = [];
    this.set(changes);
  }

  layout() {
    const { report } = this;
    // A label around a select would take the texts of its options into its own.
    const label = (text, control) => {
      if (!control.hasAttribute("aria-label")) control.setAttribute("aria-label", text.replace(":", ""));
      return element("label", {}, `${text} `, control);
    };
    const option = (text, value = text) => element("option", { value }, text);
    const button = (text, call) => {
      const made = element("button", { type: "button" }, text);
      made.addEventListener("click", call);
      return made;
    };
    this.split = element("select", {}, ...this.splits.map((name) => option(name)));
    this.split.addEventListener("change", () => this.set({ split: this.split.value, epoch: this.state.epoch }));
    this.slider = element("input", { type: "range", step: "any", id: "epoch" });
    this.slider.setAttribute("list", "epochs");
    this.slider.addEventListener("input", () => this.set({ epoch: Number(this.slider.value) }));
    this.slider.addEventListener("keydown", (event) => this.sliderKey(event));
    this.ticks = element("datalist", { id: "epochs" });
    this.epochText = element("output", { htmlFor: "epoch" });
    this.play = button("Play", () => this.togglePlay());
    const steps = countsSteps(report.datasets);
    const unit = (name) => (steps ? name.replace("epoch", "snapshot") : name);
    this.speed = element("select", {}, ...Object.keys(SPEEDS).map((name) => option(unit(name), name)));
    this.speed.value = "1 epoch a second";
    this.tool = element("select", {}, option("point at dots", "point"), option("lasso"), option("rectangle"), option("zoom"));
    this.combine = element("select", {}, option("replace"), option("add"), option("subtract"), option("intersect"));
    this.region = element("select", {}, ...Object.keys(REGIONS).map((name) => option(name)));
    this.regionRun = element("select", { ariaLabel: "Run of the region" });
    this.search = element("input", { type: "search", placeholder: "row, label, class, column" });
    this.count = element("input", { type: "number", min: "1", value: "20" });
    this.corners = ["x from", "x to", "y from", "y to"].map((name, at) =>
      element("input", { type: "number", step: "0.01", value: String([0.8, 1, 0.8, 1][at]), ariaLabel: name }));
    this.row = element("input", { type: "number", min: "0", step: "1" });
    this.notice = element("p", { class: "notice", hidden: true });
    this.status = element("p", { role: "status", class: "status" }, "");
    const seriesOfRegion = () => this.dataset.series[this.regionRun.selectedIndex] ?? this.dataset.series[0];
    const enter = (control, call) =>
      control.addEventListener("keydown", (event) => event.key === "Enter" && call());
    const search = () => this.choose(rowsWithText(this.dataset, this.search.value));
    enter(this.search, search);
    const pinRow = () => this.row.value !== "" && this.pin(this.state.group, Number(this.row.value));
    enter(this.row, pinRow);
    const rectangle = () => {
      const [left, right, bottom, top] = this.corners.map((one) => Number(one.value));
      const number = this.dataset.series.indexOf(seriesOfRegion());
      const panel = this.panels.filter((one) => one.group === this.state.group)[number];
      this.choose(panel.gridAt(this.state.epoch).inside([[left, bottom], [right, bottom], [right, top], [left, top]])
        .map((at) => this.dataset.rows[at]));
    };
    this.toolbar = element(
      "div",
      { class: "toolbar", role: "group", ariaLabel: steps ? "Step and split" : "Epoch and split" },
      label("Split", this.split),
      element("span", { class: "epoch" }, label(steps ? "Step" : "Epoch", this.slider), this.ticks, this.epochText, this.play, label("Speed", this.speed)),
      this.status,
    );
    this.selecting = element(
      "details",
      { class: "selecting", open: true },
      element("summary", {}, "Select items"),
      element("div", { class: "row" }, label("Drag in a panel:", this.tool), label("A new selection is to", this.combine)),
      element("div", { class: "row" }, label("Region", this.region), label("of run", this.regionRun),
        button("Select region", () => this.choose(rowsInRegion(report, this.dataset, seriesOfRegion(), this.region.value, this.state.epoch)))),
      element("div", { class: "row" }, label("Search", this.search), button("Select matches", search)),
      element("div", { class: "row" }, label("The", this.count), " items",
        button("that moved most", () => this.choose(movers(report, this.dataset, Number(this.count.value)))),
        button("on which the runs differ most", () => this.choose(disagreeing(report, this.dataset, this.state.epoch, Number(this.count.value))))),
      element("div", { class: "row" }, "Rectangle across", this.corners[0], "to", this.corners[1], "up", this.corners[2], "to", this.corners[3], button("Select rectangle", rectangle),
        button("Zoom to rectangle", () => this.zoom([[this.corners[0], this.corners[2]], [this.corners[1], this.corners[3]]].map((pair) => pair.map((one) => Number(one.value))))),
        button("Zoom to selection", () => this.zoomToSelection()), button("Whole diagram", () => this.set({ view: null }))),
      element("div", { class: "row" }, label("Pin row", this.row), button("Pin", pinRow), button("Unpin", () => this.set({ pinned: null })),
        button("Clear selection", () => this.set({ selected: [] })),
        button("Save selection as CSV", () => download(this.csv(), "selection.csv", "text/csv"))),
    );
    this.panelBox = element("div", { class: "panels" });
    this.pinnedBox = element("div", { class: "pinned" });
    this.mapBox = element("div", { class: "maps" });
    this.runsBox = element("div", { class: "scroll runs", tabIndex: 0, role: "region", ariaLabel: "Runs" });
    this.card = element("div", { class: "floating", hidden: true });
    const figures = paperFigures(report);
    const messages = [...report.messages, `Similarities differ from the exact ones by ${report.similarity.largest_error.toFixed(5)} at most; which of two is larger, and the regions, are exact.`];
    const main = document.querySelector("main");
    main.replaceChildren(
      element("header", {}, element("h1", {}, shortened(report.title)),
        element("p", {}, "Each dot is an item: its similarity to the nearest positive across, to the nearest negative up. The star at (1, 0) is the ideal; dots below the diagonal are retrieved."),
        this.notice, this.toolbar),
      element("div", { class: "columns" },
        element("div", { class: "left" }, this.panelBox, this.pinnedBox, this.selecting, this.differences.root,
          element("section", {}, element("h2", {}, "Selected items"), this.table.root)),
        element("div", { class: "right" }, this.histogram.root, this.mapBox, this.curves.root, this.classes.root)),
      element("section", {}, element("h2", {}, "Runs"), this.runsBox),
      element("section", { hidden: !figures.length }, element("h2", {}, "Figures"), element("div", { class: "figures" }, ...figures)),
      element("footer", {}, ...messages.map((text) => element("p", {}, text)),
        element("p", {}, `Made by embedlens ${report.embedlens}${report.command ? `: ${report.command}` : ""}`)),
      this.card,
    );
  }

  // Makes the panels and maps of a split.
  rebuild() {
    const actions = this.actions();
    this.panels = this.datasets.flatMap((dataset, group) =>
      dataset.series.map((series) => new Panel(this.report, dataset, group, series, this.limits, actions)));
    this.panelBox.replaceChildren(...this.panels.map((panel) => panel.root));
    this.panels.forEach((panel) => panel.start());
    if (this.panels.some((panel) => panel.dots.kind === "canvas")) {
      this.notice.textContent = "This browser has no WebGL 2, so the dots are drawn by a 2-D canvas: the same picture, more slowly.";
      this.notice.hidden = false;
    }
    this.maps = this.datasets.flatMap((dataset) =>
      dataset.series.filter((one) => one.map).map((series) => new MapView(this.report, series, actions)));
    this.mapBox.replaceChildren(...this.maps.map((map) => map.root));
    const epochs = epochsOf(this.report, this.state.split);
    this.slider.min = String(epochs[0]);
    this.slider.max = String(epochs.at(-1));
    this.ticks.replaceChildren(...epochs.map((epoch) => element("option", { value: String(epoch) })));
    this.toolbar.querySelector(".epoch").hidden = epochs.length < 2;
    this.draw();
  }

  resize() {
    this.panels.forEach((panel) => panel.resize());
    this.draw();
  }

  // Draws the panels at once. Tables and histograms follow a moment later where only the epoch changes, so
  // that the dots keep up with the slider.
  draw(later = false) {
    const { state, dataset } = this;
    const marked = new Uint8Array(dataset.n);
    for (const row of state.selected) marked[dataset.place.get(row)] = 1;
    this.split.value = state.split;
    this.slider.value = String(state.epoch);
    const position = positionText(this.datasets, state.epoch);
    this.slider.setAttribute("aria-valuetext", position);
    this.epochText.textContent = position.replace(/^(epoch|step) /, "");
    this.play.textContent = state.playing ? "Pause" : "Play";
    const names = dataset.series.map((one) => this.report.runs[one.run].name);
    if (this.regionRun.dataset.names !== names.join("\n")) {
      this.regionRun.dataset.names = names.join("\n");
      this.regionRun.replaceChildren(...names.map((name) => element("option", {}, shortened(name))));
    }
    this.panels.forEach((panel) => panel.draw(state, marked));
    this.maps.forEach((map) => map.draw(dataset, state, this.hoveredRow));
    clearTimeout(this.drawing);
    if (state.playing) return; // the others follow when it stops
    if (later) this.drawing = setTimeout(() => this.drawViews(), LATER);
    else this.drawViews();
  }

  drawViews() {
    const { state, dataset } = this;
    this.pinnedBox.replaceChildren(...pinnedCards(this.report, dataset, state));
    this.table.draw(dataset, state);
    this.histogram.draw(dataset, state);
    this.classes.draw(dataset, state);
    this.curves.draw(dataset, state);
    this.differences.draw(dataset, state);
    this.runsBox.replaceChildren(runsTable(this.report, this.datasets, state));
  }

  // Rings the same row in every panel at once; the card follows after a moment.
  hover(panel, at, event) {
    const row = at < 0 ? null : panel.dataset.rows[at];
    this.hoverRow(row, panel.group);
    clearTimeout(this.timer);
    this.card.hidden = true;
    if (row === null) return;
    this.timer = setTimeout(() => {
      this.card.replaceChildren(cardOf(this.report, panel.dataset, panel.series, row, this.state.epoch));
      this.card.hidden = false;
      const left = Math.min(event.clientX + 16, window.innerWidth - this.card.offsetWidth - 8);
      const top = Math.min(event.clientY + 16, window.innerHeight - this.card.offsetHeight - 8);
      this.card.style.left = `${Math.max(8, left)}px`;
      this.card.style.top = `${Math.max(8, top)}px`;
    }, WAIT);
  }

  hoverRow(row, group = this.state.group) {
    this.hoveredRow = row;
    for (const panel of this.panels) {
      const place = row !== null && panel.group === group ? panel.dataset.place.get(row) : undefined;
      panel.hover(place ?? -1);
    }
    this.maps.forEach((map) => map.draw(this.dataset, this.state, row));
    const own = group === this.state.group ? row : null;
    this.histogram.mark(own);
    this.table.mark(own);
    this.classes.mark(own === null ? null : this.dataset.class_of[own]);
  }

  // Arrow keys in a panel go from dot to dot, by distance to (1, 0); Enter pins the one that is ringed.
  panelKey(panel, event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key in steps) {
      const order = this.orderOf(panel);
      const place = order.indexOf(panel.hovered);
      const at = order[(place + steps[event.key] + order.length) % order.length];
      const box = panel.overlay.getBoundingClientRect();
      const places = panel.gridAt(this.state.epoch).places;
      const [left, top] = panel.toPixels(places[2 * at], places[2 * at + 1]);
      this.hover(panel, at, { clientX: box.left + left, clientY: box.top + top });
    } else if (event.key === "Enter" && panel.hovered >= 0) this.pin(panel.group, panel.dataset.rows[panel.hovered]);
    else if (event.key === "Escape") this.hover(panel, -1);
    else return;
    event.preventDefault();
  }

  orderOf(panel) {
    const { places } = panel.gridAt(this.state.epoch);
    if (panel.order?.places !== places) {
      const distance = (at) => Math.hypot(1 - places[2 * at], places[2 * at + 1]);
      const shown = Array.from({ length: panel.dataset.n }, (_, at) => at).filter((at) => !Number.isNaN(places[2 * at]));
      panel.order = { places, list: shown.sort((a, b) => distance(b) - distance(a)) };
    }
    return panel.order.list;
  }

  // The slider's own step would be a hundredth of its range; an arrow key goes to the next epoch.
  sliderKey(event) {
    const epochs = epochsOf(this.report, this.state.split);
    const here = this.state.epoch;
    const after = epochs.find((epoch) => epoch > here + 1e-9) ?? epochs.at(-1);
    const before = epochs.findLast((epoch) => epoch < here - 1e-9) ?? epochs[0];
    const targets = { ArrowRight: after, ArrowUp: after, ArrowLeft: before, ArrowDown: before };
    if (!(event.key in targets)) return;
    event.preventDefault();
    this.set({ epoch: targets[event.key] });
  }

  shortcut(event) {
    if (event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") {
      event.preventDefault();
      this.togglePlay();
    } else this.sliderKey(event);
  }

  togglePlay() {
    const epochs = epochsOf(this.report, this.state.split);
    if (this.state.playing) {
      this.set({ playing: false });
      return;
    }
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
      const next = epochs.find((epoch) => epoch > this.state.epoch + 1e-9) ?? epochs[0];
      this.set({ epoch: next }); // one epoch at a time, without a glide
      return;
    }
    const end = epochs.at(-1);
    this.set({ playing: true, ...(this.state.epoch >= end ? { epoch: epochs[0] } : {}) });
    let before = performance.now();
    const frame = (now) => {
      if (!this.state.playing) return;
      const epoch = Math.min(end, this.state.epoch + ((now - before) / 1000) * SPEEDS[this.speed.value]);
      before = now;
      this.set({ epoch });
      if (epoch >= end) this.set({ playing: false });
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  csv() {
    return csvOf(this.report, this.dataset, this.state.selected);
  }
}

function start() {
  const api = {};
  api.ready = readReport().then((report) => {
    const page = new Page(report);
    const find = (run, split) => {
      for (const dataset of groupsOf(report, split)) {
        const series = dataset.series.find((one) => one.run === run || report.runs[one.run].name === run);
        if (series) return { dataset, series };
      }
      throw new Error(`no run ${run} with split ${split}`);
    };
    Object.defineProperty(api, "state", { get: () => ({ ...page.state }) });
    Object.assign(api, {
      set: (changes) => page.set(changes),
      triplet: (run, split, epoch, row) => {
        const { dataset, series } = find(run, split);
        return tripletOf(report, dataset, series, row, epoch);
      },
      inside: (run, split, polygon) => {
        const { dataset, series } = find(run, split);
        const panel = page.panels.find((one) => one.series === series);
        if (!panel) throw new Error(`split ${split} is not shown`);
        return panel.gridAt(page.state.epoch).inside(polygon).map((at) => dataset.rows[at]);
      },
      csv: () => page.csv(),
      difference: (split, one, two) => {
        const [first, second] = [one, two].map(({ run, epoch }) => {
          const { dataset, series } = find(run, split);
          return { dataset, series, number: nearestEpoch(series.epochs, epoch) };
        });
        if (first.dataset !== second.dataset) throw new Error("the runs hold different items");
        return differenceOf(report, first.dataset, first, second);
      },
      classes: () => classTable(report, page.dataset, page.state.epoch),
      byDistance: (run, split, low, high) => {
        const { dataset, series } = find(run, split);
        return rowsByDistance(report, dataset, series, page.state.epoch, low, high);
      },
      page,
      report,
    });
    return api;
  });
  api.ready.catch((error) => {
    document.querySelector("main").textContent = `The report cannot be shown: the file is damaged or incomplete, or the browser is older than 2023 (${error.message}). Make it again with embedlens report.`;
  });
  window.embedlens = api;
}

start();
