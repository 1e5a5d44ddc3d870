"""A server process: started on its core, checked, and always ended."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks import client, machine
from benchmarks.peer import Contender

ROOT = Path(__file__).parent.parent
START = 20.0
"""Seconds within which a server must accept its first connection."""


class DidNotStart(Exception):
    """An installed server does not run; the message is its last line of output."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and all its processes."""

    port: int
    pids: list[int]

    def cpu_ns(self) -> int:
        """Return the CPU time used so far, in nanoseconds."""
        return machine.cpu_ns(self.pids)

    def resident_kib(self) -> int:
        """Return the resident memory, in KiB."""
        return machine.resident_kib(self.pids)


@contextmanager
def running(
    contender: Contender,
    prove: Callable[[int], object],
    environment: Mapping[str, str] | None = None,
    *,
    core: int | None,
) -> Iterator[Server]:
    """Run a contender on `core` for the length of the block, after `prove(port)` has checked it.

    Raises `DidNotStart`, and the errors of `prove`.
    """
    port = client.free_port()
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as output:
        own = {"BENCH_WORK": contender.work, "BENCH_DIRECTORY": directory}
        with machine.pinned(core):
            process = subprocess.Popen(
                contender.argv(port),
                cwd=ROOT,
                env={**os.environ, **(environment or {}), **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Its own group, so that children end with it.
            )
        try:
            _wait_until_listening(process, port, output)
            prove(port)
            # After the proof, because a parent may listen before its child has started.
            yield Server(port, machine.family(process.pid))
        finally:
            # SIGKILL, because a server may wait for open streams forever. The process is not
            # reaped yet, so its number still means its own group.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, output: IO[bytes]) -> None:
    deadline = time.monotonic() + START
    while not client.is_listening(port):
        if _has_ended(process) or time.monotonic() > deadline:
            raise DidNotStart(_last_line(output))
        time.sleep(0.02)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, look) is not None


def _last_line(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
