"""Last answers: they are read by clients that still send, and nothing comes after them.

A server that closes while bytes arrive makes the kernel answer those with a reset, which can
destroy the answer on its way. So it closes its side first and reads on for a while (RFC 9112,
section 9.6); how long is its own decision, never the client's.
"""

import contextlib
import itertools

import pytest

from conformance.cases import BEHIND, chunked
from conformance.hostility import unharmed
from conformance.talking import Echo, check_refusal, read_answers, send, talk
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.wire.problem import HTTPError
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import LAST
from support.waiting import wait_until

MEGABYTES = b"x" * (8 << 20)

STILL_SENDING = {
    "both lengths": (b"Content-Length: 8388608\r\nTransfer-Encoding: chunked", 400),
    "no length that counts": (b"Content-Length: +8388608", 400),
    "a body too large": (b"Content-Length: 8388608", 413),
    "a chunk without a size": (b"Transfer-Encoding: chunked", 400),
}


async def refuse(request: Request) -> Response:
    """A handler that wants no body."""
    raise HTTPError(403)


async def ignore(request: Request) -> Response:
    """A handler that looks at no body."""
    return Response(b"ok")


@pytest.mark.parametrize(("framing", "status"), STILL_SENDING.values(), ids=STILL_SENDING)
async def test_a_refusal_reaches_a_client_that_is_still_sending(
    framing: bytes, status: int, serve: Serve
) -> None:
    """The client sends all it has, 8 MiB, and only then looks for an answer."""
    server = await serve(Echo())
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n"
    received = await raw(server.port, head + MEGABYTES)
    [answer] = read_answers(received, ["POST"])
    check_refusal(answer, [status])


@pytest.mark.parametrize(("handler", "status"), [(refuse, 403), (ignore, 200)])
@pytest.mark.parametrize(
    "request_",
    [
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(MEGABYTES) + MEGABYTES,
        chunked((b"10000\r\n" + b"x" * 65536 + b"\r\n") * 128 + b"0\r\n\r\n"),
    ],
    ids=["length", "chunked"],
)
async def test_an_answer_reaches_a_client_whose_body_nobody_wants(
    handler: Handler, status: int, request_: bytes, serve: Serve
) -> None:
    """The same, when it is the handler that has no use for the body."""
    server = await serve(handler)
    received = await raw(server.port, request_ + BEHIND)
    [answer] = read_answers(received, ["PUT"])
    assert answer.status == status
    # How long a body in chunks will be is known only when it is too late to say so.
    assert answer.fields.get("connection") == "close" or b"chunked" in request_


async def test_a_refused_client_is_not_kept_for_ever(serve: Serve) -> None:
    """One that neither sends nor closes is closed after `linger` seconds."""
    server = await serve(Echo(), linger=0.1)
    async with connect(server.port) as client:
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        await client.read_until()
        await wait_until(lambda: server.listener.connections == 0)


async def test_a_refused_client_that_sends_for_ever_is_cut(serve: Serve) -> None:
    """More bytes do not make it linger longer."""
    server = await serve(Echo(), linger=0.1)
    async with unharmed(server), connect(server.port) as client:
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionError):
            await send(client, itertools.repeat(b"x" * 1000))


@pytest.mark.parametrize("target", [b"/unread", b"/slow"])
async def test_a_body_that_breaks_before_it_is_read(target: bytes, serve: Serve) -> None:
    """What follows the fault is no request and does no harm, whoever looks at the body when."""
    echo = Echo()
    server = await serve(echo)
    head = b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    received = await talk(server.port, [head, b"Z\r\n", b"hello\r\n", BEHIND, BEHIND])
    [answer] = read_answers(received, ["POST"])
    assert answer.status == (200 if target == b"/unread" else 400)
    # An answer that leaves before the fault has arrived cannot announce what follows from it.
    assert target == b"/unread" or answer.fields["connection"] == "close"
    assert len(echo.ran) == 1


async def test_a_refused_head_request_gets_no_body(serve: Serve) -> None:
    """HEAD forbids a body whatever the status (RFC 9110, section 9.3.2)."""
    server = await serve(Echo())
    received = await raw(server.port, b"HEAD / HTTP/1.1\r\n\r\n")
    [answer] = read_answers(received, ["HEAD"])
    assert answer.status == 400


async def test_what_comes_after_a_close_is_not_answered(serve: Serve) -> None:
    """Neither in the same packet nor later (RFC 9112, section 9.6)."""
    echo = Echo()
    server = await serve(echo)
    async with connect(server.port) as client:
        await client.send(LAST + BEHIND)
        with contextlib.suppress(ConnectionError):
            await send(client, [BEHIND, BEHIND])
        [answer] = read_answers(await client.read_until(), ["GET"])
    assert answer.status == 200
    assert echo.ran == ["GET /last"]


async def test_a_100_is_sent_when_the_body_is_first_read(serve: Serve) -> None:
    """The client that waits for it gets it once, then the answer (RFC 9110, section 10.1.1)."""
    server = await serve(Echo())
    async with connect(server.port) as client:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        await client.send(head)
        assert await client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hello" + LAST)
        first, last = read_answers(await client.read_until(), ["POST", "GET"])
    assert first.interim == (100,)
    assert first.json()["body"] == "hello"
    assert last.json()["target"] == "/last"


async def test_no_100_for_a_body_that_is_not_read(serve: Serve) -> None:
    """The final answer comes at once, and says that the connection ends with it."""
    server = await serve(Echo())
    received = await raw(
        server.port,
        b"POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    )
    [answer] = read_answers(received, ["POST"])
    assert answer.status == 200
    assert answer.interim == ()
    assert answer.fields["connection"] == "close"
