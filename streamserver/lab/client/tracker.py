"""Tracks what the events of one response show: milestones, the end of an answer, a failure.

JSON is parsed once for each event that may matter. Two kinds of events cannot, and are not parsed,
since parsing would take most of the client's CPU time:

- Before the first event of a model's answer: events without a name that such an event, or one that
  reports a failure, must have. (JSON may spell a letter as ``\\u0065``: such events are parsed.)
- In a model's answer: events that equal a parsed one but for the piece of text, see ``Template``.

All events up to the end are examined: pings may precede the first token for minutes.
"""

import re

from streamserver.lab.client.choices import Choices
from streamserver.lab.client.failures import ErrorData, error_message, is_failure
from streamserver.lab.client.model_events import ModelEvent, read_model_event
from streamserver.lab.client.record import End, Record
from streamserver.lab.client.request import parse_object
from streamserver.lab.client.template import Template
from streamserver.lab.client.usage import mentions_usage, read_usage

DONE = "[DONE]"
"""The data that ends a stream of chat completions: clients ignore what follows it."""

_has_name = re.compile(
    '"(?:(?:error|choices|done|candidates|promptFeedback|token|stop)"'
    "|response[.]|message_|content_block_)"
).search


class StreamTracker:
    """Examines each event; ``record`` gets the milestones."""

    __slots__ = (
        *("_choices", "_failure", "_has_ended", "_is_decided", "_is_model", "_last", "_record"),
        "_template",
    )

    def __init__(self, record: Record) -> None:
        self._record = record
        self._choices = Choices()
        self._template = Template()
        self._is_model = False  # whether an event of a model's answer was seen
        self._has_ended = False  # whether the event that ends an answer was seen
        self._is_decided = False  # after [DONE] or a failure
        self._failure: str | None = None
        self._last = ""

    def examine(self, data: str, now: int) -> bool:
        """Examine the data of an event that arrived at ``now``; whether it has a piece of an
        answer: reasoning, text or a tool call."""
        if self._is_decided:
            return False
        self._last = data
        if type(data) is ErrorData:
            self._fail(error_message(parse_object(data) or {}, data))
        elif data[:1] != "{":
            return self._examine_text(data, now)
        elif self._is_model:
            text = self._template.text_in(data)
            return self._examine_json(data, now) if text is None else text != ""
        elif _may_matter(data):
            return self._examine_json(data, now)
        return False

    def verdict(self) -> tuple[End, str] | None:
        """The end of the exchange and its reason, unless the events so far are a success."""
        if self._failure is not None:
            return "failed", f"in band: {self._failure}"
        if self._is_model and not (self._has_ended or self._choices.have_finished):
            last = self._last[:80]
            return "unfinished", f"its last event is not the end of an answer: {last!r}"
        return None

    def _examine_text(self, data: str, now: int) -> bool:
        text = data.strip()
        if text == DONE:
            self._has_ended = self._is_decided = True
        elif text.startswith("{"):
            return self._examine_json(text, now)
        return False

    def _examine_json(self, data: str, now: int) -> bool:
        event = parse_object(data)
        if event is None:
            return False
        if is_failure(event):
            self._fail(error_message(event, data))
            return False
        found = read_model_event(event)
        if found is not None:
            self._is_model = True
            self._has_ended = self._has_ended or found.ends
            self._record_milestones(found, now)
            self._choices.update(event)
            self._template.learn(data, found.text)
        elif self._is_model and event.get("done") is True:
            self._has_ended = True  # a last line of Ollama's without a message or a response
        if self._is_model and mentions_usage(data) and (usage := read_usage(event)):
            usage.fill(self._record)
        return found is not None and found.has_output

    def _record_milestones(self, found: ModelEvent, now: int) -> None:
        record = self._record
        if found.reasoning and not record.first_reasoning:
            record.first_reasoning = now
        if found.token and not record.first_token:
            record.first_token = now
        if found.tool_call and not record.first_tool_call:
            record.first_tool_call = now

    def _fail(self, message: str) -> None:
        self._is_decided, self._failure = True, message


def _may_matter(data: str) -> bool:
    """Whether an event may belong to a model's answer, or report a failure."""
    return _has_name(data) is not None or ("\\" in data and "\\u00" in data)
