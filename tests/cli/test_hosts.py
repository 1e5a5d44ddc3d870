"""`--allow-host`: the demo on loopback answers to no name that DNS may rebind to it."""

import pytest

from cli.conftest import HELLO
from support.answers import statuses
from support.calling import call
from support.process import RunServer
from support.rawsocket import raw
from support.requests import request


def asking(line: bytes, host: bytes) -> bytes:
    fields = (b"Host: " + host, b"Content-Length: 0", b"Connection: close")
    return request(line + b" HTTP/1.1", *fields)


LINES = (b"GET /", b"GET /metrics", b"GET /health", b"POST /api/chat", b"GET /files/")


async def test_the_demo(run_server: RunServer) -> None:
    """All of it, with what stands in front of it."""
    server = run_server(env={"STREAMSERVER_ALLOW_HOST": ""})
    for line in LINES:
        for host in (b"evil.example", b"127.0.0.1.evil.example:80"):
            assert statuses(await raw(server.port, asking(line, host))) == [421]
        for host in (b"localhost:8000", b"127.0.0.1", b"[::1]:8000"):
            assert statuses(await raw(server.port, asking(line, host))) != [421]


async def test_other_names(run_server: RunServer) -> None:
    server = run_server("--allow-host", "demo.example", "--allow-host", "other.example")
    for line in LINES:
        for host in (b"evil.example", b"demo.example.evil.example:80"):
            assert statuses(await raw(server.port, asking(line, host))) == [421]
        for host in (b"localhost:8000", b"demo.example", b"OTHER.example.:9", b"[::1]"):
            assert statuses(await raw(server.port, asking(line, host))) != [421]


@pytest.mark.parametrize(
    ("argv", "env"),
    [
        (("--allow-host", "*"), {}),
        (("hello:app",), HELLO),
        (("target",), {}),
        (("proxy", "http://127.0.0.1:1"), {}),
    ],
)
async def test_all_else_answers_to_any(
    run_server: RunServer, argv: tuple[str, ...], env: dict[str, str]
) -> None:
    server = run_server(*argv, env=env)
    assert statuses(await raw(server.port, asking(b"GET /", b"evil.example"))) != [421]


@pytest.mark.parametrize("name", ["demo.example:80", "http://demo.example", "*.example", "a b", ""])
def test_what_is_no_name_of_a_host(name: str) -> None:
    done = call("--allow-host", name)
    assert done.returncode == 2
    needed = f"{name!r} is not the name of a host without a port, as in demo.example, or *"
    assert needed in done.stderr
