"""A command called in this process: for tests of its output, not of its process.

An interpreter of its own costs a quarter of a second. `cli.conftest.run` starts one.
"""

import contextlib
import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from streamserver.cli import main
from streamserver.serving.signals import IGNORED, SIGNALS
from support.process import ROOT


@dataclass(frozen=True, slots=True)
class Called:
    """What a command returned and wrote; the names are those of a CompletedProcess."""

    returncode: int
    stdout: str
    stderr: str


def call(*args: str, cwd: Path = ROOT, **variables: str) -> Called:
    """Call `streamserver` with these arguments and environment variables."""
    out, err = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    with (
        _restored(),
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, _environment(variables), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            status = main(args)
        except SystemExit as end:
            status = int(end.code or 0)
    return Called(status, *(_text(stream) for stream in (out, err)))


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("STREAMSERVER_")}
    return {**inherited, **variables}


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Restore what a command sets for its process: signal handlers, the log, hooks, the path."""
    handlers = {number: signal.getsignal(number) for number in (*SIGNALS, *IGNORED)}
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    level, logged_by, path = logging.root.level, [*logging.root.handlers], [*sys.path]
    try:
        with warnings.catch_warnings():
            yield
            logging.captureWarnings(False)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        logging.root.setLevel(level)
        logging.root.handlers[:], sys.path[:] = logged_by, path
