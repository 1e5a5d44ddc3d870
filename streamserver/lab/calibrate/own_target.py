"""A target of our own, in a process of its own, for as long as it is measured."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

START = 20.0
"""Seconds in which it must listen, or else TimeoutError."""
OPTIONS = "STREAMSERVER_"
_listening = re.compile(rb"listening on (\S+)").match


class DidNotStart(Exception):
    """The target does not listen; the message is what it said instead."""


@asynccontextmanager
async def own_target(loop: str) -> AsyncIterator[str]:
    """Its URL, while inside; it runs on the event loop of this name.

    Of the environment it gets nothing that is an option: it must be like any other.
    """
    inherited = {name: os.environ[name] for name in os.environ if not name.startswith(OPTIONS)}
    options = ["--port", "0", "--loop", loop, "--no-access-log", "--no-metrics"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streamserver", "target", *options),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=inherited,
    )
    try:
        yield await asyncio.wait_for(_url(process), START)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    said = b""
    async for line in process.stdout:
        if found := _listening(line):
            return found[1].decode()
        said += line
    raise DidNotStart(f"the target does not start: {said.decode(errors='replace').strip()}")
