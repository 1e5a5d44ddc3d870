"""Listening sockets that the process has inherited, by their number or from a service manager.

Those of a manager (sd_listen_fds(3)) are the descriptors from 3 on: LISTEN_FDS is their number,
LISTEN_PID the process that they are for, and LISTEN_FDNAMES has their names. The variables are
removed from the environment, because a program that the app starts does not inherit the sockets.
"""

import logging
import os
import re
import socket
import stat
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager, suppress

from streamserver.server.sockets import BACKLOG, is_listening
from streamserver.serving.sockets import CannotListen

FIRST = 3
"""The number of the first passed descriptor; 0 to 2 are the standard streams."""
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
ALLOWED = "allowed is an open stream socket, TCP or Unix, that is bound and not connected"

logger = logging.getLogger("streamserver")


def take_passed(environment: MutableMapping[str, str]) -> Mapping[int, str]:
    """The descriptors that a service manager passed to this process, each with a name for errors;
    empty if there are none.

    The variables are removed. CannotListen if LISTEN_FDS is no number.
    """
    pid, count, names, _ = (environment.pop(name, "") for name in VARIABLES)
    if count in ("", "0"):
        return {}
    if pid != str(os.getpid()):
        logger.warning("LISTEN_FDS is ignored: LISTEN_PID is %r, this process %d", pid, os.getpid())
        return {}
    if not re.fullmatch("[1-9][0-9]{0,3}", count):
        raise CannotListen(f"LISTEN_FDS is a number of sockets from 1 to 9999, not {count!r}")
    titles = [*names.split(":"), *[""] * int(count)]
    return {
        number: f"descriptor {number} of LISTEN_FDS" + (f" ({title})" if title else "")
        for number, title in zip(range(FIRST, FIRST + int(count)), titles, strict=False)
    }


@contextmanager
def listen_inherited(descriptors: Mapping[int, str]) -> Iterator[list[socket.socket]]:
    """While inside, listen on all these inherited descriptors; each has a name for errors. The
    file of a unix socket is not removed.

    Sockets that listen keep their backlog. The descriptors are closed at the end, and stay open if
    one of them raises CannotListen.
    """
    sockets = []
    for descriptor, name in descriptors.items():
        try:
            sockets.append(_adopt(descriptor))
        except (OSError, ValueError) as error:
            for sock in sockets:
                sock.detach()
            raise CannotListen(f"cannot listen on {name}: {error}; {ALLOWED}") from error
    with ExitStack() as stack:
        for sock in sockets:
            stack.enter_context(sock)
        yield sockets


def _adopt(descriptor: int) -> socket.socket:
    """The inherited socket, listening; OSError or ValueError if it cannot accept connections."""
    try:
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except (OSError, OverflowError):
        raise ValueError("it is not open") from None
    if not is_socket:
        raise ValueError("it is not a socket")
    sock = socket.socket(fileno=descriptor)
    try:
        if sock.family not in FAMILIES or sock.type != socket.SOCK_STREAM:
            raise ValueError("it is a socket of another kind")
        if not is_listening(sock):
            _listen(sock)
        # A program that the app starts must not keep the address after this process has ended.
        sock.set_inheritable(False)
    except BaseException:
        sock.detach()
        raise
    return sock


def _listen(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.getpeername()
        raise ValueError("it is a connection (a systemd socket unit needs Accept=no)")
    if sock.getsockname() in ("", b"") or sock.getsockname()[1:2] == (0,):
        raise ValueError("it is not bound to an address")
    sock.listen(BACKLOG)
