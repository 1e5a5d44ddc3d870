"""Where a server listens: sockets that another program opened, a Unix socket, a host and port."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import socket

from streamserver.serving.inherited import listen_inherited
from streamserver.serving.sockets import listen_tcp, listen_unix


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: the inherited descriptor `fd` if it is set, else those that a service
    manager has `passed`, each with its name, else a Unix socket, else a host and port.

    TypeError or ValueError for what is none.
    """

    host: str
    port: int
    uds: str | None = None
    fd: int | None = None
    passed: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("host", self.host), ("uds", self.uds or "")):
            if not isinstance(value, str):
                raise TypeError(f"{name} is a str, not {type(value).__name__}")
        if not isinstance(self.port, int) or not 0 <= self.port <= 65535:
            raise ValueError(f"port is a whole number from 0 to 65535, not {self.port!r}")
        if self.fd is not None and (not isinstance(self.fd, int) or self.fd < 0):
            raise ValueError(f"fd is the number of an open descriptor, not {self.fd!r}")

    def __str__(self) -> str:
        if self.fd is not None:
            return f"--fd {self.fd}"
        return self.uds or f"{self.host}, port {self.port}"

    @contextmanager
    def listen(self, count: int = 1) -> Iterator[list[list[socket]]]:
        """While inside, the listening sockets of each of `count` processes. Raises CannotListen."""
        chosen = {} if self.fd is None else {self.fd: f"descriptor {self.fd}"}
        if chosen or self.passed:
            with listen_inherited(chosen or self.passed) as sockets:
                yield [sockets] * count
            return
        at = listen_unix(self.uds, count) if self.uds else listen_tcp(self.host, self.port, count)
        with at as each:
            yield [[sock] for sock in each]
