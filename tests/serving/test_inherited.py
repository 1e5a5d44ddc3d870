"""Sockets that a service manager or another program passes, by `LISTEN_FDS` or by number."""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from serving.conftest import HEAD, LIMIT
from streamserver import Response, serve
from streamserver.kit.service import service
from streamserver.server.listener import Listener
from streamserver.serving.inherited import take_passed
from streamserver.serving.sockets import CannotListen
from streamserver.serving.tls import server_context
from support.certificates import Certificate
from support.leaks import no_leaks
from support.loops import runner
from support.managing import managing, started
from support.process import ROOT
from support.requests import get
from support.waiting import wait_until

PID = str(os.getpid())
PASSED: list[tuple[dict[str, str], dict[int, str]]] = [
    ({}, {}),
    ({"LISTEN_PID": PID}, {}),
    ({"LISTEN_PID": PID, "LISTEN_FDS": "0"}, {}),
    ({"LISTEN_PID": PID, "LISTEN_FDS": "1"}, {3: "descriptor 3 of LISTEN_FDS"}),
    (
        {"LISTEN_PID": PID, "LISTEN_FDS": "3", "LISTEN_FDNAMES": "web::more:than:there:are"},
        {
            3: "descriptor 3 of LISTEN_FDS (web)",
            4: "descriptor 4 of LISTEN_FDS",
            5: "descriptor 5 of LISTEN_FDS (more)",
        },
    ),
]


@pytest.mark.parametrize(("environment", "expected"), PASSED, ids=range(len(PASSED)))
def test_the_passed_sockets(environment: dict[str, str], expected: dict[int, str]) -> None:
    environment = {**environment, "LISTEN_PIDFDID": "7", "OTHER": "stays"}
    assert take_passed(environment) == expected
    assert environment == {"OTHER": "stays"}


