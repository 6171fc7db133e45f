"""README.md is true: its commands run, in its order, in a fresh folder; its references name everything there is; its links lead
somewhere; what documents say about schema, tables and settings is what the code says.

A block that cannot run here stands under `<!-- skip: reason -->`; one that needs a Neo4j server under `<!-- needs: neo4j -->`. Of
a `console` block the output is compared too, where `…` stands for any text.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from generated_docs import DOCUMENTS, ROOT, render
from typer.main import get_command

from api.cli.main import app
from api.http.app import create_app
from api.settings import Settings
from graph.control import Scope
from graph.store.server.docker import engine

README = ROOT / "README.md"
_FENCE = re.compile(r"(?:<!-- (?P<mark>skip|needs): (?P<why>.+?) -->\n)?```(?P<kind>bash|console)\n(?P<body>.*?)```\n", re.DOTALL)
_SECONDS = 900


@dataclass(frozen=True)
class Block:
    line: int
    kind: str
    body: str
    mark: str | None
    why: str | None


def blocks() -> list[Block]:
    text = README.read_text(encoding="utf-8")
    return [Block(text.count("\n", 0, m.start("body")), m["kind"], m["body"], m["mark"], m["why"]) for m in _FENCE.finditer(text)]


def exchanges(block: Block) -> list[tuple[str, str]]:
    """Commands of a console block, each with the output it should have."""
    parts = re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The whole README, run as one shell session."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    folder = tmp_path_factory.mktemp("readme")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    neo4j = engine() is not None or all(shutil.which(name) for name in ("java", "mvn"))
    script = [
        "set -euo pipefail",
        "trap 'set +e; kill $(jobs -p) 2>/dev/null; TESSERA_HOME=tessera-home/demo tessera neo4j stop >/dev/null' EXIT",
    ]
    for number, block in enumerate(blocks()):
        if block.mark == "skip" or (block.mark == "needs" and not neo4j):
            continue
        script.append(f"echo '== README line {block.line}' >&2")
        if block.kind == "bash":
            script.append(block.body.replace("tessera neo4j start", "tessera neo4j start --free-ports"))
        else:
            for step, (command, _) in enumerate(exchanges(block)):
                script.append(f"{{ {command}\n}} > {folder}/out-{number}-{step} 2>&1 || true")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TESSERA_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TESSERA_PORT": str(port),
        "OMP_NUM_THREADS": "2",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "no_proxy": "127.0.0.1",
    }
    process = subprocess.Popen(
        ["bash", "-c", "\n".join(script).replace("127.0.0.1:8000", f"127.0.0.1:{port}")],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err), folder


def test_every_command_of_the_readme_runs(told: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, _ = told
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stdout + done.stderr


def test_console_blocks_show_what_commands_print(told: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, folder = told
    shown = [(n, b) for n, b in enumerate(blocks()) if b.kind == "console"]
    assert shown
    for number, block in shown:
        for step, (command, expected) in enumerate(exchanges(block)):
            printed = (folder / f"out-{number}-{step}").read_text()
            pattern = ".*?".join(re.escape(part) for part in expected.rstrip("\n").split("…"))
            assert re.fullmatch(pattern, printed.rstrip("\n"), re.DOTALL), f"{command}\nprinted:\n{printed}\nREADME:\n{expected}"


def test_files_that_the_readme_makes_are_what_it_says(told: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, folder = told
    rows = (folder / "audience.csv").read_text().splitlines()
    assert rows[0] == "pseudonym"
    assert len(rows) - 1 >= 1000
    assert all(re.fullmatch("[0-9a-f]{32}", row) for row in rows[1:])
    identities = (folder / "identities.csv").read_text().splitlines()
    people = {row.split(",")[1]: row.split(",")[2] for row in identities[1:]}
    assert people["kim"] == people["kim-crm"] == people["phone-1"] == people["laptop-1"] != people["lee"] == people["tablet-1"]
    assert {node["id"] for node in json.loads((folder / "people.json").read_text())["nodes"]}


def test_blocks_are_left_out_for_a_reason() -> None:
    left_out = [block for block in blocks() if block.mark == "skip"]
    assert all(block.why for block in left_out)
    # What may be left out is what installs, or needs an engine: never one of our own commands.
    assert not [b.line for b in left_out if re.search(r"^(tessera|curl|TESSERA_)", b.body, re.MULTILINE)]


def commands(command: Any, name: str) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name
        return
    for part, child in inner.items():
        yield from commands(child, f"{name} {part}")


def test_every_command_is_named() -> None:
    text = README.read_text(encoding="utf-8")
    there = list(commands(get_command(app), "tessera"))
    assert len(there) > 20
    assert [name for name in there if f"`{name}" not in text] == []
    named = set(re.findall(r"`tessera ([a-z0-9]+(?: [a-z]+(?:-[a-z]+)*)?)", text[text.index("## Commands") :]))
    words = {name.removeprefix("tessera ") for name in there}
    assert {n for n in named if n not in words and n.split()[0] not in words} == set()


def test_every_setting_extra_scope_and_address_is_named(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    settings = [f"`TESSERA_{name.upper()}`" for name in Settings.model_fields]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [f"`{extra}`" for extra in project["optional-dependencies"] if extra != "dev"]
    addresses = create_app(Settings(home=tmp_path / "home")).openapi()["paths"]
    assert [what for what in (*settings, *extras, *addresses) if what not in text] == []
    known = {f"TESSERA_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bTESSERA_[A-Z_]+[A-Z]", text)) <= known
    assert set(re.findall(r"`([a-z]+:(?:read|write|run))`", text)) <= set(Scope)


@pytest.mark.parametrize(
    "document", ["README.md", "CHANGELOG.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    text = file.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://)([^)\s]+)\)", text)
    for link in links:
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), f"{document}: {link}"
        if anchor:
            found = target.read_text(encoding="utf-8")
            headings = [re.sub(r"[^a-z0-9 -]", "", h.lower()) for h in re.findall(r"^#+ (.+)$", found, re.MULTILINE)]
            assert anchor.replace("-", " ") in headings or f'id="{anchor}"' in found, f"{document}: {link}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_generated_parts_are_up_to_date(document: str) -> None:
    shown = (ROOT / document).read_text(encoding="utf-8")
    assert shown == render(document), "run `python -m tests.e2e.generated_docs`"
