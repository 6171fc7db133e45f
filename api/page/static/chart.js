/** A line chart in SVG. The numbers stand in a table beside it; the chart itself is one image with a summary. */

import { el, freshId, svg } from "./dom.js";

const [WIDTH, HEIGHT] = [420, 240];
const EDGE = { left: 56, right: 14, top: 12, bottom: 44 };

/**
 * A figure. `points` are any values; `across` and `up` are {title, of(point) → number or null, told(number) → text}. Points
 * without a number are left out.
 */
export function lineChart(title, points, across, up) {
  const drawn = points.filter((p) => Number.isFinite(across.of(p)) && Number.isFinite(up.of(p)));
  if (!drawn.length) return el("figure", {}, el("figcaption", {}, title), el("p", {}, "There is nothing to draw."));
  const x = scale(drawn.map(across.of), EDGE.left, WIDTH - EDGE.right);
  const y = scale([...drawn.map(up.of), 0], HEIGHT - EDGE.bottom, EDGE.top);
  const at = (p) => [x.place(across.of(p)), y.place(up.of(p))].map((v) => v.toFixed(1));
  const id = freshId("chart");
  const [first, last] = [drawn[0], drawn.at(-1)];
  const told = (p) => `${up.told(up.of(p))} at ${across.told(across.of(p))}`;
  return el(
    "figure",
    {},
    el("figcaption", { id: `${id}-title` }, title),
    svg(
      "svg",
      { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": `${id}-title ${id}-desc` },
      svg("desc", { id: `${id}-desc` }, `From ${told(first)} to ${told(last)}.`),
      ...y.ticks.flatMap((v) => [
        svg("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y.place(v), y2: y.place(v) }),
        svg("text", { class: "quiet", x: EDGE.left - 6, y: y.place(v) + 4, "text-anchor": "end" }, up.told(v)),
      ]),
      ...x.ticks.map((v) =>
        svg("text", { class: "quiet", x: x.place(v), y: HEIGHT - EDGE.bottom + 18, "text-anchor": "middle" }, across.told(v)),
      ),
      svg("text", { x: WIDTH - EDGE.right, y: HEIGHT - 6, "text-anchor": "end" }, across.title),
      svg("text", { x: EDGE.left, y: HEIGHT - 6 }, `↑ ${up.title}`),
      svg("polyline", { class: "curve", points: drawn.map((p) => at(p).join(",")).join(" ") }),
      ...drawn.map((p) => svg("circle", { class: "point", cx: at(p)[0], cy: at(p)[1], r: 4 }, svg("title", {}, told(p)))),
    ),
  );
}

/** A linear scale from values to places, with three to six round ticks that the values reach. */
export function scale(values, from, to) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low || Math.abs(high) || 1;
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10);
  const [start, end] = [Math.floor(low / step + 1e-9), Math.ceil((high === low ? low + span : high) / step - 1e-9)];
  const ticks = Array.from({ length: end - start + 1 }, (_, n) => (start + n) * step);
  const [bottom, top] = [ticks[0], ticks.at(-1)];
  return { ticks, place: (value) => from + ((value - bottom) / (top - bottom)) * (to - from) };
}
