"""The recorder: makes a cassette of each exchange that a relay has, within limits.

The entries of a track are encoded and queued for the disk when a batch of them is pending, every
``FLUSH_SECONDS``, and at its end. A stream of any length takes little memory, and a crash loses its
last seconds.
"""

import asyncio
import logging
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.cassettes.cassette import PART_SUFFIX, SUFFIX
from streamserver.lab.cassettes.redaction import MIN_LENGTH
from streamserver.lab.cassettes.track import Track
from streamserver.proxy.proxy import Proxy

logger = logging.getLogger("streamserver")

MAX_BYTES = 16 * 1024 * 1024
MAX_CASSETTES = 1000
FLUSH_SECONDS = 5.0
FLUSHED_TRACKS = 32
"""Tracks that are encoded in one iteration of the event loop."""
MAX_QUEUED = 64 * 1024 * 1024
"""Bytes that are queued for the disk."""

_not_in_a_name = re.compile(r"[^A-Za-z0-9._]+")


class RecordingProxy:
    """A handler that relays with ``proxy`` and records to ``directory``.

    ``max_bytes`` limits the response body in a cassette; ``max_cassettes`` limits the files that
    the directory had at the start and that this process adds. ``secrets`` are overwritten in every
    body. OSError if the directory is absent and cannot be created.
    """

    def __init__(
        self,
        proxy: Proxy,
        directory: Path,
        max_bytes: int = MAX_BYTES,
        max_cassettes: int = MAX_CASSETTES,
        secrets: Iterable[bytes] = (),
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(f"no permission to create files in {directory}")
        self._proxy = proxy
        proxy.start_recording = self.make_track
        self._max_bytes = max_bytes
        self._max_cassettes = max_cassettes
        self._count = sum(name.endswith(SUFFIX) for name in os.listdir(directory))
        self._secrets = {secret for secret in secrets if len(secret) >= MIN_LENGTH}
        self._writer = CassetteWriter(directory)
        self._pending: dict[Track, None] = {}
        self._timer: asyncio.Handle | None = None
        self._is_full = False

    async def __call__(self, request: Request) -> Response:
        """The response of the upstream."""
        return await self._proxy(request)

    async def aclose(self) -> None:
        """Wait until everything is on the disk; no exchange may be open."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._writer.close)

    def make_track(self, request: Request) -> Track | None:
        """A track for this exchange; None at the limit of cassettes or after the disk failed."""
        if self._writer.has_failed:
            return None
        if self._count >= self._max_cassettes:
            if not self._is_full:
                self._is_full = True
                logger.warning("recording stops: the directory has %d cassettes", self._count)
            return None
        self._count += 1
        track = Track(request, self._max_bytes, self._secrets, self._on_pending)
        what = _not_in_a_name.sub("-", request.method + request.target.partition("?")[0])
        numbers = f"{track.started_at:%Y%m%dT%H%M%S.%f}-{os.getpid()}-{self._count}"
        track.name = f"{numbers}-{what[:60].rstrip('-.')}"
        request.exchange.on_end.append(lambda: self._flush(track))
        return track

    def _on_pending(self, track: Track, is_batch: bool) -> None:
        loop = asyncio.get_running_loop()
        if is_batch:
            loop.call_soon(self._flush, track)
            return
        self._pending[track] = None
        if self._timer is None:
            self._timer = loop.call_later(FLUSH_SECONDS, self._flush_pending)

    def _flush_pending(self) -> None:
        self._timer = None
        pending, self._pending = list(self._pending), {}
        self._flush_some(pending)

    def _flush_some(self, tracks: list[Track]) -> None:
        for track in tracks[:FLUSHED_TRACKS]:
            self._flush(track)
        if rest := tracks[FLUSHED_TRACKS:]:
            asyncio.get_running_loop().call_soon(self._flush_some, rest)

    def _flush(self, track: Track) -> None:
        self._pending.pop(track, None)
        if track.is_over:
            return
        if self._writer.is_behind:
            track.stop("behind", "the disk was too slow")
        if lines := track.drain():
            self._writer.append(track.name, lines, track.is_over)
        elif track.is_pending:
            self._on_pending(track, is_batch=False)
        if track.stopped_because:
            logger.warning("%s is recorded only in part: %s", track.name, track.stopped_because)


class CassetteWriter:
    """Appends to the files of a directory, and renames each when it is complete.

    A thread writes, since a disk may be slow. It makes only calls that release Python's lock; with
    more to do, it would stop the event loop for 5 ms at a time.
    """

    __slots__ = ("_directory", "_queued", "_thread", "_written", "has_failed")

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._thread = ThreadPoolExecutor(1, "cassettes")
        self._queued = self._written = 0  # bytes; each is changed by one thread only
        self.has_failed = False

    @property
    def is_behind(self) -> bool:
        """Whether no more should be queued."""
        return self._queued - self._written > MAX_QUEUED

    def append(self, name: str, data: bytes, is_last: bool) -> None:
        """Queue a part of a file; with the last part the file is complete."""
        self._queued += len(data)
        self._thread.submit(self._write, name, data, is_last)

    def close(self) -> None:
        """Wait until everything is written."""
        self._thread.shutdown()

    def _write(self, name: str, data: bytes, is_last: bool) -> None:
        path = str(self._directory / name) + SUFFIX
        if not self.has_failed:
            try:
                # Closed after each write, since many thousand streams may have a file each.
                with open_file(path + PART_SUFFIX) as file:
                    file.write(data)
                if is_last:
                    os.rename(path + PART_SUFFIX, path)
            except OSError as error:
                self.has_failed = True
                logger.error("recording stops: %s", error)
        self._written += len(data)


def open_file(path: str) -> BinaryIO:
    """A file to append to. Only the owner may read it, since prompts are private."""
    return open(path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))
