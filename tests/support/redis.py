"""A Redis of the test's own: on a free port, in a directory of its own, for as long as it needs."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from streamserver.feed.redis import Redis
from support import peers
from support.waiting import block_until

MakeRedis = Callable[..., Redis]
ATTEMPTS = 3
"""A port that was free a moment ago may be taken by the time that Redis asks for it."""


def free_port() -> int:
    """A port of 127.0.0.1 without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@dataclass(slots=True)
class RedisServer:
    """A redis-server; `keeps`: whether its data survives a `kill`."""

    root: Path
    port: int
    keeps: bool
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it is, over TCP."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """Where it is, over a Unix socket."""
        return f"unix://{self.root}/socket"

    def start(self) -> None:
        """Start it; it answers when this returns. ChildProcessError when it does not."""
        kept = ["--appendonly", "yes", "--appendfsync", "always"] if self.keeps else []
        # fmt: off
        command = [
            peers.program("redis-server"), "--bind", "127.0.0.1", "--port", str(self.port),
            "--unixsocket", f"{self.root}/socket", "--dir", str(self.root), "--save", "",
            "--appendonly", "no", *kept,
        ]
        # fmt: on
        with (self.root / "log").open("ab") as log:
            self.process = process = subprocess.Popen(command, stdout=log, stderr=log)
        block_until(lambda: process.poll() is not None or self._answers())
        if process.poll() is not None:
            raise ChildProcessError((self.root / "log").read_text())

    def kill(self) -> None:
        """End it in the midst of whatever it does."""
        if self.process is not None:
            self.resume()
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Have it do nothing, while its connections stay open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ask(self, *words: str | bytes) -> bytes:
        """The answer to a command, as it comes, up to 64 KiB: for what no backend would say."""
        with self._connected() as sock:
            return _asked(sock, *words)

    def clients(self) -> list[str]:
        """The lines of CLIENT LIST, without that of this connection."""
        with self._connected() as sock:
            lines = _asked(sock, "CLIENT", "LIST").decode().splitlines()[1:]
            own = f" addr=127.0.0.1:{sock.getsockname()[1]} "
        return [line for line in lines if line and own not in line]

    def stat(self, name: str) -> int:
        """A statistic of INFO."""
        lines = self.ask("INFO", "stats").decode().splitlines()
        [line] = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.partition(":")[2])

    def _connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("PING") == b"+PONG\r\n"
        return False


def _asked(sock: socket.socket, *words: str | bytes) -> bytes:
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    sock.sendall(b"*%d\r\n" % len(parts))
    sock.sendall(b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
    return sock.recv(65536)


@contextlib.contextmanager
def redis_server(root: Path, *, keeps: bool = False) -> Iterator[RedisServer]:
    """A Redis while inside, in this directory; `keeps`: what it has survives its end."""
    for attempt in range(1, ATTEMPTS + 1):
        server = RedisServer(root, free_port(), keeps)
        try:
            server.start()
            break
        except ChildProcessError:
            if attempt == ATTEMPTS:
                raise
    try:
        yield server
    finally:
        server.kill()
