/** The tags of the current model, loaded once, to be found by what somebody types. */

import { Failure } from "./api.js";
import { el, freshId } from "./dom.js";

const SHOWN = 50;

/** Loads at its first use, and again after a failure. `failure` is why it could not. */
export class Taxonomy {
  #api;
  #byText = new Map();
  #byId = new Set();
  #loading = null;
  #whole = false;
  failure = null;

  constructor(api) {
    this.#api = api;
  }

  /** Load the tags, if they are not there. Does not throw Failure: without tags, ids can be typed. */
  load() {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load() {
    try {
      const { items, whole } = await this.#api.all("/v1/tags");
      this.#byText = new Map(
        items.map((tag) => [tag.name === tag.tag_id ? tag.name : `${tag.name} [${tag.tag_id}]`, tag.tag_id]),
      );
      this.#byId = new Set(items.map((tag) => tag.tag_id));
      this.#whole = whole;
      this.failure = null;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.failure = error;
      this.#loading = null;
    }
  }

  /** Texts of tags that hold all words of `text`, those that begin with it first. */
  matching(text) {
    const sought = text.trim().toLowerCase();
    const words = sought.split(/\s+/);
    const found = [...this.#byText.keys()].filter((t) => words.every((word) => t.toLowerCase().includes(word)));
    const rank = (t) => (t.toLowerCase().startsWith(sought) ? 0 : 1);
    return found.sort((a, b) => rank(a) - rank(b)).slice(0, SHOWN);
  }

  /** The tag that a text names; null for none. Of a taxonomy that is not here whole any text may be an id. */
  idOf(text) {
    const given = text.trim();
    const named = this.#byText.get(given) ?? (this.#byId.has(given) ? given : null);
    if (named !== null || given === "") return named;
    const alike = [...this.#byText].filter(([t]) => t.toLowerCase().replace(/ \[[^\]]*\]$/, "") === given.toLowerCase());
    if (alike.length === 1) return alike[0][1];
    return this.#whole ? null : given;
  }

  /** A text field that offers tags while somebody types, and complains of what is none. */
  input() {
    const list = el("datalist", { id: freshId("tags") });
    const input = el("input", { list: list.id, autocomplete: "off", spellcheck: "false", maxlength: "512", required: true });
    const offer = async () => {
      await this.load();
      list.replaceChildren(...this.matching(input.value).map((text) => el("option", { value: text })));
      input.setCustomValidity(input.value.trim() && this.idOf(input.value) === null ? "There is no tag of this name." : "");
    };
    input.addEventListener("focus", offer);
    input.addEventListener("input", offer);
    return { input, list };
  }
}
