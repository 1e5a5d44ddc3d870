"""A large export: rows are made as the client takes them, and none is kept.

The first row goes out alone, so that the client sees at once that something comes. From then
on a piece holds many rows: a chunk for each would cost more than the row itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from streamserver.kit.files import attachment
from streamserver.kit.params import one_of, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response

ROWS = whole("rows", 1, 100_000_000, default=1_000_000)
FORMAT = one_of("format", "csv", "ndjson", default="csv")

BATCH = 500
"""Rows in a piece, of 10 to 25 KiB: well under a millisecond in which nothing else runs."""


async def export(request: Request) -> Response:
    """``GET /api/export?rows=1000000&format=csv``: so many rows of a table, to be saved."""
    rows, form = ROWS.of(request.query), FORMAT.of(request.query)
    content_type, heading, batch = FORMATS[form]
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": attachment(f"export.{form}"),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(pieces(rows, heading, batch), headers=headers)


async def pieces(rows: int, heading: str, batch: Callable[[range], str]) -> AsyncIterator[str]:
    """A heading and so many rows, as ``batch`` writes them."""
    yield heading + batch(range(1, 2))
    for begin in range(2, rows + 1, BATCH):
        # A client that takes all we give would else keep everybody else waiting.
        await asyncio.sleep(0)
        yield batch(range(begin, min(begin + BATCH, rows + 1)))


# Formatted by hand, since none of these values ever needs quotes or escapes.


def _csv(numbers: range) -> str:
    """Rows of RFC 4180."""
    return "".join([f"{n},item {n},{n * 7919 % 10_000}\r\n" for n in numbers])


def _ndjson(numbers: range) -> str:
    """One JSON object in each line."""
    rows = [f'{{"id":{n},"name":"item {n}","stock":{n * 7919 % 10_000}}}\n' for n in numbers]
    return "".join(rows)


FORMATS: dict[str, tuple[str, str, Callable[[range], str]]] = {
    "csv": ("text/csv; charset=utf-8; header=present", "id,name,stock\r\n", _csv),
    "ndjson": ("application/x-ndjson", "", _ndjson),
}
"""Content-Type, heading and rows of each format."""
