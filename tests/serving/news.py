"""A program that serves a feed in Redis and a short answer, by two workers that tests restart.

One of them runs on asyncio's loop, the other on uvloop. Both append a byte to the same file: the
number of bytes before it selects the loop. Nothing is imported that takes long: twenty workers
start.
"""

import asyncio
import os
import sys
from collections.abc import Callable

import uvloop

from streamserver import Feed, Request, Response, Router, run
from streamserver.feed.redis import Redis

url, prefix, starts = sys.argv[1:]
redis = Redis(url, prefix=prefix)
feed = Feed("news", redis, max_events=100_000)
app = Router()
app.on_stop.append(redis.close)


@app.get("/")
async def hello(request: Request) -> Response:
    """A short answer."""
    return Response("hello")


@app.get("/news")
async def news(request: Request) -> Response:
    """The feed."""
    return feed.subscribe(request)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Not that of the worker that was started before this one."""
    with open(starts, "ab") as file:
        os.write(file.fileno(), b".")
        return (asyncio.new_event_loop, uvloop.new_event_loop)[file.tell() % 2]


if __name__ == "__main__":
    run(app, port=0, workers=2, loop_factory=loop_factory(), access_log=False, grace=5)
