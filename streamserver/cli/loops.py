"""Which event loop runs the server."""

import asyncio
import importlib
from collections.abc import Callable

from streamserver.cli.problem import CannotServe
from streamserver.extras import install_hint

NAMES = ("auto", "asyncio", "uvloop")
HELP = "asyncio, uvloop, or auto: uvloop if it is installed"


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the loop of this name; `auto` is uvloop where it is installed.

    Raises CannotServe when uvloop is asked for and missing.
    """
    if name != "asyncio":
        try:
            factory: Callable[[], asyncio.AbstractEventLoop]
            factory = importlib.import_module("uvloop").new_event_loop
            return factory
        except ImportError:
            if name == "uvloop":
                raise CannotServe(f"--loop uvloop needs uvloop: {install_hint('fast')}") from None
    return asyncio.new_event_loop
