/** The tenant's audiences, loaded once and again after each change; every list of audiences on the page follows. */

import { el } from "./dom.js";

/** Dispatches `change` when the list is another. */
export class Shelf extends EventTarget {
  #api;
  items = [];

  constructor(api) {
    super();
    this.#api = api;
  }

  /** Load the list anew. Throws Failure. */
  async load() {
    this.items = (await this.#api.all("/v1/audiences")).items;
    this.dispatchEvent(new Event("change"));
  }

  /** Let a <select> offer the audiences after the options that it has; what is chosen stays chosen while it is there. */
  fill(select) {
    const kept = [...select.options];
    const refill = () => {
      const chosen = new Set([...select.selectedOptions].map((option) => option.value));
      const offered = this.items.map((a) => el("option", { value: a.audience_id }, a.name));
      select.replaceChildren(...kept, ...offered);
      for (const option of select.options) option.selected = chosen.has(option.value);
      if (!select.multiple && select.selectedIndex < 0) select.selectedIndex = 0;
    };
    this.addEventListener("change", refill);
    refill();
  }
}
