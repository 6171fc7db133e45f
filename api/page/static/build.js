/** Build an audience: by rule or by likeness, with the reach told while somebody edits, and a report on the seeds beforehand. */

import { Failure } from "./api.js";
import { Place } from "./asking.js";
import { el } from "./dom.js";
import { countOfPeople } from "./figures.js";
import { seedReport } from "./report.js";
import { ruleGroup } from "./rule.js";
import { parseSeeds } from "./seeds.js";

const REST_MILLISECONDS = 500;

export class Build {
  #api;
  #shelf;
  #place;
  #form;
  #rule;
  #timer = null;
  #asked = null;

  constructor(section, api, taxonomy, shelf) {
    this.#api = api;
    this.#shelf = shelf;
    this.#place = new Place(section);
    this.#form = section.querySelector("form");
    this.#rule = ruleGroup({ taxonomy, shelf });
    this.#find("rule").append(this.#rule.node);
    shelf.fill(this.#find("seed-audience"));
    this.#choose("rule");
    for (const radio of this.#form.querySelectorAll("[type=radio]")) radio.addEventListener("change", () => this.#choose(radio.value));
    this.#form.addEventListener("input", () => this.#edited());
    this.#form.addEventListener("change", () => this.#edited());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#make();
    });
    this.#find("seed-report").addEventListener("click", () => this.#report(section.querySelector("#report")));
  }

  #find(id) {
    return this.#form.querySelector(`#${id}`);
  }

  /** Fields of the other way are switched off as well as hidden, so that they hinder no submission. */
  #choose(kind) {
    for (const way of ["rule", "lookalike"]) {
      this.#find(`build-${way}`).checked = way === kind;
      this.#find(way).hidden = way !== kind;
      for (const control of this.#find(way).querySelectorAll("input, select, textarea")) control.disabled = way !== kind;
    }
  }

  #seeds() {
    const audience = this.#find("seed-audience").value;
    if (audience) return { seed_audience_id: audience };
    const { seeds, problem } = parseSeeds(this.#find("seed-rows").value);
    this.#find("seed-problem").textContent = problem ?? "";
    this.#find("seed-rows").setAttribute("aria-invalid", String(problem !== null));
    return seeds.length ? { seeds } : null;
  }

  /** The definition as the API takes it; null while it is unfinished. */
  #definition() {
    const name = this.#find("build-name").value.trim() || "unnamed";
    if (this.#find("build-rule").checked) {
      const rule = this.#rule.read();
      return rule && { kind: "rule", name, rule };
    }
    const seeds = this.#seeds();
    return seeds && { kind: "lookalike", name, ...seeds, ratio: Number(this.#find("seed-ratio").value) / 100 };
  }

  /** Once somebody rests, ask how many people that would be; a question under way is given up. */
  #edited() {
    this.#find("seed-ratio-told").textContent = `${this.#find("seed-ratio").value} %`;
    clearTimeout(this.#timer);
    this.#asked?.abort();
    const definition = this.#definition();
    if (definition === null) {
      this.#find("reach").textContent = "–";
      return;
    }
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    this.#timer = setTimeout(() => this.#reach(definition, signal), REST_MILLISECONDS);
  }

  async #reach(definition, signal) {
    const told = this.#find("reach");
    try {
      const { people } = await this.#api.post("/v1/audiences/dry-run", definition, signal);
      told.textContent = countOfPeople(people);
    } catch (error) {
      if (error instanceof Failure) told.textContent = [error.detail, ...error.errors.map((e) => e.problem)].join(" ");
      else if (error.name !== "AbortError") throw error;
    }
  }

  #make() {
    const definition = this.#definition();
    if (definition === null) {
      this.#place.show();
      this.#place.say("Nothing is chosen yet: add a condition, or seeds, and fill it in.");
      return;
    }
    this.#place.ask(
      async () => {
        const made = await this.#api.post("/v1/audiences", definition);
        await this.#shelf.load();
        this.#place.show(el("p", {}, el("a", { href: "#audiences" }, "Look at it among the audiences")));
        return `Made: ${made.name}, ${countOfPeople(made.size)}`;
      },
      { waiting: "Making it …" },
    );
  }

  #report(room) {
    room.replaceChildren();
    const seeds = this.#seeds();
    if (seeds === null) {
      this.#place.say("Choose an audience, or paste rows of kind,id.");
      return;
    }
    this.#place.ask(
      async () => {
        const report = seedReport(await this.#api.post("/v1/audiences/seed-report", seeds));
        room.replaceChildren(report);
        report.querySelector("h2").focus();
        return "The report on the seeds is below.";
      },
      { waiting: "Judging the seeds by cross-validation …" },
    );
  }
}
