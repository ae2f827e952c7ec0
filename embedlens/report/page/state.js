// The state of the page: one object, one way to change it, and the address that keeps it.

export function makeState(report) {
  const splits = [...new Set(report.datasets.map((one) => one.split))];
  const state = {
    epoch: 0, // on the axis of epochs; between two epochs dots stand between two places
    split: splits.includes("test") ? "test" : splits[0],
    group: 0, // which of the datasets of the split the selection and the pinned row belong to
    selected: [], // rows, ascending
    pinned: null, // a row
    view: null, // what panels show, [left, right, bottom, top]; null: the whole diagram
    playing: false,
  };
  state.epoch = epochsOf(report, state.split).at(-1);
  const listeners = new Set();

  function set(changes, { address = true } = {}) {
    const next = { ...changes };
    if ("split" in next && !splits.includes(next.split)) delete next.split;
    if (next.split !== undefined && next.split !== state.split) {
      if (!("selected" in next)) next.selected = [];
      if (!("pinned" in next)) next.pinned = null;
      if (!("group" in next)) next.group = 0;
    }
    const split = next.split ?? state.split;
    const groups = groupsOf(report, split);
    if (next.group !== undefined && !groups[next.group]) next.group = 0;
    const dataset = groups[next.group ?? state.group] ?? groups[0];
    if (next.epoch !== undefined || next.split !== undefined) {
      const epochs = epochsOf(report, split);
      const wanted = Number(next.epoch ?? state.epoch);
      next.epoch = Math.min(Math.max(Number.isFinite(wanted) ? wanted : epochs.at(-1), epochs[0]), epochs.at(-1));
    }
    if (next.selected !== undefined) {
      next.selected = [...new Set(next.selected)].filter((row) => dataset.place.has(row)).sort((a, b) => a - b);
    }
    if (next.pinned !== undefined && next.pinned !== null && !dataset.place.has(next.pinned)) next.pinned = null;
    if (next.view !== undefined && !isView(next.view)) next.view = null;
    const changed = new Set(Object.keys(next).filter((name) => next[name] !== state[name]));
    Object.assign(state, next);
    if (!changed.size) return;
    for (const listener of listeners) listener(state, changed);
    if (address && !state.playing) writeAddress(state, changed.has("epoch") && changed.size === 1);
  }

  function listen(listener) {
    listeners.add(listener);
  }

  return { state, set, listen, splits };
}

export function groupsOf(report, split) {
  return report.datasets.filter((one) => one.split === split);
}

// All epochs of a split, ascending; a run without one of them stands between its own.
export function epochsOf(report, split) {
  const every = groupsOf(report, split).flatMap((one) => one.series.flatMap((series) => series.epochs));
  return [...new Set(every)].sort((a, b) => a - b);
}

function isView(view) {
  if (!Array.isArray(view) || view.length !== 4 || !view.every(Number.isFinite)) return false;
  const [left, right, bottom, top] = view;
  return right - left > 1e-6 && top - bottom > 1e-6;
}

const MOST_ROWS = 500; // in the address: browsers cut long ones

function writeAddress(state, replace) {
  const words = new URLSearchParams({ epoch: String(Number(state.epoch.toFixed(4))), split: state.split });
  if (state.group) words.set("group", String(state.group));
  if (state.selected.length && state.selected.length <= MOST_ROWS) words.set("rows", ranges(state.selected));
  if (state.pinned !== null) words.set("pinned", String(state.pinned));
  if (state.view) words.set("view", state.view.map((one) => Number(one.toFixed(4))).join("_"));
  const address = `#${words}`;
  if (address === location.hash) return;
  try {
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  } catch {
    // A page without an address, as in a notebook, or too many changes a second.
  }
}

export function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  const changes = {};
  if (words.has("epoch")) changes.epoch = Number(words.get("epoch"));
  if (words.has("split")) changes.split = words.get("split");
  changes.group = Number(words.get("group") ?? 0) || 0;
  changes.selected = words.has("rows") ? rowsOf(words.get("rows")) : [];
  changes.pinned = words.has("pinned") ? Number(words.get("pinned")) : null;
  changes.view = words.has("view") ? words.get("view").split("_").map(Number) : null;
  return changes;
}

// Writes rows as 3.7-9.12: single rows and ranges with both ends.
function ranges(rows) {
  const parts = [];
  for (let at = 0; at < rows.length; at += 1) {
    const start = rows[at];
    while (rows[at + 1] === rows[at] + 1) at += 1;
    parts.push(rows[at] === start ? `${start}` : `${start}-${rows[at]}`);
  }
  return parts.join(".");
}

function rowsOf(text) {
  return text.split(".").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number);
    if (!Number.isInteger(first) || !Number.isInteger(last) || last < first || last - first > 1e6) return [];
    return Array.from({ length: last - first + 1 }, (_, step) => first + step);
  });
}
