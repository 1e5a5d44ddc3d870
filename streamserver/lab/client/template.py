"""Recognizes the events that need no parser: those that equal a parsed one but for their text."""

MOST_LEARNED = 64
"""After this number of templates no further one is learned: each event differs in more than its
text, as those of Ollama, which contain their time."""
_NUMBER, _PADDING = '"sequence_number":', '"obfuscation":"'


class Template:
    """The last parsed event, to recognize events that differ from it in their text only.

    Most events of a model's answer are one JSON object that differs in one string. An event with
    the same characters around a string in this place has the meaning of the event that was parsed.

    The place is that of the quoted text. It is certain if the event has no backslash, so that each
    quote begins or ends a string; if the quoted text occurs once; and if the text has neither a
    comma nor a colon, one of which always separates two strings. The number and the padding that
    OpenAI adds to each event are removed before the comparison.
    """

    __slots__ = ("_after", "_before", "_from", "_is_numbered", "_learned", "_to")

    def __init__(self) -> None:
        self._before = self._after = ""  # around the text, its quotes included
        self._from = self._to = 0  # where the text begins, and ends, counted from the end
        self._is_numbered = False
        self._learned = 0

    def learn(self, data: str, text: str) -> None:
        """Remember an event and the text in it, if the place of the text is certain."""
        if not text or self._learned == MOST_LEARNED:
            return
        if "\\" in data or "," in text or ":" in text:
            return
        self._learned += 1
        self._is_numbered = _NUMBER in data or _PADDING in data
        if self._is_numbered:
            data = _without_number(data)
        before, quoted, after = data.partition(f'"{text}"')
        if quoted and quoted not in after:
            self._before, self._after = f'{before}"', f'"{after}'
            self._from, self._to = len(self._before), -len(self._after)

    def text_in(self, data: str) -> str | None:
        """The text, as JSON has it, of an event that equals the remembered one but for its text;
        None for any other event."""
        if self._is_numbered:
            data = _without_number(data)
        if not (self._to and data.startswith(self._before) and data.endswith(self._after)):
            return None
        if len(data) < self._from - self._to:  # the two overlap
            return None
        text = data[self._from : self._to]
        return None if '"' in text or text[-1:] == "\\" else text


def _without_number(data: str) -> str:
    before, name, after = data.partition(_NUMBER)
    data = before + name + after.lstrip(" 0123456789")
    before, name, after = data.partition(_PADDING)
    return before + name + after[after.find('"') :] if name else data
