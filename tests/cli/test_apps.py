"""MODULE:APP: what is found, and the error in one line otherwise."""

import itertools
import logging
import re
import sys
from pathlib import Path

import pytest

from streamserver.cli.apps import load_app, load_demo
from streamserver.cli.problem import CannotServe

HANDLERS = """
import functools
from streamserver import Response

async def app(request):
    return Response("hello")

class Router:
    async def __call__(self, request):
        return Response("hello")

class Nested:
    app = Router()

def wrapped(request):
    return app(request)

def factory(): ...
async def asgi(scope, receive, send): ...
async def ticks(request): yield b"tick"

partial = functools.partial(asgi, 1, 2)
instance = Router()
unsigned = max  # Python knows no signature of it
text = "text"
"""

names = (f"app_under_test_{number}" for number in itertools.count())


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the working directory, which holds HANDLERS."""
    return write(tmp_path, monkeypatch, HANDLERS)


def write(directory: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> str:
    name = next(names)
    (directory / f"{name}.py").write_text(source)
    monkeypatch.chdir(directory)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    return name


@pytest.mark.parametrize("app", ["app", "instance", "wrapped", "partial", "unsigned", "Nested.app"])
def test_a_handler_is_found_in_the_working_directory(module: str, app: str) -> None:
    assert callable(load_app(f"{module}:{app}"))


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        ("absent", "has no attribute 'absent'"),
        ("ap", "has no attribute 'ap' (did you mean 'app'?)"),
        ("app.absent", "has no attribute 'absent'"),
        ("text", "a handler is an async function or a Router, not str"),
        ("Router", "an async function or a Router, not the class Router: call it, Router()"),
        ("factory", "a handler takes one argument, the request, but factory does not: too many"),
        ("asgi", "a handler takes one argument, the request, but asgi does not: missing a req"),
        ("ticks", "a handler returns a Response, but ticks is a generator function"),
    ],
)
def test_what_is_no_handler_is_refused(module: str, app: str, reason: str) -> None:
    with pytest.raises(CannotServe) as refused:
        load_app(f"{module}:{app}")
    assert f"{module}:{app}: " in str(refused.value)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
        ("app = (", "SyntaxError: '(' was never closed"),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_a_module_that_fails_is_reported_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    source: str,
    reason: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    module = write(tmp_path, monkeypatch, source)
    with pytest.raises(CannotServe) as refused:
        load_app(f"{module}:app")
    assert str(refused.value).startswith(f"cannot load {module}:app: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    (record,) = caplog.records
    assert record.exc_info
    assert record.levelno == logging.DEBUG


@pytest.mark.parametrize(
    ("part", "end"),
    [
        ("1\n1 / 0", "division by zero (part_of_it.py, line 2)"),
        ("import json\njson.loads('{')", "line 1 column 2 (char 1) (part_of_it.py, line 2)"),
        ("import no_such_module_at_all", "'no_such_module_at_all' (part_of_it.py, line 1)"),
        ("\n1 +", "SyntaxError: invalid syntax (part_of_it.py, line 2)"),
        ("from streamserver import Router\nRouter(3)", " (part_of_it.py, line 2)"),
    ],
)
def test_the_place_of_a_failure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, end: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part_of_it.py").write_text(part)
    module = write(tmp_path, monkeypatch, "import part_of_it")
    with pytest.raises(CannotServe) as refused:
        load_app(f"{module}:app")
    assert str(refused.value).endswith(end)


def test_a_module_that_is_not_there(module: str) -> None:
    nearest = re.escape(f" (did you mean {module!r}?)")
    with pytest.raises(CannotServe, match=f"No module named '{module[:-2]}'{nearest}$"):
        load_app(f"{module[:-2]}:app")
    with pytest.raises(CannotServe, match=r"no_such:app: .*No module named 'no_such'"):
        load_app("no_such:app")


def test_the_demo(tmp_path: Path) -> None:
    assert callable(load_demo(None))
    assert callable(load_demo(str(tmp_path)))
    with pytest.raises(CannotServe, match="cannot serve files: /no/such is not a directory"):
        load_demo("/no/such")
