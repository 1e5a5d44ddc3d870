"""A feed in Redis and a short answer, served by workers that tests restart."""

import os

from streamserver import Feed, Request, Response, Router
from streamserver.feed.redis import Redis

redis = Redis(os.environ["NEWS_REDIS"], prefix=os.environ["NEWS_PREFIX"])
FEED = Feed("news", redis, max_events=100_000)
app = Router()
app.on_stop.append(redis.close)


@app.get("/")
async def hello(request: Request) -> Response:
    """A short answer."""
    return Response("hello")


@app.get("/news")
async def news(request: Request) -> Response:
    """The feed."""
    return FEED.subscribe(request)
