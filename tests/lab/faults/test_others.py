"""A fault affects its own exchange only: no other stream, no task, no descriptor."""

import asyncio
import ssl
from contextlib import suppress
from functools import partial

import pytest

from streamserver.kit.router import Router
from streamserver.lab.faults import filters
from streamserver.lab.faults.injection import FaultInjection
from streamserver.lab.target.app import make_target
from streamserver.server.exchange import Exchange
from support.asking import ask
from support.breaking import EVENTS, LAST, broken, chunks, three_events
from support.certificates import Certificate
from support.inprocess import Serve
from support.leaks import no_leaks
from support.producers import Producer
from support.rawsocket import connect
from support.requests import GET, get
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops

FAULTS = [
    *("truncate@event:1", "rst@event:1", "rst@byte:?", "stall@event:1:0.01", "stall@event:1"),
    *("garbage@event:?", "bad_chunk@event:1", "unfinished", "unfinished:0.01", "slow_close:0.01"),
    *("slow_close:60", "length:5", "length:500", "half_head", "truncate@end"),
    "stall@event:1:0.01,garbage@event:2,rst@event:2",
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_leaks_nothing_and_does_not_disturb_others(serve: Serve, fault: str) -> None:
    served = await serve(make_target())
    async with connect(served.port) as healthy:
        await healthy.send(get(b"/sse?count=100000&gap=0.005&size=1&seed=1"))
        await healthy.read_until(b"data:")
        async with no_leaks():
            async with connect(served.port) as client:
                await client.send(get(f"/sse?count=3&gap=0&fault={fault}".encode()))
                with suppress(TimeoutError, ConnectionResetError):
                    await client.read_until(timeout=0.1)
            await wait_until(lambda: served.ended and served.listener.connections == 1)
        count = healthy.received.count(b"data:")
        await healthy.read_until(lambda data: data.count(b"data:") > count)
        seqs = [int(one.split(b"\n")[0]) for one in healthy.received.split(b"id: ")[1:-1]]
        assert seqs == [*range(len(seqs))]


async def test_a_slot_is_free_again_after_each_fault(serve: Serve) -> None:
    served = await serve(make_target())
    for fault in FAULTS:
        ended = len(served.ended)
        target = f"/sse?slots=1&queue=0&count=3&gap=0&fault={fault}"
        async with connect(served.port) as client:
            await client.send(get(target.encode()))
            await client.read_until(b"HTTP/")
        await wait_until(partial(_more, served.ended, ended))
        assert (await ask(served, "/sse?slots=1&queue=0&count=1&gap=0")).status == 200


def _more(ended: list[Exchange], count: int) -> bool:
    return len(ended) > count


async def test_a_mounted_target_has_faults(serve: Serve) -> None:
    app = Router()
    app.mount("/lab", make_target())
    served = await serve(app)
    seen = await broken(served, "truncate@event:1", "/lab/sse?gap=0")
    assert (seen.body.count(b"data:"), served.ended[0].outcome) == (1, "truncated")


async def test_hundreds_of_broken_streams_leak_nothing(serve: Serve) -> None:
    served = await serve(make_target())
    kinds = ["truncate@event:?", "rst@byte:?", "bad_chunk@event:?", "half_head", "length:40"]

    async def one(n: int) -> None:
        fault = kinds[n % len(kinds)]
        await broken(served, f"{fault}&seed={n}", "/sse?count=5&gap=0.001&size=10")

    for begin in range(0, 400, 100):
        await asyncio.gather(*map(one, range(begin, begin + 100)))
    await wait_until(lambda: len(served.ended) == 400 and not served.listener.connections)
    outcomes = {str(exchange.outcome) for exchange in served.ended}
    assert outcomes <= {"truncated", "complete"}  # complete: the position was beyond the end
    assert sum(exchange.outcome == "truncated" for exchange in served.ended) > 250


@pytest.mark.parametrize("fault", ["stall@event:1", "unfinished", "garbage@event:1"])
async def test_the_producer_ends_with_its_client(serve: Serve, fault: str) -> None:
    producer = Producer(talks=fault[0] != "u")
    served = await serve(FaultInjection(producer.answer))
    async with connect(served.port) as client:
        await client.send(get(b"/?fault=" + fault.encode().replace(b"event", b"chunk")))
        await wait_until(lambda: producer.began)
        await client.read_until(b"\r\n\r\n")
    await wait_until(lambda: producer.ended)
    assert served.ended[0].outcome == "client_gone"


@pytest.mark.parametrize("fault", ["truncate@chunk:3", "rst@chunk:3", "bad_chunk@chunk:3"])
async def test_a_break_closes_the_producer(serve: Serve, fault: str) -> None:
    producer = Producer(talks=True)
    served = await serve(FaultInjection(producer.answer))
    seen = await broken(served, fault)
    assert seen.body.startswith(chunks(b"piece", b"piece", b"piece"))
    await wait_until(lambda: producer.ended)
    assert producer.ended is producer.began


async def test_a_client_that_leaves_before_a_slow_close_is_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "LOOK", 0.01)
    looks = []
    close_late = filters._wait_and_close

    def counted(exchange: Exchange, seconds: float) -> None:
        looks.append(seconds)
        close_late(exchange, seconds)

    monkeypatch.setattr(filters, "_wait_and_close", counted)
    served = await serve(FaultInjection(three_events))
    async with connect(served.port) as client:
        await client.send(get(b"/?fault=slow_close:60"))
        await client.read_until(LAST)
        await wait_until(lambda: len(looks) > 2)
        assert served.listener.connections == 1
    await wait_until(lambda: not served.listener.connections)
    seen = len(looks)
    await asyncio.sleep(0.05)
    assert len(looks) <= seen + 1


