/** Look somebody up: who is behind a device or account, their interests with probabilities, and why they have one. */

import { address, Failure } from "./api.js";
import { panel, Place, problem } from "./asking.js";
import { bar, el, table } from "./dom.js";
import { counted, decimal, people, percent, time } from "./figures.js";

const SHOWN = 20;
const CLASSES = { person: "Person", shared: "Shared by several people:", bot: "A program:" };
const OTHERS = { related: "related people", similar: "people who engage with the same" };

export class People {
  #api;
  #place;

  constructor(section, api) {
    this.#api = api;
    this.#place = new Place(section);
    const form = section.querySelector("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [kind, id] = [form.querySelector("select").value, form.querySelector("input").value.trim()];
      this.#place.ask(() => this.#find(kind, id));
    });
  }

  async #find(kind, id) {
    const found =
      kind === "person"
        ? await this.#api.get(address`/v1/persons/${id}`)
        : await this.#api.get(address`/v1/identities/${kind}/${id}`);
    const interests = el("div");
    this.#place.show(this.#who(found), interests);
    const what = CLASSES[found.person_class] ?? found.person_class;
    return `${what} ${found.person_id}${await this.#interests(found.person_id, interests)}`;
  }

  #who(found) {
    const rows = found.members.map((m) => [`${m.kind}:${m.id}`, percent(m.confidence), time(m.since), time(m.last_seen)]);
    return table("Devices and accounts", ["Member", { title: "Belongs", number: true }, "Since", "Last seen"], rows);
  }

  /** Interests into their room; somebody may permit to be found and not the use of their profile, which is told there alone. */
  async #interests(personId, room) {
    let found;
    try {
      found = await this.#api.get(address`/v1/persons/${personId}/tags`, { limit: String(SHOWN) });
    } catch (error) {
      if (!(error instanceof Failure) || error.status === 401) throw error;
      room.append(el("h2", {}, "Interests"), problem(error));
      return "";
    }
    if (!found.tags.length) {
      room.append(
        el("p", {}, found.model === null ? "No model has been trained: nothing is known of interests." : "No interest is told."),
      );
      return "";
    }
    const reason = el("div");
    const rows = found.tags.map((tag) => [
      tag.name,
      bar(tag.probability, percent(tag.probability)),
      el(
        "button",
        { type: "button", "aria-label": `Why ${tag.name}?`, onclick: () => this.#explain(personId, tag, reason) },
        "Why?",
      ),
    ]);
    room.append(table("Interests", ["Tag", "Probability", "Reason"], rows), reason);
    return `, ${counted(rows.length, "interest", "interests")}`;
  }

  /** The reason below the interests, with its heading in focus; a failure stands in its place. */
  async #explain(personId, tag, room) {
    const { node, heading, place } = panel(`Why ${tag.name}?`, "h2");
    room.replaceChildren(node);
    heading.focus();
    await place.ask(async () => {
      const why = await this.#api.get(address`/v1/persons/${personId}/tags/${tag.tag_id}/why`);
      place.show(...reasons(why));
      return `${percent(why.probability)}; of somebody like everybody in the mean ${percent(why.base)}`;
    });
  }
}

function reasons(why) {
  const most = Math.max(...why.parts.map((p) => Math.abs(p.log_odds)), 1e-9);
  const way = (odds) => (odds < 0 ? "bar-warm" : "bar");
  const parts = why.parts.map((p) => [p.channel, bar(Math.abs(p.log_odds) / most, decimal(p.log_odds), way(p.log_odds))]);
  const contents = why.contents.map((c) => [c.content_id, c.channel, bar(c.share, percent(c.share))]);
  const others = why.others.map((o) => [OTHERS[o.kind] ?? o.kind, people(o.with_tag)]);
  return [
    table("What speaks for it, and against it", ["Channel", "Log-odds"], parts),
    contents.length
      ? table("Contents that speak for it", ["Content", "Channel", "Share of what the channel heard"], contents)
      : null,
    others.length ? table("Others with the tag", ["Who", { title: "People", number: true }], others) : null,
  ].filter((part) => part !== null);
}
