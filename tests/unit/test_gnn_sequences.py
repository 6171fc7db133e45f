from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, connect, minutes
from test_gnn_world import read, resolution_of, world

from gnn.features.population import Recent, population
from gnn.features.sequences import Sequences
from gnn.models.device import few_threads
from gnn.models.members import Rows
from gnn.models.sequence import SequenceEncoder
from gnn.models.tagger import Tagger, TaggerShape

CPU = torch.device("cpu")


def recent(counts: list[int], seed: int = 0, contents: int = 6) -> Recent:
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(len(counts)), counts)
    at = np.concatenate([np.sort(generator.integers(0, 10**12, c)) for c in counts] or [np.zeros(0)]).astype(np.int64)
    total = len(person)
    return Recent(person=person, content=generator.integers(0, contents, total), type=generator.integers(0, 3, total), at=at)


def test_the_latest_events_are_read_in_order_without_tagging() -> None:
    events = [
        {"event_id": f"e{i}", "at": minutes(i), "account_id": "a", "content_id": f"c{i}", "type": "view", "weight": 1.0}
        for i in (3, 0, 2, 1)
    ]
    events.append({"event_id": "t", "at": minutes(9), "account_id": "a", "content_id": "c0", "type": "tag", "text": "rock"})
    events.append({"event_id": "s", "at": minutes(8), "account_id": "a", "content_id": "c0", "type": "search", "text": "rock"})
    labels = [{"subject_kind": "account", "subject_id": "a", "tag": "rock"}]
    found = resolution_of({"one": [("account", "a")]})
    connection = connect(events=events, labels=labels)
    data = population(connection, found, pa.array(["one"]), key=KEY, recent_events=3)
    assert data.recent is not None
    assert [data.content_ids[c] for c in data.recent.content] == ["c1", "c2", "c3"]
    assert np.diff(data.recent.at).tolist() == [60_000_000, 60_000_000]
    assert population(connection, found, pa.array(["one"]), key=KEY).recent is None  # off by default


def test_rows_hold_contents_types_and_gaps() -> None:
    told = Recent(
        person=np.array([0, 0, 0, 2]), content=np.array([1, 0, 1, 0]), type=np.array([0, 0, 1, 0]), at=np.array([-1, 0, 10**8, 5])
    )
    vectors = np.array([[1, 2], [3, 4]], np.float32)
    rows = Sequences(told, vectors, 3, CPU).rows(torch.tensor([2, 0, 1]))
    assert rows.shape == (3, 3, 2 + 3 + 3)
    assert rows[1, :, :2].tolist() == [[3, 4], [1, 2], [3, 4]]
    assert rows[:, :, -1].tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert rows[1, :, -2].tolist() == [0, 0, 1]  # after an undated event there is no gap, nor before the first
    assert rows[1, 2, -3].item() == pytest.approx(np.log1p(100) / 10)
    assert not rows[2].any()
    assert torch.equal(rows[1, 0, 2:5], rows[0, 0, 2:5])
    assert not torch.equal(rows[1, 0, 2:5], rows[1, 2, 2:5])


@settings(max_examples=8, deadline=None)
@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=8), seed=st.integers(0, 1000))
def test_a_person_has_the_same_events_in_whatever_company(counts: list[int], seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32)
    built = Sequences(recent(counts, seed), vectors, len(counts), CPU)
    together = built.rows(torch.randperm(len(counts), generator=torch.Generator().manual_seed(seed)))
    order = torch.randperm(len(counts), generator=torch.Generator().manual_seed(seed))
    model = SequenceEncoder(built.width, 8, heads=2).eval()
    with torch.no_grad(), few_threads(len(counts)):
        pooled = model(together)
        for place, person in enumerate(order.tolist()):
            alone = built.rows(torch.tensor([person]))
            assert torch.equal(alone[0, : counts[person]], together[place, : counts[person]])
            assert torch.allclose(model(alone)[0], pooled[place], atol=1e-5)  # whatever the padding
            if counts[person] == 0:
                assert not pooled[place].any()


def test_a_later_event_does_not_change_an_earlier_state() -> None:
    torch.manual_seed(0)
    model = SequenceEncoder(5, 16, layers=2).eval()
    events = torch.randn(3, 10, 5)
    changed = events.clone()
    changed[:, 6:] = torch.randn(3, 4, 5)
    with torch.no_grad():
        before, after = model.states(events), model.states(changed)
    assert torch.allclose(before[:, :6], after[:, :6], atol=1e-5)
    assert not torch.allclose(before[:, 6:], after[:, 6:], atol=1e-2)


def test_a_tag_that_only_the_order_of_events_tells_is_learned() -> None:
    """Everybody has the same contents; who saw content 0 before content 1 has the tag."""
    generator = np.random.default_rng(0)
    persons, length = 240, 6
    orders = np.stack([generator.permutation(length) for _ in range(persons)])
    told = Recent(
        person=np.repeat(np.arange(persons), length),
        content=orders.ravel(),
        type=np.zeros(persons * length, np.int64),
        at=np.tile(np.arange(length) * 10**9, persons),
    )
    labels = (np.argmax(orders == 0, axis=1) < np.argmax(orders == 1, axis=1)).astype(np.float32)[:, None]
    built = Sequences(told, 4 * np.eye(length, dtype=np.float32), persons, CPU)
    shape = TaggerShape(1, 0, 1, {}, [], width=16, dropout=0.0, towers=("sequence",), reads={"sequence": built.width})
    torch.manual_seed(1)
    model = Tagger(shape, torch.tensor([0.5]))
    everybody = torch.arange(persons)
    rows = Rows(torch.zeros(persons, 1, 0), torch.zeros(persons, 1), {"sequence": built.rows(everybody)}, torch.zeros(persons, 0))
    optimiser, target = torch.optim.Adam(model.parameters(), lr=5e-3), torch.from_numpy(labels)
    learned = slice(0, 180)
    taught = replace(
        rows,
        channels=rows.channels[learned],
        scalars=rows.scalars[learned],
        features={"sequence": rows.features["sequence"][learned]},
        hidden=rows.hidden[learned],
    )
    with few_threads(persons):
        for _ in range(60):
            optimiser.zero_grad()
            model.loss(model(taught), target[learned]).backward()
            optimiser.step()
        right = (model.predict(rows)[180:] > 0) == (labels[180:] > 0.5)
    assert right.mean() > 0.85


def test_nothing_is_read_where_it_is_not_asked_for() -> None:
    assert read(world(20), 20).recent is None
