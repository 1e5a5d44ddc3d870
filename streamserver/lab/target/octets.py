"""Bytes without a meaning: so many, the same for the same seed, fixed in length or in chunks."""

from collections.abc import AsyncIterator
from random import Random, randrange

from streamserver.kit.params import whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.problem import HTTPError

MOST = 2**30
SEED = whole("seed", 0, 2**53, default=-1)
CHUNK_SIZE = whole("chunk_size", 1, 1024 * 1024, default=10 * 1024)
PIECE = 64 * 1024
KIND = {"content-type": "application/octet-stream"}


async def fixed(request: Request) -> Response:
    """``GET /bytes/{n}?seed=``: n random bytes with their Content-Length."""
    count = _count(request)
    octets = _octets(count, PIECE, _random(request))
    return Response(octets, headers={**KIND, "content-length": str(count)})


async def chunked(request: Request) -> Response:
    """``GET /stream-bytes/{n}?seed=&chunk_size=10240``: the same bytes, in chunks."""
    count, size = _count(request), CHUNK_SIZE.of(request.query)
    return Response(_octets(count, size, _random(request)), headers=KIND)


def _count(request: Request) -> int:
    count: int = request.params["n"]
    if count > MOST:
        raise HTTPError(400, f"n must be {MOST} at most, not {count}", parameter="n")
    return count


def _random(request: Request) -> Random:
    seed = SEED.of(request.query)
    return Random(seed if seed >= 0 else randrange(2**53))


async def _octets(count: int, size: int, random: Random) -> AsyncIterator[bytes]:
    """The same bytes whatever the size of the pieces: they are drawn in one size."""
    held = b""
    while count:
        drawn = random.randbytes(PIECE)[:count]
        count -= len(drawn)
        held += drawn
        whole = len(held) - len(held) % size
        for at in range(0, whole, size):
            yield held[at : at + size]
        held = held[whole:]
    if held:
        yield held
