"""What the kernel tells of connections on this machine: Linux only."""

import contextlib
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from support.rawsocket import RawClient

_TABLE = Path("/proc/net/tcp")


def in_kernel(*ports: int) -> int:
    """Bytes that wait in connections from or to these ports: sent and not acknowledged, or come
    and not read. While they are on their way they count on both sides."""
    if not _TABLE.exists():
        pytest.skip("this system does not report what its sockets hold")
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
    info = connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 156)
    return int.from_bytes(info[152:156], sys.byteorder)  # tcpi_data_segs_in, linux/tcp.h


def holder(connection: RawClient, pids: Iterable[int]) -> int:
    """Which of these processes has accepted a connection to this machine."""
    if not _TABLE.exists():
        pytest.skip("this system does not report the owners of its sockets")
    wanted = f"socket:[{_inode(connection.sock.getpeername(), connection.sock.getsockname())}]"
    found = [pid for pid in pids if wanted in _open_by(pid)]
    assert len(found) == 1, f"held by {found} of {pids}"
    return found[0]


def _inode(own: tuple[str, int], peer: tuple[str, int]) -> int:
    """That of the socket at ``own``: the one is asked for, since a table may have 100,000 rows."""
    # linux/sock_diag.h, linux/inet_diag.h: the head of a message, inet_diag_req_v2
    asked = struct.pack("=IHHIIBBxxI", 72, 20, 1, 0, 0, socket.AF_INET, socket.IPPROTO_TCP, 1 << 1)
    asked += struct.pack("!HH", own[1], peer[1])
    asked += b"".join(socket.inet_aton(host).ljust(16, b"\0") for host, _ in (own, peer))
    asked += struct.pack("=Iq", 0, -1)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:  # NETLINK_SOCK_DIAG
        kernel.send(asked)
        info = kernel.recv(8192)
    assert info[4] == 20, f"no connection between {own} and {peer}"
    return int(struct.unpack_from("=I", info, 84)[0])


def _open_by(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield str(link.readlink())


def backlog(sock: socket.socket) -> int:
    """How many connections may wait, which `tcpi_sacked` is for a socket that listens."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return int.from_bytes(info[28:32], sys.byteorder)
