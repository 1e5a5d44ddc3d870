"""JSON lines (NDJSON): a stream whose events are lines."""

MEDIA_TYPES = frozenset(
    f"application/{name}" for name in ("jsonl", "x-jsonl", "jsonlines", "x-ndjson", "ndjson")
)
MAX_LINE = 16 * 1024 * 1024
"""Bytes, as of an event of an event stream."""


class Lines:
    """Reads lines in pieces of any size; empty ones are no events, and a CR belongs to the end."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes; ValueError when one becomes too long."""
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
        """The last line, if nothing ended it."""
        return self.feed(b"\n")
