"""Where a server listens: a TCP port, the same port several times over, or a unix socket.

Sockets are bound and listening before anything else starts, for two reasons: what is wrong
with an address is known at once, in one line, and a supervisor can hand them to its workers.
"""

import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

BACKLOG = 2048
"""Connections that may wait to be accepted; the kernel lowers it to its own bound (somaxconn)."""

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
    replaced. Raises CannotListen, also where another server is listening, or where the file is
    no socket: it may be precious.
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
        # Bound before it agrees to share: so a second server on this port is refused, instead
        # of quietly taking half of the connections.
        _share(first)
        for _ in range(count - 1):
            yield _bind(family, first.getsockname(), shared=True)


def _bind(
    family: socket.AddressFamily, address: tuple[object, ...], *, shared: bool = False
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a server that stopped a moment ago must not keep its port from us.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # So that "::" means every address, whatever the system's default.
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
        raise ValueError("there is something else of that name, not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A full accept queue would make us wait, though it proves that somebody listens.
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
    """What tells our file from one that has replaced it: inode numbers alone are used again."""
    found = os.lstat(path)
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _remove(path: str, ours: tuple[int, int, int]) -> None:
    with suppress(FileNotFoundError):
        if _identity(path) == ours:
            os.unlink(path)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
