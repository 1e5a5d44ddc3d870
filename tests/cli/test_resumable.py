"""`proxy --resumable`: its options, and a process in front of the target's model."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

from cli.conftest import Curl
from streamserver.cli import proxy
from streamserver.cli.problem import CannotServe
from streamserver.cli.resumable import EACH_ALONE, each_alone, kept
from streamserver.kit.service import Closing
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.limits import Limits
from streamserver.resumable.resumable import Resumable
from support.model import question
from support.process import RunServer, ServerProcess

URL = "http://127.0.0.1:9"
MODEL = "/v1/chat/completions"


def read(*argv: str) -> tuple[Namespace, Proxy]:
    options, _ = proxy.read([URL, *argv], {})
    return options, options.relays[0].proxy


def resumable(*argv: str) -> Resumable:
    """The handler of these options."""
    options, relay = read("--resumable", *argv)
    handler = kept(relay, relay, options)
    assert isinstance(handler, Closing)
    inner = handler._handler
    assert isinstance(inner, Resumable)
    return inner


def test_without_the_option_it_is_the_relay_alone() -> None:
    options, relay = read()
    assert kept(relay, relay, options) is relay


def test_the_defaults_are_those_of_the_handler() -> None:
    assert resumable()._answers._limits == Limits()
    assert resumable()._answers._cookies is None


def test_each_limit_is_an_option() -> None:
    argv = ["--resume-window=1", "--resume-keep=2", "--resume-answers=3", "--resume-events=4"]
    argv += ["--resume-bytes=5", "--resume-total=6", "--max-body=7", "--resume-cookie=a"]
    answers = resumable(*argv, "--resume-cookie=b")._answers
    assert answers._limits == Limits(1, 2, 3, 4, 5, 6, 7)
    assert answers._cookies == {"a", "b"}


@pytest.mark.parametrize(
    ("argv", "warning"),
    [([], ""), (["--resumable"], EACH_ALONE), (["--resumable", "--redis=redis://a"], "")],
)
def test_workers_without_a_common_store_are_warned_about(argv: list[str], warning: str) -> None:
    assert each_alone(read(*argv)[0]) == warning


def test_a_wrong_url_of_redis() -> None:
    with pytest.raises(CannotServe, match="--redis: "):
        resumable("--redis", "http://a")


def test_an_answer_is_read_again(
    shared_target: ServerProcess, run_server: RunServer, curl: Curl, tmp_path: Path
) -> None:
    """Also while it is recorded; and the server stops as it should."""
    cassettes = tmp_path / "cassettes"
    server = run_server("proxy", shared_target.url, "--resumable", "--record", str(cassettes))
    asked = json.dumps(question(stream=True, max_tokens=2))
    head = tmp_path / "head"
    first = curl("-N", "-D", str(head), "-d", asked, f"{server.url}{MODEL}")
    fields = dict(line.split(": ", 1) for line in head.read_text().splitlines() if ": " in line)
    assert first.endswith("data: [DONE]\n\n")
    assert curl("-N", server.url + fields["location"]) == first
    assert server.stop() == 0, server.output()
    [cassette] = cassettes.glob("*.jsonl")
    assert "complete" in cassette.read_text().splitlines()[-1]
