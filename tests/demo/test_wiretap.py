"""The recording of what was written: to the byte, and bounded."""

import asyncio
import base64
import gc
import json
import uuid
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from streamserver.demo import recordings, wiretap
from streamserver.demo.commands import Commands
from streamserver.demo.wiretap import Wiretap
from streamserver.feed.feed import Feed
from streamserver.feed.memory import Memory
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from support.asking import ask
from support.inprocess import Serve, Served
from support.rawsocket import connect, raw
from support.requests import get

TOKEN = "0123456789abcdef"


async def recorded(server: Served, token: str = TOKEN) -> dict[str, Any]:
    answer = await ask(server, f"/api/wire/{token}")
    assert answer.status == 200, answer
    assert answer.headers["cache-control"] == "no-store"
    recording: dict[str, Any] = json.loads(answer.body)
    return recording


def written(exchange: dict[str, Any]) -> bytes:
    return b"".join([base64.b64decode(write["bytes"]) for write in exchange["writes"]])


CLOSE = b"Connection: close"


@pytest.mark.parametrize(
    "target",
    [
        "/api/counter?count=3&interval=0&wire=",
        "/api/export?rows=10&wire=",
        "/api/export?rows=0&wire=",
    ],
)
async def test_what_was_written_is_recorded_to_the_byte(server: Served, target: str) -> None:
    received = await raw(server.port, get(f"{target}{TOKEN}".encode(), CLOSE))
    recording = await recorded(server)
    assert [written(one) for one in recording["exchanges"]] == [received]
    (exchange,) = recording["exchanges"]
    assert exchange["unkept"] == 0
    assert exchange["request"] == f"GET {target}{TOKEN}"
    assert exchange["outcome"] == "complete"
    assert all(len(base64.b64decode(w["bytes"])) == w["size"] for w in exchange["writes"])
    times = [write["ms"] for write in exchange["writes"]]
    assert times == sorted(times)
    assert times[0] >= 0


async def test_a_file_is_only_counted(server: Served) -> None:
    await ask(server, f"/files/b.txt?wire={TOKEN}")
    (exchange,) = (await recorded(server))["exchanges"]
    assert exchange["body"] == 10
    assert written(exchange).endswith(b"\r\n\r\n")


async def test_a_stream_can_be_read_while_it_runs(server: Served) -> None:
    target = f"/api/counter?count=2&interval=60&wire={TOKEN}"
    async with connect(server.port) as client:
        await client.send(get(target.encode()))
        received = await client.read_until(b"id: 0\n")
        (exchange,) = (await recorded(server))["exchanges"]
        assert exchange["outcome"] is None
        assert written(exchange).startswith(received[:100])


async def test_every_exchange_of_a_token_is_recorded(server: Served) -> None:
    """As often as an EventSource comes back."""
    for _ in range(recordings.EXCHANGES + 1):
        await ask(server, f"/api/counter?count=1&wire={TOKEN}")
    assert len((await recorded(server))["exchanges"]) == recordings.EXCHANGES


@pytest.mark.parametrize("token", ["", "short", "x" * 65, "a/b" * 10, "%F0" * 10])
async def test_what_is_no_token_records_nothing(server: Served, token: str) -> None:
    assert (await ask(server, f"/api/counter?count=1&interval=0&wire={token}")).status == 200
    assert (await ask(server, f"/api/wire/{token}")).status == 404


