"""The target as an application."""

from os import getpid

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.lab.faults.injection import FaultInjection
from streamserver.lab.model import OpenAIErrors, add_model
from streamserver.lab.target.concurrency import ConcurrencyLimit
from streamserver.lab.target.httpbin import add_httpbin
from streamserver.lab.target.index import index
from streamserver.lab.target.lateness import Lateness
from streamserver.lab.target.streams import add_streams


def make_target(slots: int = 0, queue: int = 1000) -> Handler:
    """A target; ``slots`` and ``queue``: those of ``ConcurrencyLimit``."""
    app = Router()
    lateness = Lateness()
    app.get("/")(index)
    add_streams(app, lateness)
    add_httpbin(app, lateness)
    add_model(app, lateness)
    add_lateness(app, lateness)
    return OpenAIErrors(ConcurrencyLimit(FaultInjection(app), slots, queue))


def add_lateness(app: Router, lateness: Lateness) -> None:
    """``/lab/lateness``, and ``/lateness`` for a target that is mounted at /lab: GET returns the
    figures, DELETE resets them."""

    @app.get("/lab/lateness")
    @app.get("/lateness")
    async def figures(request: Request) -> Response:
        about = {"process": getpid(), "of": "this process alone; other workers have their own"}
        return Response.json(about | lateness.summary(), headers={"cache-control": "no-store"})

    @app.delete("/lab/lateness")
    @app.delete("/lateness")
    async def reset(request: Request) -> Response:
        lateness.reset()
        return Response(status=204)
