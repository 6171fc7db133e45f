"""What is said of seeds before an audience is built from them."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest

from gnn.lookalike import Positions, Reach, as_document, build, curve_svg, seed_quality
from gnn.lookalike.trial import Trial
from graph.errors import InputError

PERSONS, GROUP = 6_000, 600


def world() -> tuple[Positions, pa.Array]:
    """The first tenth share one direction, the second another."""
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((PERSONS, 24)).astype(np.float32)
    vectors[:GROUP, 0] += 3
    vectors[GROUP : 2 * GROUP, 1] += 3
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Positions(vectors), pa.array([f"p{i}" for i in range(PERSONS)])


def test_alike_seeds_are_homogeneous_and_their_expected_lift_comes_true() -> None:
    positions, ids = world()
    seeds = ids.take(pa.array(range(0, GROUP, 3)))
    found = seed_quality(positions, ids, seeds)
    assert found.homogeneity.low > 0.15
    assert found.auc.low > 0.9
    assert [p.ratio for p in found.curve] == pytest.approx(np.arange(1, 11) / 100)
    lifts = [p.lift.value for p in found.curve]
    assert lifts[0] > lifts[-1] > 5
    for point in found.curve:
        assert point.similarity == pytest.approx(1 - point.lift.value * point.ratio, abs=1e-6)
        assert point.lift.low <= point.lift.value <= point.lift.high
    built = build(positions, ids, seeds, Reach(ratio=0.05)).table["person_id"].to_pylist()
    point = found.curve[4]
    assert len(built) == point.people == PERSONS // 20
    hidden = [p for p in built if int(p[1:]) < GROUP]
    recall = len(hidden) / (GROUP - len(seeds))
    assert point.lift.low * 0.8 < recall / 0.05 < point.lift.high * 1.2
    assert any("can be used" in text for text in found.advice)


def test_seeds_at_random_are_said_to_be_mixed_and_no_better_than_chance() -> None:
    positions, ids = world()
    seeds = ids.take(pa.array(np.random.default_rng(1).choice(PERSONS, 300, replace=False)))
    found = seed_quality(positions, ids, seeds)
    assert found.homogeneity.low < 0 < found.homogeneity.high
    assert {text.partition(":")[0] for text in found.advice} == {"No better than chance", "Too mixed"}
    few = seed_quality(positions, ids, seeds.slice(0, 12), given=40)
    assert (few.given, few.usable) == (40, 12)
    assert any(text.startswith("Few seeds") for text in few.advice)
    assert any(text.startswith("Many of the seeds") for text in few.advice)
    assert any(text.startswith("No better than chance") for text in few.advice)


def test_homogeneity_of_few_random_seeds_is_not_made_by_the_seeds_themselves() -> None:
    positions, ids = world()
    generator = np.random.default_rng(2)
    values = []
    for _ in range(8):
        chosen = generator.choice(PERSONS, 10, replace=False)
        values.append(seed_quality(positions, ids, ids.take(pa.array(chosen))).homogeneity.value)
    assert abs(np.mean(values)) < 0.1


def test_seeds_of_two_kinds_are_less_homogeneous_than_of_one() -> None:
    positions, ids = world()
    one = seed_quality(positions, ids, ids.take(pa.array(range(200))))
    two = seed_quality(positions, ids, ids.take(pa.array([*range(100), *range(GROUP, GROUP + 100)])))
    assert two.homogeneity.high < one.homogeneity.low


def test_the_report_is_json_and_the_picture_an_image_that_says_what_it_shows() -> None:
    positions, ids = world()
    found = seed_quality(positions, ids, ids.slice(0, 150))
    document = json.loads(json.dumps(as_document(found)))
    assert set(document) == {"seeds", "usable", "homogeneity", "auc", "lift", "method", "methods", "curve", "advice"}
    assert document["auc"]["value"] == pytest.approx(document["methods"][document["method"]])
    picture = ElementTree.fromstring(curve_svg(found))
    names = [element.tag.rpartition("}")[2] for element in picture.iter()]
    assert names.count("polyline") == 2
    assert picture.attrib["aria-label"].startswith("Expected lift falls")


def test_too_few_seeds_are_refused_as_building_refuses_them() -> None:
    positions, ids = world()
    with pytest.raises(InputError, match="at least 5"):
        seed_quality(positions, ids, ids.slice(0, 4))


def test_similarity_and_ratio_are_inverse() -> None:
    tried = Trial({"discriminant": np.linspace(0.5, 0.999, 200).astype(np.float32)})
    for ratio in (0.01, 0.1, 0.3):
        assert tried.ratio("discriminant", tried.similarity("discriminant", ratio)) == pytest.approx(ratio, abs=0.01)
