"""What a conformance case is, and the short hand in which the tables are written.

Public suites for HTTP/1.1 servers agree on most of what must be refused, but each says it
in a program of its own. Here a case is data: bytes, the meaning RFC 9110 and RFC 9112 give
them, and the section that does. Where the standard leaves a choice the strict one is asked
for, since every leniency is a chance for a proxy in front to read the same bytes otherwise.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

BEHIND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
"""What a client may have sent behind its last request, and the server must never run."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that get one error, readable to its end, and then nothing more."""

    name: str
    rule: str
    """The section that asks for it."""
    sent: bytes
    statuses: tuple[int, ...]
    """Those that the standard allows here."""
    in_body: bool = False
    """Whether the head is sound, so that only reading the body finds the fault."""

    def __str__(self) -> str:
        return f"{self.name} ({self.rule})"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a handler is given for one request."""

    method: str = "GET"
    target: str = "/"
    host: str | None = "a"
    body: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()
    """Fields that must be among those given, names in lower case."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Bytes that a handler is given as these requests, in this order, and no others."""

    name: str
    rule: str
    sent: bytes
    seen: tuple[Seen, ...]
    closes: bool = False
    """Whether the last answer is the connection's last."""

    def __str__(self) -> str:
        return f"{self.name} ({self.rule})"


Build = Callable[[bytes], bytes]


def whole(data: bytes) -> bytes:
    """The bytes as they stand."""
    return data


def line(request_line: bytes) -> bytes:
    """A request with this request line, sound otherwise."""
    return request_line + b"\r\nHost: a\r\n\r\n"


def field(field_line: bytes) -> bytes:
    """A GET with this line among its fields."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + field_line + b"\r\nAccept: */*\r\n\r\n"


def host(value: bytes) -> bytes:
    """A GET for this Host."""
    return b"GET / HTTP/1.1\r\nHost: " + value + b"\r\n\r\n"


def post(field_line: bytes, body: bytes = b"hello") -> bytes:
    """A POST whose body is framed by this line."""
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + field_line + b"\r\n\r\n" + body


def length(value: bytes) -> bytes:
    """A POST of ``hello`` with this Content-Length."""
    return post(b"Content-Length: " + value)


def coding(value: bytes) -> bytes:
    """A POST of ``hello`` as one chunk, with this Transfer-Encoding."""
    return post(b"Transfer-Encoding: " + value, b"5\r\nhello\r\n0\r\n\r\n")


def chunked(body: bytes) -> bytes:
    """A POST with this body, which says that it is chunked."""
    return post(b"Transfer-Encoding: chunked", body)


def refused(
    rule: str,
    statuses: int | tuple[int, ...],
    build: Build,
    table: Mapping[str, bytes],
    *,
    in_body: bool = False,
) -> Iterator[Refused]:
    """The cases of one rule: each name with the part of the request that offends."""
    allowed = statuses if isinstance(statuses, tuple) else (statuses,)
    for name, part in table.items():
        yield Refused(name, rule, build(part), allowed, in_body)


def answered(
    rule: str,
    build: Build,
    table: Mapping[str, tuple[bytes, Seen] | tuple[bytes, tuple[Seen, ...]]],
    *,
    closes: bool = False,
) -> Iterator[Answered]:
    """The cases of one rule: each name with the part in question and what it means."""
    for name, (part, meaning) in table.items():
        seen = (meaning,) if isinstance(meaning, Seen) else meaning
        yield Answered(name, rule, build(part), seen, closes)
