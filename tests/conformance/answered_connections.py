"""Connections that stay and connections that close, and requests that wait their turn."""

from conformance.cases import Answered, Seen, answered, field, whole


def old(*field_lines: bytes) -> bytes:
    """A GET in HTTP/1.0 with these fields."""
    return b"\r\n".join((b"GET / HTTP/1.0", *field_lines, b"", b""))


OLD = Seen(host=None)

STAYS: tuple[Answered, ...] = (
    *answered(
        "RFC 9112, 9.3",
        field,
        {
            "nothing said": (b"X: y", Seen()),
            "keep-alive": (b"Connection: keep-alive", Seen()),
            "a word that only holds close": (b"Connection: closed, not-close", Seen()),
            "an empty Connection": (b"Connection: , ,", Seen()),
        },
    ),
    *answered(
        "RFC 9112, C.2.2",
        whole,
        {
            "1.0 that asks for it": (old(b"Connection: keep-alive"), OLD),
            "1.0 that asks in another case": (old(b"Connection: Keep-Alive"), OLD),
            "1.0 that asks among others": (old(b"Connection: x, keep-alive"), OLD),
            "1.0 with a Host": (old(b"Host: a", b"Connection: keep-alive"), Seen()),
            "1.0 with a body": (
                old(b"Connection: keep-alive", b"Content-Length: 5") + b"hello",
                Seen(host=None, body=b"hello"),
            ),
        },
    ),
)

CLOSES: tuple[Answered, ...] = (
    *answered(
        "RFC 9112, 9.6",
        field,
        {
            "close": (b"Connection: close", Seen()),
            "close in another case": (b"Connection: CLOSE", Seen()),
            "close before whitespace": (b"Connection: close\t", Seen()),
            "close among others": (b"Connection: x, close, y", Seen()),
            "close on a line of its own": (b"Connection: x\r\nConnection: close", Seen()),
            "close and keep-alive": (b"Connection: keep-alive, close", Seen()),
        },
        closes=True,
    ),
    *answered(
        "RFC 9112, 9.3",
        whole,
        {
            "1.0 that says nothing": (old(), OLD),
            "1.0 with a Host": (old(b"Host: a"), Seen()),
            "1.0 with absolute-form": (b"GET http://b/ HTTP/1.0\r\n\r\n", Seen(host="b")),
            "1.0 that asks for both": (old(b"Connection: keep-alive, close"), OLD),
            "1.0 with a body": (
                b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
                Seen("POST", host=None, body=b"hello"),
            ),
            "1.0 that asks for an upgrade": (
                old(b"Connection: Upgrade", b"Upgrade: websocket"),
                OLD,
            ),
            "1.0 that knows no 100": (
                b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
                Seen("POST", host=None, body=b"hello"),
            ),
            "close behind a keep-alive": (
                field(b"Connection: keep-alive") + field(b"Connection: close"),
                (Seen(), Seen()),
            ),
            "1.0 behind 1.1": (field(b"X: y") + old(), (Seen(), OLD)),
        },
        closes=True,
    ),
    *answered(
        "RFC 9112, 6.1",
        whole,
        {
            "a stream for 1.0": (
                b"GET /stream HTTP/1.0\r\n\r\n",
                Seen(target="/stream", host=None),
            ),
            "a stream for 1.0 that would stay": (
                b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                Seen(target="/stream", host=None),
            ),
            "a stream for the last request": (
                b"GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                Seen(target="/stream"),
            ),
        },
        closes=True,
    ),
)

PIPELINED: tuple[Answered, ...] = (
    *answered(
        "RFC 9112, 9.3.2",
        whole,
        {
            "three requests": (
                b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3)),
                tuple(Seen(target=f"/{number}") for number in range(3)),
            ),
            "three bodies": (
                b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
                b"PUT /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\ntwo\r\n0\r\n\r\n"
                b"PATCH /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nthree",
                (
                    Seen("POST", "/1", body=b"one"),
                    Seen("PUT", "/2", body=b"two"),
                    Seen("PATCH", "/3", body=b"three"),
                ),
            ),
            "a stream between two": (
                b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
                b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
                (Seen(target="/1"), Seen(target="/stream"), Seen(target="/3")),
            ),
            "HEAD between two": (
                b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                b"HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                b"HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"
                b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
                (
                    Seen(target="/1"),
                    Seen("HEAD", "/2"),
                    Seen("HEAD", "/stream"),
                    Seen(target="/3"),
                ),
            ),
            "a slow one before a fast one": (
                b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
                (Seen(target="/slow"), Seen(target="/fast")),
            ),
            "a body unread between two": (
                b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
                (Seen(target="/1"), Seen("POST", "/unread"), Seen(target="/3")),
            ),
        },
    ),
    *answered(
        "RFC 9110, 10.1.1",
        whole,
        {
            "a 100 that need not be said": (
                b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                b"Content-Length: 5\r\n\r\nhello",
                Seen("POST", body=b"hello"),
            ),
            "a 100 for no body": (
                b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
                Seen(),
            ),
        },
    ),
)
