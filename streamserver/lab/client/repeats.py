"""Events that repeat one before in all but a piece of text, so that they need not be parsed.

Most events of a model's answer are one JSON object that differs in one string only. An event with
the same characters around a string in this place is the same object but for the text, so it has
the same meaning as the event that was parsed.

The place is that of the text in quotes. It is certain if the event has no backslash, so that each
quote begins or ends a string; if the quoted text occurs once; and if the text has neither a comma
nor a colon, one of which always stands between two strings.
"""


class Repeats:
    """Holds one event, the last that was learned."""

    __slots__ = ("_after", "_before", "_from", "_to")

    def __init__(self) -> None:
        self._before = self._after = ""  # what stands around the text, its quotes included
        self._from = self._to = 0  # where the text begins, and, from the end, ends

    def learn(self, data: str, text: str) -> None:
        """Remember an event by its data and the text in it, if the place of the text is certain."""
        if not text or "\\" in data or "," in text or ":" in text:
            return
        before, quoted, after = data.partition(f'"{text}"')
        if quoted and quoted not in after:
            self._before, self._after = f'{before}"', f'"{after}'
            self._from, self._to = len(self._before), -len(self._after)

    def __contains__(self, data: str) -> bool:
        """Whether the data of an event is that of the remembered one with another text."""
        if not (self._to and data.startswith(self._before) and data.endswith(self._after)):
            return False
        if len(data) < self._from - self._to:  # the two overlap
            return False
        text = data[self._from : self._to]
        return '"' not in text and text[-1:] != "\\"
