"""The fields of the head: the type, and what caches and hops are allowed to do.

A stream needs its type. All other fields are optional, and their absence is no fault.
"""

import re

from streamserver.lab.inspect.arrivals import apparent_kind, declared_kind
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.record import method_of
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import server
from streamserver.lab.inspect.verdict import Remedy, Verdict
from streamserver.wire.fields import media_type, split_list

TYPE, CACHING = "type", "caching"
TYPE_SECTION = "WHATWG HTML, section 9.2.3"
CACHING_SECTION = "RFC 9111, section 5.2.2"

_charset = re.compile(r';\s*charset\s*=\s*"?([^\s";]*)', re.IGNORECASE).search
_lifetime = re.compile(r'(?:s-maxage|max-age)="?([0-9]{1,18})').match
_TYPES = {"events": "text/event-stream", "lines": "application/x-ndjson"}
_LABELS = ("utf-8", "utf8", "unicode-1-1-utf-8")


def judge_type(evidence: Evidence) -> Verdict:
    """Whether Content-Type is that of the body: clients select their parser by it."""
    message = evidence.main
    declared, apparent = declared_kind(message), apparent_kind(message)
    value = dict(message.fields).get("content-type")
    if declared:
        charset = _charset(value or "")
        if charset and charset[1].lower() not in _LABELS:
            seen = f"Content-Type is {value!a}, but event streams and JSON lines are UTF-8"
            change = f"send Content-Type: {_TYPES[declared]} and encode as UTF-8"
            return Verdict(TYPE, "wrong", seen, TYPE_SECTION, (server(change),))
        return Verdict(TYPE, "ok", f"Content-Type is {value}", TYPE_SECTION)
    there = "there is no Content-Type" if value is None else f"Content-Type is {value!a}"
    if not apparent or (apparent == "lines" and value and _is_of_lines(value)):
        return Verdict(TYPE, "not seen", f"{there}, and the body is no event stream", TYPE_SECTION)
    what = "an event stream, which an EventSource refuses" if apparent == "events" else "JSON lines"
    change = f"send Content-Type: {_TYPES[apparent]}"
    return Verdict(
        TYPE, "wrong", f"{there}, but the body is {what}", TYPE_SECTION, _typed(message, change)
    )


def _is_of_lines(value: str) -> bool:
    """Whether a type has no meaning that lines of JSON contradict."""
    return media_type(value) in ("text/plain", "application/octet-stream", "application/json-seq")


def _typed(message: Message, change: str) -> tuple[Remedy, ...]:
    remedies = [server(change)]
    if "x-content-type-options" in dict(message.fields):
        remedies.append(server("X-Content-Type-Options: nosniff is kept: clients do not guess"))
    return tuple(remedies)


def judge_caching(evidence: Evidence) -> Verdict:
    """Whether the fields let caches store the stream, or ask nginx to buffer it."""
    fields = evidence.main.fields
    values = [value for name, value in fields if name == "cache-control"]
    directives = split_list(", ".join(values).lower())
    names = {one.partition("=")[0] for one in directives}
    if dict(fields).get("x-accel-buffering", "").lower() == "yes":
        change = server("send X-Accel-Buffering: no")
        seen = "X-Accel-Buffering is yes, which has nginx buffer the response"
        return Verdict(CACHING, "wrong", seen, CACHING_SECTION, (change,))
    lifetime = max((int(found[1]) for one in directives if (found := _lifetime(one))), default=0)
    is_stored = lifetime and not names & {"no-store", "no-cache"}
    kind = declared_kind(evidence.main) or apparent_kind(evidence.main)
    if is_stored and kind == "events" and method_of(evidence.main.recording.request) == "GET":
        seen = f"Cache-Control is {', '.join(values)!a}: a cache may repeat the stream to others"
        change = server("send Cache-Control: no-cache, no-transform")
        return Verdict(CACHING, "wrong", seen, CACHING_SECTION, (change,))
    seen = f"Cache-Control is {', '.join(values)}" if values else "no cache may reuse the response"
    absent = [] if "no-transform" in names else ["Cache-Control: no-transform"]
    absent += [] if "x-accel-buffering" in dict(fields) else ["X-Accel-Buffering: no"]
    advice = f"; optional, for hops: {' and '.join(absent)}" if absent else ""
    return Verdict(CACHING, "ok", seen + advice, CACHING_SECTION)
