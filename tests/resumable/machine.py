"""A program that keeps answers in Redis, with a short lease, for tests that kill or pause it."""

import sys

from streamserver import run
from streamserver.feed.redis import Redis
from streamserver.kit.service import Closing
from streamserver.proxy.proxy import Proxy
from streamserver.resumable import redis
from streamserver.resumable.resumable import Resumable


def main(upstream: str, url: str, prefix: str, lease: str, window: str) -> None:
    """Serve until a signal arrives."""
    redis.LEASE = float(lease)
    backend = Redis(url, prefix=prefix)
    resumable = Resumable(Proxy(upstream), backend, resume_window=float(window))
    run(Closing(resumable, backend.close), port=0, access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
