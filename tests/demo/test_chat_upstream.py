"""The chat with an external service: the request to it, and its response."""

import json
import re
from collections.abc import AsyncIterator, Callable

import pytest

from streamserver.demo.chat import LOCATION, Chat
from support.answers import content
from support.asking import ask
from support.chatting import KEY, MODEL, chat_with, make_app, prompting
from support.hearing import hear_request, hear_response
from support.inprocess import Serve, Served
from support.passing import VIA, lines
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import get
from support.waiting import wait_until, within

THEIRS = "Bearer theirs"
BROWSER = (
    b"Cookie: session=1",
    b"Authorization: " + THEIRS.encode(),
    b"X-Forwarded-For: 192.0.2.1",
    b"Forwarded: for=192.0.2.1",
    b"User-Agent: a browser",
    b"Accept: text/html",
    b"Accept-Encoding: gzip",
    b"Origin: http://a",
    b"Referer: http://a/secret",
    b"OpenAI-Organization: theirs",
    b"X-Api-Key: theirs",
    b"TE: trailers",
    b"Connection: TE",
)
"""Fields that a browser or an attacker may send."""


@pytest.fixture
async def server(serve: Serve, upstream: RawServer) -> Served:
    return await serve(make_app(Chat(upstream.url + "/v1", KEY, MODEL)))


@pytest.fixture
async def client(server: Served) -> AsyncIterator[RawClient]:
    async with connect(server.port) as client:
        yield client


def fields_of(response: bytes) -> dict[str, str]:
    """Those of the head of a response."""
    return dict(line.decode().split(": ", 1) for line in lines(response)[1:])


# What the service receives


@pytest.mark.parametrize("fields", [(), BROWSER])
async def test_the_request_is_made_afresh(
    client: RawClient, upstream: RawServer, fields: tuple[bytes, ...]
) -> None:
    """Nothing but the prompt is the client's."""
    await client.send(prompting("Grüße", *fields))
    peer = await upstream.asked()
    body = (await hear_request(peer)).content
    assert lines(peer.received or b"") == [b""]  # there is no other request behind it
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "Grüße"}], "stream": True}
    assert json.loads(body) == asked


@pytest.mark.parametrize("fields", [(), BROWSER])
async def test_its_head_to_the_byte(
    client: RawClient, upstream: RawServer, fields: tuple[bytes, ...]
) -> None:
    await client.send(prompting("hello", *fields))
    head, _, body = (await (await upstream.asked()).read_until(b"}")).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /v1/chat/completions HTTP/1.1",
        b"host: 127.0.0.1:%d" % upstream.port,
        b"content-type: application/json",
        b"accept: text/event-stream",
        b"authorization: Bearer " + KEY.encode(),
        b"content-length: %d" % len(body),
    ]


async def test_what_the_client_may_choose(client: RawClient, upstream: RawServer) -> None:
    """And nothing else, since each parameter costs the owner of the key."""
    await client.send(prompting("hello", model="other", system="Be brief.", max_tokens=9, n=9))
    parsed = await hear_request(await upstream.asked())
    system, user = [("system", "Be brief."), ("user", "hello")]
    messages = [{"role": role, "content": text} for role, text in (system, user)]
    assert json.loads(parsed.content) == {"model": "other", "messages": messages, "stream": True}


@pytest.mark.parametrize(
    ("key", "passes_key", "fields", "authorization"),
    [
        (KEY, False, BROWSER, f"Bearer {KEY}"),
        (KEY, True, BROWSER, THEIRS),
        (KEY, True, (), f"Bearer {KEY}"),
        ("", False, BROWSER, None),
        ("", True, BROWSER, THEIRS),
        ("", True, (), None),
    ],
)
async def test_whose_key_it_is(
    serve: Serve,
    upstream: RawServer,
    key: str,
    passes_key: bool,
    fields: tuple[bytes, ...],
    authorization: str | None,
) -> None:
    server = await serve(make_app(Chat(upstream.url, key, passes_key=passes_key)))
    async with connect(server.port) as client:
        await client.send(prompting("hello", *fields))
        parsed = await hear_request(await upstream.asked())
        assert parsed.headers.get_all("authorization") == ([authorization] if authorization else [])


# What comes back

PASSED = {
    "content-type": "text/event-stream",
    "retry-after": "7",
    "x-request-id": "req_1",
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-tokens": "149",
}
KEPT = {
    "set-cookie": "__cf_bm=1",
    "openai-organization": "ours",
    "openai-processing-ms": "5",
    "openai-version": "2020-10-01",
    "server": "theirs",
    "cf-ray": "1",
    "alt-svc": "h3",
    "location": "/x",
    "cache-control": "max-age=60",
    "strict-transport-security": "max-age=1",
    "access-control-allow-origin": "*",
    "www-authenticate": "Bearer",
    "x-anything": "else",
}


