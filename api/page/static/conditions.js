/** The kinds of condition that a rule is made of: the fields of each, and the condition that they say (null while unfinished). */

import { el, field } from "./dom.js";

const ATTRIBUTES = ["country", "region", "source", "device_kind", "os", "browser"];
const COUNTS = ["devices", "accounts"];
const SCORES = ["recency", "frequency", "money"];
const MOST_DAYS = 36_500;

/** Kinds by name: {title, make(context) → {nodes, read()}}. `context` has the taxonomy and the shelf of audiences. */
export const CONDITIONS = {
  tag: { title: "has the tag", make: tagCondition },
  attribute: { title: "has an attribute", make: attributeCondition },
  count: { title: "has so many devices or accounts", make: countCondition },
  last_event: { title: "was last active", make: recencyCondition },
  events: { title: "has done something so often", make: eventCondition },
  spent: { title: "has spent so much", make: moneyCondition },
  score: { title: "is in a fifth of everybody", make: scoreCondition },
  audience: { title: "is in an audience", make: audienceCondition },
};

function tagCondition({ taxonomy }) {
  const { input, list } = taxonomy.input();
  const least = el("input", { type: "range", min: "0.05", max: "1", step: "0.05", value: "0.5" });
  const told = el("output");
  const tell = () => told.replaceChildren(Number(least.value).toFixed(2));
  least.addEventListener("input", tell);
  tell();
  const slider = field("Probability at least ", least, { wide: true });
  slider.querySelector("label").append(told);
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
  const values = several({ required: true });
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
  const [minimum, maximum] = [number({ min: 0, max: 1_000_000, value: 1, required: true }), number({ min: 0, max: 1_000_000 })];
  return {
    nodes: [field("What", count), field("At least", minimum), field("At most", maximum)],
    read: () => valid([minimum, maximum], () => ({ count: count.value, ...given({ minimum, maximum }) })),
  };
}

function recencyCondition() {
  const last_event = choice({ within: "in the last …", over: "longer ago than …" });
  const days = number({ min: 1, max: MOST_DAYS, value: 30, required: true });
  return {
    nodes: [field("When", last_event), field("Days", days)],
    read: () => valid([days], () => ({ last_event: last_event.value, days: Number(days.value) })),
  };
}

function eventCondition() {
  const [types, contents, categories] = [several(), several(), several()];
  const [minimum, maximum] = [number({ min: 0, max: 1e9, value: 1, required: true }), number({ min: 0, max: 1e9 })];
  const within_days = number({ min: 1, max: MOST_DAYS });
  const filter = () =>
    Object.fromEntries(
      Object.entries({ types, contents, categories })
        .map(([name, control]) => [name, lines(control.value)])
        .filter(([, values]) => values.length),
    );
  return {
    nodes: [
      field("Of one of these types (one in a line; all if empty)", types, { wide: true }),
      field("With one of these contents", contents, { wide: true }),
      field("With a content of one of these categories", categories, { wide: true }),
      field("At least so often", minimum),
      field("At most", maximum),
      field("In the last days", within_days),
    ],
    read: () => valid([minimum, maximum, within_days], () => ({ events: filter(), ...given({ minimum, maximum, within_days }) })),
  };
}

function moneyCondition() {
  const spent = currency();
  const [minimum, maximum] = [number({ step: "any" }), number({ step: "any" })];
  const within_days = number({ min: 1, max: MOST_DAYS });
  return {
    nodes: [
      field("Currency", spent),
      field("At least", minimum),
      field("At most", maximum),
      field("In the last days", within_days),
    ],
    read: () => {
      if (minimum.value === "" && maximum.value === "") return null;
      const told = () => ({ spent: spent.value, ...given({ minimum, maximum, within_days }) });
      return valid([spent, minimum, maximum, within_days], told);
    },
  };
}

function scoreCondition() {
  const score = choice(SCORES);
  const money = currency();
  const moneyField = field("Currency", money);
  const [minimum, maximum] = [
    number({ min: 1, max: 5, value: 4, required: true }),
    number({ min: 1, max: 5, value: 5, required: true }),
  ];
  const follow = () => {
    moneyField.hidden = score.value !== "money";
    money.disabled = moneyField.hidden;
  };
  score.addEventListener("change", follow);
  follow();
  const asked = () => (score.value === "money" ? { currency: money.value } : {});
  return {
    nodes: [field("By", score), moneyField, field("Fifth from (5 is the most)", minimum), field("To", maximum)],
    read: () => valid([money, minimum, maximum], () => ({ score: score.value, ...asked(), ...given({ minimum, maximum }) })),
  };
}

function audienceCondition({ shelf }) {
  const audience = el("select", { required: true }, el("option", { value: "" }, "– choose –"));
  shelf.fill(audience);
  return {
    nodes: [field("Audience", audience, { wide: true })],
    read: () => (audience.value ? { audience: audience.value } : null),
  };
}

/** A <select> of names, or of values with titles. */
function choice(values) {
  const titles = Array.isArray(values) ? values.map((name) => [name, name.replace("_", " ")]) : Object.entries(values);
  return el("select", {}, ...titles.map(([value, title]) => el("option", { value }, title)));
}

function number(attributes) {
  return el("input", { type: "number", ...attributes });
}

function several(attributes = {}) {
  return el("textarea", { rows: "2", spellcheck: "false", ...attributes });
}

function currency() {
  const three = { pattern: "[A-Z]{3}", maxlength: "3", title: "three capital letters" };
  return el("input", { ...three, value: "EUR", required: true, autocomplete: "off" });
}

/** What `make` gives, if all controls hold what they may; a control that is switched off may hold anything. */
function valid(controls, make) {
  return controls.every((control) => control.disabled || control.validity.valid) ? make() : null;
}

/** Numbers of the number fields that are filled in. */
function given(controls) {
  const filled = Object.entries(controls).filter(([, control]) => control.value !== "");
  return Object.fromEntries(filled.map(([name, control]) => [name, Number(control.value)]));
}

/** The lines of a text that say something. */
function lines(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
