"""Whether two bodies are the same, however they travelled."""

from lab.client.conftest import Measure
from streamserver.lab.client.client import Ask, Client
from streamserver.lab.client.record import Record
from streamserver.lab.target.app import make_target
from streamserver.wire.chunked import LAST_CHUNK, encode
from support.inprocess import Serve

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream\r\n\r\n"


async def digest(measure: Measure, answer: bytes) -> str:
    async with measure(digest=True) as exchange:
        await exchange.connection.send(answer)
        return (await exchange.record()).digest


async def asked(url: str, *, digest: bool = False) -> Record:
    client = Client(Ask(url), digest=digest)
    record = await client.exchange()
    client.close()
    return record


async def test_framing_and_comments_are_not_compared(measure: Measure) -> None:
    body = b"data: 1\n\ndata: 2\n\n"
    whole = await digest(measure, EVENTS + encode(body) + LAST_CHUNK)
    cut = await digest(
        measure, EVENTS + encode(body[:3]) + encode(b"a: 1\n\n: beat\n\ndata: 2\n\n") + LAST_CHUNK
    )
    other = await digest(measure, EVENTS + encode(b"data: 1\n\ndata: 3\n\n") + LAST_CHUNK)
    assert len({whole, cut}) == 1
    assert other not in ("", whole)


async def test_what_has_no_events_is_compared_by_its_bytes(measure: Measure) -> None:
    head = HEAD + b"\r\n"
    one = await digest(measure, head + encode(b"12") + encode(b"3") + LAST_CHUNK)
    assert one == await digest(measure, head + encode(b"123") + LAST_CHUNK)
    assert one != await digest(measure, head + encode(b"124") + LAST_CHUNK)


async def test_two_stamped_streams_of_one_command_are_the_same(serve: Serve) -> None:
    served = await serve(make_target())
    url = f"{served.url}/sse?count=3&gap=0.001&stamps=1&seed=1"
    one, other, longer = [await asked(f"{url}{more}", digest=True) for more in ("", "", "&size=33")]
    assert one.stamps != other.stamps
    assert one.digest == other.digest != longer.digest


async def test_there_is_none_unless_it_is_wanted(serve: Serve) -> None:
    served = await serve(make_target())
    assert (await asked(f"{served.url}/sse?count=1")).digest == ""
