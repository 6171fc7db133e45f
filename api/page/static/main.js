/**
 * The page: a key is given, then views are shown by the part of the address after #, which never holds more than a view's name.
 */

import { Api, Failure, Session } from "./api.js";
import { problem } from "./asking.js";
import { Audiences } from "./audiences.js";
import { Build } from "./build.js";
import { People } from "./people.js";
import { Shelf } from "./shelf.js";
import { SubgraphView } from "./subgraph.js";
import { Taxonomy } from "./taxonomy.js";

const VIEWS = ["people", "build", "audiences", "graph"];

class Page {
  #session = new Session(sessionStorage);
  #api = new Api(this.#session);
  #pristine = new Map(VIEWS.map((view) => [view, document.getElementById(view).cloneNode(true)]));
  #view = VIEWS[0];
  #audiences = null;

  start() {
    const form = document.getElementById("key-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const input = form.querySelector("input");
      this.#session.take(input.value.trim());
      input.value = "";
    });
    document.getElementById("forget").addEventListener("click", () => this.#session.forget());
    this.#session.addEventListener("change", ({ detail }) => {
      this.#begin(detail);
      this.#show({ focus: true });
    });
    window.addEventListener("hashchange", () => this.#show({ focus: true }));
    this.#begin();
    this.#show();
  }

  /**
   * With a key: views as the page came, so that nothing is left of what another key saw. Without: the form, and why it is back.
   */
  #begin(failure = null) {
    const known = this.#session.key !== null;
    document.querySelector("nav").hidden = !known;
    document.querySelector(".key-state").hidden = !known;
    document.querySelector("#key .outcome").replaceChildren(...(failure ? [problem(failure)] : []));
    for (const [view, section] of this.#pristine) document.getElementById(view).replaceWith(section.cloneNode(true));
    if (!known) return;
    const shelf = new Shelf(this.#api);
    const section = (view) => document.getElementById(view);
    new People(section("people"), this.#api);
    new Build(section("build"), this.#api, new Taxonomy(this.#api), shelf);
    new SubgraphView(section("graph"), this.#api, shelf);
    this.#audiences = new Audiences(section("audiences"), this.#api, shelf);
    // The first question tells whether the key is one; that it may not list audiences is told where they are asked for.
    shelf.load().catch((error) => {
      if (!(error instanceof Failure)) throw error;
    });
  }

  /** Show the view that the address names; the skip link's is none, and changes nothing. */
  #show({ focus = false } = {}) {
    const named = location.hash.slice(1);
    if (named === "main") return;
    if (VIEWS.includes(named)) this.#view = named;
    const shown = this.#session.key === null ? "key" : this.#view;
    for (const view of ["key", ...VIEWS]) document.getElementById(view).hidden = view !== shown;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const heading = document.querySelector(`#${shown} h1`);
    document.title = `${heading.textContent} – Tessera`;
    if (focus) (shown === "key" ? document.getElementById("key-input") : heading).focus();
    if (shown === "audiences") this.#audiences.load();
  }
}

new Page().start();
