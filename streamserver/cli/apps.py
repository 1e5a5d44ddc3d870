"""The handlers of `serve`: APP of MODULE, or the demo."""

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import cast

from streamserver.cli.problem import CannotServe
from streamserver.feed.feed import Backend
from streamserver.feed.memory import Memory
from streamserver.kit.hints import check_handler, did_you_mean
from streamserver.kit.service import Handler

logger = logging.getLogger("streamserver")


def load_app(name: str) -> Handler:
    """Import MODULE, also from the working directory, and return its APP.

    CannotServe if that fails; the traceback of an exception is logged at level debug.
    """
    module_name, _, path = name.partition(":")
    app: object = _import(name, module_name)
    for step in path.split("."):
        try:
            app = getattr(app, step)
        except AttributeError as error:
            hint = did_you_mean(step, [known for known in dir(app) if not known.startswith("_")])
            raise CannotServe(f"cannot load {name}: {error}{hint}") from error
    try:
        check_handler(app)
    except TypeError as error:
        raise CannotServe(f"cannot serve {name}: {error}") from error
    return cast(Handler, app)


def load_demo(
    files: str | None,
    upstream: str = "",
    key: str = "",
    model: str = "",
    redis: str = "",
    workers: int = 1,
    tokens: Sequence[str] = (),
) -> Handler:
    """The demo, with the files of a directory or generated ones, a chat with the model at
    ``upstream`` or a built-in one, and its feeds in Redis or in the memory of each worker. One of
    ``tokens`` is required of requests that write, if there are any.

    CannotServe for a directory, upstream, Redis or token that cannot be used.
    """
    # Imported only if it is served.
    from streamserver.demo.app import make_app
    from streamserver.demo.chat import Chat

    backend = redis_backend(redis) if redis else Memory()
    try:
        chat = Chat(upstream, key, model, backend=backend)
    except ValueError as error:
        raise CannotServe(f"--upstream: {error}") from error
    try:
        each_alone = workers > 1 and not redis
        return make_app(Path(files) if files else None, chat, backend, each_alone, tokens)
    except ValueError as error:
        raise CannotServe(f"the publish token: {error}") from error
    except NotADirectoryError as error:
        raise CannotServe(f"cannot serve files: {error}") from error


def redis_backend(url: str) -> Backend:
    """The Redis at a URL; CannotServe for a wrong URL, or without redis-py."""
    from streamserver.feed.redis import Redis

    try:
        return Redis(url)
    except (ValueError, RuntimeError) as error:
        raise CannotServe(f"--redis: {error}") from error


def _import(name: str, module: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a script that ends itself is no app
        logger.debug("cannot load %s", name, exc_info=True)
        text = " ".join(str(error).split()) + _place(error)
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            hint = did_you_mean(module, [path.stem for path in Path().glob("*.py")])
        raise CannotServe(f"cannot load {name}: {type(error).__name__}: {text}{hint}") from error


def _place(error: BaseException) -> str:
    """Where an import failed, in the form of a SyntaxError; "" if that is not known, or named."""
    if isinstance(error, SyntaxError):
        return ""
    here, package = os.getcwd() + os.sep, str(Path(__file__).parents[1]) + os.sep
    frames = [(frame.f_code.co_filename, n) for frame, n in traceback.walk_tb(error.__traceback__)]
    skipped = ("<", package, importlib.__file__)
    theirs = [each for each in frames if not each[0].startswith(skipped)]
    # The last one below the working directory: the libraries that it calls are seldom wrong.
    for file, line in [each for each in theirs if each[0].startswith(here)][-1:] or theirs[-1:]:
        return f" ({file.removeprefix(here)}, line {line})"
    return ""
