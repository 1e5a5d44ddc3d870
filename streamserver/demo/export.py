"""A large export: rows are generated as the client reads them, and none is stored.

The first row is sent by itself, so that it arrives immediately. Each later piece contains many
rows, because framing one row as a chunk costs more than generating it.
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
"""Rows in a piece of 10 to 25 KiB: formatting them blocks the loop for less than 1 ms."""


async def export(request: Request) -> Response:
    """``GET /api/export?rows=1000000&format=csv``: a table with so many rows, as an attachment."""
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
    """The heading, then the rows, each batch formatted by ``batch``."""
    yield heading + batch(range(1, 2))
    for begin in range(2, rows + 1, BATCH):
        # Let other connections run, even if the client reads everything at once.
        await asyncio.sleep(0)
        yield batch(range(begin, min(begin + BATCH, rows + 1)))


# Formatted without csv and json: none of these values needs quotes or escapes.


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
