"""Only the gate makes a `Released`: it cannot be forged by mistake, and nobody outside graph.privacy tries to."""

from __future__ import annotations

import ast
import copy
import dataclasses
import inspect
import pickle
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import graph.export
from graph.privacy import DenialReason, Denied, ReleaseClass, Released
from graph.privacy.released import _release

ROOT = Path(__file__).parents[2]
PACKAGES = ("graph", "gnn", "api", "cypher")
VALUE = _release({"a": 1}, ReleaseClass.SUBJECT_LOOKUP)


@pytest.mark.parametrize(
    "forge",
    [
        lambda: Released("value", ReleaseClass.ROW_LIST, object()),
        lambda: Released("value", ReleaseClass.ROW_LIST, None),
        lambda: Released("value", ReleaseClass.ROW_LIST),  # type: ignore[call-arg]
        lambda: dataclasses.replace(VALUE, value="another"),
        lambda: dataclasses.replace(VALUE, value="another", token=object()),
        lambda: copy.copy(VALUE),
        lambda: copy.deepcopy(VALUE),
        lambda: pickle.loads(pickle.dumps(VALUE)),
        lambda: type("Fake", (Released,), {"__post_init__": lambda self, token: None}),
    ],
)
def test_forging_raises(forge: typing.Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        forge()


def test_a_released_value_cannot_be_exchanged() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        VALUE.value = {"b": 2}  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Denied(DenialReason.ABSENT, "no such person").reason = DenialReason.TOO_FEW  # type: ignore[misc]


def _modules(*, within: str | None = None) -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            inside = path.is_relative_to(ROOT / "graph" / "privacy")
            if within is None or (within == "privacy") == inside:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


def _forgeries(tree: ast.Module) -> list[str]:
    """What a module does that only graph.privacy may: names it imports or reads, calls it makes."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("graph.privacy"):
            found += [f"imports {a.name}" for a in node.names if a.name.startswith("_")]
        elif isinstance(node, ast.Call):
            called = node.func.value if isinstance(node.func, ast.Subscript) else node.func
            name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            if name in ("Released", "_release"):
                found.append(f"calls {name}")
            if name in ("__new__", "replace", "__setattr__") and "Released" in ast.dump(node):
                found.append(f"calls {name} with Released")
        elif isinstance(node, ast.Attribute) and node.attr in ("_TOKEN", "_release"):
            found.append(f"reads {node.attr}")
        elif isinstance(node, ast.ClassDef) and any("Released" in ast.dump(base) for base in node.bases):
            found.append("subclasses Released")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "Released(1, 2, None)",
        "privacy.Released[int](1, 2, None)",
        "object.__new__(Released)",
        "object.__setattr__(Released, 'value', 1)",
        "from graph.privacy.released import _TOKEN",
        "from graph.privacy.released import _release as r",
        "released._release(1, 2)",
        "class Mine(Released): pass",
    ],
)
def test_the_search_finds_a_forgery(source: str) -> None:
    assert _forgeries(ast.parse(source))


def test_nobody_outside_the_gate_makes_released_values() -> None:
    outside = {str(path): found for path, tree in _modules(within="others") if (found := _forgeries(tree))}
    assert outside == {}
    makers = {str(path) for path, tree in _modules(within="privacy") if any(f == "calls _release" for f in _forgeries(tree))}
    assert makers == {"graph/privacy/gate.py"}


def test_every_writer_takes_released_values_only() -> None:
    writers = [getattr(graph.export, name) for name in graph.export.__all__]
    functions = [writer for writer in writers if inspect.isfunction(writer)]
    assert len(functions) >= 9
    for function in functions:
        first = next(iter(inspect.signature(function).parameters))
        assert typing.get_origin(typing.get_type_hints(function)[first]) is Released, function.__name__


@pytest.mark.parametrize("given", [{"a": 1}, None, Denied(DenialReason.TOO_FEW, "few"), VALUE])
def test_every_writer_refuses_anything_else(given: object, tmp_path: Path) -> None:
    for writer, target in [
        (graph.export.write_audience, tmp_path / "a.csv"),
        (graph.export.write_operator, tmp_path / "a.csv"),
        (graph.export.write_subgraph, tmp_path / "a.json"),
        (graph.export.write_openrtb, tmp_path / "a.jsonl"),
        (graph.export.write_upload, tmp_path / "a.csv"),
        (graph.export.audience_bytes, ".csv"),
        (graph.export.subgraph_bytes, ".json"),
    ]:
        with pytest.raises(TypeError):
            writer(given, target)  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []
