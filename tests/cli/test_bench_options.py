"""What `bench` is told by its options, and what it refuses."""

import json
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import pytest

from streamserver.cli import bench, load_options, request_options
from streamserver.cli.problem import CannotServe
from streamserver.lab.client.asked import Ask
from streamserver.lab.load.job import Job
from streamserver.lab.load.profile import parse

URL = "http://127.0.0.1:9/x"
SECRET = "sk-do-not-tell-0123456789"


def asked(*argv: str, url: str = URL, **variables: str) -> Ask:
    """The request of a command line."""
    return request_options.ask_of(bench.read([url, *argv], variables), variables)


def job(*argv: str, **variables: str) -> Job:
    """What a command line has run."""
    return load_options.job_of(bench.read([URL, *argv], variables), Ask(URL))


def refused(capsys: pytest.CaptureFixture[str], *argv: str, **variables: str) -> str:
    """The last line that is told when this is wrong usage."""
    with pytest.raises(SystemExit) as end:
        bench.read(argv, variables)
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "method", "fields", "body"),
    [
        ([], "GET", {}, b""),
        (["--method", "DELETE"], "DELETE", {}, b""),
        (["--data", "x"], "POST", {"content-type": "text/plain"}, b"x"),
        (["--data", '{"n":{n}}'], "POST", {"content-type": "application/json"}, b'{"n":{n}}'),
        (["--data", '{"n":1}'], "POST", {"content-type": "application/json"}, b'{"n":1}'),
        (["--data", "x", "--method", "PUT"], "PUT", {"content-type": "text/plain"}, b"x"),
        (
            ["--header", "Content-Type: a/b", "--header", "X-Y:  z ", "--data", "{}"],
            "POST",
            {"content-type": "a/b", "x-y": "z"},
            b"{}",
        ),
    ],
)
def test_the_request(argv: list[str], method: str, fields: dict[str, str], body: bytes) -> None:
    ask = asked(*argv)
    assert (ask.method, dict(ask.fields), ask.body) == (method, fields, body)


def test_a_body_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\0\xff")
    assert asked("--body", str(file)).body == b"\0\xff"


def test_variables_of_the_environment_hold_what_flags_do() -> None:
    ask = asked(STREAMSERVER_HEADER="a: 1\nb: 2", STREAMSERVER_DATA="x")
    assert ask.fields[:2] == (("a", "1"), ("b", "2"))
    assert ask.body == b"x"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h/v1", "http://h/v1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
        ("http://h/v1?version=2", "http://h/v1/chat/completions?version=2"),
    ],
)
def test_a_chat_is_asked_for_as_a_stream(base: str, url: str) -> None:
    ask = asked("--chat", "--model", "m", "--prompt", "Hä?", url=base)
    assert (ask.url, ask.method) == (url, "POST")
    assert dict(ask.fields)["content-type"] == "application/json"
    assert ask.wanted == "answer"
    assert json.loads(ask.body) == {
        "model": "m", "messages": [{"role": "user", "content": "Hä?"}], "stream": True,
    }  # fmt: skip


def test_the_key_comes_from_the_environment() -> None:
    ask = asked("--bearer-env", "KEY", KEY=SECRET)
    assert ("authorization", f"Bearer {SECRET}") in ask.fields


