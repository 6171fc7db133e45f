"""What may be decided by hand about comparing records; everything else is chosen from the data.

In: a TOML text, all of it optional:

    columns = ["given_name", "birth_date"]      # compare these only
    ignore = ["note"]                           # never these
    pairs_per_record = 40.0                     # candidates, at most, on the average
    block_cap = 200                             # no block with more holders is used
    seed = 1
    [kinds]
    plate = "identifier"                        # category name date identifier email phone text number
    [blocking]
    keys = [["family_name:sound", "birth_date:year"], ["plate:equal"]]   # these instead of chosen ones

Out: `RecordSettings`. Raises SettingsError, in one line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from graph.errors import SettingsError
from graph.resolve.records.kinds import KINDS

__all__ = ["RecordSettings"]


@dataclass(frozen=True)
class RecordSettings:
    """Parameters of fitting and blocking."""

    columns: tuple[str, ...] = ()
    """Columns to compare; empty: whatever is useful."""
    ignore: tuple[str, ...] = ()
    """Columns never compared."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Kind of comparison per column, where the content would suggest another."""
    keys: tuple[tuple[str, ...], ...] = ()
    """Blocking keys, each of `column:feature` parts; empty: chosen from the data."""
    pairs_per_record: float = 40.0
    """Candidate pairs divided by records, at most; small inputs may take more, up to `small_pairs` in all."""
    small_pairs: int = 2_000_000
    """Candidate pairs that are always affordable."""
    block_cap: int = 400
    """Holders of a blocking key from which on its block is not used."""
    fit_pairs: int = 2_000_000
    """Pairs, about, that the parameters are estimated from."""
    seed: int = 1
    """Of the random pairs."""

    def __post_init__(self) -> None:
        known = [kind.name for kind in KINDS]
        for column, kind in self.kinds.items():
            if kind not in known:
                raise SettingsError(f"records: kind of {column} is {kind!r}; allowed: {', '.join(known)}")
        if self.pairs_per_record <= 0:
            raise SettingsError(f"records: pairs_per_record is {self.pairs_per_record}; it must be above 0")
        if self.block_cap < 2:
            raise SettingsError(f"records: block_cap is {self.block_cap}; it must be at least 2")
        if self.fit_pairs < 1000 or self.small_pairs < 0 or self.seed < 0:
            raise SettingsError("records: fit_pairs must be at least 1000, small_pairs and seed at least 0")
        for key in self.keys:
            if not key or any(":" not in part for part in key):
                raise SettingsError(f"records: blocking key {list(key)}; a key is a list of column:feature parts")

    @classmethod
    def from_toml(cls, text: str) -> RecordSettings:
        """Settings of a TOML text. Raises SettingsError."""
        try:
            given = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"records: no valid TOML ({str(error).splitlines()[0]})") from None
        blocking = given.pop("blocking", {})
        if not isinstance(blocking, dict) or set(blocking) - {"keys"}:
            raise SettingsError("records: [blocking] may hold `keys` only")
        values: dict[str, object] = {}
        lists = {"columns", "ignore"}
        numbers = {"pairs_per_record": float, "small_pairs": int, "block_cap": int, "fit_pairs": int, "seed": int}
        for name, value in given.items():
            if name in lists:
                values[name] = _texts(name, value)
            elif name in numbers:
                whole = isinstance(value, int) and not isinstance(value, bool)
                if not (whole or (numbers[name] is float and isinstance(value, float))):
                    raise SettingsError(f"records: {name} is {value!r}; it must be a number")
                values[name] = numbers[name](value)
            elif name == "kinds":
                if not isinstance(value, dict) or not all(isinstance(kind, str) for kind in value.values()):
                    raise SettingsError("records: [kinds] must give each column a kind")
                values[name] = dict(value)
            else:
                allowed = ", ".join(sorted({*lists, *numbers, "kinds", "blocking"}))
                raise SettingsError(f"records: unknown setting {name!r}; allowed: {allowed}")
        if "keys" in blocking:
            if not isinstance(blocking["keys"], list):
                raise SettingsError("records: blocking.keys must be a list of lists")
            values["keys"] = tuple(_texts("blocking.keys", key) for key in blocking["keys"])
        return cls(**values)  # type: ignore[arg-type]


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"records: {name} must be a list of texts")
    return tuple(value)
