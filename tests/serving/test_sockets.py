"""Where a server listens, and what it says where it cannot."""

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from streamserver.serving import sockets
from streamserver.serving.sockets import CannotListen, listen_tcp, listen_unix


def connect(sock: socket.socket) -> socket.socket:
    client = socket.socket(sock.family, socket.SOCK_STREAM)
    client.settimeout(5)
    client.connect(sock.getsockname())
    return client


def queued(sock: socket.socket) -> int:
    """Accept, and close, all that waits."""
    sock.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.accept()[0].close()
            count += 1
    return count


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1")])
def test_port_zero_picks_one(host: str, address: str) -> None:
    with listen_tcp(host, 0) as (sock,):
        assert sock.getsockname()[0] == address
        assert sock.getsockname()[1] > 0
        connect(sock).close()
    assert sock.fileno() == -1


def test_the_unspecified_ipv6_address_takes_ipv4_too() -> None:
    with listen_tcp("::", 0) as (sock,):
        port = sock.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 5).close()
        socket.create_connection(("::1", port), 5).close()


def test_each_process_has_a_queue_of_its_own() -> None:
    with listen_tcp("127.0.0.1", 0, 3) as listening, contextlib.ExitStack() as clients:
        assert len({sock.getsockname() for sock in listening}) == 1
        for _ in range(60):
            clients.enter_context(connect(listening[0]))
        waiting = [queued(sock) for sock in listening]
    assert sum(waiting) == 60
    assert all(waiting)


def test_where_queues_are_not_balanced_all_processes_share_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "BALANCED", False)
    with listen_tcp("127.0.0.1", 0, 3) as listening:
        assert len(listening) == 3
        assert len(set(listening)) == 1


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("others", [1, 2])
def test_a_port_that_is_taken_is_refused(count: int, others: int) -> None:
    """Also where both agree to share it among their own processes."""
    with listen_tcp("127.0.0.1", 0, others) as (other, *_):
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1, port {port}: Address already in use"):
            listen_tcp("127.0.0.1", port, count).__enter__()


def test_a_port_is_free_again_at_once() -> None:
    """Though connections of the server that left it linger in TIME_WAIT."""
    with listen_tcp("127.0.0.1", 0) as (sock,):
        port = sock.getsockname()[1]
        client = connect(sock)
        sock.accept()[0].close()
        client.close()
    with listen_tcp("127.0.0.1", port):
        pass


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no-such-host.invalid", "cannot listen on no-such-host.invalid, port 80: .+"),
        ("192.0.2.1", "Cannot assign requested address"),
        ("a" * 64 + ".test", "label"),
    ],
)
def test_a_host_that_is_not_ours_is_refused(host: str, reason: str) -> None:
    with pytest.raises(CannotListen, match=reason) as refused:
        listen_tcp(host, 80).__enter__()
    assert "\n" not in str(refused.value)


def test_a_unix_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen_unix(str(path), 3) as listening:
        assert len(listening) == 3
        connect(listening[2]).close()
    assert not path.exists()


def test_the_socket_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.exists()
    with listen_unix(str(path)) as (sock,):
        connect(sock).close()


@pytest.mark.parametrize("backlog", [5, 0], ids=["ready", "with a full queue"])
def test_the_socket_of_a_living_server_is_not(tmp_path: Path, backlog: int) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(path)
        living.listen(backlog)
        with connect(living), pytest.raises(CannotListen, match="another server is listening"):
            listen_unix(path).__enter__()
    assert Path(path).is_socket()


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_is_no_socket_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "precious"
    make(path)
    with pytest.raises(CannotListen, match="not a socket"):
        listen_unix(str(path)).__enter__()
    assert path.exists()


def test_the_socket_of_a_successor_stays(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    draining = listen_unix(path)
    (sock,) = draining.__enter__()
    sock.close()
    with listen_unix(path) as (successor,):
        draining.__exit__(None, None, None)
        connect(successor).close()


def test_the_file_may_be_gone_already(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen_unix(str(path)):
        path.unlink()


@pytest.mark.parametrize(
    ("name", "reason"), [("no/such/directory", "No such file"), ("x" * 200, "too long")]
)
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(CannotListen, match=reason):
        listen_unix(str(tmp_path / name)).__enter__()
