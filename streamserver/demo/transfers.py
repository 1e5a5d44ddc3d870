"""Large transfers that are never held in memory: an export, an upload, and resumable downloads."""

import asyncio
import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from streamserver.kit.files import FileResponse, attachment
from streamserver.kit.params import one_of, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response

ROWS = whole("rows", 1, 100_000_000, default=1_000_000)
FORMAT = one_of("format", "csv", "ndjson", default="csv")

BATCH = 500
"""Rows in a piece of 10 to 25 KiB: formatting them blocks the loop for less than 1 ms."""

SAMPLE = "sample.bin"
SAMPLE_MIB = 64
MIB = 2**20
_SAMPLE_TIME = 784111777  # the date of the examples in RFC 9110


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
    yield heading + batch(range(1, 2))  # the first row alone, so that it arrives immediately
    for begin in range(2, rows + 1, BATCH):
        # Let other connections run, even if the client reads everything at once.
        await asyncio.sleep(0)
        yield batch(range(begin, min(begin + BATCH, rows + 1)))


# Formatted without csv and json: none of these values needs quotes or escapes.


def _csv(numbers: range) -> str:
    return "".join([f"{n},item {n},{n * 7919 % 10_000}\r\n" for n in numbers])


def _ndjson(numbers: range) -> str:
    rows = [f'{{"id":{n},"name":"item {n}","stock":{n * 7919 % 10_000}}}\n' for n in numbers]
    return "".join(rows)


FORMATS: dict[str, tuple[str, str, Callable[[range], str]]] = {
    "csv": ("text/csv; charset=utf-8; header=present", "id,name,stock\r\n", _csv),  # RFC 4180
    "ndjson": ("application/x-ndjson", "", _ndjson),
}
"""Content-Type, heading and rows of each format."""


async def upload(request: Request) -> Response:
    """``PUT /api/upload``: the size of the body in bytes, and its SHA-256 in hexadecimal."""
    size, digest = 0, hashlib.sha256()
    async for part in request:
        size += len(part)
        # A part is the result of one socket read: too small to hash in a thread.
        digest.update(part)
    return Response.json({"size": size, "sha256": digest.hexdigest()})


class Downloads:
    """The files of ``directory``, by default of one that is generated at the first request.

    NotADirectoryError if there is no such directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        if directory is not None and not directory.is_dir():
            raise NotADirectoryError(f"{directory} is not a directory")
        self._directory = directory
        self._generating = asyncio.Lock()

    async def list(self, request: Request) -> Response:
        """``GET /files/``: the names and sizes of the files."""
        files = await asyncio.to_thread(_listing, await self._root())
        return Response.json({"files": files}, headers={"Cache-Control": "no-cache"})

    async def download(self, request: Request) -> Response:
        """``GET /files/{name}``: a file as an attachment, or the requested range of it."""
        name = request.params["name"]
        headers = {"Cache-Control": "no-cache"}
        return FileResponse(name, root=await self._root(), filename=name, headers=headers)

    async def _root(self) -> Path:
        async with self._generating:
            if self._directory is None:
                self._directory = await asyncio.to_thread(generate)
            return self._directory


def generate() -> Path:
    """A directory with a sample file, removed at exit.

    Its content and its date are constant, so all workers give it the same entity tag: a download
    that began at one of them can be resumed at another.
    """
    directory = Path(tempfile.mkdtemp(prefix="streamserver-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    sample = directory / SAMPLE
    with sample.open("wb") as file:
        for number in range(SAMPLE_MIB):
            file.write(hashlib.shake_128(str(number).encode()).digest(MIB))
    os.utime(sample, (_SAMPLE_TIME, _SAMPLE_TIME))
    return directory


def _listing(directory: Path) -> list[dict[str, object]]:
    files = [entry for entry in os.scandir(directory) if entry.is_file()]
    files.sort(key=lambda entry: entry.name)
    return [{"name": entry.name, "size": entry.stat().st_size} for entry in files]
