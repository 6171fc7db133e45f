"""Values of identifiers that stand for no value, as a pattern that DuckDB and Python read alike, for values in small letters."""

from __future__ import annotations

__all__ = ["NULL_LIKE"]

NULL_LIKE = r"^[^0-9a-z]*(null|none|nil|nan|na|n/a|undefined|unknown|anonymous|test|0+|1+|9+|x+)?[^0-9a-z]*$"
