"""The bytes of each fault on the wire, and how the connection ends."""

import asyncio
from time import monotonic

import pytest

from streamserver.lab.faults.injection import FaultInjection
from support.breaking import BODY, EVENTS, LAST, broken, broken_old, chunks, text, three_events
from support.inprocess import Serve, Served
from support.rawsocket import connect
from support.requests import get
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops

ZERO, ONE, TWO = EVENTS
NO_SIZE = {chunks(*EVENTS[:1]) + size + b"\r\nbroken\r\n" for size in (b"zz", b"-1", b"", b"g5")}
NO_SIZE.add(chunks(ZERO) + b"f" * 32 + b"\r\nbroken\r\n")


@pytest.fixture
async def stream(serve: Serve) -> Served:
    return await serve(FaultInjection(three_events))


@pytest.fixture
async def fixed(serve: Serve) -> Served:
    return await serve(FaultInjection(text))


def noted(served: Served) -> tuple[str, object]:
    """The outcome of the last exchange, and the faults in the access log."""
    exchange = served.ended[-1]
    return str(exchange.outcome), dict(exchange.attributes).get("fault")


BROKEN = [
    # the fault, the body with its framing, how the connection ends, what the log notes
    ("truncate@event:2", chunks(ZERO, ONE), "FIN", "truncate@event:2"),
    ("truncate@event:0", b"", "FIN", "truncate@event:0"),
    ("truncate@byte:12", chunks(ZERO, b"dat"), "FIN", "truncate@byte:12"),
    ("truncate@line:3", chunks(ZERO, ONE[:-1]), "FIN", "truncate@line:3"),
    ("truncate@chunk:1", chunks(ZERO), "FIN", "truncate@chunk:1"),
    ("truncate", chunks(*EVENTS), "FIN", "truncate@end"),
    ("truncate@end", chunks(*EVENTS), "FIN", "truncate@end"),
    ("rst@event:1", chunks(ZERO), "RST", "rst@event:1"),
    ("rst@event:0", b"", "RST", "rst@event:0"),
    ("rst@byte:10", chunks(ZERO, b"d"), "RST", "rst@byte:10"),
    ("rst", chunks(*EVENTS), "RST", "rst@end"),
    ("unfinished:0.01", chunks(*EVENTS), "FIN", "unfinished@end"),
    ("length:20", BODY, "FIN", "length:20"),
    ("length:30", BODY, "FIN", "length:30"),
    ("length:0", BODY, "FIN", "length:0"),
]


@pytest.mark.parametrize(("fault", "body", "end", "note"), BROKEN, ids=[one[0] for one in BROKEN])
async def test_a_broken_response_is_truncated_at_its_position(
    stream: Served, fault: str, body: bytes, end: str, note: str
) -> None:
    seen = await broken(stream, fault)
    assert seen.head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (seen.body, seen.end) == (body, end)
    assert await wait_until(lambda: stream.ended and noted(stream)) == ("truncated", note)


WHOLE = [
    ("truncate@event:4", chunks(*EVENTS) + LAST),
    ("rst@byte:28", chunks(*EVENTS) + LAST),
    ("stall@event:1:0.01", chunks(*EVENTS) + LAST),
    ("stall@byte:10:0", chunks(ZERO, b"d", ONE[1:], TWO) + LAST),
    ("slow_close:0.01", chunks(*EVENTS) + LAST),
    ("length:27", BODY),
]


@pytest.mark.parametrize(("fault", "body"), WHOLE, ids=[one[0] for one in WHOLE])
async def test_a_fault_that_breaks_nothing_leaves_the_response_complete(
    stream: Served, fault: str, body: bytes
) -> None:
    seen = await broken(stream, fault)
    assert (seen.body, seen.end) == (body, "FIN")
    assert await wait_until(lambda: stream.ended and noted(stream)[0]) == "complete"


async def test_a_chunk_with_an_invalid_size(stream: Served) -> None:
    seen = [(await broken(stream, f"bad_chunk@event:1&seed={seed}")).body for seed in range(30)]
    assert set(seen) == NO_SIZE
    assert {noted(stream)} == {("truncated", "bad_chunk@event:1")}


