"""Each step of the ladder as its readers run it: one file, a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from support.process import LISTENING, ROOT
from support.waiting import block_until

LEARN = ROOT / "streamserver" / "learn"
FILES = {int(path.name[1]): path for path in LEARN.glob("s[1-9]_*.py")}
LAST = max(FILES)


@dataclass(slots=True)
class Step:
    """A running step: its port, and what it has printed so far."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def port(self) -> int:
        """Where it listens; AssertionError if it ends before it says so."""
        return block_until(self._listening, timeout=40.0)

    def printed(self) -> str:
        """Standard output and standard error, in their order."""
        return self.output.read_text("utf-8")

    def _listening(self) -> int:
        found = LISTENING.search(self.printed())
        assert found or self.process.poll() is None, f"the step ended:\n{self.printed()}"
        return int(found[1].rpartition(":")[2]) if found else 0


Start = Callable[..., Step]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a step with further arguments, or with `patch`, code that changes the module `step`."""
    with ExitStack() as stack:

        def started(number: int, *args: object, patch: str = "") -> Step:
            output = tmp_path_factory.mktemp(f"step{number}") / "output"
            command = [sys.executable, str(FILES[number]), "0", *map(str, args)]
            if patch:
                module = f"streamserver.learn.{FILES[number].stem}"
                code = f"import asyncio, {module} as step\n{patch}\nasyncio.run(step.main(0))"
                command = [sys.executable, "-c", code]
            with output.open("wb") as file:
                process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            return Step(process, output)

        yield started


@pytest.fixture(scope="session")
def step(start: Start) -> Callable[[int], Step]:
    """The one process of a step that all tests share which do not stop it."""
    return cache(start)
