"""Listening sockets and their addresses, as the engine needs them."""

import os
import socket

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel lowers it to its own bound (somaxconn)."""


def is_listening(sock: socket.socket) -> bool:
    """Whether `listen` was called on it, in whichever process."""
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
    """A peer as ``address:port``, with brackets for IPv6, or "unix"; from what ``getpeername``
    returns."""
    if not isinstance(peer, tuple):
        return "unix"
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
