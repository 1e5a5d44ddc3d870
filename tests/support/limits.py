"""A process that may open only so many files, or none any more."""

import contextlib
import os
import resource
from collections.abc import Iterator

from streamserver.server.descriptors import of_process


@contextlib.contextmanager
def file_limit(soft: int) -> Iterator[None]:
    """This process, and those that it starts inside, may open `soft` files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, limits[1]))
    of_process.cache_clear()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        of_process.cache_clear()


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process can open nothing more while inside."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as opened:
        highest = opened.enter_context(open(os.devnull, "rb")).fileno()
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
        with contextlib.suppress(OSError):
            while True:
                opened.enter_context(open(os.devnull, "rb"))
        yield
