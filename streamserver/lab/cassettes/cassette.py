"""The cassette file, version 1: how its entries are encoded and decoded.

A file holds one exchange, in UTF-8. Each line is one entry, a JSON object; times are in
nanoseconds::

    {"cassette":1,"at":"2026-01-31T12:00:00.000000Z","method":"POST","target":"/v1?key=REDACTED",
     "fields":[["host","a"]],"body":{"size":2,"sha256":"44136f...","text":"{}"}}
    {"after":41250113,"status":200,"fields":[["content-type","text/event-stream"]]}
    {"after":0,"text":"data: one\\n\\n"}
    {"after":50012345,"base64":"/w=="}
    {"after":31077,"end":"complete","reads":2,"bytes":12}

- The request (one line; broken only here), as the client sent it, with its secrets redacted. ``at``
  is the time of its arrival in UTC. ``size`` and ``sha256`` describe the redacted body; ``sha256``
  is null if the body was not complete. ``text`` is present if the body is UTF-8 and short.
- Interim heads, then the response head; none if the upstream sent none. A head has all fields,
  those of the connection and the framing included.
- One line for each read from the upstream that contained a part of the body: text if the part is
  UTF-8 by itself, otherwise base64.
- The end: one of ``UPSTREAM_ENDS`` or ``PARTIAL_ENDS``, with a reason in ``detail``. ``reads`` and
  ``bytes`` count the reads above and their bytes. ``trailers`` is present if the body had any.

``after`` is the time since the entry before; for the first head, since the relay received the
request's head. A slow client holds back the upstream, which these times contain. A reader of this
version ignores unknown members. A file without its last line feed is torn; the counts detect a loss
in the middle. The name of a file ends in ``.part`` until it is complete.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from streamserver.wire.fields import is_token
from streamserver.wire.heads import Fields, field_lines
from streamserver.wire.json_text import to_ascii_json, to_json

VERSION = 1
SUFFIX = ".jsonl"
PART_SUFFIX = ".part"
"""After ``SUFFIX``, in the name of a file that is not complete."""
MAX_LINE = 1024 * 1024
"""Bytes. A read has 64 KiB, of which JSON makes six times as much if it contains only NULs."""

PartialEnd = Literal["client_gone", "stalled", "expired", "drained", "refused", "limit", "behind"]
UPSTREAM_ENDS = ("complete", "truncated", "reset", "late", "unanswered")
"""The cassette has all that the upstream sent: the whole response, a part that was cut or violated
HTTP, a part before a reset, a part before a deadline of the relay, or no head."""
PARTIAL_ENDS = get_args(PartialEnd)
"""The upstream might have sent more: the client left, or stopped reading; the limit of the relay
for a stream's life passed; the relay stopped; the request violated a rule; the cassette reached its
limit; the disk was too slow."""


class CassetteError(ValueError):
    """A file is not a cassette; the message says why."""


class RequestBody(NamedTuple):
    """The body of the request; ``size`` in bytes."""

    size: int
    sha256: str | None
    text: str | None = None


class RequestEntry(NamedTuple):
    """The request."""

    at: str
    method: str
    target: str
    fields: Fields
    body: RequestBody


class HeadEntry(NamedTuple):
    """A response head; with a status below 200 an interim one."""

    after: int
    status: int
    fields: Fields


class ReadEntry(NamedTuple):
    """What one read from the upstream contained of the body."""

    after: int
    data: bytes


class EndEntry(NamedTuple):
    """How the response ended."""

    after: int
    end: str
    reads: int
    bytes: int
    detail: str = ""
    trailers: Sequence[tuple[str, str]] = ()

    @property
    def is_partial(self) -> bool:
        """Whether the upstream might have sent more."""
        return self.end in PARTIAL_ENDS


Entry: TypeAlias = RequestEntry | HeadEntry | ReadEntry | EndEntry


# Encoding


def encode_read(after: int, data: bytes) -> str:
    """The line of a ``ReadEntry``; a fast path, for many thousand lines in a second."""
    try:
        return f'{{"after":{after},"text":{to_json(data.decode())}}}\n'
    except UnicodeDecodeError:
        return f'{{"after":{after},"base64":"{b64encode(data).decode()}"}}\n'


def encode(entry: Entry) -> str:
    """The line of an entry."""
    if isinstance(entry, ReadEntry):
        return encode_read(*entry)
    members = {k: v for k, v in entry._asdict().items() if v or k not in ("detail", "trailers")}
    if isinstance(entry, RequestEntry):
        body = {k: v for k, v in entry.body._asdict().items() if k != "text" or v is not None}
        members = {"cassette": VERSION} | members | {"body": body}
    return f"{to_json(members)}\n"


# Decoding


class Decoder:
    """Decodes one cassette from pieces of any size: ``feed`` them, then ``close``."""

    __slots__ = ("_bytes", "_last", "_lines", "_reads", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._lines = self._reads = self._bytes = 0
        self._last: Entry | None = None

    def feed(self, data: bytes) -> Iterator[Entry]:
        """The entries that are complete with this piece; each is decoded when it is requested, and
        all must be. CassetteError, with the line's number, if one is wrong."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._lines += 1
            try:
                entry = decode(line)
                self._check(entry)
            except CassetteError as error:
                raise CassetteError(f"line {self._lines}: {error}") from None
            self._last = entry
            yield entry
        if len(self._rest) > MAX_LINE:
            raise CassetteError(f"line {self._lines + 1} is longer than {MAX_LINE} bytes")

    def close(self) -> None:
        """End the file; CassetteError if it is torn."""
        if self._last is None and not self._rest:
            raise CassetteError("the file is empty")
        if not isinstance(self._last, EndEntry):
            raise CassetteError(f"the file is torn: there is no end after {self._reads} reads")
        if self._rest:
            raise CassetteError(f"line {self._lines + 1}: an entry follows the end")

    def _check(self, entry: Entry) -> None:
        """CassetteError if the entry must not follow the last one."""
        last = self._last
        if isinstance(entry, RequestEntry) is not (last is None):
            raise CassetteError("the first entry, and no other, must be the request")
        if isinstance(last, EndEntry):
            raise CassetteError("an entry follows the end")
        has_head = (
            last.status >= 200 if isinstance(last, HeadEntry) else isinstance(last, ReadEntry)
        )
        if isinstance(entry, HeadEntry) and has_head:
            raise CassetteError("the response has a second head")
        if isinstance(entry, ReadEntry):
            if not has_head:
                raise CassetteError("a read precedes the head")
            self._reads += 1
            self._bytes += len(entry.data)
        if isinstance(entry, EndEntry):
            if (entry.reads, entry.bytes) != (self._reads, self._bytes):
                counted = f"{entry.reads} reads and {entry.bytes} bytes"
                found = f"{self._reads} and {self._bytes}"
                raise CassetteError(f"the end counts {counted}, but the file has {found}")
            if entry.end == "complete" and not has_head:
                raise CassetteError("the response is complete but has no head")


