"""Where a server listens: a TCP port, the same port several times over, or a unix socket.

Sockets are bound and listening before anything else starts. A wrong address is thus reported at
once and in one line, and a supervisor can pass the sockets to its workers.
"""

import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from streamserver.server.sockets import BACKLOG

# Only Linux spreads connections over the sockets that share a port; elsewhere one gets them all.
BALANCED = sys.platform == "linux"


class CannotListen(OSError):
    """The address or the TLS files cannot be used; the message names both in one line."""


@contextmanager
def listen_tcp(host: str, port: int, count: int = 1) -> Iterator[list[socket.socket]]:
    """While inside, listen on the first address of `host`, with a socket for each of `count`
    processes; port 0 lets the system pick one.

    Each socket has an accept queue of its own, over which the kernel spreads the connections
    (SO_REUSEPORT). Where it does not spread them, all processes share one socket and its queue.
    Raises CannotListen.
    """
    with ExitStack() as stack:
        try:
            sockets = [stack.enter_context(sock) for sock in _bind_all(host, port, count)]
            for sock in sockets:
                sock.listen(BACKLOG)
        except (OSError, ValueError) as error:
            raise CannotListen(f"cannot listen on {host}, port {port}: {_reason(error)}") from error
        yield sockets if len(sockets) == count else sockets * count


@contextmanager
def listen_unix(path: str, count: int = 1) -> Iterator[list[socket.socket]]:
    """While inside, listen on a unix socket at `path`, which all `count` processes share.

    The file is removed at the end, and that of a server which died without removing it is
    replaced. Raises CannotListen, also if another server is listening there, or if the file is not
    a socket and so might be needed.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            if os.path.lexists(path):
                _remove_stale(path)
            sock.bind(path)
            sock.listen(BACKLOG)
            ours = _identity(path)
        except (OSError, ValueError) as error:
            raise CannotListen(f"cannot listen on {path}: {_reason(error)}") from error
        try:
            yield [sock] * count
        finally:
            _remove(path, ours)


def _bind_all(host: str, port: int, count: int) -> Iterator[socket.socket]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    yield (first := _bind(family, address))
    if count > 1 and BALANCED:
        # The option is set after the bind, so a second server on this port is refused: it would
        # get half of the connections.
        _share(first)
        for _ in range(count - 1):
            yield _bind(family, first.getsockname(), shared=True)


def _bind(
    family: socket.AddressFamily, address: tuple[object, ...], *, shared: bool = False
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a server that has just stopped would make the bind fail.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" means every address, independent of the system's default.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if shared:
            _share(sock)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _share(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _remove_stale(path: str) -> None:
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise ValueError("a file of that name exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A connect would wait while the accept queue is full, which proves that a server listens.
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except BlockingIOError:
            raise ValueError("another server is listening there") from None
        else:
            raise ValueError("another server is listening there")


def _identity(path: str) -> tuple[int, int, int]:
    """Differs between this file and a later one at its path: inode numbers alone are reused."""
    found = os.lstat(path)
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _remove(path: str, ours: tuple[int, int, int]) -> None:
    with suppress(FileNotFoundError):
        if _identity(path) == ours:
            os.unlink(path)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
