"""The options of `bench`: the request and the job that they describe, and wrong usage."""

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import pytest

from streamserver.cli import bench, load_options, request_options
from streamserver.cli.problem import CannotServe
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job, parse
from streamserver.lab.report.goodput import parse_limits

URL = "http://127.0.0.1:9/x"
SECRET = "sk-do-not-tell-0123456789"


def request(*argv: str, url: str = URL, **variables: str) -> RequestSpec:
    """The request of a command line."""
    return request_options.make_request(bench.read([url, *argv], variables), variables)


def job(*argv: str, **variables: str) -> Job:
    """The job of a command line."""
    return load_options.make_job(bench.read([URL, *argv], variables), RequestSpec(URL))


def refused(capsys: pytest.CaptureFixture[str], *argv: str, **variables: str) -> str:
    """The last line of the error for wrong usage."""
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
    found = request(*argv)
    assert (found.method, dict(found.fields), found.body) == (method, fields, body)


def test_a_body_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\0\xff")
    assert request("--body", str(file)).body == b"\0\xff"


def test_options_are_read_from_the_environment() -> None:
    found = request(STREAMSERVER_HEADER="a: 1\nb: 2", STREAMSERVER_DATA="x")
    assert found.fields[:2] == (("a", "1"), ("b", "2"))
    assert found.body == b"x"


def test_a_key_from_the_environment() -> None:
    found = request("--bearer-env", "KEY", KEY=SECRET)
    assert ("authorization", f"Bearer {SECRET}") in found.fields


@pytest.mark.parametrize("variables", [{}, {"KEY": ""}, {"KEY": f"{SECRET} x"}])
def test_an_invalid_key_is_refused_and_not_repeated(variables: Mapping[str, str]) -> None:
    with pytest.raises(CannotServe, match="--bearer-env") as error:
        request("--bearer-env", "KEY", **variables)
    assert SECRET not in str(error.value)


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
        (
            ["--goodput", "tpot=5ms"],
            {"concurrency": parse("1"), "count": 10, "limits": (*parse_limits("tpot=5ms"),)},
        ),
        (["--csv", "x"], {"concurrency": parse("1"), "count": 10, "sends_records": True}),
    ],
)  # fmt: skip
def test_the_job(argv: list[str], options: dict[str, Any]) -> None:
    assert job(*argv) == Job(RequestSpec(URL), **options)


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
    ("argv", "error"),
    [
        ([], "URL"),
        (["ftp://h"], "names no scheme or no host"),
        (["http://me:secret@h/"], "no user name"),
        ([URL, "-c", "0"], "no load at all"),
        ([URL, "-c", "x"], "'x' is no stage"),
        ([URL, "-c", "0.5"], "must reach a level from 1 to 100000"),
        ([URL, "-c", "100001"], "must reach a level from 1 to 100000"),
        ([URL, "--rate", "1..2"], "needs its duration"),
        ([URL, "--rate", "1", "-c", "2"], "give one of them"),
        ([URL, "--arrivals", "random"], "one of constant, poisson"),
        ([URL, "--duration", "0"], "more than 0"),
        ([URL, "--count", "0"], "whole number from 1"),
        ([URL, "--processes", "3", "-c", "2"], "--processes must be at most --concurrency"),
        ([URL, "--processes", "3"], "--processes must be at most --concurrency"),
        (
            [URL, "--processes", "3", "--rate", "5", "--max-open", "2"],
            "--max-open must be at least --processes",
        ),
        ([URL, "--data", "x", "--body", "y"], "exclude each other"),
        ([URL, "--insecure", "--ca", "x"], "exclude each other"),
        ([URL, "--slo", "goodput=99%"], "--slo goodput needs the limits of --goodput"),
        ([URL, "--goodput", "tfft=5ms"], "'tfft' is not a figure (did you mean 'ttft'?)"),
        ([URL, "--csv", "-"], "only --json may go to standard output"),
        ([URL, "--html", "-"], "only --json may go to standard output"),
        ([URL, "--method", "GE T"], "is not a method"),
        ([URL, "--header", "secret"], "not a field"),
        ([URL, "--bearer-env", "sk-secret"], "not the NAME of a variable"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], argv: list[str], error: str) -> None:
    line = refused(capsys, *argv)
    assert error in line
    assert "secret" not in line.removeprefix("streamserver: error: argument --bearer-env")


def test_the_help_describes_the_variables_of_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.read(["--help"], {})
    text = " ".join(capsys.readouterr().out.split())
    assert "{n} is replaced by the number of the request, from 0" in text
    assert "-c PROFILE, --concurrency PROFILE" in text
