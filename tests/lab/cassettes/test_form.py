"""The text of a cassette: what it means, whatever pieces it is read in, and where it is torn."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.cassettes.form import (
    ENDS_OF_UPSTREAMS,
    OTHER_ENDS,
    Asked,
    Body,
    End,
    Head,
    Malformed,
    Part,
    Read,
    line,
    parse,
)
from streamserver.lab.cassettes.reading import Reader
from support.cassettes import made, text
from support.cutting import cuts, in_pieces

CASSETTE: list[Part] = [
    Asked("2026-01-31T12:00:00.000000Z", "POST", "/v1?a=é", [("host", "a")], Body(2, "44", "{}")),
    Head(7, 103, [("link", "<a>")]),
    Head(1, 200, [("content-type", "text/plain"), ("x-latin", "\xe9")]),
    Read(0, "data: Grüße \u2028\r\n\n".encode()),
    Read(50_012_345, b"\xff\0half a character: \xe4\xb8"),
    End(31_077, "complete", 2, 42, "", [("x-sum", "1")]),
]


def read(pieces: list[bytes]) -> list[Part]:
    reader = Reader()
    parts = [part for piece in pieces for part in reader.feed(piece)]
    reader.close()
    return parts


def test_a_cassette_is_read_as_it_was_written_wherever_it_is_cut() -> None:
    for pieces in cuts(text(CASSETTE)):
        assert read(pieces) == CASSETTE


def test_a_person_can_read_it() -> None:
    lines = text(CASSETTE).decode().splitlines()
    assert lines[0] == (
        '{"cassette":1,"at":"2026-01-31T12:00:00.000000Z","method":"POST","target":"/v1?a=é",'
        '"fields":[["host","a"]],"body":{"size":2,"sha256":"44","text":"{}"}}'
    )
    assert lines[2].startswith('{"after":1,"status":200,"fields":[["content-type","text/plain"],')
    assert '"text":"data: Grüße' in lines[3]
    assert json.loads(lines[-2])["base64"] == "/wBoYWxmIGEgY2hhcmFjdGVyOiDkuA=="
    assert lines[-1] == (
        '{"after":31077,"end":"complete","reads":2,"bytes":42,"trailers":[["x-sum","1"]]}'
    )


@given(st.lists(st.binary(min_size=1)), st.integers(1, 50))
def test_any_bytes_are_kept(pieces: list[bytes], size: int) -> None:
    cassette = made(*pieces, gap=1)
    assert read(in_pieces(text(cassette), size)) == cassette


def test_a_file_that_is_cut_at_any_byte_is_torn() -> None:
    whole = text(CASSETTE)
    for at in range(len(whole)):
        with pytest.raises(Malformed, match=r"it is torn: .* whole|it is empty"):
            read([whole[:at]])


def test_a_line_that_is_lost_is_missed() -> None:
    """Each line, the end apart, whose loss another test sees."""
    lines = text(CASSETTE).splitlines(keepends=True)
    for lost in (0, 2, 3, 4):
        with pytest.raises(Malformed, match=r"^line \d: "):
            read([*lines[:lost], *lines[lost + 1 :]])


HEAD = b'{"after":0,"status":200,"fields":[]}'
ASKED = line(CASSETTE[0])[:-1].encode()
END = b'{"after":0,"end":"complete","reads":0,"bytes":0}'


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b"\0"], "line 1: it is no JSON"),
        ([b"[" * 100_000], "line 1: it is no JSON"),
        ([b"[]"], "line 1: it is no JSON object"),
        ([b"{}"], "line 1: after is missing, or no whole number from 0 to 2**62"),
        ([b'{"cassette":2}'], "line 1: it is a cassette of version 2, and only 1 can be read"),
        ([ASKED.replace(b"POST", b"P OST")], "line 1: 'P OST' is no method"),
        ([ASKED.replace(b'"body":', b'"bod":')], "line 1: body is missing, or no object"),
        ([ASKED.replace(b'"host"', b'"ho st"')], "line 1: fields are missing, or no list"),
        ([ASKED.replace(b'"a"', b'"a\\r\\nb"')], "line 1: fields are missing, or no list"),
        ([ASKED, ASKED], "line 2: a request comes first, and only there"),
        ([HEAD], "line 1: a request comes first, and only there"),
        ([ASKED, HEAD, HEAD], "line 3: a head comes after the head"),
        ([ASKED, b'{"after":0,"text":"a"}'], "line 2: a read comes before the head"),
        ([ASKED, HEAD, b'{"after":-1,"text":"a"}'], "line 3: after is missing, or no whole number"),
        ([ASKED, HEAD, b'{"after":true,"text":"a"}'], "line 3: after is missing"),
        ([ASKED, HEAD, b'{"after":0,"text":7}'], "line 3: text is missing, or no text"),
        ([ASKED, HEAD, b'{"after":0,"text":"\\ud83d"}'], "line 3: text has half a character"),
        ([ASKED, HEAD, b'{"after":0,"base64":"?"}'], "line 3: its base64 is none"),
        ([ASKED, HEAD, b'{"after":0}'], "line 3: it is neither a head nor a read nor the end"),
        ([ASKED, HEAD.replace(b"200", b"99")], "line 2: a status is 100 to 999 and not 101"),
        ([ASKED, HEAD.replace(b"200", b"101")], "line 2: a status is 100 to 999 and not 101"),
        ([ASKED, HEAD, END.replace(b"complete", b"well")], "line 3: 'well' is no end that"),
        ([ASKED, HEAD, END.replace(b'"reads":0', b'"reads":1')], "line 3: it should be the end of"),
        ([ASKED, HEAD, END, HEAD], "line 4: something follows the end"),
        ([ASKED, END], "line 2: it is complete, but has no head"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(lines: list[bytes], why: str) -> None:
    with pytest.raises(Malformed) as error:
        read([b"\n".join([*lines, b""])])
    assert str(error.value).startswith(why)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    most = [b" " * 65536] * 16
    with pytest.raises(Malformed, match="it is torn"):
        read(most)
    with pytest.raises(Malformed, match="line 1: it is longer than 1048576 bytes"):
        read([*most, b" "])


def test_something_behind_the_end_is_refused() -> None:
    with pytest.raises(Malformed, match="line 7: something follows the end"):
        read([text(CASSETTE) + b"x"])


@pytest.mark.parametrize("end", [*ENDS_OF_UPSTREAMS, *OTHER_ENDS])
def test_the_ends(end: str) -> None:
    last = End(0, end, 0, 0, "why")
    assert parse(line(last)[:-1].encode()) == last
    assert last.is_upstreams == (end in ENDS_OF_UPSTREAMS)


def test_members_that_nobody_knows_are_skipped() -> None:
    assert parse(b'{"after":1,"text":"a","colour":"red"}') == Read(1, b"a")
