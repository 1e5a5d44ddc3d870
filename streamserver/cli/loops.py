"""The option `--loop`: which event loop runs."""

import asyncio
from collections.abc import Callable

from streamserver.cli.problem import CannotServe
from streamserver.extras import install_hint
from streamserver.serving.process import uvloop_factory

NAMES = ("auto", "asyncio", "uvloop")
HELP = "event loop: asyncio, uvloop, or auto: uvloop if it is installed"


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory of the named loop. CannotServe if uvloop is named and not installed."""
    factory = None if name == "asyncio" else uvloop_factory()
    if name == "uvloop" and factory is None:
        raise CannotServe(f"--loop uvloop needs uvloop: {install_hint('fast')}")
    return factory or asyncio.new_event_loop
