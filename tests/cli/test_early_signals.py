"""Signals that come while the command is still being imported."""

import os
import signal
import subprocess
import sys

import pytest

from cli.conftest import LIMIT
from streamserver.serving.worker import VARIABLE
from support.process import ROOT

EARLY = """
import os, runpy, signal, sys

class Early:
    def find_spec(name, path=None, target=None):
        if name == f"streamserver.cli.{sys.argv[1]}":
            os.kill(os.getpid(), signal.SIGHUP)

sys.meta_path.insert(0, Early)
sys.argv[:] = ["streamserver", *sys.argv[1:]]
runpy.run_module("streamserver", run_name="__main__")
"""


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", EARLY, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.parametrize("command", ["serve", "proxy", "target"])
def test_a_server_logs_and_ignores_them(command: str) -> None:
    done = run(command, "--tls-key", "absent")  # which it then refuses
    assert "ignored SIGHUP: " in done.stderr
    assert done.returncode == 2


def test_a_worker_ignores_a_hangup_which_is_for_its_supervisor() -> None:
    done = run("serve", "--tls-key", "absent", **{VARIABLE: "3 4"})
    assert "SIGHUP" not in done.stderr
    assert done.returncode == 2


def test_other_commands_end_by_them_as_they_would() -> None:
    assert run("learn").returncode == -signal.SIGHUP
