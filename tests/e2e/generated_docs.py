"""Parts of the documentation that are made from the code, so that they cannot drift from it.

`python -m tests.e2e.generated_docs` writes them between their markers; `test_readme.py` fails where a document says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import SecretStr

from api.settings import Settings
from cypher import catalogue
from graph.schema import NODES, RELATIONSHIPS
from graph.tables import TABLES

__all__ = ["DOCUMENTS", "ROOT", "render"]

ROOT = Path(__file__).parents[2]


def settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        shown = "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        rows.append((f"`TESSERA_{name.upper()}`", shown, str(field.description)))
    return table(("setting", "default", "what it is"), rows)


def nodes() -> str:
    rows = (
        (f"`{n.label}`", f"`{n.key}` STRING", ", ".join(f"`{name}` {kind}" for name, kind in n.properties.items()))
        for n in NODES.values()
    )
    return table(("label", "key", "properties"), rows)


def relationships() -> str:
    rows = (
        (
            f"`{r.type}`",
            ", ".join(f"{a} → {b}" for a, b in r.ends),
            ", ".join(f"`{name}` {kind}" for name, kind in r.properties.items()),
            ", ".join(f"`{name}`" for name in r.discriminators),
        )
        for r in RELATIONSHIPS.values()
    )
    return table(("type", "from → to", "properties", "one per pair and"), rows)


def queries() -> str:
    rows = ((f"`{s.name}`", s.summary, ", ".join(f"`{p.name}`" for p in s.parameters)) for s in catalogue.readable())
    return table(("query", "what it answers", "parameters"), rows)


def input_tables() -> str:
    rows = []
    for t in TABLES.values():
        needed = [*(f"`{c}`" for c in t.required), *([" or ".join(f"`{c}`" for c in t.one_of)] if t.one_of else [])]
        others = (f"`{c}`" for c in t.columns if c not in (*t.required, *t.one_of))
        rows.append((f"`{t.name}`", ", ".join(f"`{c}`" for c in t.key), ", ".join(needed), ", ".join(others)))
    return table(("table", "key", "needed", "known besides"), rows)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(header), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


DOCUMENTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"settings": settings},
    "docs/graph-schema.md": {"nodes": nodes, "relationships": relationships, "queries": queries},
    "docs/input-tables.md": {"input tables": input_tables},
}


def render(document: str) -> str:
    """The document's text with its generated parts made anew."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for name, make in DOCUMENTS[document].items():
        between = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        made = f"{make()}\n"
        text, found = between.subn(lambda match, made=made: f"{match[1]}{made}{match[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"{document} has {found} parts named {name!r}")
    return text


if __name__ == "__main__":
    for path in DOCUMENTS:
        (ROOT / path).write_text(render(path), encoding="utf-8")
