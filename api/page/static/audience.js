/** One audience: what sets its people apart, its versions, its release as a file, its end. */

import { address } from "./api.js";
import { panel } from "./asking.js";
import { bar, el, field, freshId, table } from "./dom.js";
import { counted, countOfPeople, decimal, people, percent, time, whole } from "./figures.js";

/** Forms of a released file, in words. */
export const FORMATS = {
  csv: "CSV: pseudonyms",
  jsonl: "JSON lines: pseudonyms",
  parquet: "Parquet: pseudonyms",
  openrtb: "OpenRTB users with segments",
  google: "Google: hashed addresses",
  meta: "Meta: hashed addresses",
  tiktok: "TikTok: hashed addresses",
  uid2: "UID2: hashed addresses",
};
const ASPECTS = {
  tags: { title: "Tag", one: "tag" },
  attributes: { title: "Attribute", one: "attribute" },
  contents: { title: "Content", one: "content" },
};
const LARGEST_INDEX = 8;

export class AudienceDetail {
  #api;
  #audience;
  #changed;
  #insights = panel("What sets them apart");
  #versions = panel("Versions");
  #release = panel("Release as a file");
  #end = panel("Delete");
  #facts = el("div");
  #of;

  /** `changed` is called after a change, with whether the audience is gone. */
  constructor(api, audience, changed) {
    this.#api = api;
    this.#audience = audience;
    this.#changed = changed;
    this.#of = el("select", { onchange: () => this.#setApart() }, ...Object.keys(ASPECTS).map((of) => el("option", {}, of)));
    this.#insights.heading.after(field("By", this.#of));
    this.#versions.heading.after(
      el("p", {}, el("button", { type: "button", onclick: () => this.#refresh() }, "Fill it again with the people of now")),
    );
    this.#release.heading.after(this.#exportForm());
    this.#end.heading.after(
      el("p", {}, el("button", { type: "button", onclick: () => this.#confirm() }, "Delete this audience")),
    );
    this.#describe();
    const id = freshId("audience");
    this.heading = el("h2", { id, tabindex: "-1" }, audience.name);
    this.node = el(
      "section",
      { "aria-labelledby": id },
      this.heading,
      this.#facts,
      ...[this.#insights, this.#versions, this.#release, this.#end].map((part) => part.node),
    );
  }

  /** Ask what is shown at once: what sets the people apart, and the versions. */
  async load() {
    await Promise.all([this.#setApart(), this.#history()]);
  }

  #describe() {
    const {
      kind,
      version,
      size,
      refresh_every_hours: hours,
      refresh_at: next,
      refresh_problem: wrong,
      audience_id: id,
    } = this.#audience;
    this.#facts.replaceChildren(
      el("p", {}, `${kind}, version ${version}, ${countOfPeople(size)}. `, el("code", {}, id)),
      ...(hours ? [el("p", {}, `Filled again every ${whole(hours)} hours by itself, next ${time(next)}.`)] : []),
      ...(wrong ? [el("p", { class: "problem" }, `The last filling by itself came to nothing: ${wrong}`)] : []),
    );
  }

  #path(rest = "") {
    return address`/v1/audiences/${this.#audience.audience_id}` + rest;
  }

  async #setApart() {
    const { place } = this.#insights;
    const of = this.#of.value;
    const { title, one } = ASPECTS[of];
    await place.ask(async () => {
      const found = await this.#api.get(this.#path("/insights"), { of, limit: "20" });
      const told = `${counted(found.items.length, one, of)}; ${countOfPeople(found.people)}`;
      if (!found.items.length) return told;
      const columns = [title, "Index", { title: "Of the audience", number: true }, { title: "Of everybody", number: true }];
      const rows = found.items.map((i) => [i.name, indexBar(i.index), percent(i.audience_share), percent(i.population_share)]);
      const hint =
        "The index is the share in the audience over the share in everybody: 1 is like everybody, below 1 (orange) is less often.";
      place.show(el("p", { class: "hint" }, hint), table(`What they have more often: ${of}`, columns, rows));
      return told;
    });
    // Something else may have been chosen while this was asked.
    if (of !== this.#of.value) await this.#setApart();
  }

  #history() {
    const { place } = this.#versions;
    return place.ask(async () => {
      const { items } = await this.#api.get(this.#path("/versions"));
      const columns = ["Version", "Filled", ...["People", "Added", "Removed"].map((title) => ({ title, number: true }))];
      const rows = items.map((v) => [String(v.version), time(v.at), people(v.people), people(v.added), people(v.removed)]);
      place.show(table("Fillings, the newest first", columns, rows));
      return counted(items.length, "version", "versions");
    });
  }

  async #refresh() {
    const { place } = this.#versions;
    let told = "";
    await place.ask(
      async () => {
        const { version, added, removed } = await this.#api.post(this.#path("/refresh"));
        told = `Version ${version}: people added: ${people(added)}, removed: ${people(removed)}`;
        this.#audience = await this.#api.get(this.#path());
        this.#describe();
        await this.#changed(false);
      },
      { waiting: "Filling it …" },
    );
    if (!told) return;
    await this.#history();
    place.say(told);
  }

  #exportForm() {
    const recipient = el("input", {
      required: true,
      autocomplete: "off",
      maxlength: "200",
      pattern: "[A-Za-z0-9._\\-]+",
      title: "letters, digits, dot, underscore, hyphen",
    });
    const format = el("select", {}, ...options(FORMATS));
    return el(
      "form",
      {
        method: "post",
        class: "row",
        onsubmit: (event) => {
          event.preventDefault();
          this.#export(recipient.value.trim(), format.value);
        },
      },
      field("Recipient", recipient),
      field("Format", format),
      el("p", {}, el("button", { type: "submit", class: "main" }, "Release")),
    );
  }

  #export(recipient, format) {
    const { place } = this.#release;
    return place.ask(
      async () => {
        const made = await this.#api.post(this.#path("/exports"), { recipient, format });
        const save = () => place.ask(() => this.#save(made.url), { waiting: "Fetching the file …" });
        place.show(el("p", {}, el("button", { type: "button", onclick: save }, "Save the file")));
        return `Released: ${counted(made.rows, "row", "rows")} for ${made.recipient}, ${made.export_id}`;
      },
      { waiting: "Asking the privacy gate …" },
    );
  }

  /** The file is fetched with the key, which a plain link would not send, and saved from memory. */
  async #save(url) {
    const { content, name } = await this.#api.file(url);
    const here = URL.createObjectURL(content);
    el("a", { href: here, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(here), 60_000);
    return `Saved as ${name}`;
  }

  #confirm() {
    const id = freshId("confirm");
    const dialog = el(
      "dialog",
      { "aria-labelledby": id, onclose: () => dialog.remove() },
      el("p", { id }, `Delete “${this.#audience.name}”, with its people and its versions? This cannot be undone.`),
      el(
        "div",
        { class: "row" },
        el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Keep it"),
        el("button", { type: "button", onclick: () => this.#delete(dialog) }, "Delete it"),
      ),
    );
    this.node.append(dialog);
    dialog.showModal();
  }

  #delete(dialog) {
    dialog.close();
    return this.#end.place.ask(async () => {
      await this.#api.delete(this.#path());
      await this.#changed(true);
    });
  }
}

function options(titles) {
  return Object.entries(titles).map(([value, title]) => el("option", { value }, title));
}

/** An index as a bar on a scale of doublings, so that twice as often is as long as half as often. */
function indexBar(index) {
  const doublings = Math.log2(Math.max(index, 1 / LARGEST_INDEX)) / Math.log2(LARGEST_INDEX);
  return bar(Math.abs(doublings), decimal(index), doublings < 0 ? "bar-warm" : "bar");
}
