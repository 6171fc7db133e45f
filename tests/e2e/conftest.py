"""One small synthetic population, taken through the whole path once; what changes a home works on a copy of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import Tessera

from graph.synth import Population, Truth, generate


@dataclass(frozen=True)
class Whole:
    """A home after `tessera run`: the command over it, what it reported, and the population with its truth."""

    tessera: Tessera
    report: dict[str, Any]
    population: Truth

    def copy(self, folder: Path) -> Tessera:
        """The same home, to be changed."""
        shutil.copytree(self.tessera.home, folder / "home")
        return Tessera(folder / "home")


@pytest.fixture(scope="session")
def population(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return generate(
        tmp_path_factory.mktemp("population"), Population(people=300, devices=900, events=6000, contents=200, days=60, seed=3)
    )


@pytest.fixture(scope="session")
def whole(population: Truth, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    tessera = Tessera(tmp_path_factory.mktemp("whole") / "home")
    return Whole(tessera, tessera.script.json("run", population.source), population)
