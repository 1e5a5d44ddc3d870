"""The lesson as an application: which endpoint is where.

    python -m streamserver

serves ``app``. ``make_app`` makes one with another directory of files or another upstream.
"""

from pathlib import Path

from streamserver.demo.chat import Chat
from streamserver.demo.counter import counter
from streamserver.demo.export import export
from streamserver.demo.files import Files
from streamserver.demo.jobs import Jobs
from streamserver.demo.model import add_model
from streamserver.demo.notifications import MAX_BODY, Notifications
from streamserver.demo.orders import Orders
from streamserver.demo.pages import index, style
from streamserver.demo.text import type_text
from streamserver.demo.upload import upload
from streamserver.feed.feed import Backend
from streamserver.feed.memory import Memory
from streamserver.kit.router import Router


def make_app(
    files: Path | None = None, chat: Chat | None = None, backend: Backend | None = None
) -> Router:
    """The lesson, with the files of a directory, or of a generated one, a chat with a model, or
    with the demo's own, and its feeds in a backend, or in memory.

    NotADirectoryError if there is no such directory.
    """
    app = Router()
    app.get("/")(index)
    app.get("/style.css")(style)
    app.get("/api/counter")(counter)
    app.post("/api/type")(type_text)
    app.post("/api/chat")(chat or Chat())
    app.get("/api/export")(export)
    app.put("/api/upload", max_body=None)(upload)
    served = Files(files)
    app.get("/files/")(served.list)
    app.get("/files/{name}")(served.download)
    add_model(app)
    _add_feeds(app, backend or Memory())
    return app


def _add_feeds(app: Router, backend: Backend) -> None:
    orders = Orders(backend)
    notifications = Notifications(backend, orders)
    app.get("/api/notifications")(notifications.follow)
    app.post("/api/notifications", max_body=MAX_BODY)(notifications.publish)
    app.post("/api/notifications/cut", max_body=MAX_BODY)(notifications.cut)
    jobs = Jobs(backend, orders)
    app.post("/api/jobs", max_body=MAX_BODY)(jobs.start)
    app.get("/api/jobs/{id:uuid}")(jobs.state)
    app.delete("/api/jobs/{id:uuid}")(jobs.cancel)
    app.get("/api/jobs/{id:uuid}/events")(jobs.events)
    app.on_stop += [backend.close, orders.close, jobs.close]


app = make_app()
