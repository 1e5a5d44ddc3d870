"""The kind of response that a request asks for, by which the response is judged.

A 204 completes a plain GET, and is a failure where a stream was asked for.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal

from streamserver.lab.client.lines import MEDIA_TYPES

Wanted = Literal["anything", "stream", "events", "answer"]
"""From the least to the most:

- anything: the request does not say.
- stream: the JSON body has ``"stream": true``. Any type but that of a document will do.
- events: Accept takes event streams or JSON lines and nothing else.
- answer: the answer of a model in events, with at least one token or tool call.
"""

EVENT_TYPES = MEDIA_TYPES | {"text/event-stream"}
"""Media types whose bodies have events."""
_DOCUMENTS = ("application/json", "text/html", "application/xhtml+xml", "text/xml", "")
_NEVER = ("HEAD", "OPTIONS", "TRACE")
"""Methods whose responses are no streams."""


def wanted_by(method: str, fields: Iterable[tuple[str, str]], body: bytes) -> Wanted:
    """What the fields and the body of a request ask for."""
    if method in _NEVER:
        return "anything"
    accept = ",".join([value for name, value in fields if name.lower() == "accept"])
    ranges = [media_type(one) for one in accept.split(",") if one.strip()]
    if ranges and EVENT_TYPES.issuperset(ranges):
        return "events"
    return "stream" if _asks_for_a_stream(body) else "anything"


def has_stream(content_type: str, wanted: Wanted) -> bool:
    """Whether a response of this type is the stream that was asked for."""
    kind = media_type(content_type)
    if wanted == "stream":
        return not (kind in _DOCUMENTS or kind.endswith("+json"))
    return kind in EVENT_TYPES


def media_type(value: str) -> str:
    """The media type of a field's value, without its parameters."""
    return value.partition(";")[0].strip().lower()


def _asks_for_a_stream(body: bytes) -> bool:
    if b'"stream"' not in body:
        return False
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(asked, dict) and asked.get("stream") is True
