"""What a replay sends: the recorded bytes, heads and ends."""

import hashlib
import json

import h11
import pytest

from lab.cassettes.conftest import StartReplay
from streamserver.lab.cassettes.cassette import EndEntry, Entry, HeadEntry
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from support.answers import chunks, content
from support.asking import ask
from support.cassettes import make_entries, run_loop
from support.hearing import hear_response
from support.rawsocket import connect, raw
from support.relaying import LAST_CHUNK
from support.requests import GET, OLD, get, request
from support.waiting import wait_until

HOUR = 3600 * 10**9
ONCE = get(b"/", b"Connection: close")


async def test_each_read_is_a_chunk(play: StartReplay) -> None:
    pieces = [b"data: one\n\n", b"data: \xe4\xb8", b"\x96\n", b"\n"]
    target = await play(make_entries(*pieces))
    received = await raw(target.port, ONCE)
    assert chunks(received) == pieces
    assert received.endswith(LAST_CHUNK)
    assert [exchange.outcome for exchange in target.ended] == ["complete"]


async def test_a_head_keeps_all_fields_but_those_of_connection_and_framing(
    play: StartReplay,
) -> None:
    fields = (
        ("date", "Sat, 31 Jan 2026 12:00:00 GMT"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-length", "3"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("x-latin", "\xe9"),
    )
    target = await play(make_entries(b"abc", status=429, fields=fields))
    received = await raw(target.port, ONCE)
    head, _, _ = received.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 429 Too Many Requests",
        b"date: Sat, 31 Jan 2026 12:00:00 GMT",
        b"set-cookie: a=1",
        b"set-cookie: b=2",
        b"x-latin: \xe9",
        b"transfer-encoding: chunked",
        b"connection: close",
    ]
    assert content(received) == b"abc"


@pytest.mark.parametrize("status", [200, 204, 304])
async def test_a_response_without_a_body_keeps_its_length(play: StartReplay, status: int) -> None:
    method = "HEAD" if status == 200 else "GET"
    fields = (("content-length", "7"),) if status != 204 else ()
    target = await play(make_entries(method=method, status=status, fields=fields))
    async with connect(target.port) as client:
        await client.send(request(f"{method} / HTTP/1.1".encode(), b"Host: a"))
        answer = await hear_response(client, method)
        assert answer.status == status
        assert answer.headers.get("content-length") == (None if status == 204 else "7")
        await client.send(get(b"/lab/lateness"))
        assert (await hear_response(client)).status == 200


async def test_an_interim_response_and_trailers(play: StartReplay) -> None:
    request_entry, head, *_ = make_entries()
    hint, proceed = HeadEntry(0, 103, [("link", "</a>")]), HeadEntry(0, 100, [])
    end = EndEntry(0, "complete", 0, 0, "", [("x-sum", "1")])
    cassette: list[Entry] = [request_entry, proceed, hint, head, end]
    target = await play(cassette)
    received = await raw(target.port, get(b"/", b"Connection: close", b"TE: trailers"))
    assert received.startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n0\r\nx-sum: 1\r\n\r\n")
    assert (await raw(target.port, ONCE)).endswith(b"\r\n\r\n0\r\n\r\n")


class Written(Observer):
    """Counts the bytes that are written."""

    sees_streams = True
    total = 0

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        self.total += size


# The choice of a cassette


async def test_method_target_and_body_select_a_cassette(play: StartReplay) -> None:
    body = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    target = await play(
        make_entries(b"one", target="/a"),
        make_entries(b"two", target="/a?b=1"),
        make_entries(b"three", target="/a", method="DELETE"),
        make_entries(b"four", target="/a", method="POST"),
        make_entries(b"five", target="/a", method="POST", sha256=body),
    )
    assert (await ask(target, "/a")).body == b"one"
    assert (await ask(target, "/a?b=1")).body == b"two"
    assert (await ask(target, "/a", "DELETE")).body == b"three"
    assert (await ask(target, "/a", "POST")).body == b"four"
    assert (await ask(target, "/a", "POST", body=b"{}")).body == b"five"


async def test_secrets_do_not_matter(play: StartReplay) -> None:
    target = await play(make_entries(b"a", target="/?key=REDACTED&b=1"))
    for secret in ("one", "two", "REDACTED", ""):
        assert (await ask(target, f"/?key={secret}&b=1")).body == b"a"
    assert (await ask(target, "/?key=one&b=2")).status == 404


async def test_cassettes_of_the_same_request_rotate(play: StartReplay) -> None:
    target = await play(
        make_entries(b"1"),
        make_entries(b"other", target="/2"),
        make_entries(b"2"),
        make_entries(b"3"),
    )
    assert [(await ask(target, "/")).body for _ in range(5)] == [b"1", b"2", b"3", b"1", b"2"]


