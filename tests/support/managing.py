"""What a service manager does for a server that it starts: passes sockets, reads notifications."""

import fcntl
import os
import socket
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from support import peers
from support.process import ENVIRONMENT, ROOT, ServerProcess
from support.waiting import block_until

LIMIT = 50
FIRST = 3
"""The first passed descriptor."""
NAMING = 'export LISTEN_PID=$$; exec "$@"'


@dataclass(slots=True)
class Manager:
    """The socket that notifications arrive at, and those that have arrived."""

    receiving: socket.socket
    notifications: list[dict[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The value of NOTIFY_SOCKET."""
        name = self.receiving.getsockname()
        return name if isinstance(name, str) else "@" + name[1:].decode()

    def receive(self) -> list[dict[str, str]]:
        """All notifications, with those that wait."""
        with suppress(BlockingIOError):
            while True:
                lines = self.receiving.recv(4096).decode().splitlines()
                self.notifications.append(dict(line.split("=", 1) for line in lines))
        return self.notifications

    def names(self) -> list[str]:
        """The variable that each notification begins with; beats of the watchdog in a row count
        once."""
        names = [next(iter(each)) for each in self.receive()]
        return [b for a, b in zip(["", *names], names, strict=False) if a != b or b != "WATCHDOG"]

    def wait_for(self, name: str, count: int = 1) -> dict[str, str]:
        """The notification that begins with this variable, when so many have arrived."""

        def found() -> list[dict[str, str]]:
            every = [each for each in self.receive() if next(iter(each)) == name]
            return every[count - 1 :]

        return block_until(found, LIMIT)[0]


@contextmanager
def managing(address: str) -> Iterator[Manager]:
    """A manager that is notified at this path or `@NAME`, while inside."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(address.replace("@", "\0"))
        receiving.setblocking(False)
        yield Manager(receiving)


@contextmanager
def started(
    command: Sequence[str],
    directory: Path,
    sockets: Sequence[socket.socket] = (),
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
    terminal: int | None = None,
) -> Iterator[ServerProcess]:
    """A command whose process has these sockets as descriptors from 3 on, and the variable
    LISTEN_PID; killed at the end if it still runs.

    `before` is a program that starts it. On a `terminal`, it is in the foreground.
    """

    stdout, stderr = directory / "out", directory / "err"
    with (
        stdout.open("wb") as out,
        stderr.open("wb") as err,
        subprocess.Popen(
            [*before, "/bin/sh", "-c", NAMING, "sh", *command],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT, **(env or {})},
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=out,
            stderr=err,
            preexec_fn=partial(_prepare, sockets, terminal is not None),
            pass_fds=range(FIRST, FIRST + len(sockets)),
            start_new_session=terminal is not None,
        ) as process,
    ):
        try:
            yield ServerProcess(process, stdout, stderr)
        finally:
            process.kill()


def _prepare(sockets: Sequence[socket.socket], in_foreground: bool) -> None:
    """In the new process: place its descriptors, and take the terminal on standard input."""
    copies = [os.dup2(sock.fileno(), 100 + place) for place, sock in enumerate(sockets)]
    for place, copy in enumerate(copies):
        os.dup2(copy, FIRST + place)
    if in_foreground:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def process_one() -> list[str]:
    """What starts a command as process 1 of its own namespace, as a container does; else skip."""
    found = [peers.program("unshare"), "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid():
        found += ["--user", "--map-root-user"]
    done = subprocess.run([*found, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no namespace of processes can be made here: {done.stderr.strip()}")
    return found
