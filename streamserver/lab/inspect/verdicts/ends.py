"""The end: whether a client can detect that the stream is complete.

A stream that ended well ends with its framing: the last-chunk, or the bytes of its length. A chat
completion ends with ``[DONE]`` as well.
"""

import json
import re

from streamserver.lab.inspect.arrivals import is_unfinished
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.record import LIMITED
from streamserver.lab.inspect.recording import DONE, Message
from streamserver.lab.inspect.remedies import server
from streamserver.lab.inspect.verdict import Finding, Remedy, seconds

_is_chat = re.compile(r'"object"\s*:\s*"chat\.completion\.chunk"').search
_TRUE_END = server("end the body with its framing on success, and only then")
_KEEP_CUT = Remedy("nginx", 'proxy_http_version 1.1; proxy_set_header Connection "";')


def judge_end(evidence: Evidence) -> Finding:
    """Whether the stream ended so that a client can distinguish it from a cut."""
    message, recording = evidence.main, evidence.main.recording
    end, after = recording.end, f"after {seconds(recording.ended)}"
    if message.problem and end == "failed":
        seen = f"the bytes could not be read further {after}: {message.problem}"
        return Finding("wrong", seen, (_TRUE_END,))
    if end in ("stopped", "timeout", "failed"):
        is_limited = recording.detail.startswith(LIMITED)
        more = recording.detail if is_limited else "--for SECONDS records more"
        seen = f"the stream was open {after}, when the recording ended: {more}"
        return Finding("not seen", seen)
    if message.is_complete:
        return _complete(message, after)
    if message.framing == "close" and end == "closed" and not is_unfinished(message):
        if _has_done(message):
            return Finding("ok", f"{DONE} came, and the connection was closed")
        seen = f"the connection was closed {after}, which looks like a cut: see framing"
        return Finding("not seen", seen)
    how = "closed" if end == "closed" else "reset"
    missing = {"chunked": "without a last-chunk", "length": "before all bytes of its length"}
    where = missing.get(message.framing, "within an event")
    seen = f"the connection was {how} {after}, {where}: the stream was cut"
    return Finding("wrong", seen, (_TRUE_END,))


def _complete(message: Message, after: str) -> Finding:
    came = f"the {'last-chunk' if message.framing == 'chunked' else 'last byte'} came {after}"
    if is_unfinished(message):
        seen = f"{came}, but the last event has no blank line: a cut looks like an end"
        return Finding("wrong", seen, (_TRUE_END, _KEEP_CUT))
    if _has_done(message):
        return Finding("ok", f"{came}, and {DONE} before it")
    if _is_undone(message):
        change = server(f"send data: {DONE} after the last chunk of a completion")
        seen = f"{came}, but the chat completion has no {DONE}"
        return Finding("wrong", seen, (change,), "OpenAI API, streaming")
    return Finding("ok", came)


def _has_done(message: Message) -> bool:
    return any(one.event.data == DONE for one in message.events[-3:])


def _is_undone(message: Message) -> bool:
    """Whether a chat completion ended without ``[DONE]`` and without an error."""
    datas = [one.event.data for one in message.events if isinstance(one.event.data, str)]
    return any(map(_is_chat, datas[:3])) and not any(map(_is_error, datas[-3:]))


def _is_error(data: str) -> bool:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("error") is not None
