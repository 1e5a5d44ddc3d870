"""Downloads: a file as the response, whole or from where the last attempt ended.

The response depends on the request, which ``FileResponse(path)`` does not know. The file is opened
by ``for_request``, so a FileResponse that is not sent holds no descriptor. Size and entity tag are
read from the descriptor: they belong to the bytes that are sent, even if the file is replaced.

Opening blocks the event loop. For a local disk that takes less than a thread; on a network file
system that can hang, use another class.
"""

import errno
import mimetypes
import os
import re
import stat
import time
from contextlib import ExitStack
from io import FileIO
from pathlib import PurePath
from urllib.parse import quote

from streamserver.kit.request import Request
from streamserver.kit.response import HeadersInit, Response
from streamserver.server.answer import FileRegion
from streamserver.wire.conditions import Validators, content_range, precondition, requested_range
from streamserver.wire.fields import Headers, http_date
from streamserver.wire.problem import HTTPError

AnyPath = str | os.PathLike[str]


class FileResponse(Response):
    """A regular file: ``return FileResponse(name, root=DIRECTORY)``.

    Without ``root`` the path must be trusted. With it, ``path`` may come from a client: it is
    relative to ``root``, and 404 if it leads out of there, by "..", a leading slash or a symbolic
    link. ``content_type``: by default guessed from the name. ``filename``: browsers save the file
    under this name (RFC 6266). ``headers``: further fields, such as Cache-Control; those that
    follow from the state of the file cannot be set.

    The status is 200, 206 for one range, 304, 404, 412 or 416 (RFC 9110, sections 13 to 15);
    several ranges are ignored. A file without read permission is 404, since 403 would disclose
    that it exists.
    """

    __slots__ = ("_path", "_root")

    def __init__(
        self,
        path: AnyPath,
        *,
        root: AnyPath | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        headers: HeadersInit = None,
    ) -> None:
        super().__init__(headers=headers)
        self._path = path
        self._root = root
        if content_type or "content-type" not in self.headers:
            self.headers["content-type"] = content_type or content_type_of(path)
        # The client must not guess another type from the bytes.
        self.headers["x-content-type-options"] = "nosniff"
        if filename is not None:
            self.headers["content-disposition"] = attachment(filename)

    def for_request(self, request: Request) -> Response:
        """The response to this request. The engine closes the file.

        HTTPError: 404 no such file, 412 a precondition fails, 416 no such range. OSError for a
        fault of the system, for example if no descriptor is left.
        """
        with ExitStack() as stack:
            file = stack.enter_context(open_file(self._path, self._root))
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise HTTPError(404, "no such file")
            current = validators(state, time.time_ns())
            status, selected = _decide(request, current, state.st_size)
            headers = Headers(self.headers)
            headers["etag"] = current.etag
            if status == 304:  # without the fields that describe the content (section 15.4.5)
                for name in ("content-type", "content-disposition", "content-encoding"):
                    del headers[name]
                return Response(status=304, headers=headers)
            headers["last-modified"] = http_date(current.modified)
            headers["accept-ranges"] = "bytes"
            if status == 206:
                headers["content-range"] = content_range(selected, state.st_size)
            body = FileRegion(file, selected.start, len(selected))
            response = Response(body, status=status, headers=headers)
            stack.pop_all()
            return response


def _decide(request: Request, current: Validators, size: int) -> tuple[int, range]:
    """The status and the bytes to send; raises HTTPError 412 or 416."""
    everything = range(size)
    # Conditions of other methods are for the handler: it has already acted.
    if request.method not in ("GET", "HEAD"):
        return 200, everything
    status = precondition(request.headers, current)
    if status == 412:
        raise HTTPError(412, "the file is not in the state that the request requires")
    if status == 304:
        return 304, range(0)
    if request.method == "HEAD":
        return 200, everything
    selected = requested_range(request.headers, current, size)
    if selected is None:
        return 200, everything
    if not selected:
        fields = {"content-range": content_range(selected, size)}
        raise HTTPError(416, f"the file has {size} bytes, from 0 on", headers=fields)
    return 206, selected


_SETTLED = 1_000_000_000
"""Nanoseconds after which every file system's clock shows another time."""


def validators(state: os.stat_result, now: int) -> Validators:
    """A file's entity tag and date; ``now`` is in nanoseconds since 1970.

    The tag consists of the modification time and the size. Unlike a digest it does not read the
    file, and it is the same on every machine with a copy. Two changes within one tick of the file
    system's clock, which can be a second, have the same tag. So a new file has a weak tag, which
    does not allow to combine ranges (RFC 9110, section 8.8.1), and a strong one a second later.
    """
    weak = "W/" if abs(now - state.st_mtime_ns) < _SETTLED else ""
    etag = f'{weak}"{state.st_mtime_ns:x}-{state.st_size:x}"'
    # Not later than the Date of the response (section 8.8.2.1).
    modified = min(state.st_mtime_ns, now) // 1_000_000_000
    return Validators(etag, max(modified, 0))


_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES}
_NOT_THERE |= {errno.ENAMETOOLONG, errno.ENXIO}
"""Errors about the path, answered with 404; others are faults of the system."""


def open_file(path: AnyPath, root: AnyPath | None) -> FileIO:
    """Open for reading, beneath ``root`` if there is one; HTTPError 404 or OSError."""

    def opener(name: str, flags: int) -> int:
        # Do not wait for the writer of a FIFO; do not acquire a terminal.
        flags |= os.O_NONBLOCK | os.O_NOCTTY
        return os.open(name, flags) if root is None else _open_beneath(root, name, flags)

    try:
        return open(path, "rb", buffering=0, opener=opener)
    except (OSError, ValueError) as error:  # ValueError: a NUL, not encodable, not beneath root
        if isinstance(error, OSError) and error.errno not in _NOT_THERE:
            raise
        raise HTTPError(404, "no such file") from error


# With O_PATH, a directory need not be readable.
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


def _open_beneath(root: AnyPath, path: str, flags: int) -> int:
    """Open ``path``, which must be beneath ``root`` after all symbolic links; else ValueError.

    Links are resolved first. Then each folder is opened without following links, so a link that
    was created in the meantime has no effect.
    """
    if os.path.isabs(path):
        raise ValueError("the path must be relative to the root")
    base = os.path.realpath(root)
    place = PurePath(os.path.realpath(os.path.join(base, path)))
    *folders, name = place.relative_to(base).parts  # the root itself has none: ValueError
    folder = os.open(base, _FOLDER)
    try:
        for inner in folders:
            deeper = os.open(inner, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = deeper
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def content_type_of(path: AnyPath) -> str:
    """Content-Type by the extension of the name; text is declared as UTF-8.

    A compressed file is sent as application/octet-stream. With a Content-Encoding clients would
    unpack it, and its length and ranges would not match.
    """
    # Without the slash a name like "data:text/html,x" is parsed as a URL.
    guessed, encoding = mimetypes.guess_type("/" + os.path.basename(path))
    if guessed is None or encoding is not None:
        return "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def attachment(filename: str) -> str:
    """Content-Disposition that saves the file as ``filename`` (RFC 6266, section 4).

    Slashes and control characters become ``_``. For a name that is not plain ASCII, the notation of
    RFC 8187 follows.
    """
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", filename)
    plain = re.sub(r'[^ -~]|["%]', "_", name)
    field = f'attachment; filename="{plain}"'
    if plain == name:
        return field
    return f"{field}; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