def decode(line: bytes) -> Entry:
    """The entry of a line without its line feed; CassetteError if it is none."""
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        raise CassetteError("the line is not JSON") from None
    if not isinstance(members, dict):
        raise CassetteError("the line is not a JSON object")
    if "cassette" in members:
        return _request(members)
    after = _count(members, "after")
    if "text" in members:
        return ReadEntry(after, _text(members, "text").encode())
    if "base64" in members:
        try:
            return ReadEntry(after, b64decode(_text(members, "base64"), validate=True))
        except ValueError as error:
            raise CassetteError(f"base64 is invalid: {error}") from None
    if "status" in members:
        status = _count(members, "status")
        if not 100 <= status <= 999 or status == 101:
            raise CassetteError(f"status must be 100 to 999 and not 101, not {status}")
        return HeadEntry(after, status, _fields(members, "fields"))
    if "end" in members:
        return _end(members, after)
    raise CassetteError("the entry must be a head, a read or the end")


def _request(members: dict[str, Any]) -> RequestEntry:
    if members["cassette"] != VERSION:
        version = to_ascii_json(members["cassette"])[:40]
        raise CassetteError(f"cassette must be version {VERSION}, not {version}")
    body = members.get("body")
    if not isinstance(body, dict):
        raise CassetteError("body must be an object")
    sha256 = None if body.get("sha256") is None else _text(body, "sha256")
    text = _text(body, "text") if "text" in body else None
    method = _text(members, "method")
    if not is_token(method):
        raise CassetteError(f"method must be a token, not {method[:40]!r}")
    about = _text(members, "at"), method, _text(members, "target"), _fields(members, "fields")
    return RequestEntry(*about, RequestBody(_count(body, "size"), sha256, text))


def _end(members: dict[str, Any], after: int) -> EndEntry:
    end = _text(members, "end")
    if end not in (ends := (*UPSTREAM_ENDS, *PARTIAL_ENDS)):
        raise CassetteError(f"end must be one of {', '.join(ends)}, not {end[:40]!r}")
    detail = _text(members, "detail") if "detail" in members else ""
    trailers = _fields(members, "trailers") if "trailers" in members else ()
    return EndEntry(
        after, end, _count(members, "reads"), _count(members, "bytes"), detail, trailers
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise CassetteError(f"{name} must be a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CassetteError(f"{name} contains half a surrogate pair") from None
    return value


def _count(members: dict[str, Any], name: str) -> int:
    value = members.get(name)
    # A bool is an int in Python, and not in JSON.
    if type(value) is not int or not 0 <= value < 2**62:
        raise CassetteError(f"{name} must be a whole number from 0 to 2**62")
    return value


def _fields(members: dict[str, Any], name: str) -> Fields:
    try:
        fields = [(key.lower(), value) for key, value in members[name]]
        field_lines(fields)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CassetteError(f"{name} must be a list of fields, each [name, value]") from None
    return fields
