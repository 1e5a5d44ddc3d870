"""A target of our own, in a process of its own, for as long as it is measured."""

import asyncio
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

START = 20.0
"""Seconds in which it must listen, or else TimeoutError."""
_listening = re.compile(rb"listening on (\S+)").match


class DidNotStart(Exception):
    """The target does not listen; the message is what it said instead."""


@asynccontextmanager
async def own_target(loop: str) -> AsyncIterator[str]:
    """Its URL, while inside; it runs on the event loop of this name."""
    command = [sys.executable, "-m", "streamserver", "target", "--port", "0", "--no-access-log"]
    process = await asyncio.create_subprocess_exec(
        *command, "--loop", loop, "--no-metrics", stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
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
