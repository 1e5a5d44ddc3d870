"""JSON lines (NDJSON): a stream in which each line is an event."""

MEDIA_TYPES = frozenset(
    f"application/{name}" for name in ("jsonl", "x-jsonl", "jsonlines", "x-ndjson", "ndjson")
)
MAX_LINE = 16 * 1024 * 1024
"""Bytes; the limit of the event stream parser."""


class Lines:
    """Reads lines in pieces of any size. Empty lines are skipped; CRLF ends a line too."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()  # an unfinished line

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes; ValueError for one that is too long."""
        first, *others = data.split(b"\n")
        self._held += first
        if len(self._held) > MAX_LINE:
            raise ValueError(f"a line of the stream exceeds {MAX_LINE} bytes")
        if not others:
            return []
        lines = [bytes(self._held), *others[:-1]]
        self._held = bytearray(others[-1])
        return [line.decode(errors="replace") for line in map(bytes.strip, lines) if line]

    def end(self) -> list[str]:
        """The last line, if the stream ended without a line end."""
        return self.feed(b"\n")
