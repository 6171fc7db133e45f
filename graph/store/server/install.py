"""The server's jars. In: a cache folder. Out: a folder with every jar of one Neo4j version, whole or not there.

Maven resolves the jars from a generated pom into a temporary folder, which is then renamed; a lock file makes two
processes that install at once do it one after the other.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs
from filelock import FileLock

from graph.errors import ServerError
from graph.progress import Progress, ignore_progress
from graph.store.server.java import find_maven

__all__ = ["VERSION", "default_cache", "install"]

VERSION = "5.26.30"
_ARTIFACTS = (
    ("org.neo4j.app", "neo4j-server", VERSION),
    ("org.neo4j", "neo4j", VERSION),  # the record storage engine
    ("org.neo4j", "neo4j-import-tool", VERSION),
    ("org.neo4j.client", "neo4j-browser", "5.24.0"),  # the newest that Maven Central has
)
_JARS = 214
_PLUGIN = "3.8.1"  # of maven-dependency-plugin, so that every Maven behaves alike
_TAKEN = re.compile(r"(Downloaded from|Copying) .*\.jar\b")


def default_cache() -> Path:
    """The per-user cache folder, outside every checkout and home."""
    return platformdirs.user_cache_path("tessera")


def install(cache: Path | None = None, progress: Progress = ignore_progress) -> Path:
    """Folder of the jars, filled from Maven Central at first use. Raises ServerError."""
    folder = (cache or default_cache()) / f"neo4j-{VERSION}"
    if (folder / "lib").is_dir():
        return folder / "lib"
    maven = find_maven()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not (folder / "lib").is_dir():
                _fill(folder, maven, progress)
    except OSError as error:
        raise ServerError(
            f"{folder} cannot be written ({error.strerror or error}); free space or give write permission"
        ) from error
    return folder / "lib"


def _fill(folder: Path, maven: str, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part") as name:
        work = Path(name)
        (work / "pom.xml").write_text(_pom())
        _download(maven, work, progress)
        if not (work / "lib" / f"neo4j-server-{VERSION}.jar").is_file():
            raise ServerError(f"Maven ended without neo4j-server-{VERSION}.jar; run the command again")
        folder.mkdir(exist_ok=True)
        os.replace(work / "lib", folder / "lib")
        shutil.copyfile(work / "pom.xml", folder / "pom.xml")


def _download(maven: str, work: Path, progress: Progress) -> None:
    command = [
        maven,
        "--batch-mode",
        "--file",
        "pom.xml",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        "-DoutputDirectory=lib",
    ]
    what, done, errors = "install Neo4j (downloads, then copies)", 0, list[str]()
    progress(what, 0, 2 * _JARS)
    with subprocess.Popen(
        command, cwd=work, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None  # noqa: S101  (asked for above; tells the type checker)
        for line in process.stdout:
            if _TAKEN.search(line):
                done += 1
                progress(what, min(done, 2 * _JARS), 2 * _JARS)
            elif line.startswith("[ERROR]"):
                errors.append(line.removeprefix("[ERROR]").strip())
    if process.returncode != 0:
        reason = errors[0] if errors else f"exit code {process.returncode}"
        raise ServerError(
            f"Maven could not fetch Neo4j {VERSION} ({reason[:300]}); check the network, then run the command again"
        )
    progress(what, 2 * _JARS, 2 * _JARS)


def _pom() -> str:
    dependencies = "\n".join(
        f"    <dependency><groupId>{g}</groupId><artifactId>{a}</artifactId><version>{v}</version></dependency>"
        for g, a, v in _ARTIFACTS
    )
    return f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tessera</groupId><artifactId>neo4j-local</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>{_PLUGIN}</version>
  </plugin></plugins></build>
</project>
"""
