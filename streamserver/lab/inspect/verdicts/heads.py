"""The head: its status, its type, what it permits to caches, and when it comes.

A stream needs its type. All other fields are optional, and their absence is no fault.
"""

import re

from streamserver.lab.inspect.arrivals import (
    apparent_kind,
    declared_kind,
    kind_of,
    read_body,
    why_no_stream,
)
from streamserver.lab.inspect.delivery import APART, late
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import HEAD, server
from streamserver.lab.inspect.verdict import Finding, seconds
from streamserver.wire.fields import media_type, split_list

BEFORE = 0.1
"""Seconds between head and event that no scheduler puts between two writes."""
_HOPS = {
    502: "a hop got no valid response from its upstream",
    503: "the server or a hop is overloaded or has no upstream",
    504: "a hop waited too long for its upstream",
}
_TYPES = {"events": "text/event-stream", "lines": "application/x-ndjson"}
_LABELS = ("utf-8", "utf8", "unicode-1-1-utf-8")
_UNTYPED = ("text/plain", "application/octet-stream", "application/json-seq")
"""Types whose meaning lines of JSON do not contradict."""

_charset = re.compile(r';\s*charset\s*=\s*"?([^\s";]*)', re.IGNORECASE).search
_lifetime = re.compile(r'(?:s-maxage|max-age)="?([0-9]{1,18})').match


def judge_status(evidence: Evidence) -> Finding:
    """Whether the server sent the stream that was asked for; all further verdicts need it."""
    message, status = evidence.main, evidence.main.status
    if not status:
        return _without_head(message)
    after = f"the status is {status}, after {seconds(message.head_at)}"
    if status == 200:
        why = why_no_stream(message)
        return Finding("not seen", f"{after}: {why}") if why else Finding("ok", after)
    if status >= 500:
        see = "the hop that sent it, then that of its upstream" if status in _HOPS else "the server"
        why = _HOPS.get(status, "the server failed")
        return Finding("wrong", f"{after}: {why}", (server(f"see the error log of {see}"),))
    return Finding("not seen", f"{after}: {_explain(status)}")


def _without_head(message: Message) -> Finding:
    recording = message.recording
    why = recording.detail or message.problem or f"the connection ended ({recording.end})"
    seen = f"no response head arrived: {why}"
    if recording.end == "timeout" and recording.method == "GET":
        held = "something may hold the head back until there is more to send"
        return Finding("wrong", f"{seen}; {held}", HEAD)
    if "CERTIFICATE_VERIFY_FAILED" in why:
        seen += "; --ca FILE trusts its issuer, --insecure accepts any certificate"
    return Finding("not seen", seen)


def _explain(status: int) -> str:
    if status in (401, 403):
        return "inspect with the credentials that the server asks for"
    if status == 204:
        return "there is no content, and an EventSource does not reconnect"
    if status < 300:
        return "it is no stream that was asked for"
    return "inspect the target of the redirect" if status < 400 else "the server refuses this"


def judge_type(evidence: Evidence) -> Finding:
    """Whether Content-Type is that of the body: clients select their parser by it."""
    message, fields = evidence.main, dict(evidence.main.fields)
    declared, apparent = declared_kind(message), apparent_kind(message)
    value = fields.get("content-type")
    if declared:
        charset = _charset(value or "")
        if not charset or charset[1].lower() in _LABELS:
            return Finding("ok", f"Content-Type is {value}")
        change = f"send Content-Type: {_TYPES[declared]} and encode as UTF-8"
        seen = f"Content-Type is {value!a}, but event streams and JSON lines are UTF-8"
        return Finding("wrong", seen, (server(change),))
    there = "there is no Content-Type" if value is None else f"Content-Type is {value!a}"
    if not apparent or (apparent == "lines" and value and media_type(value) in _UNTYPED):
        return Finding("not seen", f"{there}, and the body is no event stream")
    what = "an event stream, which an EventSource refuses" if apparent == "events" else "JSON lines"
    remedies = [server(f"send Content-Type: {_TYPES[apparent]}")]
    if "x-content-type-options" in fields:
        remedies.append(server("X-Content-Type-Options: nosniff is kept: clients do not guess"))
    return Finding("wrong", f"{there}, but the body is {what}", tuple(remedies))


def judge_caching(evidence: Evidence) -> Finding:
    """Whether the fields let caches store the stream, or ask nginx to buffer it."""
    message, fields = evidence.main, dict(evidence.main.fields)
    value = message.value("cache-control")
    directives = split_list(value.lower())
    names = {one.partition("=")[0] for one in directives}
    if fields.get("x-accel-buffering", "").lower() == "yes":
        seen = "X-Accel-Buffering is yes, which has nginx buffer the response"
        return Finding("wrong", seen, (server("send X-Accel-Buffering: no"),))
    lifetime = max((int(found[1]) for one in directives if (found := _lifetime(one))), default=0)
    is_stored = lifetime and not names & {"no-store", "no-cache"}
    if is_stored and kind_of(message) == "events" and message.recording.method == "GET":
        seen = f"Cache-Control is {value!a}: a cache may repeat the stream to others"
        return Finding("wrong", seen, (server("send Cache-Control: no-cache, no-transform"),))
    seen = f"Cache-Control is {value}" if value else "no cache may reuse the response"
    absent = [] if "no-transform" in names else ["Cache-Control: no-transform"]
    absent += [] if "x-accel-buffering" in fields else ["X-Accel-Buffering: no"]
    return Finding("ok", seen + (f"; optional, for hops: {' and '.join(absent)}" if absent else ""))


def judge_head(evidence: Evidence) -> Finding:
    """Whether the head comes before the first event.

    A head that waits for the first event of a silent producer leaves ``EventSource.onopen``
    waiting, and lets the header timeouts of hops run out. A service that asks a model before it
    answers a POST may do so. A server may be slow once, so further recordings have to confirm it.
    """
    main, messages = evidence.main, [evidence.main, *evidence.others]
    for message in messages:
        if message.head_at <= late(message) and _lead(message) >= BEFORE:
            return Finding("ok", _separate(message))
    if _lead(main) >= APART:
        seen = f"{_separate(main)}, too late to show whether it waited for something"
        return Finding("not seen", seen)
    seen = f"the head and the first event came together, after {seconds(main.head_at)}"
    if not kind_of(main):
        return Finding("not seen", f"{seen}, as for a document")
    if len(messages) > 1 and all(_is_late(one) for one in messages):
        if main.recording.method == "GET":
            return Finding("wrong", seen, HEAD)
        return Finding("not seen", f"{seen}: a service may wait for its model before it answers")
    advice = "inspect an endpoint whose first event comes a second or more after the request"
    return Finding("not seen", f"{seen}: {advice}")


def _lead(message: Message) -> float:
    """Seconds by which the head came before the first bytes of the body, or before the end."""
    first = next((one.at for one in read_body(message).arrivals), message.recording.ended)
    return first - message.head_at


def _is_late(message: Message) -> bool:
    return _lead(message) < APART and message.head_at > late(message)


def _separate(message: Message) -> str:
    came = f"the head came after {seconds(message.head_at)}"
    if not message.decoded:
        return f"{came}, and no event in {seconds(message.recording.ended)}"
    return f"{came}, {seconds(_lead(message))} before the first event"
