/** The kinds of condition that a rule is made of: the fields of each, and the condition that they say (null while unfinished). */

import { el, field } from "./dom.js";

const ATTRIBUTES = ["country", "region", "source", "device_kind", "os", "browser"];
const COUNTS = ["devices", "accounts"];

/** Kinds by name: {title, make(context) → {nodes, read()}}. `context` has the taxonomy and the shelf of audiences. */
export const CONDITIONS = {
  tag: { title: "has the tag", make: tagCondition },
  attribute: { title: "has an attribute", make: attributeCondition },
  count: { title: "has so many devices or accounts", make: countCondition },
};

function tagCondition({ taxonomy }) {
  const { input, list } = taxonomy.input();
  const least = el("input", { type: "range", min: "0.05", max: "1", step: "0.05", value: "0.5" });
  const told = el("output", {}, least.value);
  least.addEventListener("input", () => {
    told.textContent = Number(least.value).toFixed(2);
  });
  told.textContent = Number(least.value).toFixed(2);
  const slider = field("", least, { wide: true });
  slider.querySelector("label").append("Probability at least ", told);
  return {
    nodes: [field("Tag", input, { wide: true }), list, slider],
    read: () => {
      const tag = taxonomy.idOf(input.value);
      return tag === null ? null : { tag, min_probability: Number(least.value) };
    },
  };
}

function attributeCondition() {
  const attribute = choice(ATTRIBUTES);
  const values = el("textarea", { rows: "2", spellcheck: "false", required: true });
  return {
    nodes: [field("Attribute", attribute), field("Is one of (one in a line)", values, { wide: true })],
    read: () => {
      const one_of = lines(values.value);
      return one_of.length ? { attribute: attribute.value, one_of } : null;
    },
  };
}

function countCondition() {
  const count = choice(COUNTS);
  const minimum = el("input", { type: "number", min: "0", max: "1000000", value: "1", required: true });
  const maximum = el("input", { type: "number", min: "0", max: "1000000" });
  return {
    nodes: [field("What", count), field("At least", minimum), field("At most", maximum)],
    read: () => {
      if (!minimum.validity.valid || !maximum.validity.valid) return null;
      const most = maximum.value === "" ? {} : { maximum: Number(maximum.value) };
      return { count: count.value, minimum: Number(minimum.value), ...most };
    },
  };
}

function choice(names) {
  return el("select", {}, ...names.map((name) => el("option", { value: name }, name.replace("_", " "))));
}

/** The lines of a text that say something. */
export function lines(text) {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}