async def test_garbage_is_a_chunk_between_events(
    stream: Served,
) -> None:
    seen = await broken(stream, "garbage@event:1:4096&seed=5")
    before, _, rest = seen.body.partition(b"1002\r\n\xff")
    assert before == chunks(ZERO)
    assert rest[4095:] == b"\n\n\r\n" + chunks(ONE, TWO) + LAST
    assert not {*b"\r\n"} & {*rest[:4095]}
    assert noted(stream) == ("complete", "garbage@event:1")
    assert (await broken(stream, "garbage@event:1:4096&seed=5")).body == seen.body
    assert (await broken(stream, "garbage@event:1:4096&seed=6")).body != seen.body


TOGETHER = [
    # the fault, the body with its framing, how it ends, what the log notes
    ("truncate,rst", chunks(*EVENTS), "FIN", "truncate@end"),
    ("rst,truncate", chunks(*EVENTS), "RST", "rst@end"),
    ("truncate@event:1,rst@event:1", chunks(ZERO), "FIN", "truncate@event:1"),
    ("rst@event:1,truncate@event:1", chunks(ZERO), "RST", "rst@event:1"),
    ("truncate@event:2,rst@event:1", chunks(ZERO), "RST", "rst@event:1"),
    ("truncate@end,rst@event:1", chunks(ZERO), "RST", "rst@event:1"),
    ("rst@event:1,bad_chunk", chunks(ZERO), "RST", "rst@event:1"),
    ("stall@event:1:0,truncate@event:1", chunks(ZERO), "FIN", "stall@event:1,truncate@event:1"),
    ("truncate@event:1,stall@event:1:0", chunks(ZERO), "FIN", "truncate@event:1"),
    ("stall:0,truncate", chunks(*EVENTS), "FIN", "stall@end,truncate@end"),
    ("rst@event:1,unfinished:9", chunks(ZERO), "RST", "rst@event:1"),
    ("truncate@event:1,slow_close:9", chunks(ZERO), "FIN", "truncate@event:1"),
    ("stall:0,unfinished:0", chunks(*EVENTS), "FIN", "stall@end,unfinished@end"),
    ("truncate@byte:12,length:20", BODY[:12], "RST", "truncate@byte:12"),
]


@pytest.mark.parametrize(
    ("fault", "body", "end", "note"), TOGETHER, ids=[one[0] for one in TOGETHER]
)
async def test_several_faults_take_effect_in_the_order_of_position_and_of_the_request(
    stream: Served, fault: str, body: bytes, end: str, note: str
) -> None:
    seen = await broken(stream, fault)
    assert (seen.body, seen.end) == (body, end)
    assert await wait_until(lambda: stream.ended and noted(stream)) == ("truncated", note)


async def test_garbage_is_counted_by_the_faults_listed_before_it(stream: Served) -> None:
    """The first fault is the outermost filter."""
    junk = b"\xff\n\n"
    seen = await broken(stream, "truncate@event:2,garbage@event:1:1")
    assert seen.body == chunks(ZERO, junk)
    seen = await broken(stream, "garbage@event:1:1,truncate@event:2")
    assert seen.body == chunks(ZERO, junk, ONE)
    seen = await broken(stream, "garbage@event:1:1,garbage@event:1:1,garbage:1")
    assert seen.body == chunks(ZERO, junk, junk, ONE, TWO, junk) + LAST


HEADS = [("half_head", 0), ("half_head:5", 5), ("half_head:65536", -1)]


