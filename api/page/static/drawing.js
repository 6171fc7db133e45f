/** A released subgraph as an SVG drawing, in which a thing and what it is joined to can be brought forward. */

import { el, freshId, svg } from "./dom.js";
import { whole } from "./figures.js";

/** What a node is, in words, without its id. */
export function wordsOf(node) {
  switch (node.label) {
    case "Device":
      return [node.kind, node.os].filter(Boolean).join(", ") || "device";
    case "Account":
      return "account";
    case "Tag":
      return node.name;
    default:
      return personWords(node);
  }
}

function personWords({ devices, accounts, household }) {
  const some = (n, what) => `${n} ${what}${n === "1" ? "" : "s"}`;
  return `${some(devices, "device")}, ${some(accounts, "account")}${household ? ", shared household" : ""}`;
}

/**
 * The drawing of nodes at their places, in a region that scrolls. `summary` is read out in its place; of a drawing by class
 * nodes have their words beside them.
 */
export function drawing({ nodes, edges }, { places, width, height }, { summary, byClass }) {
  const most = Math.max(...edges.map((e) => e.people ?? 0), 1);
  const lines = edges
    .filter((e) => places.has(e.source) && places.has(e.target))
    .map((e) => ({ ends: [e.source, e.target], node: line(places.get(e.source), places.get(e.target), e, most) }));
  const things = nodes.filter((n) => places.has(n.id)).map((n) => ({ id: n.id, node: thing(n, places.get(n.id), byClass) }));
  const bring = (id) => {
    const near = new Set(id === null ? [] : [id, ...lines.filter((l) => l.ends.includes(id)).flatMap((l) => l.ends)]);
    for (const l of lines) l.node.classList.toggle("faded", id !== null && !l.ends.includes(id));
    for (const t of things) t.node.classList.toggle("faded", id !== null && !near.has(t.id));
  };
  for (const { id, node } of things) {
    node.addEventListener("mouseenter", () => bring(id));
    node.addEventListener("mouseleave", () => bring(null));
  }
  const id = freshId("drawing");
  return el(
    "div",
    { class: "drawing", role: "region", tabindex: "0", "aria-label": "Drawing of the subgraph" },
    svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": id },
      svg("desc", { id }, summary),
      ...lines.map((l) => l.node),
      ...things.map((t) => t.node),
    ),
  );
}

function line(a, b, edge, most) {
  const told = edge.people === undefined ? edge.relationship : `${edge.relationship}: ${whole(edge.people)} people`;
  const wide = edge.people === undefined ? 1 : Math.max(1, 10 * Math.sqrt(edge.people / most));
  return svg("line", { class: "edge", x1: a.x, y1: a.y, x2: b.x, y2: b.y, "stroke-width": wide }, svg("title", {}, told));
}

function thing(node, { x, y, r }, byClass) {
  const told = byClass ? `${wordsOf(node)}: ${whole(node.people)}` : wordsOf(node);
  const side = node.label === "Device" || node.label === "Account" ? [x - r - 5, "end"] : [x + r + 5, "start"];
  return svg(
    "g",
    { class: "thing" },
    svg("title", {}, `${node.label}: ${told}`),
    svg("circle", { class: `node ${node.label}`, cx: x, cy: y, r }),
    byClass ? svg("text", { x: side[0], y: y + 4, "text-anchor": side[1] }, told) : null,
    !byClass && node.label === "Tag" ? svg("text", { x, y: y - 12, "text-anchor": "middle" }, told) : null,
  );
}
