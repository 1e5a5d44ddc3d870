"""The option `--metrics`: the observer that counts, and the directory that workers share.

Without prometheus-client an explicit `--metrics` is an error. The demo counts if the library is
installed; otherwise its `GET /metrics` reports what is missing.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import switch
from streamserver.extras import install_hint
from streamserver.observe.metrics import Metrics
from streamserver.observe.prometheus import DIRECTORY, process_ended

OnExit = Callable[[int], object]


def option(default: bool | None, shown: str) -> Option:
    """The option; None is on if the library is installed."""
    about = "answer GET /metrics (for Prometheus), /health and /ready before the handler"
    return Option("metrics", default, switch, "", about, shown)


def metrics(enabled: bool | None, serves: bool) -> Metrics | None:
    """The observer, if enabled and in a process that ``serves``.

    CannotServe if it is enabled explicitly and cannot count, in a supervisor too.
    """
    if enabled is False or (enabled is None and not _is_installed()):
        return None
    if not _is_installed():
        raise CannotServe(f"--metrics needs prometheus-client: {install_hint('metrics')}")
    directory = os.environ.get(DIRECTORY)
    if directory and not (os.path.isdir(directory) and os.access(directory, os.W_OK)):
        raise CannotServe(f"{DIRECTORY} names no directory to write in: {directory}")
    return Metrics(directory) if serves else None


@contextmanager
def of_workers(enabled: bool | None) -> Iterator[tuple[Mapping[str, str], OnExit]]:
    """For a supervisor: the environment of workers that share their counts, and the callback for
    the pid of each that has ended."""
    given = os.environ.get(DIRECTORY)
    if enabled is False or not _is_installed():
        yield os.environ, lambda pid: None
    elif given:
        yield os.environ, partial(process_ended, directory=given)
    else:
        with TemporaryDirectory(prefix="streamserver-metrics-") as directory:
            yield {**os.environ, DIRECTORY: directory}, partial(process_ended, directory=directory)


def _is_installed() -> bool:
    return find_spec("prometheus_client") is not None
