"""Which code made a version: package version, git commit where it is known, a hash of the source, and the libraries' versions.

The commit alone would not do: an installed package has none, and a checkout may have changed since. The hash of the source tells
any two states of the code apart.
"""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import gnn
import graph

__all__ = ["code_version", "commit_of"]

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "torch-geometric")


def code_version() -> dict[str, str | None]:
    """tessera, commit, source (SHA-256 of the source files, shortened), python, machine, and each library's version or None."""
    root = Path(gnn.__file__).parents[1]
    return {
        "tessera": _version("tessera"),
        "commit": commit_of(root) or _installed_commit(),
        "source": _source(Path(gnn.__file__).parent, Path(graph.__file__).parent),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: _version(name) for name in _LIBRARIES},
    }


def commit_of(root: Path) -> str | None:
    """The commit that a checkout stands on, read from its files; None where `root` is none."""
    folder = root / ".git"
    try:
        if folder.is_file():  # a worktree: the file says where its folder is
            folder = (root / folder.read_text().split(":", 1)[1].strip()).resolve()
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = folder / "commondir"
        shared = (folder / common.read_text().strip()).resolve() if common.exists() else folder
        for place in (folder, shared):
            if (place / name).exists():
                return (place / name).read_text().strip()
        packed = (shared / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _installed_commit() -> str | None:
    """What the installer wrote down, for a package installed from a repository."""
    try:
        origin = distribution("tessera").read_text("direct_url.json")
        commit = json.loads(origin or "{}").get("vcs_info", {}).get("commit_id")
    except (PackageNotFoundError, ValueError, AttributeError):
        return None
    return str(commit) if commit else None


def _source(*folders: Path) -> str:
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            found.update(str(path.relative_to(folder.parent)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
