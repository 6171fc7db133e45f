/** The rule builder: groups of conditions that all, any or none of hold; groups may hold groups. */

import { CONDITIONS } from "./conditions.js";
import { el, field } from "./dom.js";

const LISTS = [
  ["all", "All of these hold"],
  ["any", "At least one of these holds"],
  ["none", "None of these holds"],
];
const MAX_DEPTH = 8;

/**
 * A group: `node` to show, `read()` for the rule. The rule is null while a condition is unfinished or there is none. Each change
 * in it, of fields or of conditions, bubbles as an `input` event.
 */
export function ruleGroup(context, depth = 1) {
  const lists = LISTS.map(([key, title]) => ({ key, ...conditionList(title, context, depth) }));
  return {
    node: el("div", {}, ...lists.map((list) => list.node)),
    read: () => {
      const told = lists.map(({ key, read }) => [key, read()]).filter(([, conditions]) => conditions.length);
      const whole = told.length > 0 && told.every(([, conditions]) => !conditions.includes(null));
      return whole ? Object.fromEntries(told) : null;
    },
  };
}

function conditionList(title, context, depth) {
  const rows = [];
  const shown = el("ol", { class: "conditions", "aria-label": title });
  const add = el("button", { type: "button" }, "Add a condition", el("span", { class: "unseen" }, ` to: ${title.toLowerCase()}`));
  const changed = () => shown.dispatchEvent(new Event("input", { bubbles: true }));
  add.addEventListener("click", () => {
    const row = conditionRow(context, depth, () => {
      rows.splice(rows.indexOf(row), 1);
      row.node.remove();
      changed();
      add.focus();
    });
    rows.push(row);
    shown.append(row.node);
    row.node.querySelector("select").focus();
    changed();
  });
  return {
    node: el("fieldset", {}, el("legend", {}, title), shown, el("p", {}, add)),
    read: () => rows.map((row) => row.read()),
  };
}

/** A condition whose kind is chosen first; the fields follow the kind. */
function conditionRow(context, depth, remove) {
  const group = { title: "belongs to a group of conditions", make: () => nested(context, depth) };
  const kinds = depth < MAX_DEPTH ? { ...CONDITIONS, group } : CONDITIONS;
  const kind = el("select", {}, ...Object.entries(kinds).map(([name, { title }]) => el("option", { value: name }, title)));
  const room = el("div", { class: "row" });
  let made;
  const choose = () => {
    made = kinds[kind.value].make(context);
    room.replaceChildren(...made.nodes);
  };
  kind.addEventListener("change", () => {
    choose();
    room.dispatchEvent(new Event("input", { bubbles: true }));
  });
  choose();
  const away = el("button", { type: "button", onclick: remove }, "Remove", el("span", { class: "unseen" }, " this condition"));
  const node = el("li", {}, el("div", { class: "row" }, field("A person", kind), el("p", {}, away)), room);
  return { node, read: () => made.read() };
}

function nested(context, depth) {
  const { node, read } = ruleGroup(context, depth + 1);
  return { nodes: [node], read };
}
