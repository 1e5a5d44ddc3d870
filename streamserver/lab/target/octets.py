"""Bytes without a meaning: so many, the same for the same seed, fixed in length or in chunks."""

from collections.abc import AsyncIterator
from random import Random, randrange

from streamserver.kit.params import size, whole
from streamserver.kit.request import Query, Request
from streamserver.kit.response import Response
from streamserver.lab.target.commands import commands
from streamserver.lab.target.pacing import pacer

N = size("n", 0, 2**30)
SEED = whole("seed", 0, 2**53, default=-1)
CHUNK_SIZE = size("chunk_size", 1, 1024 * 1024, default=10 * 1024)
PIECE = 64 * 1024
KIND = {"content-type": "application/octet-stream"}


async def fixed(request: Request) -> Response:
    """``GET /bytes/{n}?seed=``: n random bytes with their Content-Length."""
    given = commands(request, ("seed",))
    count = N.read(request.params["n"])
    octets = _octets(request, count, PIECE, _random(given))
    return Response(octets, headers={**KIND, "content-length": str(count)})


async def chunked(request: Request) -> Response:
    """``GET /stream-bytes/{n}?seed=&chunk_size=10240``: the same bytes, in chunks."""
    given = commands(request, ("seed", "chunk_size"))
    count, size = N.read(request.params["n"]), CHUNK_SIZE.of(given)
    return Response(_octets(request, count, size, _random(given)), headers=KIND)


def _random(given: Query) -> Random:
    seed = SEED.of(given)
    return Random(seed if seed >= 0 else randrange(2**53))


async def _octets(
    request: Request, count: int, size: int, random: Random
) -> AsyncIterator[bytes]:
    """The same bytes whatever the size of the pieces: they are drawn in one size.

    To draw them takes longer than to send them; so others have their turn after each.
    """
    turn = pacer(request.exchange.server).turn
    held = b""
    while count:
        drawn = random.randbytes(PIECE)[:count]
        count -= len(drawn)
        held += drawn
        whole = len(held) - len(held) % size
        for at in range(0, whole, size):
            yield held[at : at + size]
        held = held[whole:]
        if count:
            await turn()
    if held:
        yield held