@pytest.mark.parametrize("variables", [{}, {"KEY": ""}, {"KEY": f"{SECRET} x"}])
def test_a_key_that_is_none_is_refused_and_not_repeated(variables: Mapping[str, str]) -> None:
    with pytest.raises(CannotServe, match="--bearer-env") as told:
        asked("--bearer-env", "KEY", **variables)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        ([], {"concurrency": parse("1"), "count": 10}),
        (["-c", "8"], {"concurrency": parse("8"), "count": 80}),
        (["-c", "8", "-n", "3"], {"concurrency": parse("8"), "count": 3}),
        (["-c", "8", "--duration", "3"], {"concurrency": parse("8"), "duration": 3.0}),
        (["-c", "1@5,0..9@5"], {"concurrency": parse("1@5,0..9@5")}),
        (["--rate", "5"], {"rate": parse("5"), "duration": 10.0}),
        (["--rate", "5", "--count", "7"], {"rate": parse("5"), "count": 7}),
        (
            ["--rate", "5@3", "--arrivals", "poisson", "--seed", "4", "--warm-up", "1.5"],
            {"rate": parse("5@3"), "arrivals": "poisson", "seed": 4, "warm_up": 1.5},
        ),
        (
            ["--fresh", "--insecure", "--max-open", "5", "--grace", "0", "--loop", "asyncio"],
            {
                "concurrency": parse("1"), "count": 10, "fresh": True, "insecure": True,
                "max_open": 5, "grace": 0.0, "loop": "asyncio",
            },
        ),
        (["--csv", "x"], {"concurrency": parse("1"), "count": 10, "tells": True}),
    ],
)  # fmt: skip
def test_the_job(argv: list[str], options: dict[str, Any]) -> None:
    assert job(*argv) == Job(Ask(URL), **options)


def test_every_timeout_has_an_option() -> None:
    names = ("connect", "first-byte", "gap", "total")
    argv = [word for n, name in enumerate(names) for word in (f"--{name}-timeout", str(n))]
    limits = job(*argv).timeouts
    assert (limits.connect, limits.first_byte, limits.gap, limits.total) == (0, 1, 2, 3)
    assert job("--duration", "5").duration == 5
    assert job("--duration", "1500ms").duration == 1.5
    assert job(STREAMSERVER_DURATION="6").duration == 6
    assert job("--rate", "3@4").duration == inf


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "URL"),
        (["ftp://h"], "names no scheme or no host"),
        (["http://me:secret@h/"], "no user name"),
        ([URL, "-c", "0"], "no load at all"),
        ([URL, "-c", "x"], "'x' is no stage"),
        ([URL, "-c", "0.5"], "less than one at once"),
        ([URL, "-c", "100001"], "more than 100000 at once"),
        ([URL, "--rate", "1..2"], "needs its duration"),
        ([URL, "--rate", "1", "-c", "2"], "give one of them"),
        ([URL, "--arrivals", "random"], "one of constant, poisson"),
        ([URL, "--duration", "0"], "more than 0"),
        ([URL, "--count", "0"], "whole number from 1"),
        ([URL, "--processes", "3", "-c", "2"], "--processes are more than --concurrency"),
        ([URL, "--processes", "3"], "--processes are more than --concurrency"),
        ([URL, "--processes", "3", "--rate", "5", "--max-open", "2"], "--max-open is less"),
        ([URL, "--data", "x", "--body", "y"], "exclude each other"),
        ([URL, "--chat", "--data", "x"], "exclude each other"),
        ([URL, "--chat", "--model", "m"], "--chat needs --model and --prompt"),
        ([URL, "--prompt", "m"], "go with --chat"),
        ([URL, "--insecure", "--ca", "x"], "exclude each other"),
        ([URL, "--csv", "-"], "only --json may go to standard output"),
        ([URL, "--html", "-"], "only --json may go to standard output"),
        ([URL, "--method", "GE T"], "is not a method"),
        ([URL, "--header", "secret"], "not a field"),
        ([URL, "--bearer-env", "sk-secret"], "not the NAME of a variable"),
    ],
)
def test_what_is_wrong_is_told(
    capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    line = refused(capsys, *argv)
    assert told in line
    assert "secret" not in line.removeprefix("streamserver: error: argument --bearer-env")


def test_the_help_tells_of_the_variables_in_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.read(["--help"], {})
    told = " ".join(capsys.readouterr().out.split())
    assert "{n} is replaced by the number of the request, from 0" in told
    assert "-c PROFILE, --concurrency PROFILE" in told
