"""A replica that failed: it is excluded, then tried by one request, and logged once."""

import json
import logging
import re
from typing import Any

import pytest

from streamserver.observe.accesslog import json_line, text_line
from streamserver.proxy.health import EXCLUDED, HEALTHY, PROBED
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import Backoff
from streamserver.server.observer import Observer, UpstreamEvent
from support.inprocess import Serve
from support.problems import refused
from support.rawserver import RawServer
from support.rawsocket import connect
from support.readme import README, blocks
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.replicas import Replicas, replicas, serve
from support.requests import GET, get, post
from support.upstreams import has_caller, refusing_port
from support.waiting import wait_until

LONG = Backoff(first=60.0, longest=600.0)
NOW = "2026-11-29T16:51:05.123Z"


async def exclude(at: Replicas) -> tuple[int, RawServer]:
    """One of two replicas has failed: its number, and the other."""
    client = await at.begin(get(b"/"))
    number, peer = await at.asked()
    peer.reset()
    other = at.servers[1 - number]
    await serve(await other.asked(), b"served")
    await client.read_until(LAST_CHUNK)
    assert at.group.replicas[number].health.standing is EXCLUDED
    return number, other


async def test_an_excluded_replica_gets_no_requests() -> None:
    async with replicas(backoff=LONG) as at:
        number, other = await exclude(at)
        for _ in range(8):  # the other has ever more open streams
            await at.begin(post(b"body"))
            await other.asked()
        assert not has_caller(at.servers[number])


async def test_an_excluded_replica_is_tried_before_a_client_gets_an_error() -> None:
    """An exclusion that was wrong, or has lasted too long, costs no request."""
    async with replicas(backoff=LONG) as at:
        number, other = await exclude(at)
        other.sock.close()
        client = await at.begin(post(b"body"))
        await serve(await at.servers[number].asked(), b"served")
        assert (await client.read_until(LAST_CHUNK)).startswith(b"HTTP/1.1 200 ")
        assert at.group.replicas[number].health.standing is HEALTHY


async def test_a_single_request_is_sent_after_the_exclusion() -> None:
    async with replicas(backoff=LONG) as at:
        number, other = await exclude(at)
        health = at.group.replicas[number].health
        health.until = 0.0  # the time has passed
        clients = [await at.begin(get(b"/")) for _ in range(5)]
        for _ in range(4):
            await other.asked()
        probe = await at.servers[number].asked()
        assert (health.standing, has_caller(at.servers[number])) == (PROBED, False)
        probe.reset()  # it fails again: that request goes to the other one too
        await other.asked()
        assert health.standing is EXCLUDED
        health.until = 0.0
        clients += [await at.begin(get(b"/")) for _ in range(2)]
        probe = await at.servers[number].asked()
        await other.asked()
        await probe.send(CHUNKED_HEAD + chunk(b"piece"))
        await wait_until(lambda: health.standing is HEALTHY)
        await at.begin(get(b"/"))
        await at.servers[number].asked()  # it has the fewest open streams, and gets them again


async def test_a_probe_whose_client_leaves_is_followed_by_another() -> None:
    async with replicas(backoff=LONG) as at:
        number, _ = await exclude(at)
        health = at.group.replicas[number].health
        health.until = 0.0
        for open in (1, 0):
            client = await at.begin(get(b"/"))  # one of two goes there
            if (await at.asked())[0] == number:
                client.reset()
                break
            assert open
        await wait_until(lambda: health.standing is EXCLUDED)
        assert health.is_available(0.0)


async def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with replicas(backoff=LONG) as at:
        number, other = await exclude(at)
        replica = at.group.replicas[number]
        for is_last in (False, False, True):
            replica.health.until = 0.0
            at.group.replicas[1 - number].open += 1
            client = await at.begin(get(b"/"))
            peer = await at.servers[number].asked()
            if is_last:
                await peer.send(ok(b"back"))
            else:
                peer.reset()
                await (await other.asked()).send(ok(b"served"))
            await client.read_until(b"back" if is_last else b"served")
        at.group.replicas[1 - number].open -= 3
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [re.sub(r"[0-9.]+ s", "N s", line) for line in lines] == [
        f"upstream {replica.name} gets no requests for N s: the upstream closed the connection: "
        "[Errno 104] Connection reset by peer",
        f"upstream {replica.name} responds again",
    ]


