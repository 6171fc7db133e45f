"""Search of training options: a declared space in, the options that did best on an inner split out. Trials survive a kill."""

from gnn.search.space import DEFAULT_SPACE, Choices, Numbers, Space, read_space
from gnn.search.study import Found, require, search

__all__ = ["DEFAULT_SPACE", "Choices", "Found", "Numbers", "Space", "read_space", "require", "search"]
