// What is known of one triplet, and the card that shows it.

import { classOf, momentOf, nearestEpoch, partnerClass, partnerThumbnails, similarityOf } from "./data.js";
import { element, shortened } from "./scatter.js";

// Returns the triplet of a row at the epoch of a run that is nearest; null where it has none.
export function tripletOf(report, dataset, series, row, epoch) {
  const at = dataset.place.get(row);
  if (at === undefined) return null;
  const number = nearestEpoch(series.epochs, epoch);
  const place = number * dataset.n + at;
  const s_ap = similarityOf(series.s_ap[place], report);
  if (Number.isNaN(s_ap)) return null;
  const s_an = similarityOf(series.s_an[place], report);
  return {
    run: report.runs[series.run].name,
    split: dataset.split,
    epoch: series.epochs[number],
    moment: momentOf(series, number),
    anchor: row,
    positive: series.positive[place],
    negative: series.negative[place],
    s_ap,
    s_an,
    distance: Math.hypot(1 - s_ap, s_an),
  };
}

const sheets = new Map();

// Returns a canvas with the thumbnail of a row, or a text where it has none.
export function thumbnail(sprites, row, size = 56) {
  const at = sprites?.at.get(row);
  if (at === undefined) return element("span", { class: "nothumb" }, "no picture");
  const canvas = element("canvas", { width: sprites.width, height: sprites.height, class: "thumb" });
  const scale = size / Math.max(sprites.width, sprites.height);
  canvas.style.width = `${Math.round(sprites.width * scale)}px`;
  canvas.style.height = `${Math.round(sprites.height * scale)}px`;
  const number = Math.floor(at / sprites.per_sheet);
  const place = at % sprites.per_sheet;
  const left = (place % sprites.columns) * sprites.width;
  const top = Math.floor(place / sprites.columns) * sprites.height;
  sheet(sprites.sheets[number]).then((image) => {
    canvas.getContext("2d").drawImage(image, left, top, sprites.width, sprites.height, 0, 0, sprites.width, sprites.height);
  });
  return canvas;
}

function sheet(source) {
  if (!sheets.has(source)) {
    const image = new Image();
    image.src = source;
    sheets.set(source, image.decode().then(() => image));
  }
  return sheets.get(source);
}

export function cardOf(report, dataset, series, row, epoch) {
  const triplet = tripletOf(report, dataset, series, row, epoch);
  const card = element("div", { class: "card" });
  const own = classOf(dataset, row);
  if (!triplet) {
    card.append(element("p", {}, `Row ${row}, ${shortened(own[1])}: no triplet at this epoch`));
    return card;
  }
  const shown = [
    ["anchor", row, own, dataset.thumbnails],
    ["positive", triplet.positive, partnerClass(dataset, triplet.positive), partnerThumbnails(dataset)],
    ["negative", triplet.negative, partnerClass(dataset, triplet.negative), partnerThumbnails(dataset)],
  ];
  card.append(element("p", { class: "where" }, `${shortened(triplet.run)}, ${triplet.moment}`));
  const three = element("div", { class: "three" });
  for (const [role, item, [label, name], sprites] of shown) {
    three.append(
      element(
        "figure",
        { class: role },
        thumbnail(sprites, item),
        element("figcaption", {}, element("b", {}, role), line(`row ${item}`), line(shortened(`${name} (${label})`))),
      ),
    );
  }
  card.append(three);
  card.append(
    line(`to positive ${triplet.s_ap.toFixed(4)}, to negative ${triplet.s_an.toFixed(4)}`),
    line(`distance to (1, 0): ${triplet.distance.toFixed(4)}`),
  );
  return card;
}

function line(text) {
  return element("span", { class: "line" }, text);
}
