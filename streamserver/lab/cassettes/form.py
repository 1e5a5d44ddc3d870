"""The text of a cassette, version 1: written, as a recording does, and read, as a replay does.

One file is one exchange, in UTF-8. Each line is a JSON object; times are in nanoseconds::

    {"cassette":1,"at":"2026-01-31T12:00:00.000000Z","method":"POST","target":"/v1?key=REDACTED",
     "fields":[["host","a"]],"body":{"size":2,"sha256":"44136f...","text":"{}"}}
    {"after":41250113,"status":200,"fields":[["content-type","text/event-stream"]]}
    {"after":0,"text":"data: one\\n\\n"}
    {"after":50012345,"base64":"/w=="}
    {"after":31077,"end":"complete","reads":2,"bytes":12}

- The first line (broken in two only here) is the request, as the client sent it and with its
  secrets redacted (see ``redaction``). ``at`` is when it came, in UTC. ``size`` and ``sha256`` are
  of the whole body in which secrets are overwritten, ``sha256`` null when it never was whole;
  ``text`` is there if the body is UTF-8 and short, for those who read the file.
- The head, after any interim ones; none, if the upstream never sent it. All its fields are there,
  those of the connection and of the framing too.
- A line for each read of the upstream that brought a part of the body: the part, as text where it
  is UTF-8 by itself, else in base64.
- The end: ``complete``; what the upstream did instead (``ENDS_OF_UPSTREAMS``), ``detail`` saying
  why; or why no more of it is known (``OTHER_ENDS``). ``reads`` and ``bytes`` count the lines above
  and their bytes. ``trailers`` are there where the body had any.

``after`` counts from the line before; for the head, from when the relay had the request's head. A
client that is slow holds the upstream back, which is in the times then. A reader of this version
skips members that it does not know.

A file without its last line, whole and with its line feed, is torn, wherever it was cut; the counts
tell if it lost something in the middle. Nobody should meet one: a cassette is written under a name
that ends in ``.part``, and gets its own when it is whole.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from streamserver.wire.fields import is_token
from streamserver.wire.heads import Fields, field_lines

VERSION = 1
MAX_LINE = 1024 * 1024
"""Bytes. A read has 64 KiB, of which JSON makes six times as much if all of it is NULs."""

EndOfUpstream = Literal["complete", "truncated", "reset", "late", "unanswered"]
OtherEnd = Literal["client_gone", "stalled", "expired", "drained", "refused", "limit", "behind"]
ENDS_OF_UPSTREAMS = get_args(EndOfUpstream)
"""All of it came; it was cut or broke the rules of HTTP; its connection was reset; a deadline of
the relay passed; there was no connection, or no head came over it."""
OTHER_ENDS = get_args(OtherEnd)
"""The client left; it took nothing; the relay's own limit of time passed; the relay was stopped;
the request broke a rule; the cassette was full; the disk was too slow."""

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Malformed(ValueError):
    """What is no cassette; the message says why."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is kept of a request's body."""

    size: int
    sha256: str | None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The request."""

    at: str
    method: str
    target: str
    fields: Fields
    body: Body


class Head(NamedTuple):
    """A head of the answer; below 200 it is an interim one."""

    after: int
    status: int
    fields: Fields


class Read(NamedTuple):
    """What one read brought of the body."""

    after: int
    data: bytes


class End(NamedTuple):
    """How it ended."""

    after: int
    end: str
    reads: int
    bytes: int
    detail: str = ""
    trailers: Sequence[tuple[str, str]] = ()

    @property
    def is_upstreams(self) -> bool:
        """Whether it is the upstream's own, so that all it ever said is there."""
        return self.end in ENDS_OF_UPSTREAMS


Part: TypeAlias = Asked | Head | Read | End


def read_line(after: int, data: bytes) -> str:
    """A read as its line: there may be many thousands of them in a second."""
    try:
        return f'{{"after":{after},"text":{encode_basestring(data.decode())}}}\n'
    except UnicodeDecodeError:
        return f'{{"after":{after},"base64":"{b64encode(data).decode()}"}}\n'


def line(part: Part) -> str:
    """A part as its line."""
    if isinstance(part, Read):
        return read_line(*part)
    if isinstance(part, Asked):
        members = _members_of_request(part)
    elif isinstance(part, Head):
        members = part._asdict()
    else:
        optional = {name for name in ("detail", "trailers") if not getattr(part, name)}
        members = {k: v for k, v in part._asdict().items() if k not in optional}
    return f"{_to_json(members)}\n"


def _members_of_request(asked: Asked) -> dict[str, Any]:
    body: dict[str, Any] = {"size": asked.body.size, "sha256": asked.body.sha256}
    if asked.body.text is not None:
        body["text"] = asked.body.text
    return {
        "cassette": VERSION,
        "at": asked.at,
        "method": asked.method,
        "target": asked.target,
        "fields": asked.fields,
        "body": body,
    }


def parse(text: bytes) -> Part:
    """The part that a line, without its line feed, is; Malformed if it is none."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("it is no JSON") from None
    if not isinstance(members, dict):
        raise Malformed("it is no JSON object")
    if "cassette" in members:
        return _request(members)
    after = _count(members, "after")
    if "text" in members:
        return Read(after, _text(members, "text").encode())
    if "base64" in members:
        try:
            return Read(after, b64decode(_text(members, "base64"), validate=True))
        except ValueError as error:
            raise Malformed(f"its base64 is none: {error}") from None
    if "status" in members:
        status = _count(members, "status")
        if not 100 <= status <= 999 or status == 101:
            raise Malformed(f"a status is 100 to 999 and not 101, but this one is {status}")
        return Head(after, status, _fields(members, "fields"))
    if "end" in members:
        return _end(members, after)
    raise Malformed("it is neither a head nor a read nor the end")


def _request(members: dict[str, Any]) -> Asked:
    if members["cassette"] != VERSION:
        version = json.dumps(members["cassette"])[:40]
        raise Malformed(f"it is a cassette of version {version}, and only {VERSION} can be read")
    body = members.get("body")
    if not isinstance(body, dict):
        raise Malformed("body is missing, or no object")
    whole = body.get("sha256") is not None
    told = _text(body, "text") if "text" in body else None
    method = _text(members, "method")
    if not is_token(method):
        raise Malformed(f"{method[:40]!r} is no method")
    return Asked(
        _text(members, "at"),
        method,
        _text(members, "target"),
        _fields(members, "fields"),
        Body(_count(body, "size"), _text(body, "sha256") if whole else None, told),
    )


def _end(members: dict[str, Any], after: int) -> End:
    end = _text(members, "end")
    if end not in (*ENDS_OF_UPSTREAMS, *OTHER_ENDS):
        raise Malformed(f"{end[:40]!r} is no end that is known")
    detail = _text(members, "detail") if "detail" in members else ""
    trailers = _fields(members, "trailers") if "trailers" in members else ()
    return End(after, end, _count(members, "reads"), _count(members, "bytes"), detail, trailers)


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise Malformed(f"{name} is missing, or no text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Malformed(f"{name} has half a character") from None
    return value


def _count(members: dict[str, Any], name: str) -> int:
    value = members.get(name)
    # bool is an int to Python, and not to JSON.
    if type(value) is not int or not 0 <= value < 2**62:
        raise Malformed(f"{name} is missing, or no whole number from 0 to 2**62")
    return value


def _fields(members: dict[str, Any], name: str) -> Fields:
    try:
        fields = [(key.lower(), value) for key, value in members[name]]
        field_lines(fields)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Malformed(f"{name} are missing, or no list of fields") from None
    return fields
