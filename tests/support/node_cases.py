"""Calls of clients in JavaScript, many in one process of node."""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from support import peers

RUNNER = Path(__file__).with_suffix(".cjs")
WITHIN = 50.0
Call: TypeAlias = tuple[str, dict[str, Any]]
"""The name of an exported function, and its argument."""


async def run_node(module: Path, calls: Sequence[Call], *packages: str) -> list[dict[str, Any]]:
    """What the functions of a CommonJS module return, one after the other: ``{"value": ...}``, or
    ``{"raised": ..., "message": ..., "status": ..., "error": ...}``.

    ``packages``: those of npm that the module requires. The test is skipped without node or them.
    """
    node = peers.program("node")
    directories = [peers.node_package(name) for name in packages]
    process = await asyncio.create_subprocess_exec(
        *(node, str(RUNNER), str(module.resolve())),
        env={**os.environ, "NODE_PATH": str(directories[0])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    sent = json.dumps(calls).encode()
    try:
        out, complaint = await asyncio.wait_for(process.communicate(sent), WITHIN)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert not process.returncode, complaint.decode()
    results: list[dict[str, Any]] = json.loads(out)
    return results
