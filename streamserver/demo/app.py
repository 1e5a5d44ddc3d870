"""The lesson as an application: which endpoint is where.

    python -m streamserver

serves ``app``. ``make_app`` makes one with another directory of files.
"""

from pathlib import Path

from streamserver.demo.counter import counter
from streamserver.demo.export import export
from streamserver.demo.files import Files
from streamserver.demo.pages import index, style
from streamserver.demo.text import type_text
from streamserver.demo.upload import upload
from streamserver.kit.router import Router


def make_app(files: Path | None = None) -> Router:
    """The lesson, with the files of a directory, or of a generated one.

    NotADirectoryError if there is no such directory.
    """
    app = Router()
    app.get("/")(index)
    app.get("/style.css")(style)
    app.get("/api/counter")(counter)
    app.post("/api/type")(type_text)
    app.get("/api/export")(export)
    app.put("/api/upload", max_body=None)(upload)
    served = Files(files)
    app.get("/files/")(served.list)
    app.get("/files/{name}")(served.download)
    return app


app = make_app()
