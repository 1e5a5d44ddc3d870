"""Requests as they stand on the wire, to the byte."""

from collections.abc import Sequence

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
"""What proves that a connection is in step: it is answered as what it is, and ends it."""


def request(line: bytes, *fields: bytes) -> bytes:
    """A request without a body, of this request line and these field lines."""
    return b"\r\n".join((line, *fields, b"", b""))


def get(target: bytes, *fields: bytes) -> bytes:
    """A GET of this target with these field lines besides its Host."""
    return request(b"GET " + target + b" HTTP/1.1", b"Host: a", *fields)


def post(
    body: bytes, *, length: int | None = None, fields: Sequence[bytes] = (), target: bytes = b"/"
) -> bytes:
    """A POST with a Content-Length, which is that of the body unless another is given."""
    size = b"Content-Length: %d" % (len(body) if length is None else length)
    return request(b"POST " + target + b" HTTP/1.1", b"Host: a", size, *fields) + body


def chunked(
    *chunks: bytes,
    end: bytes = b"0\r\n\r\n",
    fields: Sequence[bytes] = (),
    target: bytes = b"/",
) -> bytes:
    """A POST in chunks, with the last-chunk behind them or what is given instead."""
    coding = b"Transfer-Encoding: chunked"
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return request(b"POST " + target + b" HTTP/1.1", b"Host: a", coding, *fields) + body + end
