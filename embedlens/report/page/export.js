// The selection as CSV: one line per row, and four columns per run and epoch.

import { classOf } from "./data.js";
import { tripletOf } from "./cards.js";

export function csvOf(report, dataset, rows) {
  const header = ["row", "label", "class"];
  const states = dataset.series.flatMap((series) => series.epochs.map((epoch) => [series, epoch]));
  for (const [series, epoch] of states) {
    const counted = series.steps ? `step ${series.steps[series.epochs.indexOf(epoch)]}` : `epoch ${epoch}`;
    const name = `${report.runs[series.run].name} ${counted}`;
    header.push(`${name} s_ap`, `${name} s_an`, `${name} positive`, `${name} negative`);
  }
  const lines = [header];
  for (const row of rows) {
    const cells = [row, ...classOf(dataset, row)];
    for (const [series, epoch] of states) {
      const one = tripletOf(report, dataset, series, row, epoch);
      cells.push(...(one ? [one.s_ap.toFixed(5), one.s_an.toFixed(5), one.positive, one.negative] : ["", "", "", ""]));
    }
    lines.push(cells);
  }
  return lines.map((cells) => `${cells.map(cellText).join(",")}\r\n`).join("");
}

// Quotes what needs it; a leading sign that a spreadsheet would compute is led by an apostrophe.
function cellText(value) {
  let text = String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function download(text, name, kind) {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
