// The data of the page: the header, and blocks that become typed arrays or texts.

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array };

function textOf(id) {
  const element = document.getElementById(id);
  const text = element.textContent;
  if (id !== "header") element.remove(); // a block is read once
  return text;
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const characters = atob(base64);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

async function unpacked(id) {
  const stream = new Blob([bytesOf(textOf(id))]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Joins the byte planes of an array, and adds up what is stored as differences along the first axis.
function arrayOf(bytes, entry) {
  const Kind = ARRAYS[entry.dtype];
  const size = bytes.length / Kind.BYTES_PER_ELEMENT;
  const values = new Kind(size);
  for (let plane = 0; plane < Kind.BYTES_PER_ELEMENT; plane += 1) {
    const start = plane * size;
    const shift = 8 * plane;
    for (let at = 0; at < size; at += 1) values[at] |= bytes[start + at] << shift;
  }
  if (entry.delta && size) {
    const step = size / entry.shape[0];
    for (let at = step; at < size; at += 1) values[at] += values[at - step];
  }
  return values;
}

async function decoded(entry) {
  const bytes = await unpacked(entry.block);
  return entry.dtype === "json" ? JSON.parse(new TextDecoder().decode(bytes)) : arrayOf(bytes, entry);
}

// Replaces every description of a block, at any depth, by what the block holds.
async function filled(value) {
  if (Array.isArray(value)) return Promise.all(value.map(filled));
  if (value === null || typeof value !== "object") return value;
  if (typeof value.block === "string") return decoded(value);
  const entries = await Promise.all(Object.entries(value).map(async ([name, one]) => [name, await filled(one)]));
  return Object.fromEntries(entries);
}

export async function readReport() {
  const header = JSON.parse(textOf("header"));
  // The log and the methods hold no blocks, but names that a user chose; they stay as they are.
  const [datasets, figures] = await Promise.all([filled(header.datasets), filled(header.figures)]);
  datasets.forEach(prepare);
  return { ...header, datasets, figures };
}

// Adds what lookups need: place of a row among the rows shown, and of its thumbnail.
function prepare(dataset) {
  dataset.n = dataset.rows.length;
  dataset.place = new Map();
  dataset.rows.forEach((row, place) => dataset.place.set(row, place));
  for (const name of ["thumbnails", "gallery_thumbnails"]) {
    const sprites = dataset[name];
    if (!sprites) continue;
    sprites.at = new Map();
    sprites.rows.forEach((row, place) => sprites.at.set(row, place));
  }
  for (const { map } of dataset.series) {
    if (!map) continue;
    map.place = new Map();
    map.rows.forEach((row, place) => map.place.set(row, place));
  }
}

export function similarityOf(code, report) {
  return code === report.similarity.missing ? NaN : code * report.similarity.step - 1;
}

// Returns the epochs on both sides of a position on the axis of epochs, and how far it is between them.
export function between(epochs, epoch) {
  const last = epochs.length - 1;
  if (epoch <= epochs[0]) return { from: 0, to: 0, part: 0 };
  if (epoch >= epochs[last]) return { from: last, to: last, part: 0 };
  let from = 0;
  while (epochs[from + 1] <= epoch) from += 1;
  const part = (epoch - epochs[from]) / (epochs[from + 1] - epochs[from]);
  return part === 0 ? { from, to: from, part } : { from, to: from + 1, part };
}

// The place of the epoch that is nearest: of two at the same distance the earlier one.
export function nearestEpoch(epochs, epoch) {
  const { from, to, part } = between(epochs, epoch);
  return part > 0.5 ? to : from;
}

// The name of an epoch of a run: the step, and the epochs trained where they are known, if it counts steps.
export function momentOf(series, number) {
  if (!series.steps) return `epoch ${series.epochs[number]}`;
  const trained = series.trained[number];
  const step = `step ${series.steps[number].toLocaleString("en")}`;
  return trained === null ? step : `${step} (epoch ${Number(trained.toFixed(2))})`;
}

// What a run counts at a position on the axis of epochs: steps, or epochs.
export function countedAt(series, epoch) {
  if (!series.steps) return epoch;
  const { from, to, part } = between(series.epochs, epoch);
  return series.steps[from] + (series.steps[to] - series.steps[from]) * part;
}

export function countsSteps(datasets) {
  return datasets.every((dataset) => dataset.series.every((series) => series.steps));
}

// The name of a position for all runs; of runs that count steps, but other ones, the number of the snapshot.
export function positionText(datasets, epoch) {
  const number = Number(epoch.toFixed(2));
  if (!countsSteps(datasets)) return `epoch ${number}`;
  const texts = new Set(datasets.flatMap((dataset) => dataset.series).map((series) => {
    const { from, part } = between(series.epochs, epoch);
    return part === 0 ? momentOf(series, from) : `step ${Math.round(countedAt(series, epoch)).toLocaleString("en")}`;
  }));
  return texts.size === 1 ? [...texts][0] : `snapshot ${number}`;
}

export function classOf(dataset, row) {
  return dataset.classes[dataset.class_of[row]];
}

export function partnerClass(dataset, row) {
  return dataset.classes[(dataset.gallery_class_of || dataset.class_of)[row]];
}

export function partnerThumbnails(dataset) {
  return dataset.gallery === null ? dataset.thumbnails : dataset.gallery_thumbnails;
}
