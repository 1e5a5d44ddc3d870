"""What the kernel tells of connections on this machine: Linux only."""

import fcntl
import socket
import sys
import termios
from pathlib import Path

import pytest

from support.rawsocket import RawClient

_TABLE = Path("/proc/net/tcp")


def in_kernel(*ports: int) -> int:
    """Bytes that wait in connections from or to these ports: sent and not acknowledged, or come
    and not read. While they are on their way they count on both sides."""
    if not _TABLE.exists():
        pytest.skip("this system does not tell what its sockets hold")
    held = 0
    for line in _TABLE.read_text("ascii").splitlines():
        _, local, remote, state, queues, *_ = line.split()
        if state == "01" and {_port(local), _port(remote)} & set(ports):
            held += sum(int(queue, 16) for queue in queues.split(":"))
    return held


def _port(address: str) -> int:
    return int(address.partition(":")[2], 16)


def unread(descriptor: int) -> int:
    """Bytes that have arrived on a socket, and that nobody has read."""
    answer = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(answer, sys.byteorder)


def segments(connection: RawClient) -> int:
    """How many segments with data have come over it: one for each write that was small enough."""
    told = connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 156)
    return int.from_bytes(told[152:156], sys.byteorder)  # tcpi_data_segs_in, linux/tcp.h
