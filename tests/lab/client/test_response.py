"""The verdict on the head of a response, and the digest of its body."""

import pytest

from lab.client.conftest import Measure
from streamserver.lab.client.client import Client
from streamserver.lab.client.record import End, Record
from streamserver.lab.client.request import Expectation, RequestSpec
from streamserver.lab.client.response import SHOWN, content_coding, head_verdict, is_stream
from streamserver.lab.target.app import make_target
from streamserver.wire.chunked import LAST_CHUNK, encode
from streamserver.wire.fields import media_type
from streamserver.wire.response_heads import ResponseHead
from support.inprocess import Serve
from support.rawserver import RawServer

TYPE = "content-type"
EVENTS = (TYPE, "text/event-stream")
LINES = (TYPE, "application/x-ndjson")
JSON = (TYPE, "application/json")
GZIP = ("content-encoding", "gzip")


def head(status: int, *fields: tuple[str, str], length: int = 9) -> ResponseHead:
    return ResponseHead(status, [*fields], length=length)


@pytest.mark.parametrize(
    ("answer", "expectation", "end", "detail"),
    [
        (head(200), "anything", "complete", ""),
        (head(204, length=0), "anything", "complete", ""),
        (head(304, length=0), "anything", "complete", ""),
        (head(200, EVENTS), "answer", "complete", ""),
        (head(206, EVENTS), "events", "complete", ""),
        (head(200, LINES), "events", "complete", ""),
        (head(200, (TYPE, "text/plain")), "stream", "complete", ""),
        (head(404, EVENTS), "events", "refused", ""),
        *[
            (head(status, ("location", "/x")), "anything", "redirected", f"status {status}, ")
            for status in (300, 301, 302, 303, 307, 308)
        ],
        (head(301, ("location", "https://u:p@h/p?key=k")), "events", "redirected", ": https://h/p"),
        (head(302, ("location", "/x?a=//b@c#d")), "answer", "redirected", "not followed: /x"),
        (head(302), "anything", "redirected", "it has no Location"),
        *[
            (head(status, length=0), expectation, "no_stream", f"status {status}, where a stream")
            for status in (204, 205, 304)
            for expectation in ("stream", "events", "answer")
        ],
        (head(200, JSON), "answer", "no_stream", "status 200 with application/json, where"),
        (head(200, JSON), "stream", "no_stream", "status 200 with application/json, where"),
        (head(202), "events", "no_stream", "status 202 with no Content-Type, where"),
        (head(200, EVENTS, JSON), "events", "no_stream", "application/json"),
        (head(200, EVENTS, GZIP), "anything", "encoded", "encoded as gzip, which is not decoded"),
        (head(200, LINES, GZIP), "stream", "encoded", "Accept-Encoding: identity"),
        (head(200, EVENTS, ("content-encoding", "x-new")), "anything", "encoded", "as x-new,"),
        # Without events the body is not examined.
        (head(200, JSON, GZIP), "anything", "complete", ""),
        (head(200, EVENTS, GZIP, length=0), "anything", "complete", ""),
    ],
)
def test_the_verdict_on_a_head(
    answer: ResponseHead, expectation: Expectation, end: End, detail: str
) -> None:
    found, reason = head_verdict(answer, expectation) or ("complete", "")
    assert found == end
    assert detail in reason if detail else not reason


@pytest.mark.parametrize("name", ["location", "content-type", "content-encoding"])
def test_a_repeated_field_value_is_bounded(name: str) -> None:
    status = 301 if name == "location" else 200
    fields = {"content-type": "text/event-stream", name: "x" * 60_000}
    if name == "content-encoding":
        verdict = head_verdict(head(status, *fields.items()), "anything")
    else:
        verdict = head_verdict(head(status, *fields.items()), "events")
    assert verdict is not None
    assert "x" * SHOWN in verdict[1]
    assert "x" * (SHOWN + 1) not in verdict[1]


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([], ""),
        ([""], ""),
        (["none"], ""),
        (["None , identity,"], ""),
        (["identity", "none"], ""),
        (["GZip"], "gzip"),
        (["none, gzip"], "gzip"),
        (["br", "gzip"], "br, gzip"),
    ],
)
def test_codings_that_change_nothing_are_ignored(values: list[str], coding: str) -> None:
    assert content_coding(head(200, *[("content-encoding", value) for value in values])) == coding


