"""docker-compose.yml and the Dockerfile, as the compose client understands them. No engine is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PASSWORD = "correct0horse0battery"


def client() -> list[str]:
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if (
        shutil.which("docker")
        and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return ["docker", "compose"]
    pytest.skip("no compose client: install Debian's docker-compose, or the compose plugin of docker")


def config(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NEO4J_", "TESSERA_", "COMPOSE_"))}
    command = [*client(), "--file", str(ROOT / "docker-compose.yml"), "--project-directory", str(ROOT), "config"]
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rendered() -> dict[str, Any]:
    done = config(NEO4J_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = yaml.safe_load(done.stdout)
    return document


def test_a_missing_password_stops_it_with_a_clear_message() -> None:
    for environment in ({}, {"NEO4J_PASSWORD": ""}):
        done = config(**environment)
        assert done.returncode != 0
        assert "NEO4J_PASSWORD is not set; give it 8 or more letters and digits, in the environment or in .env" in done.stderr
        assert done.stdout.strip() == ""


def test_no_secret_is_written_down() -> None:
    for name in ("docker-compose.yml", "Dockerfile"):
        for line in re.sub(r"(?m)^#.*$", "", (ROOT / name).read_text()).splitlines():
            for value in re.findall(r"(?i)(?:password|secret|key)[^\s]*\s*[:=]\s*(\S+)", line):
                assert "${NEO4J_PASSWORD:?" in line, f"{name}: {value}"


def test_the_password_reaches_both_services_and_nothing_else(rendered: dict[str, Any]) -> None:
    services = rendered["services"]
    assert services["neo4j"]["environment"]["NEO4J_AUTH"] == f"neo4j/{PASSWORD}"
    assert services["api"]["environment"]["TESSERA_GRAPH_URL"] == f"neo4j://neo4j:{PASSWORD}@neo4j:7687"
    assert str(rendered).count(PASSWORD) == 2


def test_both_services_have_health_checks_limits_restarts_and_named_volumes(rendered: dict[str, Any]) -> None:
    assert set(rendered["services"]) == {"neo4j", "api"}
    for name, service in rendered["services"].items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name
        assert service.get("mem_limit"), name
        assert service["volumes"], name
        for volume in service["volumes"]:
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            assert source in rendered["volumes"], f"{name}: {source} is no named volume"
    assert rendered["services"]["api"]["depends_on"]["neo4j"]["condition"] == "service_healthy"


def test_ports_are_open_to_this_machine_only(rendered: dict[str, Any]) -> None:
    found = []
    for service in rendered["services"].values():
        for port in service["ports"]:
            address = port["host_ip"] if isinstance(port, dict) else port.split(":")[0]
            assert address == "127.0.0.1"
            found.append(int(port["target"]) if isinstance(port, dict) else int(port.split(":")[2].split("/")[0]))
    assert sorted(found) == [7474, 7687, 8000]


def test_nobody_runs_as_root(rendered: dict[str, Any]) -> None:
    assert rendered["services"]["neo4j"]["user"] == "7474:7474"
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    assert len(stages) == 3, "a header, a build stage and the stage that runs"
    last = re.findall(r"^(USER|CMD|ENTRYPOINT|RUN|COPY|HEALTHCHECK)\s+(.*)$", stages[-1], re.MULTILINE)
    users = [value for word, value in last if word == "USER"]
    assert users == ["tessera"]
    assert [word for word, _ in last].index("USER") < [word for word, _ in last].index("CMD")
    assert "HEALTHCHECK" in [word for word, _ in last]


def test_what_the_image_copies_is_there_and_is_sent_to_the_engine() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert names == sent
    for name in names:
        assert (ROOT / name).exists(), name
