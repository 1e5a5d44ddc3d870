"""An upload of any size, read as a stream: counted and hashed piece by piece, never stored."""

import hashlib

from streamserver.kit.request import Request
from streamserver.kit.response import Response


async def upload(request: Request) -> Response:
    """``PUT /api/upload``: the size of the body in bytes, and its SHA-256 in hexadecimal."""
    size, digest = 0, hashlib.sha256()
    async for part in request:
        size += len(part)
        # A part is the result of one socket read: too small to hash in a thread.
        digest.update(part)
    return Response.json({"size": size, "sha256": digest.hexdigest()})
