"""The README's blocks, and a reader who runs them in order in a directory that was empty."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from support.process import ROOT, RunServer, ServerProcess
from support.redis import free_port

README = (ROOT / "README.md").read_text("utf-8")
PYTHON = "python -m streamserver"
CLIENTS = ("bench", "inspect", "calibrate")
"""Commands that end by themselves; all others serve."""
LIMIT = 50
STATUSES = (0, 1, 3, 18)
"""1: something is wrong. 3: measured by a busy machine. 18: curl's, for the stream that shall
break."""
BUSY = ("verdict ", "not valid ", "this client ")
"""What lines begin with that a run on a busy machine may have, and one on a quiet machine not."""


@dataclass(frozen=True, slots=True)
class Block:
    """The text between two fences."""

    section: str
    """The heading that it is below, of the second level."""
    language: str
    text: str

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """The commands of a console, each with the lines that it printed."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
        return found


def blocks(text: str = README) -> list[Block]:
    """All of them, in order."""
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE):
        fenced = re.findall(r"^```(\w*)\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
        found += [Block(part.partition("\n")[0], *block) for block in fenced]
    return found


def file_of(name: str) -> str:
    """The block that is a file of this name, by its first line."""
    [found] = [block.text for block in blocks() if block.text.startswith(f"# {name}\n")]
    return found


def written(block: Block, directory: Path) -> str:
    """Save a program under the name in its first line, with short pauses; its MODULE:APP."""
    name = re.match(r"# (\w+)\.py\n", block.text)
    assert name, block.text
    (directory / f"{name[1]}.py").write_text(block.text.replace("sleep(0.5)", "sleep(0.01)"))
    return f"{name[1]}:app"


def masked(lines: list[str]) -> list[str]:
    """Lines without their figures and spaces, and without those of a busy machine."""
    kept = [line for line in lines if line and not line.startswith(BUSY)]
    told = [line.replace(", which may be chance", "") for line in kept]
    told = [re.sub(r"(\bdate: )\w{3}, .*?GMT", r"\1#", line) for line in told]
    told = [re.sub(r"(\bx-request-id: )[0-9a-f]{32}", r"\1#", line) for line in told]
    told = [re.sub(r"\s+", " ", re.sub(r"[+-]?\d[\d,.]*", "#", line)).strip() for line in told]
    # The time of a read, of which a busy machine may have made one out of two.
    return [line.removeprefix("# ") for line in told]


def agrees(printed: list[str], shown: list[str]) -> bool:
    """Whether lines are those that are shown, where a line of dots stands for any others."""
    lines = ["(?:.*\n)*?" if line == "..." else re.escape(f"{line}\n") for line in masked(shown)]
    return bool(re.fullmatch("".join(lines), "".join(f"{line}\n" for line in masked(printed))))


def words_of(command: str) -> tuple[dict[str, str], list[str]]:
    """The variables that stand before a command of ours, and its arguments."""
    before, _, arguments = command.removesuffix(" &").partition(PYTHON)
    return dict(word.split("=", 1) for word in shlex.split(before)), shlex.split(arguments)


@dataclass(slots=True)
class Reader:
    """Runs what a console shows, on free ports, with ``instead`` of what is out of reach."""

    directory: Path
    run_server: RunServer
    instead: dict[str, str] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)

    def moved(self, command: str) -> str:
        """The command with what there is here, with few exchanges instead of many, and with
        objectives that a busy machine meets."""
        for named, here in (self.instead | self.ports).items():
            command = command.replace(named, here)
        if "--slo" in command:
            command = re.sub(r"=\d+ms\b", "=60000ms", command)
        return re.sub(r"-n \d+", "-n 4", command)

    async def console(self, block: Block) -> list[ServerProcess]:
        """Run its commands; what ends by itself must print what is shown. The servers begun."""
        servers = []
        for command, shown in block.commands:
            if program := re.fullmatch(r"python (\w+\.py) &", command):
                servers.append(self._run(self.directory / program[1]))
            elif PYTHON in command and not {*words_of(command)[1][:1]} & {*CLIENTS}:
                servers.append(self._serve(command))
            else:
                printed = (await self.output(command)).splitlines()
                assert agrees(printed, shown), (command, masked(printed), masked(shown))
        return servers

    async def output(self, command: str) -> str:
        """What a command that ends by itself writes to standard output."""
        return await asyncio.to_thread(self._told, self.moved(command))

    def _serve(self, command: str) -> ServerProcess:
        named = re.search(r"--port (\d+)", command)
        self.ports[named[1] if named else "8000"] = port = str(free_port())
        variables, words = words_of(self.moved(command))
        words = [str(self.directory / word) if word == "cassettes" else word for word in words]
        rest = [] if named else ["--port", port]
        return self.run_server(*words, *rest, env=self.environment | variables)

    def _run(self, program: Path) -> ServerProcess:
        """Start a program that calls `run(app)`, on a free port."""
        self.ports["8000"] = port = str(free_port())
        program.write_text(program.read_text().replace("run(app)", f"run(app, port={port})"))
        return self.run_server(str(program), env=self.environment)

    def _told(self, command: str) -> str:
        done = subprocess.run(
            command.replace("python", sys.executable, 1),
            shell=True,
            cwd=self.directory,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode in STATUSES, (command, done.stderr)
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """Variables without which our package and the saved programs are not found."""
        return {"PYTHONPATH": f"{ROOT}{os.pathsep}{self.directory}"}
