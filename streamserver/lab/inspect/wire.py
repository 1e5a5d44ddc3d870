"""The view of the wire: each part of a response in a line, as it arrives.

    ms        part              bytes                                section
    5.1       status line       HTTP/1.1 200 OK\\r\\n                  RFC 9112, 4

The parts of one read have one time, which only the first of them shows. Every control character of
the peer is escaped (``wire.printable``). A part that a read or a chunk cuts ends or begins with
dots. Bytes with a content coding are shown as their number, and below them what they decode to.
"""

from collections.abc import Iterable, Iterator, Sequence

from streamserver.lab.cassettes.redaction import Mask, redact_fields, redact_target
from streamserver.lab.client.response import content_coding, content_type
from streamserver.lab.inspect.codings import Codings
from streamserver.lab.inspect.content import LineSplitter
from streamserver.lab.inspect.parts import Part, PartReader
from streamserver.lab.inspect.recording import End, Read, Recording, method_of
from streamserver.lab.inspect.sections import colour_of, section_of
from streamserver.lab.inspect.verdict import count
from streamserver.wire.fields import media_type, split_list
from streamserver.wire.printable import printable
from streamserver.wire.response_heads import ResponseHead

MAX_SHOWN = 2000
"""Bytes of a part that are shown; the others are counted."""
MAX_LINES = 20_000
"""Parts that are shown of a response: a terminal shows no flood."""
_SLICE = 64 * 1024
WIDTH = 100
"""Columns of lines that are not wrapped, up to the section."""
_NAME, _SECTION = 18, 16
_INDENT = 12
_LEAST = 20
"""Columns of text, however narrow the terminal is."""
_ENDS: dict[End, tuple[str, str]] = {
    "complete": ("the body is complete", "RFC 9112, 6.3"),
    "closed": ("the server closed the connection", "RFC 9112, 9.6"),
    "reset": ("the connection was reset", "RFC 9112, 8"),
    "stopped": ("the inspector closed the connection", ""),
    "timeout": ("nothing more was waited for", ""),
    "failed": ("the recording failed", ""),
}


class WireView:
    """The lines of one exchange."""

    def __init__(self, *, colour: bool = False, width: int = 0, mask: Mask | None = None) -> None:
        """``width``: columns at which lines are wrapped; 0: not at all. ``mask``: overwrites the
        secrets of the request where the response repeats them."""
        self._colour = colour
        self._room = max(width - _INDENT - _NAME, _LEAST) if width else 0
        self._mask = mask or Mask()
        self._reader = PartReader("GET")
        self._codings: Codings | None = None
        self._coding = ""
        self._splitter = LineSplitter("")
        self._left = MAX_LINES

    def begin(self, request: bytes) -> list[str]:
        """The lines of the request, without its secrets."""
        self._reader = PartReader(method_of(request))
        head, _, body = request.partition(b"\r\n\r\n")
        first, *others = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        fields = [(name, value.strip()) for name, _, value in (o.partition(":") for o in others)]
        lines = [f"{method} {redact_target(target)} {version}"]
        lines += [f"{name}: {value}" for name, value in redact_fields(fields)]
        lines += [f"({count(len(body), 'bytes')})"] if body else []
        return [*self._table("", "request", [*map(printable, lines)], "RFC 9112, 3")]

    def feed(self, read: Read) -> list[str]:
        """The lines of a read."""
        lines: list[str] = []
        time = f"{read.at * 1000:.1f}"
        for part in self._reader.feed(read.data, read.at) if self._left else ():
            for name, shown, text in self._shown(part):
                if not self._left:
                    break
                lines += self._part(time, name, shown, text)
                time = ""
                self._left -= 1
            head = self._reader.head
            if part.kind == "end of the head" and part.is_complete and head is not None:
                self._begin_body(head)
        if lines and not self._left:
            lines += self._table("", "", [f"no more than {MAX_LINES} parts are shown"], "")
        return lines

    def end(self, recording: Recording) -> list[str]:
        """The lines that say how the recording ended."""
        text, section = _ENDS[recording.end]
        if recording.end == "closed" and self._reader.head and self._reader.framing != "close":
            text, section = f"{text} before the body was complete", "RFC 9112, 8"
        details = filter(None, (text, recording.detail, self._reader.problem))
        time = f"{recording.ended * 1000:.1f}"
        return [*self._table(time, "end", [printable(": ".join(dict.fromkeys(details)))], section)]

    def _begin_body(self, head: ResponseHead) -> None:
        self._coding = content_coding(head)
        try:
            self._codings = Codings(split_list(self._coding)) if self._coding else None
        except LookupError:
            self._codings = None
        self._splitter = LineSplitter(media_type(content_type(head)))

    def _shown(self, part: Part) -> Iterator[tuple[str, Part, str]]:
        """The name of each part to be shown, the part, and its text."""
        if part.kind != "data":
            yield _name(part), part, self._text(part)
        elif not self._coding:
            for line in self._splitter.split(part):
                yield _name(line), line, self._text(line)
        else:
            decoded, note = self._decode(part.data)
            yield _name(part), part, f"{count(len(part.data), 'bytes')} of {note}"
            for at in range(0, len(decoded), _SLICE):
                for line in self._splitter.split(part._replace(data=decoded[at : at + _SLICE])):
                    yield f"  {_name(line)}", line, self._text(line)

    def _decode(self, data: bytes) -> tuple[bytes, str]:
        if self._codings is None:
            return b"", printable(self._coding)
        try:
            decoded = self._codings.decode(data)
        except ValueError as error:
            self._codings = None
            return b"", printable(f"{self._coding}: {error}")
        return decoded, printable(f"{self._coding}, decoded {len(decoded)}")

    def _text(self, part: Part) -> str:
        [data] = self._mask.apply([part.data])
        text = printable(data[:MAX_SHOWN].decode("utf-8", "backslashreplace"))
        if len(data) > MAX_SHOWN:
            text += f" ... and {len(data) - MAX_SHOWN} bytes more"
        if part.size:
            text += f" = {count(part.size, 'bytes')}"
        if part.kind in ("excess", "unreadable"):
            return text
        return f"{'... ' if part.continues else ''}{text}{'' if part.is_complete else ' ...'}"

    def _part(self, time: str, name: str, part: Part, text: str) -> Iterator[str]:
        section = section_of(part.kind, part.data)
        if part.kind == "data" and self._coding:
            section = "RFC 9110, 8.4"
        return self._table(time, name, [text], section, colour_of(part.kind))

    def _table(
        self, time: str, name: str, texts: Sequence[str], section: str, code: str = ""
    ) -> Iterator[str]:
        """The lines of a row. The section follows the text, or has a line of its own."""
        rows = [*self._wrapped(texts)]
        room = self._room or WIDTH - _INDENT - _NAME
        if self._room and len(rows[-1]) + len(section) + 2 > room:
            rows.append("")
        for number, row in enumerate(rows):
            first = number == 0
            start = f"{time if first else '':>{_INDENT - 2}}  {name if first else '':<{_NAME}}"
            rest = ""
            if section and number == len(rows) - 1:
                rest = " " * max(room - len(row) - _SECTION, 2) + self._painted("2", section)
            yield f"{start}{self._painted(code, row)}{rest}".rstrip()

    def _wrapped(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            room = self._room or max(len(text), 1)
            for at in range(0, max(len(text), 1), room):
                yield text[at : at + room]

    def _painted(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code and text else text


def _name(part: Part) -> str:
    return "heartbeat" if part.kind == "comment" else part.kind