async def test_a_refused_connection_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with replicas(backoff=LONG) as at:
        ports = [server.port for server in at.servers]
        for server in at.servers:
            server.sock.close()
        for _ in range(3):
            await (await at.begin(get(b"/"))).read_until(b"}\n")
    messages = [re.sub(r"[0-9.]+ s:", "N s:", each.getMessage()) for each in caplog.records]
    assert sorted(messages) == sorted(
        f"upstream 127.0.0.1:{port} gets no requests for N s: the upstream refused the connection: "
        f"[Errno 111] Connect call failed ('127.0.0.1', {port})"
        for port in ports
    )


# --- what is reported of a request ---------------------------------------------------------------


class Events(Observer):
    """Keeps the events of upstreams."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def upstream(self, event: UpstreamEvent) -> None:
        self.seen.append(event)


async def test_the_log_names_the_replica_and_the_attempts() -> None:
    events = Events()
    async with replicas(backoff=LONG, observers=[events]) as at:
        number, other = await exclude(at)
        await at.begin(get(b"/"))
        (await other.asked()).reset()
        again = await at.servers[number].asked()
        again.reset()
        await at.has_ended(2)
        names = [each.name for each in at.group.replicas]
        for exchange, name in zip(at.server.ended, (names[1 - number], names[number]), strict=True):
            line = json.loads(json_line(NOW, exchange))
            assert (line["upstream"], line["attempts"]) == (name, 2)
            assert text_line(NOW, exchange).endswith(f" upstream={name} attempts=2\n")
        once = await at.begin(get(b"/"))
        found, peer = await at.asked()
        await peer.send(ok(b"served"))
        await once.read_until(b"served")
        await at.has_ended(3)
        assert text_line(NOW, at.server.ended[2]).endswith(f" upstream={names[found]}\n")
    assert events.seen == [
        *("connect", "failure", "retry", "connect"),
        *("connect", "failure", "retry", "connect", "failure"),
        "connect",
    ]


async def test_a_single_upstream_is_not_named(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        await (await upstream.asked()).send(ok(b"served"))
        await client.read_until(b"served")
        await wait_until(lambda: server.ended)
    assert [name for name, _ in server.ended[0].attributes] == ["connect_ms", "upstream_ms"]


async def test_the_readme_shows_the_line_of_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Its program is a handler, and the line of its log is one that is written."""
    [program] = [block.text for block in blocks() if block.text.startswith("# replicas.py\n")]
    scope: dict[str, Any] = {}
    with refusing_port() as one, refusing_port() as other:
        program = program.replace(":8000", f":{one}").replace(":8001", f":{other}")
        exec(program, scope)
        server = await serve(scope["app"])
        async with connect(server.port) as client:
            assert (await refused(client))[0] == 502
    [line] = re.findall(r"^`(upstream .* gets no requests .*)`\.$", README, re.MULTILINE)
    masked = re.sub("[0-9]+", "N", line)
    assert [re.sub("[0-9]+", "N", each.getMessage()) for each in caplog.records] == [masked] * 2


# --- bases, and mistakes -------------------------------------------------------------------------


async def test_each_replica_gets_its_own_base_and_host(serve: Serve, upstream: RawServer) -> None:
    port = upstream.port
    urls = [f"http://127.0.0.1:{port}/one", f"http://localhost:{port}/two"]
    server = await serve(Proxy(urls))
    heads = []
    async with connect(server.port) as one, connect(server.port) as two:
        for client in (one, two):  # each keeps its stream
            await client.send(get(b"/x?y"))
            heads.append((await upstream.asked()).received.split(b"\r\n")[:2])
    assert sorted(heads) == [
        [b"GET /one/x?y HTTP/1.1", b"host: 127.0.0.1:%d" % port],
        [b"GET /two/x?y HTTP/1.1", b"host: localhost:%d" % port],
    ]


@pytest.mark.parametrize(
    ("urls", "mistake"),
    [
        ([], "at least one URL"),
        (["http://a", "http://a:80/"], "a is given twice"),
        (["http://a", "unix:/s", "unix:/s"], "unix:/s is given twice"),
        (["http://a", "ftp://b"], "'ftp://b' is no upstream"),
    ],
)
def test_wrong_arguments_are_errors(urls: list[str], mistake: str) -> None:
    with pytest.raises(ValueError, match=re.escape(mistake)):
        Proxy(urls)


@pytest.mark.parametrize("arguments", [{"first": -1.0}, {"longest": float("nan")}])
def test_a_negative_time_is_an_error(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Backoff(**arguments)
