/** Draw a released piece of the graph, by class or by person, with the same as a table. */

import { Place } from "./asking.js";
import { el, table } from "./dom.js";
import { drawing, wordsOf } from "./drawing.js";
import { whole } from "./figures.js";
import { layered, stars } from "./layout.js";

const MOST_DRAWN = 400;
const MOST_ROWS = 200;

export class SubgraphView {
  #api;
  #place;

  constructor(section, api, shelf) {
    this.#api = api;
    this.#place = new Place(section);
    const form = section.querySelector("form");
    shelf.fill(form.querySelector("#graph-audience"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const value = (id) => form.querySelector(id).value.trim();
      this.#draw(value("#graph-audience"), value("#graph-level"), value("#graph-recipient"));
    });
  }

  #draw(audience, level, recipient) {
    return this.#place.ask(
      async () => {
        const asked = { level, recipient, format: "json", ...(audience ? { audience_id: audience } : {}) };
        const subgraph = await this.#api.post("/v1/subgraphs", asked);
        this.#place.show(...(level === "class" ? byClass(subgraph) : byPerson(subgraph)));
        const size = `${whole(subgraph.nodes.length)} nodes, ${whole(subgraph.edges.length)} edges`;
        return `${size}; nothing is told of fewer than ${subgraph.graph.k} people`;
      },
      { waiting: "Asking the privacy gate …" },
    );
  }
}

function legend(larger = "") {
  const colours = "Blue: people. Orange: devices. Grey: accounts. Dark, or white on dark: tags.";
  return el("p", { class: "hint" }, `${colours} ${larger}`);
}

function byClass({ nodes, edges }) {
  const summary = `A graph of ${nodes.length} classes and ${edges.length} links between them; the table below holds the same.`;
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const told = (id) => `${byId.get(id).label}: ${wordsOf(byId.get(id))}`;
  const links = [...edges].sort((a, b) => b.people - a.people);
  const number = { title: "People", number: true };
  return [
    drawing({ nodes, edges }, layered(nodes, edges), { summary, byClass: true }),
    legend("The larger, the more people."),
    table(
      "Classes",
      ["Class", number],
      [...nodes].sort((a, b) => b.people - a.people).map((n) => [told(n.id), whole(n.people)]),
    ),
    table(
      "Links between classes",
      ["From", "To", "Link", number],
      links.map((e) => [told(e.source), told(e.target), e.relationship, whole(e.people)]),
    ),
  ];
}

function byPerson({ nodes, edges }) {
  const persons = nodes.filter((n) => n.label === "Person");
  const part = around(persons.slice(0, MOST_DRAWN), nodes, edges);
  const drawn = Math.min(persons.length, MOST_DRAWN);
  const cut = drawn < persons.length ? `The first ${whole(drawn)} of ${whole(persons.length)} people are drawn.` : "";
  const what = `${whole(drawn)} people with their devices and accounts, around the tags that they have.`;
  const summary = `${cut} ${what} The table below tells how many are alike.`;
  const columns = ["People who are told alike", "Tag", { title: "How many", number: true }];
  const classes = alike(persons, nodes, edges);
  return [
    cut ? el("p", {}, cut) : null,
    drawing(part, stars(part.nodes, part.edges), { summary, byClass: false }),
    legend(),
    table(
      "The people, by what is told of them",
      columns,
      classes.slice(0, MOST_ROWS).map((c) => [c.words, c.tag, whole(c.people)]),
    ),
    classes.length > MOST_ROWS ? el("p", {}, `The ${MOST_ROWS} largest of ${classes.length} are listed.`) : null,
  ].filter((node) => node !== null);
}

/** The part of a subgraph that belongs to some of its people. */
function around(persons, nodes, edges) {
  const kept = new Set(persons.map((p) => p.id));
  const links = edges.filter((e) => kept.has(e.source) || kept.has(e.target));
  const ends = new Set([...kept, ...links.flatMap((e) => [e.source, e.target])]);
  return { nodes: nodes.filter((n) => ends.has(n.id)), edges: links };
}

/** People of whom the same is told, counted, most first. */
function alike(persons, nodes, edges) {
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const devices = new Map();
  const tags = new Map();
  for (const { source, target } of edges) {
    if (byId.get(target).label === "Tag") tags.set(source, byId.get(target).name);
    else if (byId.get(source).label === "Device")
      devices.set(target, [...(devices.get(target) ?? []), wordsOf(byId.get(source))]);
  }
  const counted = new Map();
  for (const person of persons) {
    const words = [wordsOf(person), ...(devices.get(person.id) ?? []).sort()].join("; ");
    const tag = tags.get(person.id) ?? "–";
    const key = JSON.stringify([words, tag]);
    counted.set(key, { words, tag, people: (counted.get(key)?.people ?? 0) + 1 });
  }
  return [...counted.values()].sort((a, b) => b.people - a.people);
}
