/** Build an audience: by rule or by likeness, with the reach told while somebody edits, and a report on the seeds beforehand. */

import { Failure } from "./api.js";
import { Place } from "./asking.js";
import { el } from "./dom.js";
import { countOfPeople, people, whole } from "./figures.js";
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
    shelf.fill(this.#find("seed-subtract"));
    this.#choose("rule");
    for (const radio of this.#form.querySelectorAll("[type=radio]"))
      radio.addEventListener("change", () => this.#choose(radio.value));
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

  /** The definition as the API takes it, with what is not chosen left out; null while it is unfinished. */
  #definition() {
    const value = (id) => this.#find(id).value;
    const again = value("build-refresh");
    const shared = { name: value("build-name").trim() || "unnamed", ...(again && { refresh_every: again }) };
    if (this.#find("build-rule").checked) {
      const rule = this.#rule.read();
      return rule && { kind: "rule", ...shared, rule };
    }
    const seeds = this.#seeds();
    const subtract = [...this.#find("seed-subtract").selectedOptions].map((option) => option.value);
    const least = Number(value("seed-similarity"));
    const optional = { ...(least > 0 && { min_similarity: least }), ...(subtract.length && { subtract }) };
    return seeds && { kind: "lookalike", ...shared, ...seeds, ratio: Number(value("seed-ratio")) / 100, ...optional };
  }

  /** Once somebody rests, ask how many people that would be; a question under way is given up. */
  #edited() {
    const least = Number(this.#find("seed-similarity").value);
    this.#find("seed-ratio-told").textContent = `${this.#find("seed-ratio").value} %`;
    this.#find("seed-similarity-told").textContent = least > 0 ? least.toFixed(2) : "any";
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
      const reach = await this.#api.post("/v1/audiences/dry-run", definition, signal);
      told.textContent = countOfPeople(reach.people) + ofSeeds(reach.seeds);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Failure)) throw error;
      const wait = error.waitSeconds;
      const again = wait > 0 ? [`It is asked again in ${wait} seconds.`] : [];
      told.textContent = [error.detail, ...error.errors.map((e) => e.problem), ...again].join(" ");
      if (wait > 0 && !signal.aborted) this.#timer = setTimeout(() => this.#reach(definition, signal), wait * 1000);
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

/** What became of listed seeds, where the API tells it. */
function ofSeeds(seeds) {
  if (!seeds) return "";
  const repeated = seeds.repeated ? `, ${whole(seeds.repeated)} given again` : "";
  return `; of ${whole(seeds.given)} seeds usable: ${people(seeds.usable)}${repeated}`;
}