async def test_a_partial_cassette_answers_only_if_no_other_does(play: StartReplay) -> None:
    """It is cut at its end, since the rest is unknown."""
    target = await play(
        make_entries(b"part", end="client_gone"),
        make_entries(b"whole"),
        make_entries(b"part", end="limit", target="/2"),
    )
    assert [(await ask(target, "/")).body for _ in range(2)] == [b"whole", b"whole"]
    with pytest.raises(h11.RemoteProtocolError, match="closed"):
        await ask(target, "/2")


async def test_the_response_to_an_unknown_request_lists_the_nearest(play: StartReplay) -> None:
    target = await play(
        make_entries(target="/other"),
        make_entries(target="/v1/models", method="POST"),
        make_entries(target="/v1/models?a=1"),
        make_entries(target="/v1/model"),
    )
    answer = await ask(target, "/v1/models?key=secret&a=2", body=b"{}")
    assert answer.status == 404
    problem = json.loads(answer.body)
    assert problem["detail"] == (
        "there is no cassette of GET /v1/models?key=REDACTED&a=2 with a body of SHA-256 "
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
    empty = (
        "with a body of SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert problem["nearest"] == [
        f"GET /v1/models?a=1 {empty}",
        f"POST /v1/models {empty}",
        f"GET /v1/model {empty}",
    ]


async def test_a_large_body_identifies_a_request_too(play: StartReplay) -> None:
    """Larger than any handler is given unless it asks for it."""
    body = bytes(3_000_000)
    target = await play(make_entries(b"a", method="PUT", sha256=hashlib.sha256(body).hexdigest()))
    assert (await ask(target, "/", "PUT", body=body)).body == b"a"
    assert (await ask(target, "/", "PUT", body=body[1:])).status == 404


# The ends


async def test_a_cut_is_a_cut(play: StartReplay) -> None:
    target = await play(make_entries(b"one", b"two", end="truncated"))
    received = await raw(target.port, GET)
    assert chunks(received) == [b"one", b"two"]
    assert not received.endswith(LAST_CHUNK)
    assert [exchange.outcome for exchange in target.ended] == ["truncated"]


async def test_a_replay_breaks_as_its_request_asks(play: StartReplay) -> None:
    target = await play(make_entries(b"one\n", b"two\n", b"three\n"))
    received = await raw(target.port, get(b"/?fault=truncate@line:2"))
    assert chunks(received) == [b"one\n", b"two\n"]
    assert not received.endswith(LAST_CHUNK)
    (exchange,) = target.ended
    assert exchange.outcome == "truncated"
    assert {"fault", "late_max_ms"} <= dict(exchange.attributes).keys()


async def test_the_cassette_of_a_fault_is_replayed_without_another_fault(
    play: StartReplay,
) -> None:
    target = await play(make_entries(b"one", b"two", target="/sse?fault=truncate@line:1"))
    sent = get(b"/sse?fault=truncate@line:1", b"Connection: close")
    assert chunks(await raw(target.port, sent)) == [b"one", b"two"]


async def test_a_head_without_a_body_is_sent_before_the_cut(play: StartReplay) -> None:
    target = await play(make_entries(end="truncated"))
    assert (await raw(target.port, GET)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_cut_of_a_close_delimited_body_is_a_reset(play: StartReplay) -> None:
    target = await play(make_entries(b"one", end="truncated"))
    async with connect(target.port) as client:
        await client.send(OLD)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert client.received.endswith(b"\r\n\r\none")


async def test_a_reset_follows_all_that_precedes_it(play: StartReplay) -> None:
    """Even if the client reads late."""
    pieces, sizes = [b"x" * 50_000] * 4, Written()
    target = await play(make_entries(*pieces, end="reset"), observers=[sizes])
    async with connect(target.port, receive_buffer=4096) as client:
        await client.send(GET)
        await wait_until(lambda: sizes.total == 200_000)
        await run_loop()
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert content(client.received) == b"".join(pieces)


@pytest.mark.parametrize("end", ["unanswered", "late", "reset", "client_gone"])
async def test_no_head_is_sent_if_none_was_recorded(play: StartReplay, end: str) -> None:
    request_entry, *_ = make_entries()
    target = await play([request_entry, EndEntry(0, end, 0, 0)])
    async with connect(target.port) as client:
        await client.send(GET)
        if end == "reset":
            with pytest.raises(ConnectionResetError):
                await client.read_until()
        else:
            await client.read_until()
    assert client.received == b""


async def test_a_client_that_leaves_does_not_disturb_others(play: StartReplay) -> None:
    target = await play(
        make_entries(b"one", b"two", gap=0, target="/"), make_entries(b"other", target="/2")
    )
    async with connect(target.port) as client:
        await client.send(GET)
    assert (await ask(target, "/2")).body == b"other"
