"""Which inherited descriptors are served, and the errors for others."""

import contextlib
import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from streamserver.server.listener import Listener
from streamserver.server.sockets import url_of
from streamserver.serving.inherited import listen_inherited
from streamserver.serving.sockets import CannotListen
from support.kernel import backlog


def check_accepts(listening: socket.socket) -> None:
    with socket.socket(listening.family) as client:
        client.connect(listening.getsockname())
        listening.accept()[0].close()


def inherited(sock: socket.socket) -> int:
    """A copy of its descriptor, as a child process has it."""
    copy = os.dup(sock.fileno())
    os.set_inheritable(copy, True)
    return copy


KINDS = [
    (socket.AF_INET, "127.0.0.1", r"http://127\.0\.0\.1:\d+"),
    (socket.AF_INET6, "::1", r"http://\[::1\]:\d+"),
    (socket.AF_UNIX, "s", "unix:{}/s"),
    (socket.AF_UNIX, "@abstract", "unix:@.+/abstract"),
]


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize(("family", "host", "url"), KINDS)
def test_an_inherited_socket(
    tmp_path: Path, family: socket.AddressFamily, host: str, url: str, listens: bool
) -> None:
    """Of each family, whether or not it listens yet; the file of a Unix socket stays."""
    path = f"\0{tmp_path}/abstract" if host.startswith("@") else str(tmp_path / host)
    with socket.socket(family) as theirs:
        theirs.bind(path if family == socket.AF_UNIX else (host, 0))
        if listens:
            theirs.listen(1)
        descriptor = inherited(theirs)
        with listen_inherited({descriptor: "it"}) as (ours,):
            assert ours.fileno() == descriptor
            assert not ours.get_inheritable()
            assert re.fullmatch(url.format(tmp_path), url_of(ours, False))
            check_accepts(ours)
        assert ours.fileno() == -1
    assert host != "s" or Path(path).is_socket()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the bound of a queue")
async def test_an_inherited_socket_keeps_its_backlog() -> None:
    async def never_called(request: object) -> NoReturn:
        raise AssertionError

    with socket.create_server(("127.0.0.1", 0), backlog=7) as theirs:
        with listen_inherited({inherited(theirs): "it"}) as (ours,):
            listener = Listener(never_called)
            await listener.start(sock=ours)
            await listener.stop(0)
        assert backlog(theirs) == 7


def bound_datagrams() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


UNFIT: list[tuple[Callable[[], int], str]] = [
    (lambda: 10**6, "not open"),
    (lambda: 2**40, "not open"),
    (lambda: os.open(os.devnull, os.O_RDONLY), "not a socket"),
    (lambda: bound_datagrams().detach(), "a socket of another kind"),
    (lambda: socket.socketpair()[0].detach(), r"a connection \(a systemd socket unit needs Acc"),
    (lambda: socket.socket().detach(), "not bound to an address"),
    (lambda: socket.socket(socket.AF_UNIX).detach(), "not bound to an address"),
]


@pytest.mark.parametrize(("make", "reason"), UNFIT, ids=range(len(UNFIT)))
@pytest.mark.filterwarnings("ignore:unclosed")
def test_a_descriptor_that_cannot_accept_is_refused(make: Callable[[], int], reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as fit:
        good, bad = inherited(fit), make()
        expected = f"^cannot listen on number two: it is {reason}.*; allowed is an open stream"
        with pytest.raises(CannotListen, match=expected):
            listen_inherited({good: "number one", bad: "number two"}).__enter__()
        os.close(good)
        with contextlib.suppress(OSError, OverflowError):
            os.close(bad)
