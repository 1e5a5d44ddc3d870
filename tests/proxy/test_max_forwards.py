"""Max-Forwards limits how many relays an OPTIONS request passes (RFC 9110, section 7.6.2)."""

import pytest

from support.answers import body, detail, statuses
from support.passing import CLOSE, VIA, lines, pass_on
from support.rawserver import RawServer
from support.rawsocket import raw
from support.relaying import StartRelay
from support.requests import LAST, request
from support.upstreams import has_caller


def asking(method: bytes, *fields: bytes, target: bytes = b"/") -> bytes:
    return request(method + b" " + target + b" HTTP/1.1", b"Host: a", *fields)


@pytest.mark.parametrize("target", [b"/", b"*", b"/one?q", b"http://b"])
@pytest.mark.parametrize("zero", [b"0", b"000"])
async def test_at_zero_the_relay_answers(
    zero: bytes, target: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay()
    sent = asking(b"OPTIONS", b"max-forwards: " + zero, CLOSE, target=target)
    received = await raw(server.port, sent)
    assert statuses(received) == [204]
    assert b"allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT" in lines(received)
    assert b"via:" not in received
    assert not has_caller(upstream)


async def test_a_body_does_not_put_the_connection_out_of_step(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(strip="/v1")
    sent = asking(b"OPTIONS", b"Max-Forwards: 0", b"Content-Length: 5") + b"hello" + LAST
    assert statuses(await raw(server.port, sent)) == [204, 404]
    assert not has_caller(upstream)


LOWERED = [(b"1", b"0"), (b"10", b"9"), (b"007", b"6"), (b"9" * 16, b"9" * 15 + b"8")]


@pytest.mark.parametrize(("given", "passed_on"), LOWERED)
async def test_above_zero_it_is_lowered_by_one(
    given: bytes, passed_on: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(forwarded="off")
    sent = asking(b"OPTIONS", b"X: y", b"Max-Forwards: " + given, b"Z: 1", CLOSE, target=b"*")
    passed = await pass_on(server, upstream, sent)
    assert lines(passed.up)[0] == b"OPTIONS * HTTP/1.1"
    assert passed.fields == [b"x: y", b"max-forwards: " + passed_on, b"z: 1", VIA]


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PROPFIND"])
async def test_for_other_methods_it_means_nothing(
    method: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    passed = await pass_on(await relay(), upstream, asking(method, b"Max-Forwards: 0", CLOSE))
    assert b"max-forwards: 0" in passed.fields


async def test_trace_stays_refused(relay: StartRelay, upstream: RawServer) -> None:
    sent = asking(b"TRACE", b"Max-Forwards: 0", CLOSE)
    assert statuses(await raw((await relay()).port, sent)) == [501]
    assert not has_caller(upstream)


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1.5", b"1, 2", b"x", b"\xb2", b"1" * 17])
async def test_what_is_no_number_is_refused(
    value: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    received = await raw((await relay()).port, asking(b"OPTIONS", b"Max-Forwards: " + value, CLOSE))
    assert statuses(received) == [400]
    assert detail(received) == "Max-Forwards must be 1 to 16 decimal digits"
    assert body(received)
    assert not has_caller(upstream)
