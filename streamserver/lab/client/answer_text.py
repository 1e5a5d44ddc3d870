"""The text of a model's answer, which the next turn of a conversation repeats."""

from streamserver.lab.client.model_events import read_model_event
from streamserver.lab.client.request import parse_object

MAX_TEXT = 4 * 1024 * 1024
"""Characters of all answers of a conversation; one that exceeds it is discarded."""


class AnswerText:
    """Collects the text in the events of one answer, of the first choice if there are several."""

    __slots__ = ("_pieces", "_room")

    def __init__(self, room: int) -> None:
        """``room``: the most characters."""
        self._pieces: list[str] = []
        self._room = room

    def add(self, data: str) -> None:
        """Process the data of an event."""
        event = parse_object(data)
        if event is None or _is_of_another_choice(event):
            return
        found = read_model_event(event)
        if found is not None and found.token and self._room >= 0:
            self._pieces.append(found.text)
            self._room -= len(found.text)

    @property
    def text(self) -> str:
        """The text; "" if it is too long."""
        if self._room < 0:
            return ""
        # An event may end within a surrogate pair, which escapes of JSON write as two characters.
        joined = "".join(self._pieces).encode("utf-16-le", "surrogatepass")
        return joined.decode("utf-16-le", "replace")


def _is_of_another_choice(event: dict[str, object]) -> bool:
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and bool(first.get("index"))