@pytest.mark.parametrize(("fault", "size"), HEADS, ids=[one[0] for one in HEADS])
async def test_half_a_head(stream: Served, fault: str, size: int) -> None:
    seen = await broken(stream, fault)
    whole = b"HTTP/1.1 200 OK\r\nx-lab-fault: %b\r\n" % fault.encode()
    whole += b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    half = whole[: size or len(whole) // 2]
    assert seen == (half, b"", "FIN")
    exchange = stream.ended[-1]
    assert (exchange.status, exchange.outcome, exchange.bytes_sent) == (0, "truncated", 0)


FIXED = [
    ("truncate@byte:10", 27, BODY[:10], "FIN"),
    ("rst@byte:10", 27, BODY[:10], "RST"),
    ("length_over:5", 32, BODY, "FIN"),
    ("length_under:5", 22, BODY, "FIN"),
    ("length_under:500", 0, BODY, "FIN"),
    ("length:7", 7, BODY, "FIN"),
    ("truncate", None, chunks(BODY), "FIN"),
    ("unfinished:0", None, chunks(BODY), "FIN"),
]


@pytest.mark.parametrize(("fault", "length", "body", "end"), FIXED, ids=[one[0] for one in FIXED])
async def test_a_body_of_known_length(
    fixed: Served, fault: str, length: int | None, body: bytes, end: str
) -> None:
    seen = await broken(fixed, fault)
    found = [line for line in seen.head.split(b"\r\n") if line.startswith(b"content-length")]
    assert found == ([] if length is None else [b"content-length: %d" % length])
    assert (seen.body, seen.end) == (body, end)
    assert await wait_until(lambda: fixed.ended and noted(fixed)[0]) == "truncated"


OLD = [
    ("truncate@event:1", ZERO, "RST"),  # since a FIN would signal completion
    ("rst@event:1", ZERO, "RST"),
    ("unfinished:0", BODY, "RST"),
    ("stall@event:1:0", BODY, "FIN"),
    ("slow_close:0", BODY, "FIN"),
    ("length:30", BODY, "FIN"),
]


@pytest.mark.parametrize(("fault", "body", "end"), OLD, ids=[one[0] for one in OLD])
async def test_a_client_of_http_1_0(stream: Served, fault: str, body: bytes, end: str) -> None:
    seen = await broken_old(stream, fault)
    assert (seen.body, seen.end) == (body, end)


async def test_http_1_0_has_no_bad_chunk(stream: Served) -> None:
    seen = await broken_old(stream, "bad_chunk@event:1")
    assert seen.head.startswith(b"HTTP/1.1 400 ")
    assert b"bad_chunk@event:1 needs HTTP/1.1" in seen.body


async def test_the_response_to_head_has_no_body_to_break(stream: Served) -> None:
    for fault in ("truncate@event:1", "rst@byte:0", "stall@event:0", "unfinished", "garbage"):
        seen = await broken(stream, fault, method=b"HEAD")
        assert (seen.body, seen.end, noted(stream)) == (b"", "FIN", ("complete", None))
    assert (await broken(stream, "half_head", method=b"HEAD")).head
    assert noted(stream)[0] == "truncated"


async def test_a_stall_sends_nothing_for_its_seconds(stream: Served) -> None:
    async with connect(stream.port) as client:
        await client.send(get(b"/?fault=stall@event:2:0.2"))
        await client.read_until(chunks(ZERO, ONE))
        began = monotonic()
        assert client.received.endswith(chunks(ONE))
        await client.read_until(chunks(TWO) + LAST)
        assert monotonic() - began > 0.15


@pytest.mark.parametrize("fault", [b"stall@event:2", b"unfinished", b"stall@end"])
async def test_a_fault_without_seconds_lasts_until_the_client_leaves(
    stream: Served, fault: bytes
) -> None:
    async with connect(stream.port) as client:
        await client.send(get(b"/?fault=" + fault))
        await client.read_until(chunks(ZERO, ONE))
        await asyncio.sleep(0.05)
        assert not stream.ended
    await wait_until(lambda: stream.ended)
    assert noted(stream)[0] == "client_gone"


async def test_a_slow_close_follows_the_end_of_the_body(stream: Served) -> None:
    async with connect(stream.port) as client:
        await client.send(get(b"/?fault=slow_close:0.2"))
        await client.read_until(LAST)
        began = monotonic()
        assert b"connection: close\r\n" in client.received
        assert noted(stream) == ("complete", "slow_close:0.2")  # before the connection is closed
        await client.read_until()
        assert monotonic() - began > 0.15
