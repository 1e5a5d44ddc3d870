"""The target as an application: which endpoint is where."""

from streamserver.kit.router import Router
from streamserver.lab.model import add_model
from streamserver.lab.target.streams import sse


def make_target() -> Router:
    """A target of its own."""
    app = Router()
    app.get("/sse")(sse)
    add_model(app)
    return app
