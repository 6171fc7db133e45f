"""The server's folder and configuration. In: the folder, ports and memory. Out: `conf/` with what Neo4j 5 needs to start,
and a generated password that only the owner can read.

The configuration is written anew at every start, so it always says what the running server uses.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from graph.errors import HomeNotWritable, ServerError
from graph.files import replace_file

__all__ = ["HOST", "PAGE_CACHE", "USER", "Ports", "configure", "configured_ports", "password"]

HOST = "127.0.0.1"
USER = "neo4j"

PAGE_CACHE = "256m"


@dataclass(frozen=True)
class Ports:
    """Where the server listens, always on the loopback address."""

    bolt: int
    http: int


def _settings(ports: Ports) -> str:
    return f"""# Written by tessera at every start: changes here are lost.
server.default_listen_address={HOST}
server.default_advertised_address={HOST}
server.bolt.listen_address={HOST}:{ports.bolt}
server.bolt.advertised_address={HOST}:{ports.bolt}
server.http.listen_address={HOST}:{ports.http}
server.http.advertised_address={HOST}:{ports.http}
server.https.enabled=false
server.directories.import=import
server.memory.pagecache.size={PAGE_CACHE}
db.tx_log.preallocate=false
internal.dbms.bolt.netty_server_shutdown_quiet_period=0
db.tx_log.rotation.retention_policy=keep_none
dbms.usage_report.enabled=false
client.allow_telemetry=false
"""


def _logging(file: str, layout: str) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" packages="org.neo4j.logging.log4j">
  <Appenders>
    <RollingRandomAccessFile name="File" fileName="${{config:server.directories.logs}}/{file}"
        filePattern="$${{config:server.directories.logs}}/{file}.%02i">
      {layout}
      <Policies><SizeBasedTriggeringPolicy size="20 MB"/></Policies>
      <DefaultRolloverStrategy fileIndex="min" max="2"/>
    </RollingRandomAccessFile>
  </Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="File"/></Root></Loggers>
</Configuration>
"""


_USER_LAYOUT = '<PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSSZ}{GMT+0} %-5p %m%n"/>'
_DEBUG_LAYOUT = '<Neo4jDebugLogLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSSZ}{GMT+0} %-5p [%c{1.}] %m%n"/>'


def configure(folder: Path, ports: Ports) -> None:
    """Make the server's folders and write its configuration. Raises HomeNotWritable."""
    try:
        for name in ("conf", "data", "import", "logs", "plugins", "run"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        replace_file(folder / "conf" / "neo4j.conf", _settings(ports).encode())
        replace_file(folder / "conf" / "user-logs.xml", _logging("neo4j.log", _USER_LAYOUT).encode())
        replace_file(folder / "conf" / "server-logs.xml", _logging("debug.log", _DEBUG_LAYOUT).encode())
    except OSError as error:
        raise HomeNotWritable(folder, error.strerror or str(error)) from error


def configured_ports(folder: Path) -> Ports | None:
    """The ports of the last start; None where there was none."""
    try:
        text = (folder / "conf" / "neo4j.conf").read_text()
    except OSError:
        return None
    found = {name: re.search(rf"^server\.{name}\.listen_address=.*:(\d+)$", text, re.MULTILINE) for name in ("bolt", "http")}
    bolt, http = found["bolt"], found["http"]
    return Ports(int(bolt[1]), int(http[1])) if bolt and http else None


def password(folder: Path) -> str:
    """The server's password, made at first use in a file of mode 0600. Never log it. Raises HomeNotWritable, ServerError."""
    file = folder / "password"
    try:
        if not file.exists():
            if (folder / "data" / "databases" / "system").exists():
                raise ServerError(f"{file} is missing; restore it, or remove {folder} to begin again with an empty database")
            folder.mkdir(parents=True, exist_ok=True)
            # hexadecimal: needs no quoting in a URL, an argument file or an environment file
            replace_file(file, secrets.token_hex(16).encode(), mode=0o600, overwrite=False)
        return file.read_text().strip()
    except OSError as error:
        raise HomeNotWritable(folder, error.strerror or str(error)) from error
