"""Request heads as they are read, for every cut."""

import pytest

from streamserver.wire.heads import CHUNKED
from streamserver.wire.request_heads import RequestHead, read_request_head
from support.cutting import cuts
from support.request_heads import HOST, LIMIT, A, read, read_pieces

MEANINGS: list[tuple[bytes, RequestHead]] = [
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestHead("GET", "/", 1, A)),
    (
        b"GET /a%20b?c=d&e HTTP/1.1\r\nhost:a\r\nX-Y:  1 \t\r\nx-y:\r\nZ: \xe9:\t2\r\n\r\n",
        RequestHead("GET", "/a%20b?c=d&e", 1, [*A, ("x-y", "1"), ("x-y", ""), ("z", "é:\t2")]),
    ),
    (b"get!#$%&'*+.^_`|~9 / HTTP/1.1\r\n" + HOST, RequestHead("get!#$%&'*+.^_`|~9", "/", 1, A)),
    (
        b"GET //a/../b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        RequestHead("GET", "//a/../b", 1, [("host", "[::1]:80")]),
    ),
    # empty lines before it (RFC 9112, section 2.2)
    (b"\r\nGET / HTTP/1.1\r\n" + HOST, RequestHead("GET", "/", 1, A)),
    (b"\r\n\r\n\r\nGET / HTTP/1.1\r\n" + HOST, RequestHead("GET", "/", 1, A)),
    # the body (RFC 9112, section 6.3)
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\n\r\n",
        RequestHead("POST", "/", 1, [*A, ("content-length", "0012")], 12),
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999\r\n\r\n",
        RequestHead("POST", "/", 1, [*A, ("content-length", "9" * 16)], 10**16 - 1),
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        RequestHead("POST", "/", 1, [*A, ("transfer-encoding", "chunked")], CHUNKED),
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n",
        RequestHead("GET", "/", 1, [*A, ("content_length", "5"), ("transfer_encoding", "chunked")]),
    ),
    # the connection (RFC 9112, section 9.3)
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        RequestHead("GET", "/", 1, [*A, ("connection", "x, Close")], 0, False),
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nconnection: keep-alive\r\n\r\n",
        RequestHead(
            "GET", "/", 1, [*A, ("connection", "close"), ("connection", "keep-alive")], 0, False
        ),
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n",
        RequestHead("GET", "/", 1, [*A, ("connection", "closed")]),
    ),
    (b"GET / HTTP/1.0\r\n\r\n", RequestHead("GET", "/", 0, [], 0, False)),
    (
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        RequestHead("GET", "/", 0, [("connection", "Keep-Alive")]),
    ),
    (
        b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        RequestHead("GET", "/", 0, [("connection", "keep-alive, close")], 0, False),
    ),
    # a later version of HTTP/1 is processed as 1.1 (RFC 9110, section 2.5)
    (b"GET / HTTP/1.2\r\n" + HOST, RequestHead("GET", "/", 1, A)),
    (
        b"POST http://b/c HTTP/1.9\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: "
        b"100-continue\r\n\r\n",
        RequestHead(
            "POST",
            "/c",
            1,
            [("host", "b"), ("transfer-encoding", "chunked"), ("expect", "100-continue")],
            CHUNKED,
            True,
            True,
        ),
    ),
    # the expectation (RFC 9110, section 10.1.1): HTTP/1.0 has none
    (
        b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n",
        RequestHead(
            "PUT", "/", 1, [*A, ("expect", "100-Continue"), ("content-length", "5")], 5, True, True
        ),
    ),
    (
        b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        RequestHead("PUT", "/", 0, [("expect", "100-continue"), ("content-length", "5")], 5, False),
    ),
    # other targets (RFC 9112, section 3.2): the host comes from the target
    (b"OPTIONS * HTTP/1.1\r\n" + HOST, RequestHead("OPTIONS", "*", 1, A)),
    (
        b"OPTIONS http://b:81 HTTP/1.1\r\n" + HOST,
        RequestHead("OPTIONS", "*", 1, [("host", "b:81")]),
    ),
    (
        b"GET http://b:81/c?d HTTP/1.1\r\nX: 1\r\n" + HOST,
        RequestHead("GET", "/c?d", 1, [("host", "b:81"), ("x", "1")]),
    ),
    (b"GET HTTPS://b HTTP/1.1\r\n" + HOST, RequestHead("GET", "/", 1, [("host", "b")])),
    (b"GET http://b?c HTTP/1.1\r\n" + HOST, RequestHead("GET", "/?c", 1, [("host", "b")])),
]


@pytest.mark.parametrize(("data", "head"), MEANINGS)
def test_what_a_head_means(data: bytes, head: RequestHead) -> None:
    for rest in (b"", b"\0", b"\r\n\r\n", b"GET /2 HTTP/1.1\r\n"):
        assert read_request_head(data + rest, LIMIT, LIMIT) == (head, rest)


@pytest.mark.parametrize("data", [data for data, _ in MEANINGS])
def test_the_beginning_of_a_head_is_incomplete(data: bytes) -> None:
    for end in range(len(data)):
        head, kept = read_request_head(data[:end], LIMIT, LIMIT)
        assert head is None
        # The kept bytes with the rest mean the same as the whole.
        assert read(kept + data[end:]) == read(data)
    for pieces in cuts(data):
        assert read_pieces(pieces) == read(data), pieces


def test_an_absolute_form_in_http_1_0_names_the_host() -> None:
    """RFC 9112, section 3.2.2: there may be no Host field to replace."""
    head = read(b"GET http://b/ HTTP/1.0\r\n\r\n")
    assert isinstance(head, RequestHead)
    assert head.fields == [("host", "b")]
