/** The report on seeds: are they enough, alike, and better than chance; what an audience of each size would be like. */

import { lineChart } from "./chart.js";
import { bar, el, table } from "./dom.js";
import { decimal, people, percent } from "./figures.js";

/** A section for the answer of POST /v1/audiences/seed-report. */
export function seedReport(report) {
  const curve = report.curve ?? [];
  const facts = [
    ["Seeds", people(report.seeds)],
    ["Usable", people(report.usable)],
    ["Homogeneity", decimal(report.homogeneity)],
    ["AUC, cross-validated", between(report.auc, report.auc_interval)],
    ["Lift at 1 %", between(report.lift, report.lift_interval)],
    ["Method", report.method ?? "–"],
  ];
  return el(
    "section",
    { "aria-labelledby": "report-title" },
    el("h2", { id: "report-title", tabindex: "-1" }, "Report on the seeds"),
    report.advice?.length ? el("ul", {}, ...report.advice.map((text) => el("li", {}, text))) : null,
    el("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    curve.length ? charts(curve) : null,
    curve.length ? curveTable(curve) : null,
    methods(report.methods ?? {}),
  );
}

function charts(curve) {
  const across = { title: "share of everybody", of: (p) => p.ratio, told: percent };
  return el(
    "div",
    { class: "charts" },
    lineChart("Expected lift by reach", curve, across, { title: "lift", of: (p) => p.expected_lift, told: decimal }),
    lineChart("Similarity by reach", curve, across, {
      title: "similarity of the last one taken",
      of: (p) => p.similarity,
      told: decimal,
    }),
  );
}

function curveTable(curve) {
  const columns = ["Share", "People", "Similarity", "Expected lift"].map((title) => ({ title, number: true }));
  const rows = curve.map((p) => [percent(p.ratio), people(p.people), decimal(p.similarity), decimal(p.expected_lift)]);
  return table("The same as numbers", columns, rows);
}

function methods(byName) {
  const rows = Object.entries(byName).sort(([, a], [, b]) => b - a);
  // An AUC of a half is chance: bars begin there.
  return rows.length
    ? table(
        "Ways of ranking, by AUC",
        ["Method", "AUC"],
        rows.map(([name, auc]) => [name, bar((auc - 0.5) * 2, decimal(auc))]),
      )
    : null;
}

/** A figure with its interval of 95 %, where there is one. */
function between(value, interval) {
  return interval ? `${decimal(value)} (95 %: ${decimal(interval[0])} to ${decimal(interval[1])})` : decimal(value);
}
