/** The tenant's audiences: the list, one of them in detail, and how far several overlap. */

import { panel, Place } from "./asking.js";
import { AudienceDetail } from "./audience.js";
import { bar, el, table } from "./dom.js";
import { counted, people, percent, time } from "./figures.js";

const MOST_COMPARED = 10;

export class Audiences {
  #api;
  #shelf;
  #place;
  #list;
  #one;
  #compared = new Set();

  constructor(section, api, shelf) {
    this.#api = api;
    this.#shelf = shelf;
    this.#place = new Place(section);
    this.#list = section.querySelector("#list");
    this.#one = section.querySelector("#one");
    section.querySelector("#reload").addEventListener("click", () => this.load());
    shelf.addEventListener("change", () => this.#show());
  }

  /** Load the list anew. */
  load() {
    return this.#place.ask(async () => {
      await this.#shelf.load();
      return counted(this.#shelf.items.length, "audience", "audiences");
    });
  }

  #show() {
    const { items } = this.#shelf;
    this.#compared = new Set([...this.#compared].filter((id) => items.some((a) => a.audience_id === id)));
    if (!items.length) {
      this.#list.replaceChildren(el("p", {}, "There are no audiences yet."));
      this.#one.replaceChildren();
      return;
    }
    const number = (title) => ({ title, number: true });
    const rows = items.map((a) => [
      el("button", { type: "button", onclick: () => this.#open(a) }, a.name),
      a.kind,
      String(a.version),
      people(a.size),
      time(a.updated_at),
      el("input", {
        type: "checkbox",
        "aria-label": `Compare ${a.name}`,
        checked: this.#compared.has(a.audience_id),
        onchange: ({ target }) => this.#compared[target.checked ? "add" : "delete"](a.audience_id),
      }),
    ]);
    this.#list.replaceChildren(
      table("Audiences", ["Name", "Kind", number("Version"), number("People"), "Filled", "Compare"], rows),
      el("p", {}, el("button", { type: "button", onclick: () => this.#compare() }, "How far do the chosen ones overlap?")),
    );
  }

  #open(audience) {
    const detail = new AudienceDetail(this.#api, audience, async (gone) => {
      if (gone) {
        this.#one.replaceChildren();
        this.#place.section.querySelector("h1").focus();
      }
      await this.load();
    });
    this.#one.replaceChildren(detail.node);
    detail.heading.focus();
    return detail.load();
  }

  #compare() {
    const { node, heading, place } = panel("Overlap", "h2");
    this.#one.replaceChildren(node);
    heading.focus();
    const ids = [...this.#compared];
    if (ids.length < 2 || ids.length > MOST_COMPARED) {
      place.say(`Choose 2 to ${MOST_COMPARED} audiences in the list.`);
      return null;
    }
    const name = (id) => this.#shelf.items.find((a) => a.audience_id === id)?.name ?? id;
    return place.ask(async () => {
      const { items } = await this.#api.post("/v1/audiences/overlap", { audience_ids: ids });
      const share = (value) => (value === null ? "not told" : bar(value, percent(value)));
      place.show(
        table(
          "People in both",
          ["First", "Second", { title: "People", number: true }, "Share of the first", "Share of the second"],
          items.map((o) => [name(o.a), name(o.b), people(o.people), share(o.share_of_a), share(o.share_of_b)]),
        ),
      );
      return counted(items.length, "pair", "pairs");
    });
  }
}