@pytest.mark.parametrize("pid", ["1", "", "x"])
def test_sockets_for_another_process_are_ignored(
    pid: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert take_passed({"LISTEN_PID": pid, "LISTEN_FDS": "1"}) == {}
    expected = f"LISTEN_FDS is ignored: LISTEN_PID is {pid!r}, this process {PID}"
    assert caplog.messages == [expected]


@pytest.mark.parametrize("count", ["x", "-1", "1.0", "٣", "10000", "9" * 30])
def test_an_invalid_number_of_sockets_is_an_error(count: str) -> None:
    expected = f"LISTEN_FDS is a number of sockets from 1 to 9999, not '{count}'"
    with pytest.raises(CannotListen, match=expected):
        take_passed({"LISTEN_PID": PID, "LISTEN_FDS": count})


async def hello(request: object) -> Response:
    return Response("hello")


def opened(place: str, directory: Path) -> socket.socket:
    """A socket that another program has opened at this host, or as a file."""
    family = {"::1": socket.AF_INET6, "unix": socket.AF_UNIX}.get(place, socket.AF_INET)
    sock = socket.socket(family)
    sock.bind(str(directory / "s") if place == "unix" else (place, 0))
    sock.listen()
    return sock


async def ask(
    family: int, address: Any, context: ssl.SSLContext | None = None, path: str = "/"
) -> bytes:
    """The answer of the server that listens there."""
    with socket.socket(family) as connected:
        connected.connect(address)
        connected.setblocking(False)
        host = "127.0.0.1" if context else None
        reading, writing = await asyncio.open_connection(
            sock=connected, ssl=context, server_hostname=host
        )
        writing.write(get(path.encode(), b"Connection: close"))
        answer = await asyncio.wait_for(reading.read(), LIMIT)
        writing.close()
        with suppress(ssl.SSLError):
            await writing.wait_closed()
    return answer


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("place", ["127.0.0.1", "::1", "unix"])
def test_a_descriptor_is_served(
    place: str, secure: bool, loop: str, tmp_path: Path, certificate: Certificate
) -> None:
    context = ssl.create_default_context(cafile=certificate.cert) if secure else None
    tls = server_context(*certificate) if secure else None

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with opened(place, tmp_path) as sock:
            async with serve(hello, fd=os.dup(sock.fileno()), tls=tls) as server:
                assert server.url.startswith("unix:" if place == "unix" else "http")
                assert (await ask(sock.family, sock.getsockname(), context)).endswith(
                    b"\r\n\r\nhello"
                )
        assert place != "unix" or (tmp_path / "s").is_socket()

    runner(loop)(main)


@pytest.mark.parametrize("fd", [-1, "3", 1.0])
async def test_an_invalid_descriptor_is_an_error(fd: int) -> None:
    expected = f"fd is the number of an open descriptor, not {fd!r}"
    with pytest.raises(ValueError, match=expected):
        await serve(hello, fd=fd).__aenter__()


async def test_a_listener_on_several_sockets(tmp_path: Path) -> None:
    places = ["127.0.0.1", "::1", "unix"]
    async with no_leaks():
        with ExitStack() as stack:
            sockets = [stack.enter_context(opened(place, tmp_path)) for place in places]
            listener = Listener(service(hello))
            for sock in sockets:
                await listener.start(sock=sock.dup())
            assert listener.url.startswith("http://127.0.0.1:")
            for sock in sockets:
                assert (await ask(sock.family, sock.getsockname())).endswith(b"hello")
            await listener.stop()


async def test_sockets_of_systemd(tmp_path: Path) -> None:
    """Its own program, if there is one, passes two, and starts the server at a connection."""
    program = shutil.which("systemd-socket-activate")
    if program is None:
        pytest.skip("the program systemd-socket-activate is not installed")
    places = [str(tmp_path / name) for name in "ab"]
    command = [program, *(f"--listen={place}" for place in places), "--fdname=a:b"]
    command += [f"--setenv=PYTHONPATH={ROOT}:{ROOT}/tests/cli"]
    command += [sys.executable, "-m", "streamserver", "hello:app"]
    with started(command, tmp_path) as server:
        await wait_until(Path(places[1]).exists, LIMIT)
        answers = [await ask(socket.AF_UNIX, place, path="/pid") for place in places]
        assert len({answer.rpartition(b"\n")[2] for answer in answers}) == 1
        assert await asyncio.to_thread(server.stop) == 0
    lines = server.stdout.read_text().splitlines()
    assert lines[:2] == [f"listening on unix:{place}" for place in places]


PROGRAM = (
    HEAD
    + """
@app.get("/environment")
async def environment(request):
    return Response("\\n".join(os.environ))

run(app)
"""
)
OURS = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC"}


def test_a_program_that_calls_run_is_started_by_a_manager(tmp_path: Path) -> None:
    """It serves what it was passed instead of its own address, and notifies the manager."""
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py")]
    with managing(f"@{tmp_path}") as manager, opened("127.0.0.1", tmp_path) as sock:
        port = sock.getsockname()[1]
        variables = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web", "NOTIFY_SOCKET": manager.address}
        with started(command, tmp_path, [sock], variables) as server:
            url = f"http://127.0.0.1:{port}"
            assert manager.wait_for("READY")["STATUS"] == f"listening on {url}"
            assert server.url == url
            with urlopen(f"{url}/environment", timeout=LIMIT) as answer:
                assert not OURS & set(answer.read().decode().splitlines())
            server.process.send_signal(signal.SIGHUP)
            manager.wait_for("READY", 2)
            assert "needs --workers" in manager.notifications[-1]["STATUS"]
            assert server.stop() == 0
        assert manager.names() == ["READY", "RELOADING", "READY", "STOPPING"]
        assert server.output().count("WARNING") == 1


def test_an_option_and_a_manager_may_not_both_decide(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamserver", "proxy", "http://127.0.0.1:9", "--port=0"]
    with opened("127.0.0.1", tmp_path) as sock:
        passing = started(command, tmp_path, [sock, sock], {"LISTEN_FDS": "2"})
        with passing as server:
            assert server.wait() == 1
    assert server.output() == (
        "streamserver: --port and the sockets that a service manager passed (LISTEN_FDS=2) exclude"
        " each other: remove one of the two\n"
    )
