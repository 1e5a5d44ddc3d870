"""The programs and packages of others that tests talk to.

Where one is missing, its tests skip on a user's machine and say why. A machine that
calls itself CI has promised to have them all, so there it is a failure.
"""

import importlib
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

NODE_PACKAGES = Path(sys.prefix, "node", "node_modules")


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it under CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, which CI must have", pytrace=False)
    pytest.skip(what)


def program(name: str) -> str:
    """The path of an executable."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    return path or missing(f"the program {name} is not installed")


def module(name: str) -> ModuleType:
    """An importable Python package."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        missing(f"the Python package {name} is not installed (extra: test)")


def node_package(name: str) -> Path:
    """The directory to be given to node as NODE_PATH, which holds the npm package."""
    if not (NODE_PACKAGES / name).is_dir():
        missing(f"the npm package {name} is not installed (make test does, where npm is)")
    return NODE_PACKAGES
