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
from streamserver.observe.metrics import DIRECTORY, Metrics, forget

Undertaker = Callable[[int], object]


def option(default: bool | None, shown: str) -> Option:
    """Yes, no, or None: if it can be."""
    about = "GET /metrics, for Prometheus, and /health and /ready, in front of all else"
    return Option("metrics", default, switch, "", about, shown)


def metrics(wanted: bool | None) -> Metrics | None:
    """An observer that counts, if that is wanted and possible; CannotServe if it is not."""
    if wanted is False or (wanted is None and not _is_installed()):
        return None
    directory = os.environ.get(DIRECTORY)
    try:
        return Metrics(directory)
    except ImportError as error:
        what = "--metrics needs prometheus-client: pip install 'streamserver[metrics]'"
        raise CannotServe(what) from error
    except OSError as error:
        raise CannotServe(f"cannot count in {directory}, named by {DIRECTORY}: {error}") from error


@contextmanager
def together(wanted: bool | None) -> Iterator[tuple[Mapping[str, str], Undertaker]]:
    """For a supervisor: while inside, the environment of workers that count together, and what to
    call with the number of each that has died."""
    given = os.environ.get(DIRECTORY)
    if wanted is False or not _is_installed():
        yield os.environ, lambda pid: None
    elif given:
        yield os.environ, partial(forget, directory=given)
    else:
        with TemporaryDirectory(prefix="streamserver-metrics-") as directory:
            yield {**os.environ, DIRECTORY: directory}, partial(forget, directory=directory)


def _is_installed() -> bool:
    return find_spec("prometheus_client") is not None
