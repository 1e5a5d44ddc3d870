"""The target as an application: which endpoint is where."""

from streamserver.kit.router import Router
from streamserver.lab.model import add_model
from streamserver.lab.target import echo, octets
from streamserver.lab.target.streams import sse


def make_target() -> Router:
    """A target of its own."""
    app = Router()
    app.get("/sse")(sse)
    _add_plain(app)
    add_model(app)
    return app


def _add_plain(app: Router) -> None:
    """What needs no knobs; the paths are httpbin's."""
    app.get("/get")(echo.get)
    app.post("/post", max_body=echo.MAX_BODY)(echo.post)
    app.get("/headers")(echo.headers)
    app.get("/delay/{seconds}")(echo.delay)
    app.route("/status/{code:int}", ("GET", "POST", "PUT", "PATCH", "DELETE"))(echo.status)
    app.get("/bytes/{n:int}")(octets.fixed)
    app.get("/stream-bytes/{n:int}")(octets.chunked)
