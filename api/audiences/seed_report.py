"""How good seeds are for a lookalike, before one is built. In: seeds, listed or those of an audience. Out: exact figures, for the
privacy gate; and the told ones as an answer."""

from __future__ import annotations

from api.audiences.choosing import seeds_of
from api.audiences.ground import Ground
from api.http.schemas.insights import ReachPoint, SeedReportRequest, SeedReportView
from gnn.lookalike import seed_quality
from gnn.lookalike.trial import Estimate
from graph.privacy import SeedFigures

__all__ = ["as_report", "judged"]


def judged(ground: Ground, tenant_id: str, asked: SeedReportRequest) -> SeedFigures:
    """Raises as building a lookalike of them does: UnknownAudience, TooFewSeeds, NothingResolved."""
    seeded = seeds_of(ground, tenant_id, asked)
    given = len(seeded.seeds) if seeded.found is None else seeded.found.given
    found = seed_quality(seeded.positions, seeded.people, seeded.seeds, given=given)
    figures = {"homogeneity": found.homogeneity.value, **_estimate("auc", found.auc), **_estimate("lift", found.lift)}
    figures |= {f"method {name}": auc for name, auc in found.aucs.items()}
    counts = {"seeds": given, "usable": found.usable}
    for point in found.curve:
        ratio = f"{point.ratio:.2f}"
        counts[f"people {ratio}"] = point.people
        figures |= {f"similarity {ratio}": point.similarity, f"lift {ratio}": point.lift.value}
    return SeedFigures(counts, figures, found.method, found.advice)


def as_report(told: SeedFigures) -> SeedReportView:
    """The figures that the gate told."""
    figures = told.figures
    ratios = [name.removeprefix("people ") for name in told.counts if name.startswith("people ")]
    return SeedReportView(
        seeds=told.counts["seeds"],
        usable=told.counts["usable"],
        homogeneity=figures["homogeneity"],
        auc=figures["auc"],
        auc_interval=(figures["auc low"], figures["auc high"]),
        lift=figures["lift"],
        lift_interval=(figures["lift low"], figures["lift high"]),
        method=told.method,
        methods={name.removeprefix("method "): auc for name, auc in figures.items() if name.startswith("method ")},
        curve=[
            ReachPoint(
                ratio=float(ratio),
                people=told.counts[f"people {ratio}"],
                similarity=figures[f"similarity {ratio}"],
                expected_lift=figures[f"lift {ratio}"],
            )
            for ratio in ratios
        ],
        advice=list(told.advice),
    )


def _estimate(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name} low": found.low, f"{name} high": found.high}
