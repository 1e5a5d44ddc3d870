"""The lesson as an application: which endpoint is where.

Pages of other origins may not change anything: they would publish in the name of whoever happens to
look at them, begin jobs, and have the chat's upstream paid by others. They may not read anything
either, for there is no ``cors`` here.
"""

from pathlib import Path

from streamserver.demo.chat import Chat
from streamserver.demo.counter import counter
from streamserver.demo.export import export
from streamserver.demo.files import Files
from streamserver.demo.jobs import Jobs
from streamserver.demo.notifications import MAX_BODY, Notifications
from streamserver.demo.orders import Orders
from streamserver.demo.pages import make_index, part, step
from streamserver.demo.pitfalls import unclosed, unhandled, unlabelled
from streamserver.demo.text import type_text
from streamserver.demo.upload import upload
from streamserver.demo.wiretap import Tapped, Wiretap
from streamserver.feed.feed import Backend
from streamserver.feed.memory import Memory
from streamserver.kit.guards import same_origin
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.lab.model import add_model
from streamserver.lab.target.app import make_target


def make_app(
    files: Path | None = None,
    chat: Chat | None = None,
    backend: Backend | None = None,
    each_alone: bool = False,
) -> Handler:
    """The lesson, with the files of a directory, or of a generated one, a chat with a model, or
    with the demo's own, and its feeds in a backend, or in memory; ``each_alone``: whether there
    are several workers, and so several memories.

    NotADirectoryError if there is no such directory.
    """
    app = Router()
    backend = backend or Memory()
    orders = Orders(backend)
    wiretap = Wiretap(backend, orders)
    tapped = wiretap.tapped
    app.get("/")(make_index(each_alone))
    app.get("/page/{name:path}")(part)
    app.get("/learn/{number:int}")(step)
    app.get("/api/wire/{token}")(wiretap.read)
    app.get("/api/counter")(tapped(counter))
    app.post("/api/type")(tapped(type_text))
    app.post("/api/chat")(tapped(chat or Chat()))
    app.get("/api/export")(tapped(export))
    app.put("/api/upload", max_body=None)(tapped(upload))
    served = Files(files)
    app.get("/files/")(served.list)
    app.get("/files/{name}")(tapped(served.download))
    app.get("/pitfalls/unlabelled")(tapped(unlabelled))
    app.get("/pitfalls/unclosed")(tapped(unclosed))
    app.get("/pitfalls/unhandled")(tapped(unhandled))
    add_model(app)
    app.mount("/lab", make_target())
    jobs = Jobs(backend, orders, each_alone)
    _add_notifications(app, Notifications(backend, orders), tapped)
    _add_jobs(app, jobs, tapped)
    app.on_stop += [backend.close, orders.close, jobs.close, wiretap.close]
    return same_origin(app)


def _add_notifications(app: Router, notifications: Notifications, tapped: Tapped) -> None:
    app.get("/api/notifications")(tapped(notifications.follow))
    app.post("/api/notifications", max_body=MAX_BODY)(notifications.publish)
    app.post("/api/notifications/cut", max_body=MAX_BODY)(notifications.cut)


def _add_jobs(app: Router, jobs: Jobs, tapped: Tapped) -> None:
    app.post("/api/jobs", max_body=MAX_BODY)(jobs.start)
    app.get("/api/jobs/{id:uuid}")(jobs.state)
    app.delete("/api/jobs/{id:uuid}")(jobs.cancel)
    app.get("/api/jobs/{id:uuid}/events")(tapped(jobs.events))
