// Dots by a 2-D canvas, where WebGL 2 is missing: the same picture, more slowly.

import { placesOf } from "./index.js";

export function canvasDots(canvas, report, series, n) {
  const pen = canvas.getContext("2d");
  let flags = new Uint8Array(n);
  return {
    kind: "canvas",
    mark(chosen) {
      flags = chosen;
    },
    draw(position, limits, layers) {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      const { from, to, part } = position;
      const epoch = series.epochs[from] + (series.epochs[to] - series.epochs[from]) * part;
      const places = placesOf(report, series, n, epoch);
      layers.forEach(({ color, size }, pass) => {
        const [red, green, blue, alpha] = color;
        pen.fillStyle = `rgba(${255 * red}, ${255 * green}, ${255 * blue}, ${alpha})`;
        for (let at = 0; at < n; at += 1) {
          if (flags[at] !== pass || Number.isNaN(places[2 * at])) continue;
          const x = ((places[2 * at] - limits.left) / (limits.right - limits.left)) * canvas.width;
          const y = (1 - (places[2 * at + 1] - limits.bottom) / (limits.top - limits.bottom)) * canvas.height;
          pen.fillRect(x - size / 2, y - size / 2, size, size);
        }
      });
    },
  };
}