async def test_an_unknown_token_is_a_404_immediately(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With feeds in memory there is no other worker to wait for."""
    monkeypatch.setattr(wiretap, "FIRST_TIMEOUT", 60)
    assert (await ask(server, f"/api/wire/{TOKEN}")).status == 404


# Bounds


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(2 * recordings.WRITES):
        yield b"x"
        await asyncio.sleep(0)  # else they would share writes


async def _large() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield bytes(recordings.BYTES // 2)


@pytest.fixture
def backend() -> Memory:
    return Memory()


@pytest.fixture
async def small(serve: Serve, backend: Memory) -> Served:
    async def pieces(request: Request) -> Response:
        return Response(_pieces())

    async def large(request: Request) -> Response:
        return Response(_large())

    app = Router()
    commands = Commands(backend)
    tap = Wiretap(backend, commands)
    app.get("/pieces")(tap.tapped(pieces))
    app.get("/large")(tap.tapped(large))
    app.get("/api/wire/{token}")(tap.read)
    app.on_stop += [backend.close, commands.close, tap.close]
    return await serve(app)


async def test_many_writes_are_not_all_kept(small: Served) -> None:
    await ask(small, f"/pieces?wire={TOKEN}")
    (exchange,) = (await recorded(small))["exchanges"]
    assert len(exchange["writes"]) == recordings.WRITES
    assert exchange["unkept"] == recordings.WRITES + 1  # the last-chunk too


async def test_large_writes_are_not_kept_whole(small: Served) -> None:
    await ask(small, f"/large?wire={TOKEN}")
    (exchange,) = (await recorded(small))["exchanges"]
    assert len(written(exchange)) == recordings.BYTES
    assert sum(write["size"] for write in exchange["writes"]) > 3 * recordings.BYTES // 2
    assert exchange["unkept"] == 3


async def test_many_recordings_are_not_all_kept(small: Served) -> None:
    tokens = [f"{TOKEN}-{n}" for n in range(recordings.RECORDINGS + 1)]
    for token in tokens:
        await ask(small, f"/large?wire={token}")
    assert (await ask(small, f"/api/wire/{tokens[0]}")).status == 404
    assert (await ask(small, f"/api/wire/{tokens[1]}")).status == 200


async def test_an_old_recording_is_forgotten(
    small: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(small, f"/pieces?wire={TOKEN}")
    monkeypatch.setattr(recordings, "SECONDS", 0.0)
    assert (await ask(small, f"/api/wire/{TOKEN}")).status == 404


async def test_a_later_exchange_renews_an_old_recording(
    small: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a suspend, when the EventSource reconnects with its token."""
    await ask(small, f"/pieces?wire={TOKEN}")
    monkeypatch.setattr(recordings, "monotonic", lambda: monotonic() + recordings.SECONDS + 1)
    await ask(small, f"/pieces?wire={TOKEN}")
    assert len((await recorded(small))["exchanges"]) == 2


async def test_a_recording_that_is_dropped_is_emptied_and_stops(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each open exchange would keep the memory of a recording."""
    monkeypatch.setattr(recordings, "RECORDINGS", 1)
    token = uuid.uuid4().hex
    target = "/api/counter?count=100000&interval=0.002&wire="
    async with connect(server.port) as client, connect(server.port) as other:
        await client.send(get(f"{target}{token}".encode()))
        await client.read_until(b"id: 3\n")
        assert len(kept_of(token)) >= 4
        await other.send(get(f"{target}{token}-2".encode()))
        await other.read_until(b"id: 0\n")
        client.received = b""
        await client.read_until(lambda received: received.count(b"id: ") > 3)
        assert not kept_of(token)
        assert (await ask(server, f"/api/wire/{token}")).status == 404
        assert (await ask(server, f"/api/wire/{token}-2")).status == 200


def kept_of(token: str) -> list[recordings.Write]:
    """What this process has in memory of the writes to the answers of a token."""
    ones = [one for one in gc.get_objects() if isinstance(one, recordings.RecordedExchange)]
    return [write for one in ones if one.request.endswith(token) for write in one.writes]


async def test_a_worker_that_is_asked_many_times_at_once_answers_once(
    small: Served, backend: Memory
) -> None:
    others = Commands(backend)
    await ask(small, f"/large?wire={TOKEN}")
    async with Feed(f"demo:wire:{TOKEN}", backend).watch() as events:
        for _ in range(2):
            for _ in range(20):
                await others.send("report", TOKEN)
            answer = await anext(events)
            assert len(json.loads(str(answer.data))) == 1
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await anext(events)
