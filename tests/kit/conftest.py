"""A folder of files, and a server of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.folder import make_folder
from support.inprocess import Serve, Served

HEADERS = {"Cache-Control": "max-age=60", "Vary": "Origin"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


@pytest.fixture
async def server(serve: Serve, root: Path) -> Served:
    """Serves the root's files by name, as a download when asked for below /save/."""

    async def handler(request: Request) -> Response:
        name = request.path.removeprefix("/")
        if name.startswith("save/"):
            name = name.removeprefix("save/")
            return FileResponse(name, root=root, filename=name, headers=HEADERS)
        return FileResponse(name, root=root, headers=HEADERS)

    return await serve(handler)


@pytest.fixture
async def client(server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as client:
        yield client
