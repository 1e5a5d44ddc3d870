"""A peer: its command line, its requirements, and its versions.

In a command line `{port}` is the port to listen on, and `{loop}` is `asyncio` or `uvloop`: a peer
without it has its own loop. `{upstream}` is the port of a relay's upstream.
"""

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LOOPS = ("asyncio", "uvloop")
STREAMS = frozenset({"alone", "burst", "long", "idle"})


@dataclass(frozen=True, slots=True)
class Peer:
    """A server: its name in the tables, its command line, its requirements, the works it can do."""

    name: str
    command: str
    modules: tuple[str, ...] = ()
    program: str = ""
    works: frozenset[str] = STREAMS

    def argv(self, port: int, loop: str, upstream: int | None = None) -> list[str]:
        """Return the command line for a port of 127.0.0.1, a loop, and a relay's upstream."""
        values = {"port": port, "loop": loop, "upstream": upstream}
        values |= {"python": sys.executable, "program": self._path, "here": HERE}
        return [part.format(**values) for part in shlex.split(self.command)]

    def missing(self, loop: str) -> list[str]:
        """Return what must be installed before this peer can run on `loop`."""
        needed = [*self.modules, *(["uvloop"] if self.runs_on(loop) == "uvloop" else [])]
        lacking = [name for name in needed if importlib.util.find_spec(name) is None]
        return [*lacking, self.program] if self.program and not self._path else lacking

    def has_a_choice_of_loops(self) -> bool:
        """Return whether its loop can be chosen."""
        return "{loop}" in self.command

    def runs_on(self, loop: str) -> str:
        """Return the loop this peer runs on in the group of `loop`."""
        return loop if self.has_a_choice_of_loops() else "its own"

    @property
    def is_python_peer(self) -> bool:
        """Whether this is a server of others that Python programs run on."""
        return bool(self.modules) and not self.program and "streamserver" not in self.modules

    def versions(self) -> dict[str, str]:
        """Return the installed parts of this peer with their versions."""
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
    """A peer at one work, in the group of one loop; for a relay with the port of its upstream."""

    peer: Peer
    loop: str
    work: str
    upstream: int | None = None

    def argv(self, port: int) -> list[str]:
        """Return the command line that makes it listen on a port of 127.0.0.1."""
        return self.peer.argv(port, self.loop, self.upstream)


def installed_loops() -> list[str]:
    """Return those of `LOOPS` that Python servers can run on here."""
    return [loop for loop in LOOPS if importlib.util.find_spec(loop)]


def _module_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _program_version(path: str) -> str:
    output = subprocess.run([path, "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", output.stdout + output.stderr)
    return found[0] if found else ""
