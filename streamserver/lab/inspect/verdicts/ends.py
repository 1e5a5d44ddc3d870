"""The end: whether a client can tell that the stream is complete.

A stream that ended well ends with its framing: the last-chunk, or the bytes of its length. A chat
completion ends with ``[DONE]`` as well.
"""

import json
import re

from streamserver.lab.inspect.arrivals import is_unfinished
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import seconds
from streamserver.lab.inspect.record import LIMITED
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import server
from streamserver.lab.inspect.verdict import Remedy, Verdict

NAME = "end"
SECTION = "RFC 9112, section 8"
DONE = "[DONE]"

_is_chat = re.compile(r'"object"\s*:\s*"chat\.completion\.chunk"').search
_TRUE_END = server("end the body with its framing on success, and only then")
_KEEP_CUT = Remedy("nginx", 'proxy_http_version 1.1; proxy_set_header Connection "";')


def judge_end(evidence: Evidence) -> Verdict:
    """Whether the stream ended so that a client can tell it from a cut."""
    message = evidence.main
    end, after = message.recording.end, f"after {seconds(message.recording.ended)}"
    if message.problem and end == "failed":
        seen = f"the bytes could not be read further {after}: {message.problem}"
        return Verdict(NAME, "wrong", seen, SECTION, (_TRUE_END,))
    if end in ("stopped", "timeout", "failed"):
        detail = message.recording.detail
        more = detail if detail.startswith(LIMITED) else "--for SECONDS records more"
        seen = f"the stream was open {after}, when the recording ended: {more}"
        return Verdict(NAME, "not seen", seen, SECTION)
    if message.is_complete:
        return _complete(message, after)
    how = "closed" if end == "closed" else "reset"
    if message.framing == "close" and end == "closed" and not is_unfinished(message):
        if _has_done(message):
            return Verdict(NAME, "ok", f"{DONE} came, and the connection was closed", SECTION)
        seen = f"the connection was closed {after}, which cannot be told from a cut: see framing"
        return Verdict(NAME, "not seen", seen, SECTION)
    missing = {"chunked": "without a last-chunk", "length": "before all bytes of its length"}
    where = missing.get(message.framing, "within an event")
    seen = f"the connection was {how} {after}, {where}: the stream was cut"
    return Verdict(NAME, "wrong", seen, SECTION, (_TRUE_END,))


def _complete(message: Message, after: str) -> Verdict:
    framed = "the last-chunk came" if message.framing == "chunked" else "all bytes came"
    if is_unfinished(message):
        seen = f"{framed} {after}, but the last event has no blank line: a cut looks like an end"
        return Verdict(NAME, "wrong", seen, SECTION, (_TRUE_END, _KEEP_CUT))
    if _is_undone(message):
        seen = f"{framed} {after}, but the chat completion has no {DONE}"
        change = server(f"send data: {DONE} after the last chunk of a completion")
        return Verdict(NAME, "wrong", seen, "OpenAI API, streaming", (change,))
    done = f", and {DONE} before it" if _has_done(message) else ""
    return Verdict(NAME, "ok", f"{framed} {after}{done}", SECTION)


def _has_done(message: Message) -> bool:
    return any(one.event.data == DONE for one in message.events[-3:])


def _is_undone(message: Message) -> bool:
    """Whether a chat completion ended without ``[DONE]`` and without an error."""
    datas = [one.event.data for one in message.events if isinstance(one.event.data, str)]
    if not any(_is_chat(data) for data in datas[:3]) or _has_done(message):
        return False
    return not any(_is_error(data) for data in datas[-3:])


def _is_error(data: str) -> bool:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("error") is not None
