"""The command `target`: the models that it lists, and whether it serves others."""

import json
import subprocess

import pytest

from streamserver.cli import target
from support import peers
from support.model import TARGET, question
from support.process import RunServer


def curl(url: str, *args: str) -> tuple[int, str]:
    """The status and the body of a response."""
    command = [peers.program("curl"), "-sS", "-w", "\n%{http_code}", *args, url]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=50).stdout
    body, _, status = answer.decode().rpartition("\n")
    return int(status), body


def test_strict_models(run_server: RunServer) -> None:
    server = run_server("target", "--models", "a,org/b:7b", "--strict-models")
    status, listed = curl(f"{server.url}/v1/models")
    assert (status, [one["id"] for one in json.loads(listed)["data"]]) == (200, ["a", "org/b:7b"])
    statuses = [
        curl(f"{server.url}{TARGET}", "-d", json.dumps(question(model=name)))[0]
        for name in ("org/b:7b", "streamserver-demo")
    ]
    assert statuses == [200, 404]


def test_without_options_every_model_is_served() -> None:
    options = target.read([], {})
    assert options.models == ("streamserver-demo", "streamserver-demo-fast")
    assert not options.strict_models


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["--models", ""], "'' is not a list of different names, as in a,b"),
        (["--models", "a,,b"], "'a,,b' is not a list of different names"),
        (["--models", "a, b"], "'a, b' is not a list of different names"),
        (["--models", "a,a"], "'a,a' is not a list of different names"),
        (["--strict-models", "--replay", "."], "--strict-models is for the endpoints, which"),
    ],
)
def test_wrong_usage(argv: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        target.read(argv, {})
    assert problem in capsys.readouterr().err
