"""Conditional requests and byte ranges, for GET and HEAD (RFC 9110, sections 13 and 14).

A malformed If-Match fails the request; any other malformed condition or range is ignored.

Several ranges in one request are ignored too, as section 14.2 permits. A multipart/byteranges
response lets a short request ask for the same file hundreds of times (section 17.15), servers
have failed at merging such lists, and a client that resumes a download needs one range.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from streamserver.wire.fields import Headers, parse_http_date

_leading_tag = re.compile(r'[ \t,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|\Z)').match

# 19 digits hold an offset of 64 bits; int() of a longer text would take quadratic time.
_one_range = re.compile(r"bytes=[ \t,]*([0-9]{0,19})-([0-9]{0,19})[ \t,]*", re.I | re.A).fullmatch


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of a representation's current state (RFC 9110, section 8.8)."""

    etag: str
    """The entity tag as in its field: in double quotes, after ``W/`` if it is weak."""
    modified: int
    """Last-Modified in seconds since 1970."""


def precondition(headers: Headers, current: Validators) -> Literal[200, 304, 412]:
    """The status that a request's conditions demand (RFC 9110, section 13.2.2).

    412: If-Match or If-Unmodified-Since fails. 304: the client's copy is current. 200: neither.
    Entity tags have precedence over dates, which miss changes within a second.
    """
    listed = headers.get("if-match")
    if listed is not None:
        is_met = listed == "*" or (_is_strong(current.etag) and current.etag in entity_tags(listed))
    else:
        since = _date(headers, "if-unmodified-since")
        is_met = since is None or current.modified <= since
    if not is_met:
        return 412
    listed = headers.get("if-none-match")
    if listed is not None:
        is_current = listed == "*" or _opaque(current.etag) in map(_opaque, entity_tags(listed))
    else:
        since = _date(headers, "if-modified-since")
        is_current = since is not None and current.modified <= since
    return 304 if is_current else 200


def requested_range(headers: Headers, current: Validators, size: int) -> range | None:
    """The offsets that a GET requests, of a representation of ``size`` bytes (section 14.2).

    None: the whole, since the request has no range, one to ignore, or an If-Range for another
    state. An empty range: it cannot be satisfied, which is a 416.
    """
    field = headers.get("range")
    requested = None if field is None else _one_range(field)
    # An empty representation is sent whole: a Content-Range cannot describe it.
    if requested is None or size == 0 or not _is_same_state(headers, current):
        return None
    first, last = requested.groups()
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def content_range(selected: range, size: int) -> str:
    """Content-Range of a 206 or, if ``selected`` is empty, a 416 (RFC 9110, section 14.4)."""
    span = f"{selected.start}-{selected.stop - 1}" if selected else "*"
    return f"bytes {span}/{size}"


def entity_tags(value: str) -> list[str]:
    """The entity tags of a list, up to the first malformed member (RFC 9110, section 8.8.3).

    Entity tags are not quoted strings: a backslash does not escape, and commas may stand inside.
    """
    tags: list[str] = []
    position = 0
    while member := _leading_tag(value, position):
        tags.append(member[1])
        position = member.end()
    return tags


def coded_tag(etag: str, coding: str, is_weak: bool) -> str:
    """The entity tag of a representation in a content coding, made of the tag of the plain one.

    The two are different representations, so a strong tag must not be shared (section 8.8.3.3). A
    weak one may be, and a malformed one matches nothing. ``is_weak``: whether the coded bytes may
    differ each time.
    """
    if not _is_strong(etag) or not etag.endswith('"'):
        return etag
    return f'{"W/" if is_weak else ""}{etag[:-1]}-{coding}"'


def plain_tags(tags: Sequence[str], codings: Iterable[str]) -> dict[str, str]:
    """The tags of plain representations that ``coded_tag`` may have been given, each with the
    first of ``tags`` that was made of it."""
    endings = tuple(f'-{coding}"' for coding in codings)
    found: dict[str, str] = {}
    for tag in tags:
        if tag.endswith(endings):
            found.setdefault(tag[: tag.rindex("-")].removeprefix("W/") + '"', tag)
    return found


def _is_same_state(headers: Headers, current: Validators) -> bool:
    """If-Range (section 13.1.5): parts of two states must not be combined, so the comparison is
    strong, and a later date does not suffice."""
    value = headers.get("if-range")
    if value is None:
        return True
    if '"' in value:
        return _is_strong(current.etag) and current.etag == value
    return _date(headers, "if-range") == current.modified


def _is_strong(etag: str) -> bool:
    return not etag.startswith("W/")


def _opaque(etag: str) -> str:
    """The part that weak comparison compares (RFC 9110, section 8.8.3.2)."""
    return etag.removeprefix("W/")


def _date(headers: Headers, name: str) -> float | None:
    """The date in a field; a repeated field has none (section 13.1.3)."""
    values = headers.get_all(name)
    return parse_http_date(values[0]) if len(values) == 1 else None
