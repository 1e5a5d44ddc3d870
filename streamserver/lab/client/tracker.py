"""Tracks what the events of one response show: milestones, the end of an answer, a failure.

JSON is parsed once for each event that may matter. Two kinds of events cannot, and are not parsed,
since parsing would take most of the client's CPU time:

- Before the first event of a model's answer: events without a name that such an event, or one that
  reports a failure, must have. (JSON may spell a letter as ``\\u0065``: such events are parsed.)
- In a model's answer: events that equal a parsed one but for the piece of text, see ``Template``.

All events up to the end are examined: pings may precede the first token for minutes.
"""

from typing import Any

from streamserver.lab.client.model_events import (
    ErrorData,
    ModelEvent,
    error_message,
    is_failure,
    read_model_event,
)
from streamserver.lab.client.record import End, Record
from streamserver.lab.client.request import parse_object

DONE = "[DONE]"
"""The data that ends a stream of chat completions: clients ignore what follows it."""
MOST_CHOICES = 128
"""Choices that are distinguished, as many as the interface allows."""
_NUMBER, _PADDING = '"sequence_number":', '"obfuscation":"'


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

    def examine(self, data: str, now: int) -> None:
        """Examine the data of an event that arrived at ``now``."""
        if self._is_decided:
            return
        self._last = data
        if type(data) is ErrorData:
            self._fail(error_message(parse_object(data) or {}, data))
        elif data[:1] != "{":
            self._examine_text(data, now)
        elif data not in self._template if self._is_model else _may_matter(data):
            self._examine_json(data, now)

    def verdict(self) -> tuple[End, str] | None:
        """The end of the exchange and its reason, unless the events so far are a success."""
        if self._failure is not None:
            return "failed", f"in band: {self._failure}"
        if self._is_model and not (self._has_ended or self._choices.have_finished):
            last = self._last[:80]
            return "unfinished", f"its last event is not the end of an answer: {last!r}"
        return None

    def _examine_text(self, data: str, now: int) -> None:
        text = data.strip()
        if text == DONE:
            self._has_ended = self._is_decided = True
        elif text.startswith("{"):
            self._examine_json(text, now)

    def _examine_json(self, data: str, now: int) -> None:
        event = parse_object(data)
        if event is None:
            return
        if is_failure(event):
            self._fail(error_message(event, data))
            return
        found = read_model_event(event)
        if found is not None:
            self._is_model = True
            self._has_ended = self._has_ended or found.ends
            self._record_milestones(found, now)
            if isinstance(choices := event.get("choices"), list):
                self._choices.update(choices)
            self._template.learn(data, found.text)
        elif self._is_model and event.get("done") is True:
            self._has_ended = True  # a last line of Ollama's without a message or a response

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


class Choices:
    """The choices of an answer, each of which ends with a finish reason.

    Many services omit ``[DONE]``, so the finish reasons end an answer. A choice that began and
    did not finish was cut.
    """

    __slots__ = ("_begun", "_finished")

    def __init__(self) -> None:
        self._finished: set[int] = set()
        self._begun: set[int] = set()

    def update(self, choices: list[Any]) -> None:
        """Process the ``choices`` of an event."""
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            if choice.get("finish_reason"):
                self._begun.discard(index)
                _add(self._finished, index)
            elif index not in self._finished and _has_content(choice):
                _add(self._begun, index)

    @property
    def have_finished(self) -> bool:
        """Whether at least one has finished, and every one that began."""
        return bool(self._finished) and not self._begun


def _add(indexes: set[int], index: int) -> None:
    if len(indexes) < MOST_CHOICES:
        indexes.add(index)


def _has_content(choice: dict[str, Any]) -> bool:
    """Whether it has more than a role: some services send an empty delta after the last one."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return bool(choice.get("text"))
    return any(value for name, value in delta.items() if name != "role")


class Template:
    """The last parsed event, to recognize events that differ from it in their text only.

    Most events of a model's answer are one JSON object that differs in one string. An event with
    the same characters around a string in this place has the meaning of the event that was parsed.

    The place is that of the quoted text. It is certain if the event has no backslash, so that each
    quote begins or ends a string; if the quoted text occurs once; and if the text has neither a
    comma nor a colon, one of which always separates two strings. The number and the padding that
    OpenAI adds to each event are removed before the comparison.
    """

    __slots__ = ("_after", "_before", "_from", "_is_numbered", "_to")

    def __init__(self) -> None:
        self._before = self._after = ""  # around the text, its quotes included
        self._from = self._to = 0  # where the text begins, and ends, counted from the end
        self._is_numbered = False

    def learn(self, data: str, text: str) -> None:
        """Remember an event and the text in it, if the place of the text is certain."""
        if not text or "\\" in data or "," in text or ":" in text:
            return
        self._is_numbered = _NUMBER in data or _PADDING in data
        if self._is_numbered:
            data = _without_number(data)
        before, quoted, after = data.partition(f'"{text}"')
        if quoted and quoted not in after:
            self._before, self._after = f'{before}"', f'"{after}'
            self._from, self._to = len(self._before), -len(self._after)

    def __contains__(self, data: str) -> bool:
        """Whether the data of an event is that of the remembered one with another text."""
        if self._is_numbered:
            data = _without_number(data)
        if not (self._to and data.startswith(self._before) and data.endswith(self._after)):
            return False
        if len(data) < self._from - self._to:  # the two overlap
            return False
        text = data[self._from : self._to]
        return '"' not in text and text[-1:] != "\\"


def _without_number(data: str) -> str:
    before, name, after = data.partition(_NUMBER)
    data = before + name + after.lstrip(" 0123456789")
    before, name, after = data.partition(_PADDING)
    return before + name + after[after.find('"') :] if name else data


def _may_matter(data: str) -> bool:
    """Whether an event may belong to a model's answer, or report a failure."""
    return (
        '"error"' in data
        or '"choices"' in data
        or '"done"' in data
        or '"response.' in data
        or '"message_' in data
        or '"content_block_' in data
        or ("\\" in data and "\\u00" in data)
    )
