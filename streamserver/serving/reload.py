"""Restart at a change of a source file, with the library `watchfiles` (the extra `reload`)."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

logger = logging.getLogger("streamserver")

SUFFIXES = frozenset(
    {".py", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".css", ".js", ".mjs", ".svg"}
    | {".md", ".toml", ".yaml", ".yml"}
)
"""Of files that people edit. An app that writes its own data, as .json or .db, is not restarted by
that."""
IGNORED = frozenset(("__pycache__", "node_modules", "venv", "env", "site-packages"))
"""Directories that are not watched, as they contain the code of others; hidden ones are not
either."""
DEBOUNCE, STEP = 1000, 100
"""Milliseconds: a burst of changes ends when nothing changes for a step, or after the first."""
SHOWN = 3
"""Names in the line about a change."""


def is_source(path: Path) -> bool:
    """Whether a change of this file, by its path below the watched directory, causes a restart."""
    if any(part.startswith(".") or part in IGNORED for part in path.parts):
        return False
    return path.suffix.lower() in SUFFIXES


async def restart_at_changes(directory: Path, restart: Callable[[], object]) -> None:
    """Call `restart` once for each burst of changes, until cancelled. ImportError without
    watchfiles."""
    from watchfiles import awatch

    def concerns(_: Any, name: str) -> bool:
        return is_source(Path(name).relative_to(directory))

    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts changes
    logger.info("reload: files in %s are watched", directory)
    try:
        async for changes in awatch(directory, watch_filter=concerns, debounce=DEBOUNCE, step=STEP):
            names = sorted({str(Path(name).relative_to(directory)) for _, name in changes})
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            logger.info("reload: %s%s changed", ", ".join(names[:SHOWN]), more)
            restart()
    except (OSError, RuntimeError) as error:  # the limits of the kernel; the library's own
        logger.error("reload: files are no longer watched: %s", error)
