"""The target as an application: which endpoint is where."""

from os import getpid

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.lab.faults.faulty import faulty
from streamserver.lab.model import add_model
from streamserver.lab.model.words import with_its_words
from streamserver.lab.target import echo, octets
from streamserver.lab.target.index import add_index
from streamserver.lab.target.lateness import Lateness
from streamserver.lab.target.named import add_named
from streamserver.lab.target.slots import busy
from streamserver.lab.target.streams import add_streams


def make_target(slots: int = 0, queue: int = 1000) -> Handler:
    """A target of its own; ``slots``: how many exchanges it answers at once, where these do not
    say else, 0 for all, and ``queue``: how many may wait."""
    app = Router()
    lateness = Lateness()
    add_index(app)
    add_streams(app, lateness)
    add_lateness(app, lateness)
    add_named(app, lateness)
    _add_plain(app)
    add_model(app, lateness)
    return with_its_words(busy(faulty(app), slots, queue))


def add_lateness(app: Router, lateness: Lateness) -> None:
    """``/lab/lateness``: GET tells it, DELETE forgets it; ``/lateness`` where /lab is above."""

    @app.get("/lab/lateness")
    @app.get("/lateness")
    async def tell(request: Request) -> Response:
        about = {"process": getpid(), "of": "this process alone; other workers have their own"}
        return Response.json(about | lateness.told(), headers={"cache-control": "no-store"})

    @app.delete("/lab/lateness")
    @app.delete("/lateness")
    async def forget(request: Request) -> Response:
        lateness.reset()
        return Response(status=204)


def _add_plain(app: Router) -> None:
    """What needs no knobs; the paths are httpbin's."""
    app.get("/get")(echo.get)
    app.post("/post", max_body=echo.MAX_BODY)(echo.post)
    app.get("/headers")(echo.headers)
    app.get("/delay/{seconds}")(echo.delay)
    app.route("/status/{code}", ("GET", "POST", "PUT", "PATCH", "DELETE"))(echo.status)
    app.get("/bytes/{n}")(octets.fixed)
    app.get("/stream-bytes/{n}")(octets.chunked)