async def test_a_slow_client_receives_what_precedes_a_reset(serve: Serve) -> None:
    """A reset discards what the server has not sent."""
    served = await serve(make_target())
    async with connect(served.port, receive_buffer=4096) as client:
        await client.send(get(b"/raw?count=40&gap=0&size=100000&fault=rst@byte:3000000"))
        with pytest.raises(ConnectionResetError):
            await client.read_until()
        assert served.ended[0].bytes_sent == 3_000_000
        # The reset may still discard what is in the client's receive buffer.
        assert len(client.received) > 1_000_000


@pytest.mark.parametrize("fault", ["rst@byte:3000000", "truncate@byte:3000000", "length:5"])
async def test_a_client_that_reads_nothing_is_cut(serve: Serve, fault: str) -> None:
    served = await serve(make_target(), write_timeout=0.2)
    async with connect(served.port, receive_buffer=4096) as client:
        await client.send(get(f"/raw?count=100&gap=0&size=100000&fault={fault}".encode()))
        await wait_until(lambda: served.ended and not served.listener.connections)
    assert served.ended[0].outcome in ("stalled", "truncated")


async def test_over_tls(serve: Serve, certificate: Certificate) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.cert, certificate.key)
    served = await serve(FaultInjection(three_events), tls=tls)
    trusting = ssl.create_default_context(cafile=certificate.cert)

    async def seen(fault: str) -> tuple[bytes, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=trusting)
        writer.write(get(f"/?fault={fault}".encode(), b"Connection: close"))
        data, end = b"", "end"
        try:
            while part := await reader.read(65536):
                data += part
        except ConnectionResetError:
            end = "reset"
        writer.transport.abort()
        return data.partition(b"\r\n\r\n")[2], end

    assert await seen("truncate@event:2") == (chunks(*EVENTS[:2]), "end")
    assert await seen("rst@event:2") == (chunks(*EVENTS[:2]), "reset")
    assert await seen("slow_close:0.01") == (chunks(*EVENTS) + LAST, "end")
    assert await seen("unfinished:0.01") == (chunks(*EVENTS), "end")
    assert await seen("length:5") == (b"".join(EVENTS), "end")
    assert await seen("half_head:9") == (b"", "end")


async def test_a_connection_is_kept_after_a_fault_that_breaks_nothing(
    serve: Serve,
) -> None:
    served = await serve(FaultInjection(three_events))
    async with connect(served.port) as client:
        for fault in (b"stall@event:1:0", b"garbage@event:1", b"truncate@event:9"):
            await client.send(get(b"/?fault=" + fault))
            await client.read_until(LAST)
            client.received = b""
        await client.send(get(b"/?fault=truncate@event:1"))
        await client.read_until()
        assert client.received.endswith(chunks(EVENTS[0]))


async def test_a_request_after_an_announced_close_is_not_answered(serve: Serve) -> None:
    served = await serve(FaultInjection(three_events))
    async with connect(served.port) as client:
        await client.send(get(b"/?fault=slow_close:0.1") + GET)
        await client.read_until()
        assert client.received.count(b"HTTP/1.1 200") == 1
    assert len(served.ended) == 1


async def test_shutdown_does_not_wait_for_a_stall(serve: Serve) -> None:
    served = await serve(FaultInjection(three_events))
    async with connect(served.port) as stalled, connect(served.port) as late:
        await stalled.send(get(b"/?fault=stall@event:1"))
        await stalled.read_until(EVENTS[0])
        await late.send(get(b"/?fault=slow_close:60"))
        await late.read_until(LAST)
        await served.stop(grace=0.1)
        assert served.listener.connections == 0
    assert [str(exchange.outcome) for exchange in served.ended] == ["complete", "drained"]
