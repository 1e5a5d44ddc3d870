"""`python -m streamserver proxy URL` in front of a server that is a process of its own too."""

import json
import signal
import socket
from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import HELLO, LIMIT, Curl, Hello, access_lines
from cli.scraping import body
from support.calling import call
from support.certificates import Certificate
from support.process import RunServer, ServerProcess, start_server
from support.rawsocket import connect
from support.relaying import LAST_CHUNK
from support.requests import get

SECRET = "sk-do-not-tell"
BODY = bytes(range(256)) * 8192  # 2 MiB: more than the engine accepts by default
EVENTS = get(b"/events")


@pytest.fixture
def closed() -> Iterator[str]:
    """The URL of a port that is taken, and where yet nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of `hello.py` for all that need no other."""
    server = start_server(tmp_path_factory.mktemp("upstream"), "hello:app", env=HELLO)
    assert server.url
    yield server
    assert server.stop() == 0, server.output()


def seen(curl: Curl, url: str, *args: str) -> tuple[str, dict[str, str]]:
    """The target and the fields that reach the upstream by this URL."""
    request = json.loads(curl(*args, f"{url}/seen"))
    return request["target"], dict(request["fields"])


def test_an_answer_is_relayed(upstream: ServerProcess, run_server: RunServer, curl: Curl) -> None:
    proxy = run_server("proxy", upstream.url)
    assert curl(proxy.url) == "hello"
    (line,) = access_lines(proxy, 1)
    assert line.split()[2:6] == ["GET", "/", "200", "5"]


def test_a_body_is_unlimited_unless_it_is_told_to_be(
    run_server: RunServer, curl: Curl, tmp_path: Path
) -> None:
    file = tmp_path / "body"
    file.write_bytes(BODY)
    demo = run_server()
    upload = ["--no-fail", "-T", str(file)]
    proxy = run_server("proxy", demo.url)
    assert json.loads(curl(*upload, f"{proxy.url}/api/upload"))["size"] == len(BODY)
    proxy = run_server("proxy", demo.url, "--max-body", "1000")
    assert json.loads(curl(*upload, f"{proxy.url}/api/upload"))["status"] == 413


# What the upstream receives


def test_targets_and_fields_are_changed_as_told(
    upstream: ServerProcess, run_server: RunServer, curl: Curl
) -> None:
    base = f"{upstream.url}/base"
    fields = ["--header", "X-One: 1", "--header", "X-Two: 2"]
    proxy = run_server("proxy", base, "--strip", "/v1", "--keep-host", *fields)
    target, sent = seen(curl, f"{proxy.url}/v1", "-H", "X-One: theirs")
    assert target == "/base/seen"
    assert (sent["x-one"], sent["x-two"]) == ("1", "2")
    assert sent["host"] == proxy.url.removeprefix("http://")
    assert json.loads(curl("--no-fail", f"{proxy.url}/seen"))["status"] == 404


def test_a_key_reaches_the_upstream_and_nobody_else(
    hello: Hello, run_server: RunServer, curl: Curl
) -> None:
    upstream = hello()
    command = "proxy", upstream.url, "--api-key-env", "SOME_KEY"
    proxy = run_server(*command, "--log-level", "debug", env={"SOME_KEY": SECRET})
    _, sent = seen(curl, proxy.url, "-H", "Authorization: Bearer theirs")
    assert sent["authorization"] == f"Bearer {SECRET}"
    upstream.stop()
    assert SECRET not in curl("--no-fail", "-i", proxy.url)
    assert proxy.stop() == 0
    assert "502" in access_lines(proxy, 2)[1]
    assert SECRET not in proxy.output()
    assert SECRET not in call(*command, "--help", SOME_KEY=SECRET).stdout


# Where it listens, and whom it asks


@pytest.mark.parametrize("workers", ["1", "2"])
def test_unix_sockets_on_both_sides(
    hello: Hello, run_server: RunServer, curl: Curl, tmp_path: Path, workers: str
) -> None:
    back, front = str(tmp_path / "back"), str(tmp_path / "front")
    hello("--uds", back)
    run_server("proxy", f"unix:{back}:/base", "--uds", front, "--workers", workers)
    target, sent = seen(curl, "http://any", "--unix-socket", front)
    assert target == "/base/seen"
    assert sent["host"] == "localhost"


def test_tls_on_both_sides(
    hello: Hello, run_server: RunServer, curl: Curl, certificate: Certificate
) -> None:
    cert, key = certificate
    files = ["--tls-cert", cert, "--tls-key", key]
    upstream = hello(*files)
    trust = {"STREAMSERVER_UPSTREAM_CA": cert}
    proxy = run_server("proxy", upstream.url, *files, env=trust)
    assert curl("--cacert", cert, proxy.url) == "hello"


def test_a_certificate_is_verified_against_the_systems_authorities(
    hello: Hello, run_server: RunServer, curl: Curl, certificate: Certificate
) -> None:
    cert, key = certificate
    upstream = hello("--tls-cert", cert, "--tls-key", key)
    proxy = run_server("proxy", upstream.url)
    problem = json.loads(curl("--no-fail", proxy.url))
    assert problem["status"] == 502
    assert "certificate is not valid" in problem["detail"]


async def test_workers_have_a_pool_each(upstream: ServerProcess, run_server: RunServer) -> None:
    proxy = run_server("proxy", upstream.url, "--workers", "2")
    # Who takes a connection is as good as drawn by lot: it is always the same once in 2**39.
    asked_by = {await body(proxy, b"/client") for _ in range(40)}
    assert len(asked_by) == 2


def test_a_refused_connection_is_a_502(closed: str, run_server: RunServer, curl: Curl) -> None:
    proxy = run_server("proxy", closed)
    form = "%{http_code} %{content_type}"
    body, _, last = curl("--no-fail", "-w", f"\n{form}", proxy.url).rpartition("\n")
    assert last == "502 application/problem+json"
    assert json.loads(body)["detail"] == "the upstream refused the connection"


# How it ends


async def test_a_stream_arrives_while_it_lasts_and_may_end_within_the_grace_period(
    hello: Hello, run_server: RunServer
) -> None:
    upstream = hello()
    proxy = run_server("proxy", upstream.url)
    async with connect(proxy.port) as client, connect(proxy.port) as idle:
        await client.send(EVENTS)
        await client.read_until(b"data: tick", timeout=LIMIT)
        proxy.process.send_signal(signal.SIGTERM)
        assert await idle.read_until(timeout=LIMIT) == b""
        upstream.process.send_signal(signal.SIGTERM)
        assert (await client.read_until(timeout=LIMIT)).endswith(LAST_CHUNK)
    assert await ended(proxy) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_after_it_a_stream_is_cut(hello: Hello, run_server: RunServer, workers: str) -> None:
    upstream = hello()
    proxy = run_server("proxy", upstream.url, "--grace", "0.1", "--workers", workers)
    async with connect(proxy.port) as client:
        await client.send(EVENTS)
        await client.read_until(b"data: tick", timeout=LIMIT)
        proxy.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)
        assert not client.received.endswith(LAST_CHUNK)
    assert await ended(proxy) == 0
    assert "Traceback" not in proxy.output()
    (line,) = await to_thread(access_lines, upstream, 1)
    assert line.split()[8] == "client_gone"


async def ended(server: ServerProcess) -> int:
    """Its exit status, without stopping this loop."""
    return await to_thread(server.wait)