@pytest.mark.parametrize(
    ("content_type", "expectations"),
    [
        ("text/event-stream", ("stream", "events", "answer")),
        ("Text/Event-Stream;charset=utf-8", ("stream", "events", "answer")),
        ("application/x-ndjson", ("stream", "events", "answer")),
        ("text/plain", ("stream",)),
        ("application/json-seq", ("stream",)),
        ("application/json", ()),
        ("application/json; charset=utf-8", ()),
        ("application/problem+json", ()),
        ("text/html", ()),
        ("", ()),
    ],
)
def test_media_types_of_streams(content_type: str, expectations: tuple[Expectation, ...]) -> None:
    every: tuple[Expectation, ...] = ("stream", "events", "answer")
    kind = media_type(content_type)
    assert tuple(one for one in every if is_stream(kind, one)) == expectations


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
STREAM = HEAD + b"Content-Type: text/event-stream\r\n\r\n"


async def digest(measure: Measure, answer: bytes) -> str:
    async with measure(digest=True) as exchange:
        await exchange.connection.send(answer)
        return (await exchange.record()).digest


async def fetch(url: str, *, digest: bool = False) -> Record:
    client = Client(RequestSpec(url), digest=digest)
    record = await client.exchange()
    client.close()
    return record


async def test_a_digest_ignores_framing_and_comments(measure: Measure) -> None:
    body = b"data: 1\n\ndata: 2\n\n"
    whole = await digest(measure, STREAM + encode(body) + LAST_CHUNK)
    cut = await digest(
        measure, STREAM + encode(body[:3]) + encode(b"a: 1\n\n: beat\n\ndata: 2\n\n") + LAST_CHUNK
    )
    other = await digest(measure, STREAM + encode(b"data: 1\n\ndata: 3\n\n") + LAST_CHUNK)
    assert len({whole, cut}) == 1
    assert other not in ("", whole)


async def test_without_events_the_digest_is_of_the_body(measure: Measure) -> None:
    head = HEAD + b"\r\n"
    one = await digest(measure, head + encode(b"12") + encode(b"3") + LAST_CHUNK)
    assert one == await digest(measure, head + encode(b"123") + LAST_CHUNK)
    assert one != await digest(measure, head + encode(b"124") + LAST_CHUNK)


async def test_two_stamped_streams_of_one_command_have_one_digest(serve: Serve) -> None:
    served = await serve(make_target())
    url = f"{served.url}/sse?count=3&gap=0.001&stamps=1&seed=1"
    one, other, longer = [await fetch(f"{url}{more}", digest=True) for more in ("", "", "&size=33")]
    assert one.stamps != other.stamps
    assert one.digest == other.digest != longer.digest


async def test_there_is_no_digest_by_default(serve: Serve) -> None:
    served = await serve(make_target())
    assert (await fetch(f"{served.url}/sse?count=1")).digest == ""


@pytest.mark.parametrize(
    ("body", "is_array"),
    [(b'[{\n  "candidates": [{"content": {}}]}\n]', True), (b"[{}]", False), (b"{}", False)],
)
async def test_the_array_that_gemini_streams_by_default_is_recognized(
    upstream: RawServer, measure: Measure, body: bytes, is_array: bool
) -> None:
    """A whole array is no stream of events, but its remedy is known."""
    spec = RequestSpec(upstream.url, "POST", body=b"{}", chat=True)
    fields = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with measure(spec) as exchange:
        await exchange.connection.send(b"HTTP/1.1 200 OK\r\n" + fields + encode(body) + LAST_CHUNK)
        record = await exchange.record()
    assert record.end == "no_stream"
    remedy = "Gemini streams events if the URL ends with :streamGenerateContent?alt=sse"
    assert record.detail.endswith(f", where a stream was requested: {remedy}") is is_array
