"""The view of the wire: what a reader sees of each part."""

import gzip
import re
import zlib

import pytest

from streamserver.lab.cassettes.redaction import Mask
from streamserver.lab.inspect.recording import End, Read, Recording
from streamserver.lab.inspect.wire import MAX_LINES, MAX_SHOWN, WireView
from streamserver.wire.chunked import encode_all
from support.cutting import cuts, in_pieces

GET = b"GET /a?key=secret-1 HTTP/1.1\r\nhost: b\r\nauthorization: Bearer secret-2\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def shown(*reads: bytes, end: End = "complete", detail: str = "", width: int = 80) -> list[str]:
    """The lines of a response whose reads arrive 100 ms apart, without those of its request."""
    view = WireView(width=width)
    view.begin(GET)
    timed = [Read(n / 10, data) for n, data in enumerate(reads, 1)]
    lines = [line for read in timed for line in view.feed(read)]
    return [*lines, *view.end(Recording(GET, timed, end, len(reads) / 10, detail))]


def test_an_event_stream() -> None:
    first = CHUNKED + b"13\r\nid: 1\ndata: hello\n\n"
    assert shown(first, b"\r\n3\r\n:\n\n\r\n", b"0\r\na: b\r\n\r\n") == [
        "     100.0  status line       HTTP/1.1 200 OK\\r\\n               RFC 9112, 4",
        "            field             content-type: text/event-stream\\r\\n  RFC 9110, 8.3",
        "            field             transfer-encoding: chunked\\r\\n    RFC 9112, 6.1",
        "            end of the head   \\r\\n                              RFC 9112, 2.1",
        "            chunk size        13\\r\\n = 19 bytes                 RFC 9112, 7.1",
        "            event field       id: 1\\n                           HTML 9.2.6",
        "            event field       data: hello\\n                     HTML 9.2.6",
        "            blank line        \\n                                HTML 9.2.6",
        "     200.0  end of the chunk  \\r\\n                              RFC 9112, 7.1",
        "            chunk size        3\\r\\n = 3 bytes                   RFC 9112, 7.1",
        "            heartbeat         :\\n                               HTML 9.2.7",
        "            blank line        \\n                                HTML 9.2.6",
        "            end of the chunk  \\r\\n                              RFC 9112, 7.1",
        "     300.0  last-chunk        0\\r\\n                             RFC 9112, 7.1",
        "            trailer           a: b\\r\\n                          RFC 9112, 7.1.2",
        "            end of the body   \\r\\n                              RFC 9112, 7.1",
        "     300.0  end               the body is complete              RFC 9112, 6.3",
    ]


def test_the_request_without_its_secrets() -> None:
    view = WireView()
    assert [line[30:].split("  ")[0] for line in view.begin(GET + b"body")] == [
        "GET /a?key=REDACTED HTTP/1.1",
        "host: b",
        "authorization: REDACTED",
        "(4 bytes)",
    ]


def test_a_secret_that_the_response_repeats() -> None:
    view = WireView(mask=Mask([b"secret-2"]))
    view.begin(GET)
    lines = view.feed(Read(0.1, CHUNKED + encode_all([b"data: secret-2\n\n"])))
    assert "data: ********\\n" in "".join(lines)
    assert "secret-2" not in "".join(lines)


def test_a_part_that_is_cut_is_marked() -> None:
    lines = shown(CHUNKED + b"8", b"\r\ndata: ", b"1\n\r", b"\n")
    texts = [line[12:48].rstrip() for line in lines[4:]]
    assert (
        texts
        == [
            "chunk size        8 ...",
            "chunk size        ... \\r\\n = 8 bytes",
            "event field       data:  ...",
            "event field       ... 1\\n",
            "end of the chunk  \\r ...",
            "end of the chunk  ... \\n",
            "end               the body is comple",
        ][: len(texts)]
    )


def test_a_compressed_stream_is_shown_with_what_it_decodes_to() -> None:
    made = zlib.compressobj(wbits=31)
    first = made.compress(b"data: 1\n\n") + made.flush(zlib.Z_SYNC_FLUSH)
    rest = made.compress(b":\n\n") + made.flush()
    head = HEAD + b"content-encoding: gzip\r\n\r\n"
    lines = shown(head, first, rest[:1], rest[1:], end="closed")
    assert [line[:62].rstrip() for line in lines[4:]] == [
        f"     200.0  data              {len(first)} bytes of gzip, decoded 9",
        "              event field     data: 1\\n",
        "              blank line      \\n",
        "     300.0  data              1 byte of gzip, decoded 0",
        f"     400.0  data              {len(rest) - 1} bytes of gzip, decoded 3",
        "              heartbeat       :\\n",
        "              blank line      \\n",
        "     400.0  end               the server closed the connection",
    ]


