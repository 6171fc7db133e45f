/** Elements made from data without markup: every text becomes a text node, so that no name can turn into an element. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. `attributes` beginning with "on" are listeners, true is an attribute without value, false, null and
 * undefined are left out. Children are nodes or texts; null is left out.
 */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** An id that no other element has. */
export function freshId(prefix) {
  return `${prefix}-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
}

/** A labelled control: `control` with its label above it. */
export function field(label, control, { wide = false } = {}) {
  control.id ||= freshId("field");
  return el("p", { class: wide ? "field wide" : "field" }, el("label", { for: control.id }, label), control);
}

/**
 * A table in a region that scrolls sideways by keyboard too. `columns` are titles, or {title, number: true} for numbers; `rows`
 * are arrays of nodes or texts. The first cell of a row is its heading.
 */
export function table(caption, columns, rows) {
  const told = columns.map((column) => (typeof column === "string" ? { title: column } : column));
  const id = freshId("caption");
  const cell = (content, n) =>
    n === 0
      ? el("th", { scope: "row", class: told[n].number ? "number" : null }, content)
      : el("td", { class: told[n].number ? "number" : null }, content);
  return el(
    "div",
    { class: "scroll", role: "region", tabindex: "0", "aria-labelledby": id },
    el(
      "table",
      {},
      el("caption", { id }, caption),
      el("thead", {}, el("tr", {}, ...told.map((c) => el("th", { scope: "col", class: c.number ? "number" : null }, c.title)))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map(cell)))),
    ),
  );
}

/** A bar of `share` (0 to 1) beside its value; the value is what is read out. */
export function bar(share, text, className = "bar") {
  const width = Math.max(0, Math.min(1, share)) * 100;
  return el(
    "span",
    { class: "bar-cell" },
    svg(
      "svg",
      { class: className, viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "bar-room", width: 100, height: 10 }),
      svg("rect", { class: "bar-value", width, height: 10 }),
    ),
    el("span", { class: "bar-text" }, text),
  );
}
