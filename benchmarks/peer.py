"""What a peer is: its command line, what it needs, and its versions.

In a command line `{port}` is where it shall listen, and `{loop}` becomes `asyncio` or `uvloop`: a
peer without it has a loop of its own. `{upstream}` is the port of the upstream that a relay asks.
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
    """A server: its name in the tables, how it is started, what it needs, which work it can do."""

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
        """Return what would have to be installed before this peer can run on `loop`."""
        needed = [*self.modules, *(["uvloop"] if self.runs_on(loop) == "uvloop" else [])]
        lacking = [name for name in needed if importlib.util.find_spec(name) is None]
        return [*lacking, self.program] if self.program and not self._path else lacking

    def has_a_choice_of_loops(self) -> bool:
        """Tell whether it runs on the loop it is told to."""
        return "{loop}" in self.command

    def runs_on(self, loop: str) -> str:
        """Return the loop this peer runs on in the group of `loop`."""
        return loop if self.has_a_choice_of_loops() else "its own"

    @property
    def is_python_peer(self) -> bool:
        """Whether this is a server of others that Python programs run on."""
        return bool(self.modules) and not self.program and "streamserver" not in self.modules

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
    """A peer at one work, in the group of one loop; a relay asks the upstream at a port."""

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
    told = subprocess.run([path, "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
    return found[0] if found else ""
