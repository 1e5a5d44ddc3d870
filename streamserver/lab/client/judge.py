"""What the events of one response come to: its milestones, whether it ended, whether it failed.

JSON is parsed once for each event that could decide something. Two kinds of events cannot, and are
not parsed, since parsing would take most of the client's CPU time:

- As long as no event of a model was seen: events without a name that such an event, or one that
  reports a failure, must have. (JSON may spell a letter as ``\\u0065``: such events are parsed.)
- In a model's answer: events that equal a parsed one in all but the piece of text, see ``Repeats``.

All events up to the end are looked at: pings may come for minutes before the first token.
"""

import json
from typing import Any

from streamserver.lab.client.choices import Choices
from streamserver.lab.client.event_data import ErrorData
from streamserver.lab.client.failures import failure_of, message_of
from streamserver.lab.client.record import End, Record
from streamserver.lab.client.repeats import Repeats
from streamserver.lab.client.tokens import Meaning, meaning_of

DONE = "[DONE]"
"""The data that ends a stream of chat completions: clients ignore what follows it."""


class Judge:
    """Looks at each event; ``record`` gets the milestones."""

    __slots__ = (
        *("_choices", "_ended", "_failure", "_is_model", "_is_over", "_last", "_record"),
        "_repeats",
    )

    def __init__(self, record: Record) -> None:
        self._record = record
        self._choices = Choices()
        self._repeats = Repeats()
        self._is_model = False  # whether an event of a model's answer was seen
        self._ended = False  # whether the event that ends an answer was seen
        self._is_over = False  # after [DONE] or a failure: nothing more can decide
        self._failure: str | None = None
        self._last = ""

    def look(self, data: str, moment: int) -> None:
        """Look at the data of an event that came at a moment."""
        if self._is_over:
            return
        self._last = data
        if type(data) is ErrorData:
            self._fail(message_of(_object_of(data) or {}, data))
        elif data[:1] != "{":
            self._look_at_text(data, moment)
        elif data not in self._repeats if self._is_model else _may_decide(data):
            self._look_at_json(data, moment)

    def verdict(self) -> tuple[End, str] | None:
        """The end of the exchange and its reason, unless the events so far are a success."""
        if self._failure is not None:
            return "failed", f"in band: {self._failure}"
        if self._is_model and not (self._ended or self._choices.have_finished):
            last = self._last[:80]
            return "unfinished", f"its last event is not the end of an answer: {last!r}"
        return None

    def _look_at_text(self, data: str, moment: int) -> None:
        text = data.strip()
        if text == DONE:
            self._ended = self._is_over = True
        elif text.startswith("{"):
            self._look_at_json(text, moment)

    def _look_at_json(self, data: str, moment: int) -> None:
        event = _object_of(data)
        if event is None:
            return
        failure = failure_of(event, data)
        if failure is not None:
            self._fail(failure)
            return
        meaning = meaning_of(event)
        if meaning is not None:
            self._is_model = True
            self._ended = self._ended or meaning.ends
            self._stamp(meaning, moment)
            if isinstance(choices := event.get("choices"), list):
                self._choices.take(choices)
            self._repeats.learn(data, meaning.text)
        elif self._is_model and event.get("done") is True:
            self._ended = True  # a last line of Ollama's form without a message or a response

    def _stamp(self, meaning: Meaning, moment: int) -> None:
        record = self._record
        if meaning.reasoning and not record.first_reasoning:
            record.first_reasoning = moment
        if meaning.token and not record.first_token:
            record.first_token = moment
        if meaning.tool_call and not record.first_tool_call:
            record.first_tool_call = moment

    def _fail(self, message: str) -> None:
        self._is_over, self._failure = True, message


def _may_decide(data: str) -> bool:
    """Whether an event may show that this is a model's answer, or report a failure."""
    return (
        '"error"' in data
        or '"choices"' in data
        or '"done"' in data
        or '"response.' in data
        or '"message_' in data
        or '"content_block_' in data
        or ("\\" in data and "\\u00" in data)
    )


def _object_of(data: str) -> dict[str, Any] | None:
    """The JSON object that data is; None for anything else."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
