"""The option `--metrics`: who counts, where several workers count together, and who answers.

Told explicitly, it is an error when the library is not there. The demo counts if it can, and
where it can't, `GET /metrics` says what is missing.
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
    """Yes, no, or None: if it can be."""
    about = "answer GET /metrics (for Prometheus), /health and /ready before the handler"
    return Option("metrics", default, switch, "", about, shown)


def metrics(wanted: bool | None, serves: bool) -> Metrics | None:
    """An observer that counts, if that is wanted and possible, in a process that serves.

    CannotServe if it is wanted and not possible, in a supervisor too.
    """
    if wanted is False or (wanted is None and not _is_installed()):
        return None
    if not _is_installed():
        what = f"--metrics needs prometheus-client: {install_hint('metrics')}"
        raise CannotServe(what)
    directory = os.environ.get(DIRECTORY)
    if directory and not (os.path.isdir(directory) and os.access(directory, os.W_OK)):
        raise CannotServe(f"{DIRECTORY} names no directory to write in: {directory}")
    return Metrics(directory) if serves else None


@contextmanager
def of_workers(wanted: bool | None) -> Iterator[tuple[Mapping[str, str], OnExit]]:
    """For a supervisor: while inside, the environment of workers that count together, and what to
    call with the pid of each that has ended."""
    given = os.environ.get(DIRECTORY)
    if wanted is False or not _is_installed():
        yield os.environ, lambda pid: None
    elif given:
        yield os.environ, partial(process_ended, directory=given)
    else:
        with TemporaryDirectory(prefix="streamserver-metrics-") as directory:
            yield {**os.environ, DIRECTORY: directory}, partial(process_ended, directory=directory)


def _is_installed() -> bool:
    return find_spec("prometheus_client") is not None
