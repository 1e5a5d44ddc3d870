"""Conditional requests and byte ranges: how much the client still needs (RFC 9110, 13 and 14).

Decisions over text and numbers; whoever holds the representation acts on them. They are
about GET and HEAD. What cannot be read falls on the safe side: a client that asks to be
guarded against a change is refused, one that asks to be spared a transfer gets it, and a
range that makes no sense is not there.

Several ranges in one request are ignored too, as section 14.2 permits, and the whole is
sent. A multipart/byteranges answer lets a few hundred bytes of request ask for the same
file hundreds of times over (section 17.15), servers have fallen over merging such lists,
and no client that resumes a download needs more than one range.
"""

import re
from dataclasses import dataclass
from typing import Literal

from streamserver.wire.fields import Headers, parse_http_date

_leading_tag = re.compile(r'[ \t,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|\Z)').match

# 19 digits hold the offset of any byte on any file system. What is longer is ignored like
# everything else that does not match, so that no number is ever made of it.
_one_range = re.compile(r"bytes=[ \t,]*([0-9]{0,19})-([0-9]{0,19})[ \t,]*", re.I | re.A).fullmatch


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one state of a representation from the next (RFC 9110, section 8.8).

    ``etag`` is the entity tag as its field has it: in double quotes, behind ``W/`` when weak.
    ``modified`` is Last-Modified in whole seconds since 1970, all that an HTTP date can say.
    """

    etag: str
    modified: int


def precondition(headers: Headers, current: Validators) -> Literal[200, 304, 412]:
    """The status that a request's conditions lead to, for GET and HEAD (RFC 9110, 13.2.2).

    412: the representation is not the one that the client insists on. 304: the client has
    it already. 200: neither, carry on. Tags outrank dates, which are blind within a second.
    """
    if not _is_insisted_on(headers, current):
        return 412
    return 304 if _is_in_the_clients_hands(headers, current) else 200


def requested_range(headers: Headers, current: Validators, size: int) -> range | None:
    """The offsets that a GET asks for, of a representation of ``size`` bytes (RFC 9110, 14.2).

    None: send it all, as no range is asked for, it is one to ignore, or If-Range says that
    the client's part belongs to another state. An empty range: cannot be satisfied, 416.
    """
    field = headers.get("range")
    asked = None if field is None else _one_range(field)
    # An empty representation has no byte to name in a Content-Range: it is sent as it is.
    if asked is None or size == 0 or not _may_continue(headers, current):
        return None
    first, last = asked.groups()
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def content_range(selected: range, size: int) -> str:
    """Content-Range for a 206 or, when ``selected`` is empty, a 416 (RFC 9110, section 14.4)."""
    span = f"{selected.start}-{selected.stop - 1}" if selected else "*"
    return f"bytes {span}/{size}"


def entity_tags(value: str) -> list[str]:
    """The entity tags in a list, up to the first member that is none (RFC 9110, section 8.8.3).

    Commas may stand inside a tag, backslashes do not escape: quoted strings are something else.
    """
    tags: list[str] = []
    position = 0
    while member := _leading_tag(value, position):
        tags.append(member[1])
        position = member.end()
    return tags


def _is_insisted_on(headers: Headers, current: Validators) -> bool:
    """If-Match, or else If-Unmodified-Since (sections 13.1.1 and 13.1.4)."""
    listed = headers.get("if-match")
    if listed is not None:
        return listed == "*" or (_is_strong(current.etag) and current.etag in entity_tags(listed))
    since = _date(headers, "if-unmodified-since")
    return since is None or current.modified <= since


def _is_in_the_clients_hands(headers: Headers, current: Validators) -> bool:
    """If-None-Match, or else If-Modified-Since (sections 13.1.2 and 13.1.3)."""
    listed = headers.get("if-none-match")
    if listed is not None:
        return listed == "*" or _opaque(current.etag) in map(_opaque, entity_tags(listed))
    since = _date(headers, "if-modified-since")
    return since is not None and current.modified <= since


def _may_continue(headers: Headers, current: Validators) -> bool:
    """If-Range (section 13.1.5): parts of two states must never be put together.

    So the tag has to be strong, and the date the very one: a later date proves nothing.
    """
    value = headers.get("if-range")
    if value is None:
        return True
    if '"' in value:
        return _is_strong(current.etag) and current.etag == value
    return _date(headers, "if-range") == current.modified


def _is_strong(etag: str) -> bool:
    return not etag.startswith("W/")


def _opaque(etag: str) -> str:
    """What weak comparison looks at (RFC 9110, section 8.8.3.2)."""
    return etag.removeprefix("W/")


def _date(headers: Headers, name: str) -> float | None:
    """A date that stands alone; a repeated one counts as none (section 13.1.3)."""
    values = headers.get_all(name)
    return parse_http_date(values[0]) if len(values) == 1 else None
