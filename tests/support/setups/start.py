"""All set-ups at once: their programs start side by side.

A second origin serves what may not be disturbed by work on the first one.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from support.certificates import self_signed
from support.process import ServerProcess, start_server
from support.setups.relays import apache_relays, haproxy_relays, nginx_relays

HERE = Path(__file__).parent
ENVIRONMENT = {"PYTHONPATH": str(HERE.parents[1]), "PYTHONASYNCIODEBUG": "", "PYTHONWARNINGS": ""}
PROGRAMS = ("origin", "buffered", "ours", "aiohttp_app", "starlette_app")
BUFFERED = ("unflushed", "stdlib", "single")
"""The servers of the program ``buffered``."""


@contextlib.contextmanager
def program(root: Path, name: str) -> Iterator[ServerProcess]:
    """A program of this directory while inside."""
    server = start_server(root, str(HERE / f"{name}.py"), env=ENVIRONMENT)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


@contextlib.contextmanager
def setups(root: Path) -> Iterator[dict[str, str]]:
    """The URL, without a path, of each server and relay by its name."""
    with contextlib.ExitStack() as stack:
        started = {name: stack.enter_context(program(root, name)) for name in PROGRAMS}
        other = stack.enter_context(program(root, "origin"))
        target = start_server(root, "target", "--no-access-log")
        stack.callback(target.stop)
        origin = started["origin"].port
        urls = {
            **stack.enter_context(nginx_relays(root, origin, target.port, self_signed(root))),
            **stack.enter_context(haproxy_relays(root, origin, target.port)),
            **stack.enter_context(apache_relays(origin)),
        }
        ports = json.loads(started["buffered"].output().splitlines()[0])
        yield {
            **urls,
            **{name: server.url for name, server in started.items()},
            **dict(zip(BUFFERED, ports, strict=True)),
            "other-origin": other.url,
            "target": target.url,
        }
