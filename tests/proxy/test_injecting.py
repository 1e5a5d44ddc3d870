"""Fields that the relay is configured to add to every request, or to remove."""

from collections.abc import Sequence

import pytest

from support.answers import detail
from support.passing import CLOSE, VIA, fields_up, pass_on
from support.rawserver import RawServer
from support.rawsocket import raw
from support.relaying import StartRelay
from support.requests import get

KEY = "Bearer s3cret"


OVERRIDDEN: dict[str, Sequence[bytes]] = {
    "nothing": (),
    "the client's": (b"Authorization: Basic eDp5",),
    "the client's in another case": (b"AUTHORIZATION: Basic eDp5",),
    "several of the client's": (b"Authorization: 1", b"Authorization: 2"),
    "what Connection names": (b"Authorization: 1", b"Connection: Authorization"),
}


@pytest.mark.parametrize("sent", OVERRIDDEN.values(), ids=OVERRIDDEN)
async def test_what_is_injected_overrides(
    sent: Sequence[bytes], relay: StartRelay, upstream: RawServer
) -> None:
    """A client can neither override an injected field nor have it removed."""
    fields = await fields_up(relay, upstream, *sent, b"X: y", inject={"Authorization": KEY})
    assert fields == [b"x: y", b"authorization: Bearer s3cret", VIA]


async def test_several_are_injected_in_order(relay: StartRelay, upstream: RawServer) -> None:
    inject = {"X-Zulu": "1", "User-Agent": "us/1", "x-alpha": "a\tb, c: d"}
    assert await fields_up(relay, upstream, b"User-Agent: them", inject=inject) == [
        *(b"x-zulu: 1", b"user-agent: us/1", b"x-alpha: a\tb, c: d", VIA)
    ]


@pytest.mark.parametrize("forwarded", ["replace", "append", "off"])
async def test_the_fields_that_name_the_client_may_be_injected(
    forwarded: str, relay: StartRelay, upstream: RawServer
) -> None:
    """A relay behind a TLS terminator is configured with the values, which are sent once."""
    fields = await fields_up(
        relay,
        upstream,
        b"X-Forwarded-Proto: gopher",
        forwarded=forwarded,
        inject={"X-Forwarded-Proto": "https"},
    )
    expected = [line for line in fields if line.startswith(b"x-forwarded-proto:")]
    assert expected == [b"x-forwarded-proto: https"]


@pytest.mark.parametrize("name", ["Cookie", "cookie", "COOKIE"])
async def test_what_is_dropped(name: str, relay: StartRelay, upstream: RawServer) -> None:
    sent = (b"Cookie: a=1", b"X: y", b"cookie: b=2", b"Cookies: c")
    fields = await fields_up(relay, upstream, *sent, drop=[name, "X-Absent"])
    assert fields == [b"x: y", b"cookies: c", VIA]


UNDERSCORES = [b"X_Forwarded_For: 1.2.3.4", b"X_Api_Key: theirs", b"X-Api_Key: theirs"]


@pytest.mark.parametrize("line", UNDERSCORES, ids=bytes.decode)
async def test_a_name_with_underscores_is_removed_too(
    line: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """To CGI and WSGI it is the same letter as a hyphen (RFC 3875, section 4.1.18)."""
    fields = await fields_up(relay, upstream, line, b"X_Y: z", inject={"X-Api-Key": "ours"})
    assert fields == [b"x_y: z", b"x-api-key: ours", VIA]


FAULTS = {
    "it is refused": None,
    "the answer is no HTTP": b"SSH-2.0\r\n\r\n",
    "the answer is cut": b"HTTP/1.1 200 OK\r\nX: y",
    "there is no answer": b"",
}


@pytest.mark.parametrize("answer", FAULTS.values(), ids=FAULTS)
async def test_no_error_repeats_an_injected_value(
    answer: bytes | None,
    relay: StartRelay,
    upstream: RawServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It reaches neither the client nor the log."""
    server = await relay(inject={"Authorization": KEY})
    if answer is None:
        upstream.sock.close()
        received = await raw(server.port, get(b"/", CLOSE))
    else:
        passed = await pass_on(server, upstream, get(b"/", CLOSE), answer, closes=True)
        assert b"s3cret" in passed.up
        received = passed.down
    assert received.startswith(b"HTTP/1.1 502 ")
    assert detail(received).startswith("the upstream")
    assert b"s3cret" not in received
    assert "s3cret" not in caplog.text + repr(server.ended[0].error)
