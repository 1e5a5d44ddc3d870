"""Large downloads, resumable: the files of a directory.

Without a directory of the user's there is a generated one, with a file worth interrupting.
It is made when somebody first asks for it, since most never do. Its content and its time are
always the same, so every process that serves it gives it the same entity tag, and a download
begun at one of several workers may be resumed at another.
"""

import asyncio
import atexit
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response

SAMPLE = "sample.bin"
MIB = 2**20
SAMPLE_MIB = 64
_SAMPLE_TIME = 784111777  # the date of the examples in RFC 9110


class Files:
    """The handlers of a directory; without one, of a generated one.

    NotADirectoryError if there is no such directory.
    """

    __slots__ = ("_directory", "_making")

    def __init__(self, directory: Path | None = None) -> None:
        if directory is not None and not directory.is_dir():
            raise NotADirectoryError(f"{directory} is not a directory")
        self._directory = directory
        self._making = asyncio.Lock()

    async def list(self, request: Request) -> Response:
        """``GET /files/``: the names and sizes of the files."""
        files = await asyncio.to_thread(_listing, await self._folder())
        return Response.json({"files": files}, headers={"Cache-Control": "no-cache"})

    async def download(self, request: Request) -> Response:
        """``GET /files/{name}``: a file as an attachment, or the requested range of it."""
        name = request.params["name"]
        headers = {"Cache-Control": "no-cache"}
        return FileResponse(name, root=await self._folder(), filename=name, headers=headers)

    async def _folder(self) -> Path:
        async with self._making:
            if self._directory is None:
                self._directory = await asyncio.to_thread(generate)
            return self._directory


def generate() -> Path:
    """Make a directory with the sample in it; it goes when the process ends."""
    directory = Path(tempfile.mkdtemp(prefix="streamserver-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    sample = directory / SAMPLE
    with sample.open("wb") as file:
        for number in range(SAMPLE_MIB):
            # Anybody can make it again to compare, and no two parts of it are alike.
            file.write(hashlib.shake_128(str(number).encode()).digest(MIB))
    os.utime(sample, (_SAMPLE_TIME, _SAMPLE_TIME))
    return directory


def _listing(directory: Path) -> list[dict[str, object]]:
    files = [entry for entry in os.scandir(directory) if entry.is_file()]
    files.sort(key=lambda entry: entry.name)
    return [{"name": entry.name, "size": entry.stat().st_size} for entry in files]
