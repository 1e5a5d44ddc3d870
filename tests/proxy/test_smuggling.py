"""The upstream receives at most one request for each of a client, with one framing.

The clients are those of the conformance tests, and the upstream is strict. Each case is followed
by a request: one that must never run after a refusal, and one that must be understood after an
answer. So each case also shows where both ends see the end of the message.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator

import pytest

from conformance.cases import BEHIND, Answered, Refused, Seen
from conformance.talking import read_answer, read_answers, talk
from conformance.test_conformance import ANSWERED, REFUSED, behind
from conformance.test_hostile import NOT_HTTP, mutant
from streamserver.proxy.proxy import Proxy
from support.inprocess import Serve, Served
from support.rawsocket import raw
from support.requests import LAST, chunked, get, post
from support.strict import Heard, StrictUpstream, strict_upstream

WAYS = ("whole", "byte by byte")
"""Cut elsewhere, a body comes partly with its head and partly later: both ways at once."""

_ANSWERED_HERE = re.compile(
    rb"(?s) /(?:unread|stream) |1\.1\r\n.*\r\nConnection: Upgrade\r\nUpgrade: websocket"
).search
RELAYED = [case for case in ANSWERED if not _ANSWERED_HERE(case.sent)]
"""All but what a relay refuses, and what is about a handler that answers in another way."""


@pytest.fixture
async def strict(serve: Serve) -> AsyncIterator[StrictUpstream]:
    """A strict upstream; without the debug mode's stack for every byte."""
    asyncio.get_running_loop().set_debug(False)
    async with strict_upstream() as upstream:
        yield upstream


@pytest.fixture
async def server(serve: Serve, strict: StrictUpstream, steady_clock: None) -> Served:
    """A relay to it."""
    proxy = Proxy(f"http://127.0.0.1:{strict.port}", keep_host=True, max_body=1 << 20)
    return await serve(proxy, head_timeout=0.3, body_timeout=0.3, keep_alive=0.3)


def agrees(request: Heard, seen: Seen) -> bool:
    """Whether the upstream received what was meant."""
    return (
        request.is_whole
        and (request.method, request.target, request.body) == (seen.method, seen.target, seen.body)
        and (seen.host is None or ("host", seen.host) in request.fields)
    )


@pytest.mark.parametrize("case", REFUSED, ids=str)
async def test_what_is_refused(case: Refused, server: Served, strict: StrictUpstream) -> None:
    """It reaches no upstream; a malformed body never looks complete there."""
    for cut in WAYS:
        received = await talk(server.port, behind(case.sent, BEHIND, cut))
        [answer] = read_answers(received, ["POST"])
        assert answer.status in case.statuses, cut
    assert strict.faults == []
    assert len(strict.heard) <= case.in_body * len(WAYS)
    assert not any(request.is_whole for request in strict.heard)


@pytest.mark.parametrize("case", RELAYED, ids=str)
async def test_what_is_answered(case: Answered, server: Served, strict: StrictUpstream) -> None:
    """The upstream receives exactly these requests, in the order in which they were sent."""
    expected = case.seen if case.closes else (*case.seen, Seen(target="/last"))
    for cut in WAYS:
        received = await talk(server.port, behind(case.sent, BEHIND if case.closes else LAST, cut))
        answers = read_answers(received, [seen.method for seen in expected])
        assert [answer.status for answer in answers] == [200] * len(expected), cut
        assert strict.faults == []
        assert len(strict.heard) == len(expected), cut
        assert all(map(agrees, strict.heard, expected)), (cut, strict.heard)
        strict.heard.clear()


@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http(data: bytes, server: Served, strict: StrictUpstream) -> None:
    await raw(server.port, data)
    assert (strict.heard, strict.faults) == ([], [])


async def test_mutants(server: Served, strict: StrictUpstream) -> None:
    """A few wrong bytes: each request that is relayed is answered once, and is valid."""
    chance = random.Random(4)
    sound = (
        get(b"/one", b"X: y", b"Connection: X")
        + post(b"hello", fields=[b"TE: trailers", b"Via: 1.1 a"])
        + chunked(end=b"2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n")
    )

    async def answered(data: bytes) -> int:
        received, relayed = await raw(server.port, data), 0
        while received:
            answer, received = read_answer(received, "GET")
            assert answer.status in (200, 400, 408, 413, 417, 501, 505), f"{answer} to {data!r}"
            relayed += answer.status == 200
        return relayed

    sent = [mutant(chance, sound) + LAST for _ in range(200)]
    relayed = sum(await asyncio.gather(*map(answered, sent)))
    assert strict.faults == []
    assert sum(request.is_whole for request in strict.heard) == relayed
    assert relayed > 200


HIDDEN = {
    "in a length": post(BEHIND),
    "in chunks": chunked(BEHIND, BEHIND[:20]),
    "in an extension": chunked(end=b'5;a="GET /smuggled HTTP/1.1"\r\nhello\r\n0\r\n\r\n'),
    "in a trailer": chunked(end=b"0\r\nX: GET /smuggled HTTP/1.1\r\n\r\n"),
    "in the body of a GET": get(b"/", b"Content-Length: %d" % len(BEHIND)) + BEHIND,
    "in a target": get(b"/?%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1"),
    "in a value": get(b"/", b"X: y HTTP/1.1  GET /smuggled HTTP/1.1"),
    "in chunks that look like heads": chunked(b"\r\n\r\n", BEHIND, b"0\r\n\r\n", BEHIND),
}


@pytest.mark.parametrize("request_", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("cut", WAYS)
async def test_a_request_inside_another(
    cut: str, request_: bytes, server: Served, strict: StrictUpstream
) -> None:
    """It stays inside: both ends of the relay agree on what the body is."""
    received = await talk(server.port, behind(request_, LAST, cut))
    assert [answer.status for answer in read_answers(received, ["GET", "GET"])] == [200, 200]
    assert strict.faults == []
    assert [request.target for request in strict.heard][1:] == ["/last"]
    assert strict.heard[0].target != "/smuggled"


CUT_SHORT = {
    "a length": post(b"hel", length=5),
    "a length of which nothing came": post(b"", length=5),
    "chunks": chunked(b"hello", end=b""),
    "inside a chunk": chunked(end=b"5\r\nhel"),
    "before its CRLF": chunked(end=b"5\r\nhello"),
    "inside the last-chunk": chunked(b"hello", end=b"0\r\n"),
    "inside the trailers": chunked(b"hello", end=b"0\r\nX: y\r\n"),
    "a chunk that is none": chunked(b"hello", end=b"x\r\n"),
}


@pytest.mark.parametrize("leaves", [True, False], ids=["the client leaves", "it falls silent"])
@pytest.mark.parametrize("request_", CUT_SHORT.values(), ids=CUT_SHORT)
async def test_a_body_that_is_cut_never_looks_whole(
    request_: bytes, leaves: bool, serve: Serve, strict: StrictUpstream
) -> None:
    """Nothing else is sent on its connection: the next request has another one."""
    server = await serve(Proxy(f"http://127.0.0.1:{strict.port}"), body_timeout=0.05)
    await raw(server.port, request_, eof=leaves)
    assert b" 200 " in await raw(server.port, LAST)
    assert strict.faults == []
    assert [request.target for request in strict.heard if request.is_whole] == ["/last"]
    assert len(strict.heard) <= 2