async def test_only_what_concerns_the_reader_comes_back(
    client: RawClient, upstream: RawServer
) -> None:
    await client.send(prompting())
    peer = await upstream.asked()
    fields = "".join([f"{name}: {value}\r\n" for name, value in (PASSED | KEPT).items()])
    await peer.send(CHUNKED_HEAD[:-2] + fields.encode() + b"\r\n" + chunk(b"data: a\n\n"))
    received = await client.read_until(b"data: a\n\n")
    relayed = fields_of(received)
    assert relayed.keys() - {"date"} == PASSED.keys() | {
        *("via", "transfer-encoding", "cache-control", "x-accel-buffering"),
        *("location", "x-stream-id"),
    }
    assert PASSED.items() <= relayed.items()
    assert relayed["cache-control"] == "no-cache, no-transform"
    assert relayed["location"] == LOCATION + relayed["x-stream-id"]
    assert relayed["via"] == VIA.decode().partition(": ")[2]


async def test_nor_do_other_fields_come_before_or_behind_it(
    client: RawClient, upstream: RawServer
) -> None:
    """In an interim response, or as trailer fields."""
    await client.send(prompting("hello", *BROWSER))
    peer = await upstream.asked()
    await peer.send(b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\n")
    await peer.send(
        EVENTS_HEAD + chunk(b"data: a\n\n") + b"0\r\nOpenAI-Organization: late=1\r\n\r\n"
    )
    received = await client.read_until(lambda got: got.endswith(b"\r\n\r\n") and b"\r\n0\r" in got)
    assert b"data: a\n\n" in received
    assert b"early=1" not in received
    assert b"late=1" not in received


async def test_the_bytes_of_events_are_the_services(client: RawClient, upstream: RawServer) -> None:
    """Each has an id before it. Neither the end is ours, nor what is between."""
    await client.send(prompting())
    peer = await upstream.asked()
    await peer.send(EVENTS_HEAD)
    for piece in (b'data: {"a":', b"1}\r\n\r\n: ping\n", b"\ndata: [DO", b"NE]\n\n"):
        await peer.send(chunk(piece))
    await client.read_until(b"data: [DONE]\n\n")
    await peer.send(LAST_CHUNK)
    sent = content(await client.read_until(LAST_CHUNK))
    assert re.sub(rb"id: \d+-\d+\n", b"", sent) == b'data: {"a":1}\r\n\r\ndata: [DONE]\n\n'


LIMIT = b'{"error": {"message": "Rate limit reached", "type": "requests"}}'


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503, 529])
async def test_its_errors_are_its_own(client: RawClient, upstream: RawServer, status: int) -> None:
    fields = (b"Content-Type: application/json", b"Retry-After: 20", b"x-ratelimit-reset: 1s")
    await client.send(prompting())
    answer = ok(LIMIT, *fields).replace(b"200 OK", b"%d -" % status)
    await (await upstream.asked()).send(answer)
    parsed = await hear_response(client)
    assert (parsed.status, parsed.content) == (status, LIMIT)
    assert parsed.headers["content-type"] == "application/json"
    assert parsed.headers["retry-after"] == "20"
    assert parsed.headers["x-ratelimit-reset"] == "1s"


async def test_a_break_is_never_made_an_end(client: RawClient, upstream: RawServer) -> None:
    await client.send(prompting())
    peer = await upstream.asked()
    await peer.send(EVENTS_HEAD + chunk(b"data: a\n\n"))
    await client.read_until(b"data: a\n\n")
    peer.reset()
    received = await client.read_until()
    assert b"[DONE]" not in received
    assert not received.endswith(LAST_CHUNK)


async def test_a_bad_question_never_gets_there(server: Served, upstream: RawServer) -> None:
    assert (await chat_with(server, {"prompt": ""})).status == 400
    with pytest.raises(TimeoutError):
        await upstream.accept(timeout=0.05)


# A cancelled answer is cancelled at the service


@pytest.mark.parametrize("leave", [RawClient.end, RawClient.reset], ids=["FIN", "RST"])
async def test_a_client_that_leaves_before_the_head_stops_the_service(
    server: Served, client: RawClient, upstream: RawServer, leave: Callable[[RawClient], object]
) -> None:
    """It cannot come back, as it has no location."""
    await client.send(prompting())
    peer = await upstream.asked()
    leave(client)
    await within(0.2, until_end(peer))
    assert await wait_until(lambda: [one.outcome for one in server.ended]) == ["client_gone"]


@pytest.mark.parametrize("leave", [RawClient.end, RawClient.reset], ids=["FIN", "RST"])
@pytest.mark.parametrize("event", [b"", b"data: a\n\n"])
async def test_a_client_that_leaves_may_come_back_or_stop_the_service(
    server: Served,
    client: RawClient,
    upstream: RawServer,
    event: bytes,
    leave: Callable[[RawClient], object],
) -> None:
    await client.send(prompting())
    peer = await upstream.asked()
    await peer.send(EVENTS_HEAD + (chunk(event) if event else b""))
    received = await client.read_until(event or b"\r\n\r\n")
    location = fields_of(received)["location"]
    leave(client)
    await wait_until(lambda: server.ended)
    await peer.send(chunk(b"data: b\n\n"))  # it has not ended
    async with connect(server.port) as other:
        await other.send(get(location.encode()))
        await other.read_until(b"data: b\n\n")
        assert (await ask(server, location, "DELETE")).status == 204
        await within(0.2, until_end(peer))
        assert b"the answer was cancelled" in await until_end(other)
