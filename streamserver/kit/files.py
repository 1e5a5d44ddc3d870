"""Downloads: a file as the answer, whole or from where the last attempt broke off.

What goes out depends on the request, which a handler's ``return FileResponse(path)`` does
not know. So a FileResponse is only a promise, which whoever runs the handler redeems with
``for_request``. Until then no file is open: a promise that is dropped leaks nothing.

The file is opened first and looked at through its descriptor afterwards. Size, tag and
bytes then belong to one file, even when another takes its name in between. Opening blocks
the loop for as long as the file system takes, which for a local disk is less than handing
it to a thread; for a network file system that can hang this is the wrong class.
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
from streamserver.wire.conditions import (
    Validators,
    content_range,
    precondition,
    requested_range,
)
from streamserver.wire.fields import http_date
from streamserver.wire.problem import HTTPError

AnyPath = str | os.PathLike[str]


class FileResponse(Response):
    """A regular file, sent by the kernel: ``return FileResponse(name, root=DIRECTORY)``.

    Without ``root`` the path is the program's own and trusted. With it, ``path`` may come
    from a client: it is relative to ``root``, and whatever leads out of there, by ``..``, a
    leading slash or a symbolic link, is answered with 404.

    ``content_type`` is guessed from the name otherwise. ``filename`` makes browsers save the
    file under that name (RFC 6266). ``headers`` are sent besides, with Cache-Control being
    the one to think about; the fields that follow from the file's state are always ours.

    Answers 200, 206 for one range, 304, 404, 412 and 416 (RFC 9110, sections 13 to 15);
    several ranges at once are ignored, see ``wire.conditions``. A file that may not be read
    is 404 like one that is not there: 403 would tell strangers which names exist.
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
            self.headers["content-type"] = content_type or media_type(path)
        # A type that was guessed from a name must not be guessed again from the bytes.
        self.headers["x-content-type-options"] = "nosniff"
        if filename is not None:
            self.headers["content-disposition"] = attachment(filename)

    def for_request(self, request: Request) -> Response:
        """The answer to this request. The engine closes the file of a body that has one.

        Raises HTTPError: 404 no such file, 412 a precondition fails, 416 no such range;
        OSError when the system is at fault, for example out of descriptors.
        """
        with ExitStack() as held:
            file = held.enter_context(open_file(self._path, self._root))
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise HTTPError(404, "no such file")
            current = validators(state, time.time_ns())
            status, selected = _decide(request, current, state.st_size)
            if status == 304:
                return self._not_modified(current)
            body = FileRegion(file, selected.start, len(selected))
            response = Response(body, status, self.headers)
            response.headers["etag"] = current.etag
            response.headers["last-modified"] = http_date(current.modified)
            response.headers["accept-ranges"] = "bytes"
            if status == 206:
                response.headers["content-range"] = content_range(selected, state.st_size)
            held.pop_all()
            return response

    def _not_modified(self, current: Validators) -> Response:
        """The fields of a 200 less those that describe its content (RFC 9110, section 15.4.5)."""
        response = Response(status=304, headers=self.headers)
        for name in ("content-type", "content-disposition", "content-encoding"):
            del response.headers[name]
        response.headers["etag"] = current.etag
        return response


def _decide(request: Request, current: Validators, size: int) -> tuple[int, range]:
    """The status and the bytes to send; raises HTTPError 412 or 416."""
    everything = range(size)
    # By the time that, say, a POST answers with a file, the deed is done: no conditions.
    if request.method not in ("GET", "HEAD"):
        return 200, everything
    status = precondition(request.headers, current)
    if status == 412:
        raise HTTPError(412, "the file is not in the state that the request insists on")
    if status == 304:
        return 304, range(0)
    if request.method == "HEAD":
        return 200, everything
    selected = requested_range(request.headers, current, size)
    if selected is None:
        return 200, everything
    if not selected:
        refusal = {"content-range": content_range(selected, size)}
        raise HTTPError(416, f"the file has {size} bytes, from 0 on", headers=refusal)
    return 206, selected


_SETTLED = 1_000_000_000
"""Nanoseconds after which no clock that stamps files still shows the same time: one second."""


def validators(state: os.stat_result, now: int) -> Validators:
    """A file's entity tag and date, at ``now`` in nanoseconds since 1970.

    The tag is made of the time of change and the size: free, while a digest would read the
    file, and the same on every machine that has a copy with its times. Its weakness is that
    two changes within one tick of the file system's clock, which may be as coarse as a
    second, look the same. So a file that has just been written has a weak tag, which will
    not glue two halves together (RFC 9110, section 8.8.1), and a strong one from then on.
    """
    weak = "W/" if abs(now - state.st_mtime_ns) < _SETTLED else ""
    etag = f'{weak}"{state.st_mtime_ns:x}-{state.st_size:x}"'
    # Never later than the answer's own Date (section 8.8.2.1).
    modified = min(state.st_mtime_ns, now) // 1_000_000_000
    return Validators(etag, max(modified, 0))


_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES}
_NOT_THERE |= {errno.ENAMETOOLONG, errno.ENXIO}
"""What opening says about the path. Anything else is about the machine, and no 404."""


def open_file(path: AnyPath, root: AnyPath | None) -> FileIO:
    """Open for reading, beneath ``root`` if there is one; raises HTTPError 404 and OSError."""

    def opener(name: str, flags: int) -> int:
        # A FIFO would wait for its writer, a terminal would become ours.
        flags |= os.O_NONBLOCK | os.O_NOCTTY
        return os.open(name, flags) if root is None else _open_beneath(root, name, flags)

    try:
        return open(path, "rb", buffering=0, opener=opener)
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        raise HTTPError(404, "no such file") from error
    except ValueError as error:  # NUL, or not to be encoded, or not beneath the root
        raise HTTPError(404, "no such file") from error


# Passing through a directory takes no right to list it, where the system knows O_PATH.
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


def _open_beneath(root: AnyPath, path: str, flags: int) -> int:
    """Open ``path``, whose place after all symbolic links must be beneath ``root``.

    Links are resolved first and refused afterwards, folder by folder: were one put in the
    way in the meantime, it would not be followed. Raises ValueError for a place outside.
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


def media_type(path: AnyPath) -> str:
    """Content-Type by the name's extension; text is said to be UTF-8.

    A compressed file is sent as the opaque bytes it is: a Content-Encoding would have clients
    unpack it, and then length and ranges would be those of another thing.
    """
    # The slash keeps a name like "data:text/html,x" from being read as a URL.
    guessed, encoding = mimetypes.guess_type("/" + os.path.basename(path))
    if guessed is None or encoding is not None:
        return "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def attachment(filename: str) -> str:
    """Content-Disposition that saves under ``filename``, any text (RFC 6266, section 4).

    Slashes and control characters become ``_``: a name is no path. Where the name is not
    plain ASCII, the real one follows in the notation of RFC 8187.
    """
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", filename)
    plain = re.sub(r'[^ -~]|["%]', "_", name)
    field = f'attachment; filename="{plain}"'
    if plain == name:
        return field
    return f"{field}; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
