"""A cassette as it is read, in pieces of any size.

So a long one can be played while it is read, and a check of many needs the memory of one line.
"""

from collections.abc import Iterator

from streamserver.lab.cassettes.form import MAX_LINE, Asked, End, Head, Malformed, Part, Read, parse


class Reader:
    """Reads one cassette: feed it bytes, then ``close`` it."""

    __slots__ = ("_bytes", "_last", "_lines", "_reads", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._lines = self._reads = self._bytes = 0
        self._last: Part | None = None

    def feed(self, data: bytes) -> Iterator[Part]:
        """The parts that are whole with this, each looked at when it is asked for; ask for all.

        Malformed, which names the line, if one is wrong.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for text in lines:
            self._lines += 1
            try:
                part = self._take(parse(text))
            except Malformed as error:
                raise Malformed(f"line {self._lines}: {error}") from None
            yield part
        if len(self._rest) > MAX_LINE:
            raise Malformed(f"line {self._lines + 1}: it is longer than {MAX_LINE} bytes")

    def close(self) -> None:
        """There is no more; Malformed if that is too early."""
        if self._last is None:
            raise Malformed("it is torn: the request is not whole" if self._rest else "it is empty")
        if not isinstance(self._last, End):
            raise Malformed(f"it is torn: it has no end, and {self._reads} reads are whole")
        if self._rest:
            raise Malformed(f"line {self._lines + 1}: something follows the end")

    def _take(self, part: Part) -> Part:
        last, self._last = self._last, part
        if isinstance(part, Asked) is not (last is None):
            raise Malformed("a request comes first, and only there")
        if isinstance(last, End):
            raise Malformed("something follows the end")
        began = isinstance(last, Read) or (isinstance(last, Head) and last.status >= 200)
        if isinstance(part, Head) and began:
            raise Malformed("a head comes after the head")
        if isinstance(part, Read):
            if not began:
                raise Malformed("a read comes before the head")
            self._reads += 1
            self._bytes += len(part.data)
        if isinstance(part, End):
            counted = f"{self._reads} reads and {self._bytes} bytes"
            told = f"{part.reads} reads and {part.bytes} bytes"
            if told != counted:
                raise Malformed(f"it should be the end of {told}, but there are {counted}")
            if part.end == "complete" and not began:
                raise Malformed("it is complete, but has no head")
        return part
