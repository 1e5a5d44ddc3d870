"""What a message says is to be installed: commands that work where the code lies."""

import configparser
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from streamserver.extras import ROOT, install_hint

HINTED = re.compile(r"install_hint\(['\"](\w+)['\"]\)")
SOURCES = [path.read_text("utf-8") for path in (ROOT / "streamserver").rglob("*.py")]


def extras() -> dict[str, list[str]]:
    """The extras that can be installed, with their libraries."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return {
        name: lines.strip().splitlines() for name, lines in config["options.extras_require"].items()
    }


def test_each_extra_that_is_named_exists() -> None:
    named = {name for source in SOURCES for name in HINTED.findall(source)}
    assert named == {"fast", "lab", "locust", "metrics", "redis", "reload", "zstd"}
    assert named <= extras().keys()


def test_no_message_says_so_in_its_own_words() -> None:
    """The package's name, looked up in an index, may be another project's."""
    assert not [source[:80] for source in SOURCES if re.search(r"streamserver\[", source)]


def test_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert install_hint("redis") == "pip install '.[redis]'"


def test_elsewhere_the_checkout_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir("/")
    assert shlex.split(install_hint("redis")) == ["pip", "install", f"{ROOT}[redis]"]
    (tmp_path / "its place").mkdir()
    (tmp_path / "its place" / "setup.cfg").touch()
    hint = install_hint("redis", tmp_path / "its place")
    assert shlex.split(hint) == ["pip", "install", f"{tmp_path}/its place[redis]"]


@pytest.mark.parametrize("extra", ["fast", "lab", "locust", "metrics", "redis"])
def test_of_a_package_the_libraries_are_named(extra: str, tmp_path: Path) -> None:
    """The same libraries that the extra has, by the metadata of what is installed."""
    assert shlex.split(install_hint(extra, tmp_path)) == ["pip", "install", *extras()[extra]]


def test_of_a_package_without_metadata(tmp_path: Path) -> None:
    """As where its directory was copied: no command is invented."""
    (tmp_path / "streamserver").mkdir()
    for name in ("__init__.py", "extras.py"):
        source = (ROOT / "streamserver" / name).read_text("utf-8") if name == "extras.py" else ""
        (tmp_path / "streamserver" / name).write_text(source, "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            "from streamserver.extras import *; print(install_hint('lab'))",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "install the libraries of its extra lab\n"
