"""The chunked body of a response, with the freedoms that its recipient has to grant (RFC 9112).

Old servers pad the size with spaces up to a fixed width, and bad whitespace may stand before an
extension (section 7.1.1). A response may be endless, so the limit on extensions is that of one
chunk: every extension that is unknown has to be ignored, however many chunks there are. A trailer
field that is forbidden is dropped (RFC 9110, section 6.5.1), whitespace before its colon is
removed, and a folded line is joined with one space (RFC 9112, sections 5.1 and 5.2).

In a request each of these stays refused, see ``chunked``.
"""

import re
from typing import ClassVar

from streamserver.wire.chunked import (
    CHUNK_EXTENSION,
    MAX_EXTENSIONS,
    MAX_SIZE_DIGITS,
    Decoder,
    End,
)
from streamserver.wire.trailers import forbidden


class ResponseDecoder(Decoder):
    """Reads the chunked body of a response as ``Decoder`` reads that of a request."""

    __slots__ = ()

    _size_line: ClassVar[re.Pattern[bytes]] = re.compile(
        rf"([0-9A-Fa-f]{{1,{MAX_SIZE_DIGITS}}}+)((?:{CHUNK_EXTENSION})*+[ \t]*+)\r\n".encode()
    )

    def _spend_extensions(self, count: int) -> None:
        if count > MAX_EXTENSIONS:
            self._refuse_length()

    def _add_trailer(self, line: str) -> None:
        if line[0] in " \t" and self._trailers:
            name, value = self._trailers.pop()
            field = name, " ".join((value, line.strip(" \t"))).strip(" \t")
        else:
            name, colon, value = line.partition(":")
            field = self._field(name.rstrip(" \t") + colon + value)
        self._trailers.append(field)

    def _end(self, rest: bytes) -> End:
        # Not earlier: a folded line belongs to the field before it, which may be a forbidden one.
        trailers = [field for field in self._trailers if not forbidden(field[0])]
        return End(tuple(trailers), rest)
