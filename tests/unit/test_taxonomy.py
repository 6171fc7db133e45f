from pathlib import Path

import pytest

from gnn.taxonomy import Taxonomy, load, of_strings
from graph.errors import InputError, SettingsError
from graph.interests import TAGS


def by_id(taxonomy: Taxonomy) -> dict[str, object]:
    return {t.tag_id: t for t in taxonomy}


def test_iab_audience_is_read_whole() -> None:
    taxonomy = load("iab-audience-1.1")
    tags = {t.tag_id: t for t in taxonomy}
    assert len(taxonomy) == 1558
    assert {t.tag_id for t in taxonomy if t.parent_id is None} == {"1", "206", "752"}
    assert tags["466"].path == "Interest | Medical Health"
    assert tags["4"].name == "21-24"
    assert all(t.sensitive for t in taxonomy if t.parent_id in {"381", "522", "550"})
    assert not tags["206"].sensitive
    assert not any("\r" in t.name or t.name.endswith("*") for t in taxonomy)


def test_iab_content_is_read_whole_with_its_sensitive_rows() -> None:
    taxonomy = load("iab-content-3.1")
    assert len(taxonomy) == 704
    assert sum(t.sensitive for t in taxonomy) >= 63
    assert any(not t.tag_id.isdigit() for t in taxonomy)
    ids = {t.tag_id for t in taxonomy}
    assert all(t.parent_id in ids for t in taxonomy if t.parent_id)


def test_the_attribution_ships_with_the_files() -> None:
    import gnn.taxonomy.data

    text = (Path(gnn.taxonomy.data.__path__[0]) / "ATTRIBUTION.md").read_text()
    assert "IAB Tech" in text
    assert "CC-BY 3.0" in text


def test_own_file_inherits_sensitivity_and_paths(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("tag_id,name,parent_id,sensitive\na,Health,,true\nb,Diets,a,\nc,Sport,,0\n")
    taxonomy = load(str(file))
    assert taxonomy.name == "mine"
    assert [(t.tag_id, t.path, t.sensitive) for t in taxonomy] == [
        ("a", "Health", True),
        ("b", "Health | Diets", True),
        ("c", "Sport", False),
    ]
    assert [t.tag_id for t in taxonomy.leaves()] == ["b", "c"]
    assert taxonomy.table().schema == TAGS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,name\n1,x\n", "tag_id"),
        ("tag_id,name\n1,x\n1,y\n", "twice"),
        ("tag_id,name,parent_id\n1,x,9\n", "no tag of the file"),
        ("tag_id,name,parent_id\n1,x,2\n2,y,1\n", "cycle"),
        ("tag_id,name\n,x\n", "row 1"),
        ("tag_id,name\n", "no tag"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content)
    with pytest.raises(InputError, match=reason):
        load(str(file))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="iab-audience"):
        load("nothing-like-it")


def test_strings_are_tags_byte_for_byte() -> None:
    assert [t.tag_id for t in of_strings("labels", ["b ", "a", "b ", "A"])] == ["A", "a", "b "]


def test_a_label_called_like_a_sensitive_tag_is_sensitive_whatever_its_case() -> None:
    flat = {t.tag_id: t.sensitive for t in of_strings("labels", ["Medical Health", "medical health ", "metal", "Mobile Games"])}
    assert flat == {"Medical Health": True, "medical health ": True, "metal": False, "Mobile Games": False}
