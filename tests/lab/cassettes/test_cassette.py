"""The file format: encoding, decoding in pieces of any size, and detection of torn files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.cassettes.cassette import (
    PARTIAL_ENDS,
    UPSTREAM_ENDS,
    CassetteError,
    Decoder,
    EndEntry,
    Entry,
    HeadEntry,
    ReadEntry,
    RequestBody,
    RequestEntry,
    decode,
    encode,
)
from support.cassettes import file_of, make_entries
from support.cutting import cuts, in_pieces

CASSETTE: list[Entry] = [
    RequestEntry(
        "2026-01-31T12:00:00.000000Z",
        "POST",
        "/v1?a=é",
        [("host", "a")],
        RequestBody(2, "44", "{}"),
    ),
    HeadEntry(7, 103, [("link", "<a>")]),
    HeadEntry(1, 200, [("content-type", "text/plain"), ("x-latin", "\xe9")]),
    ReadEntry(0, "data: Grüße \u2028\r\n\n".encode()),
    ReadEntry(50_012_345, b"\xff\0half a character: \xe4\xb8"),
    EndEntry(31_077, "complete", 2, 42, "", [("x-sum", "1")]),
]


def read(pieces: list[bytes]) -> list[Entry]:
    reader = Decoder()
    parts = [part for piece in pieces for part in reader.feed(piece)]
    reader.close()
    return parts


def test_decoding_reverses_encoding_wherever_the_file_is_cut() -> None:
    for pieces in cuts(file_of(CASSETTE)):
        assert read(pieces) == CASSETTE


def test_the_lines_of_a_file() -> None:
    lines = file_of(CASSETTE).decode().splitlines()
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
def test_any_bytes_survive(pieces: list[bytes], size: int) -> None:
    cassette = make_entries(*pieces, gap=1)
    assert read(in_pieces(file_of(cassette), size)) == cassette


def test_a_file_that_is_cut_at_any_byte_is_torn() -> None:
    whole = file_of(CASSETTE)
    for at in range(len(whole)):
        with pytest.raises(CassetteError, match=r"the file is torn: .*|the file is empty"):
            read([whole[:at]])


def test_a_lost_line_is_detected() -> None:
    """Except the end, which the test above removes."""
    lines = file_of(CASSETTE).splitlines(keepends=True)
    for lost in (0, 2, 3, 4):
        with pytest.raises(CassetteError, match=r"^line \d: "):
            read([*lines[:lost], *lines[lost + 1 :]])


HEAD = b'{"after":0,"status":200,"fields":[]}'
ASKED = encode(CASSETTE[0])[:-1].encode()
READ = b'{"after":0,"text":"a"}'
END = b'{"after":0,"end":"complete","reads":0,"bytes":0}'


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b"\0"], "line 1: the line is not JSON"),
        ([b"[" * 100_000], "line 1: the line is not JSON"),
        ([b"[]"], "line 1: the line is not a JSON object"),
        ([b"{}"], "line 1: after must be a whole number from 0 to 2**62"),
        ([b'{"cassette":2}'], "line 1: cassette must be version 1, not 2"),
        ([ASKED.replace(b"POST", b"P OST")], "line 1: method must be a token, not 'P OST'"),
        ([ASKED.replace(b'"body":', b'"bod":')], "line 1: body must be an object"),
        ([ASKED.replace(b'"host"', b'"ho st"')], "line 1: fields must be a list of fields"),
        ([ASKED.replace(b'"a"', b'"a\\r\\nb"')], "line 1: fields must be a list of fields"),
        ([ASKED, ASKED], "line 2: the first entry, and no other, must be the request"),
        ([HEAD], "line 1: the first entry, and no other, must be the request"),
        ([ASKED, HEAD, HEAD], "line 3: the response has a second head"),
        ([ASKED, b'{"after":0,"text":"a"}'], "line 2: a read precedes the head"),
        ([ASKED, HEAD, READ, HEAD], "line 4: the response has a second head"),
        ([ASKED, HEAD, b'{"after":-1,"text":"a"}'], "line 3: after must be a whole number"),
        ([ASKED, HEAD, b'{"after":true,"text":"a"}'], "line 3: after must be"),
        ([ASKED, HEAD, b'{"after":0,"text":7}'], "line 3: text must be a string"),
        ([ASKED, HEAD, b'{"after":0,"text":"\\ud83d"}'], "line 3: text contains half a surrogate"),
        ([ASKED, HEAD, b'{"after":0,"base64":"?"}'], "line 3: base64 is invalid"),
        ([ASKED, HEAD, b'{"after":0}'], "line 3: the entry must be a head, a read or the end"),
        ([ASKED, HEAD.replace(b"200", b"99")], "line 2: status must be 100 to 999 and not 101"),
        ([ASKED, HEAD.replace(b"200", b"101")], "line 2: status must be 100 to 999 and not 101"),
        ([ASKED, HEAD, END.replace(b"complete", b"well")], "line 3: end must be one of complete, "),
        ([ASKED, HEAD, END.replace(b'"reads":0', b'"reads":1')], "line 3: the end counts 1 reads"),
        ([ASKED, HEAD, END, HEAD], "line 4: an entry follows the end"),
        ([ASKED, END], "line 2: the response is complete but has no head"),
    ],
)
def test_an_error_names_the_line(lines: list[bytes], why: str) -> None:
    with pytest.raises(CassetteError) as error:
        read([b"\n".join([*lines, b""])])
    assert str(error.value).startswith(why)


def test_the_length_of_a_line_is_limited() -> None:
    most = [b" " * 65536] * 16
    with pytest.raises(CassetteError, match="the file is torn"):
        read(most)
    with pytest.raises(CassetteError, match="line 1 is longer than 1048576 bytes"):
        read([*most, b" "])


def test_nothing_may_follow_the_end() -> None:
    with pytest.raises(CassetteError, match="line 7: an entry follows the end"):
        read([file_of(CASSETTE) + b"x"])


@pytest.mark.parametrize("end", [*UPSTREAM_ENDS, *PARTIAL_ENDS])
def test_the_ends(end: str) -> None:
    last = EndEntry(0, end, 0, 0, "why")
    assert decode(encode(last)[:-1].encode()) == last
    assert last.is_partial == (end in PARTIAL_ENDS)


def test_unknown_members_are_ignored() -> None:
    assert decode(b'{"after":1,"text":"a","colour":"red"}') == ReadEntry(1, b"a")
