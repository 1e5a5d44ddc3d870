"""`run` in a program of its own: signals, exit statuses, and what is refused."""

import asyncio
import signal
import socket
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from serving.conftest import LIMIT, Program
from streamserver import Response, Settings, run
from support.certificates import Certificate
from support.process import workers_of
from support.rawsocket import connect
from support.relaying import LAST_CHUNK
from support.requests import get
from support.waiting import block_until


def fetch(url: str, context: ssl.SSLContext | None = None) -> str:
    with urlopen(url, timeout=LIMIT, context=context) as response:
        return str(response.read().decode())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_streams_and_the_program_continues(
    program: Program, number: int
) -> None:
    server = program("run(app, port=0)\nprint('after', flush=True)\n")
    async with connect(server.port) as client:
        await client.send(get(b"/events"))
        await client.read_until(b"data: tick", timeout=LIMIT)
        server.process.send_signal(number)
        assert (await client.read_until(timeout=LIMIT)).endswith(LAST_CHUNK)
    assert await asyncio.to_thread(server.wait) == 0
    url, access, *rest = server.stdout.read_text().splitlines()
    assert url.startswith("listening on http://127.0.0.1:")
    assert " GET /events 200 " in access
    assert access.endswith(" drained")
    assert rest == ["closed", "after"]
    assert server.stderr.read_text() == ""


async def test_a_second_signal_cuts(program: Program) -> None:
    server = program(
        "async def stubborn(request):\n"
        "    async def pieces():\n"
        "        yield 'begun'\n"
        "        await asyncio.sleep(300)\n"
        "    return Response(pieces())\n"
        "run(stubborn, port=0, grace=300)\n"
    )
    async with connect(server.port) as client:
        await client.send(get(b"/"))
        await client.read_until(b"begun", timeout=LIMIT)
        for _ in range(2):
            server.process.send_signal(signal.SIGINT)
            await asyncio.sleep(0.1)
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)
    assert await asyncio.to_thread(server.wait) == 0


def test_the_handlers_of_the_program_are_restored(program: Program) -> None:
    server = program(
        "def mine(number, frame): print('mine', flush=True)\n"
        "signal.signal(signal.SIGTERM, mine)\n"
        "run(app, port=0, access_log=False)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL\n"
    )
    assert server.url
    assert server.stop(signal.SIGINT) == 0
    assert server.stdout.read_text().splitlines()[1:] == ["closed", "mine"]


def test_the_log_of_the_program_is_left_alone(program: Program) -> None:
    server = program(
        "import logging\n"
        "logging.basicConfig(format='mine: %(message)s')\n"
        "async def failing(request): raise OSError('stuck')\n"
        "run(failing, port=0)\n"
    )
    with pytest.raises(OSError, match="500"):
        fetch(server.url)
    assert server.stderr.read_text().startswith("mine: GET / failed\n")


def test_workers_are_the_program_again(program: Program) -> None:
    server = program("run(app, port=0, workers=2)\nprint('after', flush=True)\n")
    workers = set(workers_of(server)) if server.url else set()
    assert len(workers) == 2
    block_until(lambda: {int(fetch(f"{server.url}/pid")) for _ in range(8)} == workers, LIMIT)
    assert server.stop() == 0
    output = server.stdout.read_text()  # in which the lines of two workers may mix
    counts = [output.count(word) for word in ("listening on ", "closed", "after")]
    assert counts == [1, 2, 3]


def test_tls_and_a_unix_socket(program: Program, certificate: Certificate, tmp_path: Path) -> None:
    server = program(f"run(app, port=0, tls=({certificate.cert!r}, {certificate.key!r}))\n")
    context = ssl.create_default_context(cafile=certificate.cert)
    assert server.url.startswith("https://")
    assert fetch(server.url, context) == "hello"
    assert server.stop() == 0
    server = program(f"run(app, uds={str(tmp_path / 's')!r})\n")
    assert server.url == f"unix:{tmp_path / 's'}"
    assert server.stop() == 0
    assert not (tmp_path / "s").exists()


def test_a_port_in_use(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = program(f"run(app, port={port})\n")
        assert server.wait() == 1
    expected = f"streamserver: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
    assert server.stderr.read_text() == expected
    assert server.stdout.read_text() == ""


def test_tls_files_that_are_not_there(program: Program) -> None:
    server = program("run(app, tls=('absent.pem', 'absent.pem'))\n")
    assert server.wait() == 1
    expected = "streamserver: cannot read the TLS certificate absent.pem: No such file or directory"
    assert server.stderr.read_text() == f"{expected}\n"


async def hello(request: object) -> Response:
    return Response(b"hello")


UNKNOWN = "there is no argument and no field of Settings called {!r} (did you mean {!r}?)"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"port": 65536}, "port is a whole number from 0 to 65535, not 65536"),
    ({"port": "8000"}, "port is a whole number from 0 to 65535, not '8000'"),
    ({"host": None}, "host is a str, not NoneType"),
    ({"uds": Path("s")}, "uds is a str, not PosixPath"),
    ({"workers": 0}, "workers is a whole number from 1 to 1024, not 0"),
    ({"tls": "cert.pem"}, 'tls is ("cert.pem", "key.pem") or an ssl.SSLContext, not str'),
    ({"tls": ("cert.pem",)}, 'tls is ("cert.pem", "key.pem") or an ssl.SSLContext, not tuple'),
    ({"trusted_proxies": []}, "there is no trusted peer: give networks or addresses"),
    ({"trusted_proxies": True}, "trusted peers are a list of str, not bool"),
    ({"trusted_proxies": [10]}, "a trusted peer is a str, not int"),
    (
        {"trusted_proxies": ["::1", "10.0.0.1/8"]},
        "'10.0.0.1/8' is not a network: write 10.0.0.0/8 for the network, or 10.0.0.1 for one"
        " address",
    ),
    ({"settings": {}}, "settings is a Settings, not dict"),
    ({"grace": -1}, "grace must be 0 or more, not -1"),
    ({"grace": "1s"}, "grace is a number, not str"),
    (
        {"prot": 1},
        "there is no argument and no field of Settings called 'prot' (did you mean 'port'?)",
    ),
    (
        {"head_timout": 1},
        "there is no argument and no field of Settings called 'head_timout'"
        " (did you mean 'head_timeout'?)",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=lambda each: str(each)[:30])
def test_an_argument_that_is_not_allowed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        run(hello, **arguments)
    assert str(refused.value) == message


def test_what_is_no_app() -> None:
    with pytest.raises(TypeError, match="a handler is an async function or a Router, not str"):
        run("hello:app", port=0)  # type: ignore[arg-type]  # the subject


def test_workers_of_a_program_that_cannot_be_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", [""])
    with pytest.raises(ValueError, match="workers need a program that can be started again"):
        run(hello, workers=2)


async def test_not_in_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="an event loop is running: use `async with serve"):
        run(hello)


def test_not_in_another_thread() -> None:
    problems: list[BaseException] = []

    def body() -> None:
        with pytest.raises(RuntimeError, match="must be called in the main") as problem:
            run(hello)
        problems.append(problem.value)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join(LIMIT)
    assert problems


def test_settings_and_single_fields(program: Program) -> None:
    server = program(
        "async def size(request): return Response(str(len(await request.body())))\n"
        "run(size, port=0, settings=Settings(max_body=3, grace=1), max_body=4)\n"
    )
    with urlopen(server.url, b"four", timeout=LIMIT) as response:
        assert response.read() == b"4"
    with pytest.raises(OSError, match="413"):
        urlopen(server.url, b"fives", timeout=LIMIT)
    assert Settings().max_body > 4
