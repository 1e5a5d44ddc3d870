"""The lab's model, with the time of sending of every token: the truth for clients that measure it.

    python -m benchmarks.servers.recorded PORT

`GET /recorded` returns percentiles of the tokens sent so far, and drops them.
"""

import asyncio
import sys
from itertools import pairwise
from time import monotonic_ns

from benchmarks.turns import percentile
from streamserver import Request, Response, Router, run
from streamserver.lab.model import add_model
from streamserver.lab.target.pacing import Lateness


class Recorder(Lateness):
    """The times at which the events of each stream were sent, by the task that serves it."""

    def __init__(self) -> None:
        super().__init__()
        self._streams: dict[object, list[int]] = {}

    def add(self, late: int) -> None:
        """Keep the time. The first event is due at the beginning of the stream, so that its
        lateness gives the beginning."""
        super().add(late)
        sent = self._streams.setdefault(asyncio.current_task(), [])
        sent.append(monotonic_ns() - (0 if sent else late))

    def take(self, count: int) -> dict[str, float]:
        """Return the percentiles of the last `count` streams in ms, {} without any; drop all."""
        streams = [sent for sent in self._streams.values() if len(sent) > 2][-count:]
        self._streams.clear()
        if not streams:
            return {}
        firsts = [(sent[1] - sent[0]) / 1e6 for sent in streams]
        gaps = [(after - before) / 1e6 for sent in streams for before, after in pairwise(sent[1:])]
        found = {f"ttft_{p}": percentile(firsts, p) for p in (50, 99)}
        return found | {f"itl_{p}": percentile(gaps, p) for p in (50, 99)}


def make_app() -> Router:
    """Return the model and the figures."""
    app, recorder = Router(), Recorder()
    add_model(app, recorder)

    @app.get("/recorded")
    async def recorded(request: Request) -> Response:
        return Response.json(recorder.take(int(request.query["last"])))

    @app.get("/health")  # Harnesses ask it first.
    async def health(request: Request) -> Response:
        return Response.json({"status": "ok"})

    return app


if __name__ == "__main__":
    run(make_app(), port=int(sys.argv[1]))
