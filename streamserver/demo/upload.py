"""A body of any size, read as a stream: counted and hashed piece by piece, and never kept."""

import hashlib

from streamserver.kit.request import Request
from streamserver.kit.response import Response


async def upload(request: Request) -> Response:
    """``PUT /api/upload``: the size of the body in bytes, and its SHA-256 in hexadecimal."""
    size, digest = 0, hashlib.sha256()
    async for part in request:
        size += len(part)
        # A part is what one read of the socket gave. To hash so little in a thread would
        # cost more than it saves.
        digest.update(part)
    return Response.json({"size": size, "sha256": digest.hexdigest()})
