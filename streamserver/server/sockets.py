"""Listening sockets and their addresses, as the engine needs them."""

import os
import socket

from streamserver.wire.forwarded import UNIX, client_text

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel lowers it to its own bound (somaxconn)."""


def is_listening(sock: socket.socket) -> bool:
    """Whether `listen` was called on it, in any process."""
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def url_of(sock: socket.socket, secure: bool) -> str:
    """The URL of a server that listens there: `http://127.0.0.1:8000`, `unix:/run/s`, or `unix:@s`
    for a name in Linux's abstract namespace."""
    if sock.family == socket.AF_UNIX:
        name = sock.getsockname()
        return f"unix:{name if isinstance(name, str) else '@' + os.fsdecode(name[1:])}"
    host, port = sock.getsockname()[:2]
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def peer_name(peer: object) -> str:
    """A peer as ``client_text``, or "unix"; from what ``getpeername`` returns."""
    return client_text(*peer[:2]) if isinstance(peer, tuple) else UNIX
