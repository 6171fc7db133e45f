"""Labels that say nothing are read as saying nothing, and the notes of a training say what was there."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lake_tables import KEY, connect
from test_gnn_world import resolution_of

from gnn.features.population import population
from gnn.interests import learn


def test_a_label_whose_value_is_no_number_is_no_label() -> None:
    people = [f"a{i}" for i in range(8)]
    labels = [{"subject_kind": "account", "subject_id": a, "tag": "sport"} for a in people[:4]]
    labels += [{"subject_kind": "account", "subject_id": "a4", "tag": "sport", "_raw": '{"value":"abc"}'}]
    labels += [{"subject_kind": "account", "subject_id": "a5", "tag": "sport", "_raw": '{"at":"abc"}'}]
    found = resolution_of({f"p{a}": [("account", a)] for a in people})
    data = population(connect(labels=labels), found, found.persons.column("person_id").combine_chunks(), key=KEY)
    assert data.tags == ["sport"]
    assert data.labelled.tolist() == [True, True, True, True, False, True, False, False]
    assert data.labels[:, 0].tolist() == pytest.approx([1, 1, 1, 1, 0, 1, 0, 0])
    assert data.person_ids == pa.chunked_array([[f"p{a}" for a in people]]).combine_chunks()


def test_notes_do_not_deny_the_relations_and_labels_that_are_there(tmp_path: Path) -> None:
    relation = {"from_kind": "account", "from_id": "a0", "to_kind": "account", "to_id": "a1", "type": "friend"}
    label = {"subject_kind": "account", "subject_id": "a0", "tag": "sport", "value": 1.0}
    found = resolution_of({f"p{i}": [("account", f"a{i}")] for i in range(4)})
    eligible = found.persons.column("person_id").combine_chunks()
    connection = connect(relations=[relation], labels=[label])
    learned = learn(connection, found, eligible, key=KEY, models=tmp_path / "models", cache=tmp_path / "cache")
    notes = "\n".join(learned.notes)
    assert "nobody engages with any content: no embeddings, no lookalikes" in notes
    assert "no tag with enough labels, no categories and no readable text: no tags" in notes
    assert "no relations" not in notes
    assert "all the same" not in notes