def test_a_coding_that_cannot_be_decoded() -> None:
    head = HEAD + b"content-encoding: compress\r\ncontent-length: 3\r\n\r\nabc"
    assert "3 bytes of compress  " in shown(head)[-2]
    head = HEAD + b"content-encoding: gzip\r\n\r\n"
    assert "malformed" in " ".join(shown(head, b"no gzip at all", width=0)[4:])


@pytest.mark.parametrize(
    ("end", "head", "text"),
    [
        ("closed", CHUNKED, "the server closed the connection before the body was complete"),
        ("closed", HEAD + b"\r\n", "the server closed the connection"),
        ("closed", b"", "the server closed the connection"),
        ("reset", CHUNKED, "the connection was reset: why"),
        ("stopped", CHUNKED, "the inspector closed the connection: why"),
        ("timeout", CHUNKED, "nothing more was waited for: why"),
        ("failed", b"SSH-2.0", "the recording failed: why: it must begin with HTTP/1.1"),
    ],
)
def test_every_end_has_its_words(end: End, head: bytes, text: str) -> None:
    detail = "" if end == "closed" else "why"
    assert text in shown(head, end=end, detail=detail, width=0)[-1]


def test_nothing_of_the_peer_controls_the_terminal() -> None:
    hostile = b"HTTP/1.1 200 \x9b31m\r\na: \xc2\x9b1m\xe2\x80\xae\r\n\r\n\x1b[2J\x07\x00\xff"
    for line in shown(hostile, end="closed"):
        assert line.isascii()
        assert line.isprintable()
    assert "\\x1b[2J\\x07\\x00\\xff" in "".join(shown(hostile, end="closed"))


def test_long_parts_are_wrapped_and_bounded() -> None:
    data = b"data: " + b"x" * 5000
    lines = shown(HEAD + b"content-length: 5006\r\n\r\n" + data)
    assert max(map(len, lines)) <= 80
    assert " ... and 3006 bytes more ..." in "".join(line[30:] for line in lines)
    assert sum(line.count("x") for line in lines[4:]) == MAX_SHOWN - len("data: ")
    [line] = [one for one in shown(HEAD + b"\r\n" + data[:300], width=0) if "xxx" in one]
    assert data[:300].decode() in line


def test_a_narrow_terminal_still_shows_everything() -> None:
    lines = shown(CHUNKED, width=20)
    assert "content-type: text/event-stream\\r\\n" in "".join(line[30:] for line in lines)


def test_colours_are_only_added() -> None:
    reads = [Read(0.1, CHUNKED + encode_all([b"data: 1\n\n"])), Read(0.2, b"\x1b[0m")]
    plain, coloured = WireView(width=80), WireView(width=80, colour=True)
    for read in reads:
        without = [line.replace("\x1b[0m", "") for line in coloured.feed(read)]
        for code in ("1;36", "36", "2", "33", "32", "1;31"):
            without = [line.replace(f"\x1b[{code}m", "") for line in without]
        assert without == plain.feed(read)


@pytest.mark.parametrize("coding", [b"", b"content-encoding: gzip\r\n"])
def test_every_cut_can_be_shown(coding: bytes) -> None:
    body = b"id: 1\r\ndata: a\r\n\r\n: b\n\n"
    data = HEAD + coding + b"\r\n" + (gzip.compress(body) if coding else body)
    for pieces in cuts(data):
        lines = shown(*pieces, end="closed", width=0)
        texts = [re.sub(r" +(RFC|HTML) .*", "", line[30:]) for line in lines if "gzip" not in line]
        joined = "".join(re.sub(r"^\.\.\. | \.\.\.$", "", text) for text in texts)
        assert "id: 1\\r\\ndata: a\\r\\n\\r\\n: b\\n\\n" in joined


@pytest.mark.parametrize(
    "flood",
    [
        HEAD + b"\r\n" + b"\n" * 300_000,
        CHUNKED + b"1\r\na\r\n" * 50_000,
        HEAD + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"\n" * 10_000_000),
    ],
    ids=["lines", "chunks", "bomb"],
)
def test_a_flood_is_bounded(flood: bytes) -> None:
    lines = shown(*in_pieces(flood, 65536), end="stopped")
    assert len(lines) < MAX_LINES + 10
    assert lines[-2].strip() == f"no more than {MAX_LINES} parts are shown"
    assert "the inspector closed the connection" in lines[-1]
