"""A server of an app behind the probes, as the command line sets it up."""

from contextlib import AbstractAsyncContextManager
from functools import partial

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.observe.metrics import Metrics
from streamserver.observe.probes import Probes
from support.inprocess import Served, running


async def app(request: Request) -> Response:
    """Answers everything."""
    return Response(b"the app")


def probed(metrics: Metrics | None) -> AbstractAsyncContextManager[Served]:
    """Serve the app while inside, its probes with these metrics."""
    observers = [] if metrics is None else [metrics]
    return running(app, observers=observers, front=partial(Probes, metrics=metrics))
