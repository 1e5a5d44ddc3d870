"""Response heads as they are read, for every cut."""

import pytest

from streamserver.wire.heads import CHUNKED
from streamserver.wire.response_heads import UNTIL_CLOSE, ResponseHead, read_response_head
from support.cutting import cuts
from support.request_heads import LIMIT
from support.response_heads import ok, read, read_pieces, response

LENGTH, CODING = ("content-length", "5"), ("transfer-encoding", "chunked")
CLOSE, KEEP = ("connection", "close"), ("connection", "keep-alive")
FIVE, CHUNKS = b"Content-Length: 5", b"Transfer-Encoding: chunked"

MEANINGS: list[tuple[bytes, ResponseHead]] = [
    # the status line: the reason phrase is optional
    (ok(FIVE), ResponseHead(200, [LENGTH], 1, 5)),
    (response(b"HTTP/1.1 301", FIVE), ResponseHead(301, [LENGTH], 1, 5)),
    (response(b"HTTP/1.1 200 ", FIVE), ResponseHead(200, [LENGTH], 1, 5)),
    (response(b"HTTP/1.1 404  Not\tFound: 1", FIVE), ResponseHead(404, [LENGTH], 1, 5)),
    (response("HTTP/1.1 500 Oriëntatieprobleem".encode(), FIVE), ResponseHead(500, [LENGTH], 1, 5)),
    (response(b"HTTP/1.1 999 \xff", FIVE), ResponseHead(999, [LENGTH], 1, 5)),
    # fields
    (
        ok(FIVE, b"X-Y:  1 \t", b"x-y:", b"SET-COOKIE: a=b:c;d", b"Z_!: a \t b"),
        ResponseHead(
            200,
            [LENGTH, ("x-y", "1"), ("x-y", ""), ("set-cookie", "a=b:c;d"), ("z_!", "a \t b")],
            1,
            5,
        ),
    ),
    (ok(FIVE, b"X: \xe9\xa0\x85"), ResponseHead(200, [LENGTH, ("x", "é\xa0\x85")], 1, 5)),
    # the body (RFC 9112, section 6.3)
    (ok(b"Content-Length:\t0042\t"), ResponseHead(200, [("content-length", "0042")], 1, 42)),
    (
        ok(b"Content-Length: " + b"9" * 16),
        ResponseHead(200, [("content-length", "9" * 16)], 1, 10**16 - 1),
    ),
    (ok(b"content-length:0"), ResponseHead(200, [("content-length", "0")], 1, 0)),
    (ok(CHUNKS), ResponseHead(200, [CODING], 1, CHUNKED)),
    (
        ok(b"TRANSFER-ENCODING:Chunked"),
        ResponseHead(200, [("transfer-encoding", "Chunked")], 1, CHUNKED),
    ),
    (ok(), ResponseHead(200, [], 1, UNTIL_CLOSE, False)),
    (
        ok(b"Content_Length: 5", b"Content-Length-X: 5"),
        ResponseHead(
            200, [("content_length", "5"), ("content-length-x", "5")], 1, UNTIL_CLOSE, False
        ),
    ),
    (ok(b"Connection: keep-alive"), ResponseHead(200, [KEEP], 1, UNTIL_CLOSE, False)),
    # repaired by a recipient: equal lengths are one (RFC 9112, section 6.3)
    *(
        (ok(b"X: y", *lengths), ResponseHead(200, [("x", "y"), LENGTH], 1, 5))
        for lengths in (
            *([b"Content-Length: 5, 5"], [b"Content-Length: 5,5 ,\t5"], [FIVE, FIVE]),
            *(
                [FIVE, b"content-length:\t5", b"Content-length: 5,5"],
                [b"Content-Length: 5,", b" 5"],
            ),
        )
    ),
    (ok(FIVE, b"X: \xe9", FIVE), ResponseHead(200, [LENGTH, ("x", "é")], 1, 5)),
    # whitespace before the colon is no part of the name (section 5.1)
    (
        ok(b"Content-Length : 5", b"X \t: y : z"),
        ResponseHead(200, [LENGTH, ("x", "y : z")], 1, 5),
    ),
    (ok(b"Transfer-Encoding\t: chunked"), ResponseHead(200, [CODING], 1, CHUNKED)),
    # a folded line belongs to the value before it (section 5.2)
    (
        ok(FIVE, b"X: y", b" z", b"\t\tContent-Length : 6", b"Y:", b" z"),
        ResponseHead(200, [LENGTH, ("x", "y z Content-Length : 6"), ("y", "z")], 1, 5),
    ),
    # the connection (RFC 9112, section 9.3)
    (ok(FIVE, b"Connection: close"), ResponseHead(200, [LENGTH, CLOSE], 1, 5, False)),
    (
        ok(CHUNKS, b"Connection: x", b"connection: , cLose"),
        ResponseHead(
            200, [CODING, ("connection", "x"), ("connection", ", cLose")], 1, CHUNKED, False
        ),
    ),
    (
        ok(FIVE, b"Connection: closed", b"Proxy-Connection: close"),
        ResponseHead(200, [LENGTH, ("connection", "closed"), ("proxy-connection", "close")], 1, 5),
    ),
    # a later version of HTTP/1 is processed as 1.1 (RFC 9110, section 2.5)
    (response(b"HTTP/1.2 200 OK", FIVE), ResponseHead(200, [LENGTH], 1, 5)),
    (response(b"HTTP/1.9 404", CHUNKS), ResponseHead(404, [CODING], 1, CHUNKED)),
    (response(b"HTTP/1.0 200 OK", FIVE), ResponseHead(200, [LENGTH], 0, 5, False)),
    (
        response(b"HTTP/1.0 200 OK", FIVE, b"Connection: keep-alive"),
        ResponseHead(200, [LENGTH, KEEP], 0, 5),
    ),
    (
        response(b"HTTP/1.0 200 OK", FIVE, b"Connection: keep-alive, close"),
        ResponseHead(200, [LENGTH, ("connection", "keep-alive, close")], 0, 5, False),
    ),
    (
        response(b"HTTP/1.0 200 OK", b"Connection: keep-alive"),
        ResponseHead(200, [KEEP], 0, UNTIL_CLOSE, False),
    ),
    # no body, independent of the fields
    (response(b"HTTP/1.1 100 Continue"), ResponseHead(100, [])),
    (response(b"HTTP/1.1 103 Early Hints", b"Link: </a>"), ResponseHead(103, [("link", "</a>")])),
    (response(b"HTTP/1.1 102 \xe9", FIVE), ResponseHead(102, [LENGTH])),
    (response(b"HTTP/1.1 204 No Content", FIVE), ResponseHead(204, [LENGTH])),
    (response(b"HTTP/1.1 304 Not Modified", FIVE), ResponseHead(304, [LENGTH])),
    (response(b"HTTP/1.1 304 Not Modified", CHUNKS), ResponseHead(304, [CODING])),
    (response(b"HTTP/1.1 304 Not Modified"), ResponseHead(304, [])),
    (response(b"HTTP/1.1 204 ", b"Connection: close"), ResponseHead(204, [CLOSE], 1, 0, False)),
    (response(b"HTTP/1.0 204 "), ResponseHead(204, [], 0, 0, False)),
]


