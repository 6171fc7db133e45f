"""The declared space: names of `TrainingOptions` and what each may be. From code, or from a TOML file:

[learning_rate]
low = 1e-3
high = 2e-2
log = true

[width]
choices = [32, 64, 128]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gnn.training.options import TrainingOptions
from graph.errors import SettingsError

__all__ = ["DEFAULT_SPACE", "Choices", "Numbers", "Space", "read_space"]

_FIXED = frozenset(
    {"seed", "device", "text", "taxonomy", "report_share", "cache_bytes", "minimum_labelled"}
    | {"content_classifiers", "content_model", "content_level", "compiled"}
)
"""What a search never chooses: what the operator decides, what would change the measuring itself, and what concerns contents."""


@dataclass(frozen=True)
class Numbers:
    """From `low` to `high`, both included; whole numbers where both are; even on a logarithmic scale with `log`."""

    low: float
    high: float
    log: bool = False

    def holds(self, value: Any) -> bool:
        """Is the value in the range."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choices:
    """One of these."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Is the value one of them."""
        return value in self.values


@dataclass(frozen=True)
class Space:
    """Name of an option to what it may be. Raises SettingsError for an option that is not to be searched, or of another type."""

    dimensions: Mapping[str, Numbers | Choices]

    def __post_init__(self) -> None:
        defaults = asdict(TrainingOptions())
        plain = {name for name, value in defaults.items() if isinstance(value, bool | int | float | str)}
        open_to_search = sorted(plain - _FIXED)
        if not self.dimensions:
            raise SettingsError("the search space is empty; give at least one option")
        for name, dimension in self.dimensions.items():
            if name not in open_to_search:
                raise SettingsError(f"option {name!r} cannot be searched; use one of {', '.join(open_to_search)}")
            values = (dimension.low, dimension.high) if isinstance(dimension, Numbers) else dimension.values
            wanted = type(defaults[name])
            fit = all(type(v) is wanted or (wanted is float and type(v) is int) for v in values)
            if not fit or not values:
                raise SettingsError(f"option {name} is of type {wanted.__name__}; the search space gives it {list(values)}")
            if isinstance(dimension, Numbers) and not _is_range(wanted, dimension):
                raise SettingsError(f"option {name} has no range from {dimension.low} to {dimension.high}")

    def as_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {name: asdict(d) for name, d in self.dimensions.items()}

    def of(self, options: TrainingOptions) -> dict[str, Any]:
        """The options' own values, as far as the space holds them."""
        told = {name: getattr(options, name) for name in self.dimensions}
        return {name: value for name, value in told.items() if self.dimensions[name].holds(value)}


def _is_range(wanted: type, numbers: Numbers) -> bool:
    return wanted in (int, float) and numbers.low < numbers.high and (numbers.low > 0 or not numbers.log)


DEFAULT_SPACE = Space(
    {
        "learning_rate": Numbers(1e-3, 2e-2, log=True),
        "weight_decay": Numbers(1e-4, 1e-1, log=True),
        "dropout": Numbers(0.1, 0.8),
        "width": Choices((32, 64, 128)),
        "layers": Choices((1, 2, 3)),
        "batch_persons": Choices((64, 128, 256)),
        "position_dimensions": Choices((32, 64, 128)),
        "optimiser": Choices(("adam", "adamw", "adagrad")),
    }
)


def read_space(path: Path) -> Space:
    """A space from a TOML file. Raises SettingsError with what is wrong with it."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"search space {path} cannot be read ({error}); give a TOML file") from error
    dimensions: dict[str, Numbers | Choices] = {}
    for name, entry in told.items():
        if isinstance(entry, dict) and set(entry) == {"choices"} and isinstance(entry["choices"], list):
            dimensions[name] = Choices(tuple(entry["choices"]))
        elif isinstance(entry, dict) and {"low", "high"} <= set(entry) <= {"low", "high", "log"}:
            dimensions[name] = Numbers(entry["low"], entry["high"], bool(entry.get("log", False)))
        else:
            raise SettingsError(f"search space {path}: [{name}] needs choices, or low and high (and log)")
    return Space(dimensions)
