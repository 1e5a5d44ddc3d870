"""The demo as an application: its endpoints.

Requests of pages of other origins are refused: they could publish, begin jobs, and use the key of
the chat's upstream. Such pages cannot read responses either, since there is no ``cors`` here.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from streamserver.demo.chat import LOCATION, Chat
from streamserver.demo.commands import Commands
from streamserver.demo.jobs import Jobs
from streamserver.demo.notifications import MAX_BODY, Notifications
from streamserver.demo.pages import make_index, part, step
from streamserver.demo.pitfalls import crowded, unclosed, unhandled, unlabelled
from streamserver.demo.streams import counter, type_text
from streamserver.demo.transfers import Downloads, export, upload
from streamserver.demo.wiretap import Tapped, Wiretap
from streamserver.feed.feed import Backend
from streamserver.feed.memory import Memory
from streamserver.kit.bearer import bearer
from streamserver.kit.guards import same_origin
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.lab.model import add_model
from streamserver.lab.target.app import make_target

Writing: TypeAlias = Callable[[Handler], Handler]
"""Protects a handler."""


def make_app(
    files: Path | None = None,
    chat: Chat | None = None,
    backend: Backend | None = None,
    each_alone: bool = False,
    tokens: Sequence[str] = (),
) -> Handler:
    """The demo.

    ``files``: the directory of the downloads, by default a generated one. ``chat``: by default with
    the demo's own model. ``backend``: of the feeds, by default in memory. ``each_alone``: whether
    there are several workers, each with a memory of its own. ``tokens``: one of them is required
    for requests that write, or use the key of the chat. NotADirectoryError, ValueError for these.
    """
    app = Router()
    backend = backend or Memory()
    commands = Commands(backend)
    wiretap = Wiretap(backend, commands)
    downloads = Downloads(files)
    tapped = wiretap.tapped
    writing: Writing = partial(bearer, tokens=tokens, realm="demo") if tokens else _open
    app.get("/")(make_index(each_alone))
    app.get("/page/{name:path}")(part)
    app.get("/learn/{number:int}")(step)
    app.get("/api/wire/{token}")(wiretap.read)
    chat = chat or Chat(backend=backend)
    app.post("/api/chat")(tapped(writing(chat)))
    app.get(LOCATION + "{id}")(tapped(chat.follow))
    app.delete(LOCATION + "{id}")(writing(chat.cancel))
    app.get("/files/")(downloads.list)
    app.get("/files/{name}")(tapped(downloads.download))
    _add_streams(app, tapped)
    _add_notifications(app, Notifications(backend, commands), tapped, writing)
    jobs = Jobs(backend, commands, each_alone)
    _add_jobs(app, jobs, tapped, writing)
    add_model(app)
    app.mount("/lab", make_target())
    app.on_stop += [backend.close, chat.aclose, commands.close, jobs.close, wiretap.close]
    return same_origin(app)


def _open(handler: Handler) -> Handler:
    return handler


def _add_streams(app: Router, tapped: Tapped) -> None:
    app.get("/api/counter")(tapped(counter))
    app.post("/api/type")(tapped(type_text))
    app.get("/api/export")(tapped(export))
    app.put("/api/upload", max_body=None)(tapped(upload))
    app.get("/pitfalls/unlabelled")(tapped(unlabelled))
    app.get("/pitfalls/unclosed")(tapped(unclosed))
    app.get("/pitfalls/unhandled")(tapped(unhandled))
    app.get("/pitfalls/crowded")(tapped(crowded))


def _add_notifications(
    app: Router, notifications: Notifications, tapped: Tapped, writing: Writing
) -> None:
    app.get("/api/notifications")(tapped(notifications.subscribe))
    app.post("/api/notifications", max_body=MAX_BODY)(writing(notifications.publish))
    app.post("/api/notifications/cut", max_body=MAX_BODY)(writing(notifications.cut))


def _add_jobs(app: Router, jobs: Jobs, tapped: Tapped, writing: Writing) -> None:
    app.post("/api/jobs", max_body=MAX_BODY)(writing(jobs.start))
    app.get("/api/jobs/{id:uuid}")(jobs.state)
    app.delete("/api/jobs/{id:uuid}")(writing(jobs.cancel))
    app.get("/api/jobs/{id:uuid}/events")(tapped(jobs.events))
