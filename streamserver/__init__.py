"""A streaming HTTP/1.1 server in pure Python, on raw asyncio and h11.

Everything that an app needs is exported here. ``learn``, ``wire`` and ``server`` show how streaming
works.
"""

from streamserver.feed import Feed
from streamserver.kit.bearer import bearer
from streamserver.kit.compress import compress
from streamserver.kit.cors import cors
from streamserver.kit.events import EventStream
from streamserver.kit.files import FileResponse
from streamserver.kit.guards import same_origin
from streamserver.kit.params import idempotency_key
from streamserver.kit.request import Request
from streamserver.kit.response import Body, Response, TextStream
from streamserver.kit.router import Router
from streamserver.kit.stream import StreamController
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.routes import Route, Routes
from streamserver.proxy.settings import Backoff, PoolLimits, QueueLimits, Timeouts
from streamserver.resumable.resumable import Resumable
from streamserver.server.settings import Settings
from streamserver.serving.serve import run, serve
from streamserver.wire.forwarded import TrustedPeers
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

__version__ = "0.1.0"

__all__ = [
    "Backoff",
    "Body",
    "Event",
    "EventStream",
    "Feed",
    "FileResponse",
    "HTTPError",
    "PoolLimits",
    "Proxy",
    "QueueLimits",
    "Request",
    "Response",
    "Resumable",
    "Route",
    "Router",
    "Routes",
    "Settings",
    "StreamController",
    "TextStream",
    "Timeouts",
    "TrustedPeers",
    "bearer",
    "compress",
    "cors",
    "idempotency_key",
    "run",
    "same_origin",
    "serve",
]
