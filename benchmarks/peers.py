"""Who takes part, and the command line that starts each: to be read, doubted and typed by hand.

    BENCH_WORK=alone python -m uvicorn benchmarks.servers.asgi:app --port 8001 --http h11 ...

`{loop}` becomes `asyncio` or `uvloop`. A peer without it has a loop of its own.
"""

import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LOOPS = ("asyncio", "uvloop")
STREAMS = frozenset({"alone", "burst", "long", "idle"})
UVICORN = "{python} -m uvicorn --port {port} --loop {loop} --no-access-log --log-level error "


@dataclass(frozen=True, slots=True)
class Peer:
    """A server: its name in the tables, how it is started, what it needs, which work it can do."""

    name: str
    command: str
    modules: tuple[str, ...] = ()
    program: str = ""
    works: frozenset[str] = STREAMS

    def argv(self, port: int, loop: str) -> list[str]:
        """Return the command line for a port of 127.0.0.1 and a loop."""
        return [
            part.format(python=sys.executable, port=port, loop=loop, here=HERE, program=self._path)
            for part in shlex.split(self.command)
        ]

    def missing(self, loop: str) -> list[str]:
        """Return what would have to be installed before this peer can run on `loop`."""
        needed = [*self.modules, *(["uvloop"] if self.runs_on(loop) == "uvloop" else [])]
        lacking = [name for name in needed if importlib.util.find_spec(name) is None]
        return [*lacking, self.program] if self.program and not self._path else lacking

    def runs_on(self, loop: str) -> str:
        """Return the loop this peer runs on in the group of `loop`."""
        return loop if "{loop}" in self.command else "its own"

    def versions(self) -> dict[str, str]:
        """Return what this peer is made of, as far as it is installed, and in which version."""
        found = {name: _module_version(name) for name in self.modules}
        if self._path:
            found[self.program] = _program_version(self._path)
        return {name: version for name, version in found.items() if version}

    @property
    def _path(self) -> str:
        searched = os.environ.get("PATH", os.defpath) + ":/usr/sbin"  # Where Debian puts nginx.
        return shutil.which(self.program, path=searched) or "" if self.program else ""


@dataclass(frozen=True, slots=True)
class Contender:
    """A peer at one work, in the group of one loop."""

    peer: Peer
    loop: str
    work: str


FLOOR = Peer("floor", "{python} -m benchmarks.servers.floor --port {port} --loop {loop}")

STREAMSERVER = Peer(
    "streamserver",
    "{python} -m streamserver benchmarks.servers.ours:app --port {port} --loop {loop} "
    "--no-access-log",
    modules=("streamserver", "h11"),
    works=STREAMS | {"idle-push", "idle-events", "file"},
)

UVICORN_HTTPTOOLS = Peer(
    "uvicorn with httptools",
    UVICORN + "--http httptools benchmarks.servers.asgi:app",
    modules=("uvicorn", "httptools"),
)

NGINX = Peer(
    "nginx with sendfile",
    "{python} -m benchmarks.servers.nginx {program} --port {port}",
    program="nginx",
    works=frozenset({"file"}),
)

PEERS: Sequence[Peer] = (
    FLOOR,
    STREAMSERVER,
    Peer(
        "streamserver with Router",
        STREAMSERVER.command.replace(":app", ":routed"),
        modules=STREAMSERVER.modules,
        works=frozenset({"alone", "burst"}),
    ),
    UVICORN_HTTPTOOLS,
    Peer(
        "Starlette on uvicorn",
        UVICORN + "--http httptools benchmarks.servers.framework:app",
        modules=("uvicorn", "httptools", "starlette"),
    ),
    Peer(
        "sse-starlette on uvicorn",
        UVICORN + "--http httptools benchmarks.servers.sse:app",
        modules=("uvicorn", "httptools", "starlette", "sse_starlette"),
        works=frozenset({"idle-events"}),
    ),
    Peer(
        "uvicorn with h11",
        UVICORN + "--http h11 benchmarks.servers.asgi:app",
        modules=("uvicorn", "h11"),
    ),
    Peer(
        "hypercorn",
        "{python} -m hypercorn benchmarks.servers.asgi:app --bind 127.0.0.1:{port} "
        "--worker-class {loop} --workers 1 --log-level error",
        modules=("hypercorn",),
    ),
    # By default granian lets 1,024 requests run at a time: too few for the streams of `memory`.
    Peer(
        "granian",
        "{python} -m granian benchmarks.servers.asgi:app --interface asginl --port {port} "
        "--loop {loop} --workers 1 --no-ws --log-level error --backpressure 4096",
        modules=("granian",),
    ),
    Peer(
        "aiohttp",
        "{python} -m benchmarks.servers.aiohttp_server --port {port} --loop {loop}",
        modules=("aiohttp",),
        works=STREAMS | {"file"},
    ),
    Peer("node", "{program} {here}/servers/node.js {port}", program="node"),
    NGINX,
)


def installed_loops() -> list[str]:
    """Return those of `LOOPS` that Python servers can run on here."""
    return [loop for loop in LOOPS if importlib.util.find_spec(loop)]


def _module_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _program_version(path: str) -> str:
    told = subprocess.run([path, "-v"], capture_output=True, text=True, check=False)
    return (told.stdout + told.stderr).strip().removeprefix("nginx version: nginx/").lstrip("v")
