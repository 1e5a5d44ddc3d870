"""The lesson as an application: which endpoint is where.

    python -m streamserver

serves ``app``. ``make_app`` makes one with another directory of files or another upstream.
"""

from pathlib import Path

from streamserver.demo.chat import Chat
from streamserver.demo.counter import counter
from streamserver.demo.export import export
from streamserver.demo.files import Files
from streamserver.demo.model import add_model
from streamserver.demo.pages import index, style
from streamserver.demo.text import type_text
from streamserver.demo.upload import upload
from streamserver.kit.router import Router


def make_app(files: Path | None = None, chat: Chat | None = None) -> Router:
    """The lesson, with the files of a directory, or of a generated one, and a chat with a model,
    or with the demo's own.

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
    return app


app = make_app()
