"""Which files are the source of an app."""

from pathlib import Path

import pytest

from streamserver.serving.reload import is_source


@pytest.mark.parametrize(
    "path", ["hello.py", "a/b/views.py", "templates/page.html", "static/page.CSS", "app.toml"]
)
def test_a_source(path: str) -> None:
    assert is_source(Path(path))


@pytest.mark.parametrize(
    "path",
    [
        *("data.json", "app.db", "access.log", "hello.pyc", "README", "hello.py~", ".py"),
        *(".venv/lib/x.py", "venv/lib/x.py", ".git/x.py", "a/__pycache__/x.py", ".#hello.py"),
        *("node_modules/x/index.js", "a/.cache/x.html", "4913"),
    ],
)
def test_a_file_that_is_no_source(path: str) -> None:
    assert not is_source(Path(path))
