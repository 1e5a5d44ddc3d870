"""The recorder: makes a cassette of each exchange of a relay, within bounds.

What an exchange has said is made text and given to the disk when there is a batch of it, when it
has waited for ``PATIENCE`` seconds, and at its end. So a stream of any length takes little memory,
and a crash loses its last seconds.
"""

import asyncio
import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.cassettes.redaction import LEAST
from streamserver.lab.cassettes.tape import Tape
from streamserver.lab.cassettes.writing import SUFFIX, Writing
from streamserver.proxy.proxy import Proxy

logger = logging.getLogger("streamserver")

MOST_BYTES = 16 * 1024 * 1024
MOST_CASSETTES = 1000
PATIENCE = 5.0
AT_ONCE = 32
"""Streams whose text is made in one turn of the loop."""

_unfit = re.compile(r"[^A-Za-z0-9._]+")


class Recorder:
    """Makes tapes that end in ``directory``; see ``proxy.tape.MakeTape``.

    ``most_bytes``: of the answer's body in each. ``most_cassettes``: in the directory, as far as
    this process knows: it counts those that it finds and those that it makes. ``secrets``: what
    must be in no body, whoever tells it. OSError when the directory is not there and can't be made.
    """

    def __init__(
        self,
        directory: Path,
        most_bytes: int = MOST_BYTES,
        most_cassettes: int = MOST_CASSETTES,
        secrets: Iterable[str] = (),
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(f"no file can be made in {directory}")
        self._directory = directory
        self._most_bytes = most_bytes
        self._most = most_cassettes
        self._made = sum(name.endswith(SUFFIX) for name in os.listdir(directory))
        self._secrets = {s.encode("latin-1") for s in secrets if len(s) >= LEAST}
        self._writing = Writing(directory)
        self._waiting: dict[Tape, None] = {}
        self._timer: asyncio.Handle | None = None
        self._is_full = False

    def __call__(self, request: Request) -> Tape | None:
        """A tape for this exchange, if there is room for another cassette."""
        if self._writing.failed:
            return None
        if self._made >= self._most:
            if not self._is_full:
                self._is_full = True
                logger.warning("nothing more is recorded: there are %d cassettes", self._made)
            return None
        self._made += 1
        tape = Tape(request, self._most_bytes, self._waits, self._full)
        what = _unfit.sub("-", request.method + request.target.partition("?")[0])
        name = f"{tape.at:%Y%m%dT%H%M%S.%f}-{os.getpid()}-{self._made}-{what[:60].rstrip('-.')}"
        tape.name = name
        tape.keep_secret(self._secrets)
        request.exchange.on_end.append(lambda: self._write(tape))
        return tape

    def _waits(self, tape: Tape) -> None:
        self._waiting[tape] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._write_waiting)

    def _full(self, tape: Tape) -> None:
        asyncio.get_running_loop().call_soon(self._write, tape)

    def _write_waiting(self) -> None:
        """Write what has waited so far; what still holds something back waits as long again."""
        self._timer = None
        waiting, self._waiting = list(self._waiting), {}
        self._write_some(waiting)

    def _write_some(self, tapes: list[Tape]) -> None:
        for tape in tapes[:AT_ONCE]:
            self._write(tape)
        if rest := tapes[AT_ONCE:]:
            asyncio.get_running_loop().call_soon(self._write_some, rest)

    def _write(self, tape: Tape) -> None:
        """Make text of what a tape has heard, and give it to the disk."""
        self._waiting.pop(tape, None)
        if tape.is_over:
            return
        if self._writing.is_behind:
            tape.give_up("behind", "the disk was too slow")
        text = tape.take()
        if text:
            self._writing.append(tape.name, text, tape.is_over)
        elif tape.holds_back:
            self._waits(tape)
        if tape.given_up:
            logger.warning("%s is not recorded to its end: %s", tape.name, tape.given_up)

    async def aclose(self) -> None:
        """Wait until everything is on the disk; no exchange may be open any more."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._writing.close)


class Recording:
    """A proxy as a handler that records."""

    __slots__ = ("_proxy", "_recorder")

    def __init__(self, proxy: Proxy, recorder: Recorder) -> None:
        proxy.tapes = recorder
        self._proxy = proxy
        self._recorder = recorder

    async def __call__(self, request: Request) -> Response:
        """The upstream's answer."""
        return await self._proxy(request)

    async def aclose(self) -> None:
        """Let the recorder finish."""
        await self._recorder.aclose()
