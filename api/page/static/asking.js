/** What every view does with a question: says that it is under way, shows the answer, or the failure as the API told it. */

import { Failure } from "./api.js";
import { el } from "./dom.js";

/** A place of a view where answers go: its status line, which is read out, and the room below it. */
export class Place {
  constructor(section) {
    this.section = section;
    this.status = section.querySelector("[role=status]");
    this.outcome = section.querySelector(".outcome");
  }

  /** One line that is read out. */
  say(text) {
    this.status.textContent = text;
  }

  /** Show these nodes in place of what was there. */
  show(...nodes) {
    this.outcome.replaceChildren(...nodes);
  }

  /**
   * Run a question. What it returns is the status line. While it runs, `scope` counts as busy and a second press does nothing; a
   * failure is shown with the way to ask again.
   */
  async ask(question, { scope = this.section, waiting = "Asking …" } = {}) {
    // Not aria-busy: in what is busy, screen readers may pass over the status line.
    if (scope.dataset.busy) return;
    scope.dataset.busy = "true";
    this.say(waiting);
    try {
      this.show();
      this.say((await question()) ?? "");
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.say("");
      if (error.status !== 401) this.show(problem(error, () => this.ask(question, { scope, waiting })));
    } finally {
      delete scope.dataset.busy;
    }
  }
}

/** A room of its own inside a view, with a heading: {node, heading, place}. */
export function panel(title, level = "h3") {
  const heading = el(level, { tabindex: "-1" }, title);
  const node = el("section", { "aria-label": title }, heading, el("p", { role: "status" }), el("div", { class: "outcome" }));
  return { node, heading, place: new Place(node) };
}

/** A failure as a box that is read out: what failed, what to correct, when to ask again. `again` asks again, if given. */
export function problem(failure, again = null) {
  const box = el(
    "div",
    { class: "problem", role: "alert" },
    el("p", {}, el("strong", {}, failure.title), " – ", failure.detail),
    failure.errors.length
      ? el("ul", {}, ...failure.errors.map((e) => el("li", {}, el("code", {}, e.where), ": ", e.problem)))
      : null,
    failure.requestId ? el("p", { class: "hint" }, "Request ", el("code", {}, failure.requestId)) : null,
  );
  if (again !== null && (failure.waitSeconds > 0 || failure.status === 0)) box.append(countdown(failure.waitSeconds, again));
  return box;
}

function countdown(seconds, again) {
  const button = el("button", { type: "button", onclick: again }, "Ask again");
  if (seconds <= 0) return el("p", {}, button);
  // Ticks are seen and not read out: a screen reader hears once how long, and finds the button enabled afterwards.
  const left = el("span", { "aria-hidden": "true" });
  const line = el("p", {}, el("span", { class: "unseen" }, `It can be asked again in ${seconds} seconds. `), button, " ", left);
  const until = performance.now() + seconds * 1000;
  const tick = () => {
    const rest = Math.ceil((until - performance.now()) / 1000);
    button.disabled = rest > 0;
    left.textContent = rest > 0 ? `in ${rest} s` : "";
    return rest > 0;
  };
  tick();
  const timer = setInterval(() => (line.isConnected && tick()) || clearInterval(timer), 250);
  return line;
}