@pytest.mark.parametrize(("data", "head"), MEANINGS)
def test_what_a_head_means(data: bytes, head: ResponseHead) -> None:
    for rest in (b"", b"\0", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n"):
        assert read_response_head(data + rest, "GET", LIMIT) == (head, rest)


@pytest.mark.parametrize(("data", "head"), MEANINGS)
def test_the_beginning_of_a_head_is_incomplete(data: bytes, head: ResponseHead) -> None:
    for end in range(len(data)):
        assert read_response_head(data[:end], "GET", LIMIT) == (None, data[:end])
    for pieces in cuts(data):
        assert read_pieces(pieces) == head, pieces


@pytest.mark.parametrize(("data", "head"), MEANINGS)
def test_no_body_answers_a_head_request(data: bytes, head: ResponseHead) -> None:
    """The connection persists even where a body would have ended with it."""
    heads = read(data, "HEAD")
    assert isinstance(heads, ResponseHead)
    assert heads == head._replace(length=0, keep_alive=heads.keep_alive)
    if head.length != UNTIL_CLOSE:
        assert heads.keep_alive == head.keep_alive


def test_a_head_request_keeps_its_connection() -> None:
    assert read(ok(), "HEAD") == ResponseHead(200, [])
    assert read(ok(b"Connection: close"), "HEAD") == ResponseHead(200, [CLOSE], keep_alive=False)
    assert read(ok(), "head") == ResponseHead(200, [], 1, UNTIL_CLOSE, False)
