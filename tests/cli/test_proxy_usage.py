"""What `proxy` refuses, and what it never repeats: what is in the wrong place may be a secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import run
from streamserver.cli import proxy
from streamserver.cli.problem import CannotServe
from streamserver.kit import slots
from streamserver.proxy.origin import FORMS
from streamserver.server.settings import Settings
from support.calling import call
from support.certificates import Certificate
from support.limits import file_limit

URL = "http://127.0.0.1:9"
SECRET = "sk-do-not-tell"


def refused(capsys: pytest.CaptureFixture[str], *argv: str, **variables: str) -> str:
    """The last line of the error for this wrong usage."""
    with pytest.raises(SystemExit) as end:
        proxy.read(argv, variables)
    assert end.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    return said.err.splitlines()[-1]


def test_wrong_usage_is_exit_status_2() -> None:
    done = run("proxy")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: streamserver proxy URL")
    assert "the following arguments are required: URL" in done.stderr


def test_workers_that_cannot_share_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = (URL, "--max-streams", "8")
    monkeypatch.setattr(slots, "can_share", lambda: False)
    with pytest.raises(CannotServe, match="--max-streams with --workers needs Linux, with /proc"):
        proxy.read([*limited, "--workers", "2"], {})
    proxy.read(limited, {})


def test_urls_may_stand_anywhere() -> None:
    options, _ = proxy.read(["http://a", "--max-streams", "8", "http://b", "--metrics"], {})
    assert options.urls == ["http://a", "http://b"]
    options, _ = proxy.read(["--keep-host"], {"STREAMSERVER_URLS": "http://a\nhttp://b"})
    assert options.urls == ["http://a", "http://b"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "it names no scheme or no host"),
        ("127.0.0.1:8000", "it names no scheme or no host"),
        ("ftp://host", "it names no scheme or no host"),
        ("http://", "it names no scheme or no host"),
        ("http://host:http", "Port could not be cast"),
        ("http://host/?q=1", "it has a query or a fragment"),
        ("unix:socket", "a unix socket has an absolute path"),
    ],
)
def test_a_url_that_is_none_of_an_upstream(
    capsys: pytest.CaptureFixture[str], url: str, why: str
) -> None:
    line = refused(capsys, url)
    assert f"{url!r} is no upstream: {why}" in line
    assert FORMS in line


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--strip", "v1"], "'v1'"),
        (["--strip", "/v1/"], "'/v1/'"),
        (["--header", "Connection: close"], "'connection' cannot be injected"),
        (["--header", "X-One: \x7f"], "the value injected as x-one"),
        (["--header", "X-One: 1", "--header", "x-one: 2"], "may set x-one only once"),
        (["--forwarded", "all"], "one of replace, append, off"),
        (["--on-break", "hang"], "one of cut, event"),
        (["--upstream-ca", "ca.pem"], "--upstream-ca is for an upstream that speaks TLS"),
        (["--tls-cert", "cert.pem"], "--tls-cert and --tls-key go together"),
        (["--max-body", "none"], "unlimited or a size from 0"),
        (["--pool-open", "0"], "auto or a whole number from 1"),
        (["--files", "/srv"], "--files"),
        (["--redis", "redis://a"], "--redis is for answers that are kept: add --resumable"),
        (["--resume-window=1"], "--resume-window is for answers that are kept: add --resumable"),
        (["--resumable", "--resume-window", "0"], "--resume-window"),
        (["--resumable", "--resume-answers", "0"], "a whole number from 1"),
        (["--resumable", "--resume-cookie", "a b"], "'a b' is not a name"),
        ([URL], "the upstream 127.0.0.1:9 is given twice"),
        (
            ["https://b", "--upstream-ca", "ca.pem"],
            "--upstream-ca is for an upstream that speaks TLS",
        ),
        (["--ready-upstreams"], "--ready-upstreams needs --metrics, which serves /ready"),
        (["--max-streams", "0"], "unlimited or a whole number from 1 to 100000"),
        (["--queue", "-1"], "a whole number from 0"),
        (["--queue-timeout", "soon"], "a duration of 0 s or more"),
    ],
)
def test_other_wrong_usage(capsys: pytest.CaptureFixture[str], argv: list[str], named: str) -> None:
    assert named in refused(capsys, URL, *argv)


@pytest.mark.parametrize(
    ("option", "text", "allowed"),
    [
        ("api-key-env", SECRET, "not the NAME of a variable"),
        ("header", f"Authorization Bearer {SECRET}", "NAME: VALUE"),
        ("header", f"Authorization {SECRET}: 1", "NAME: VALUE"),
        ("header", f"Authorization: {SECRET}\x7f", "the value injected as authorization"),
        ("header", f"{SECRET}:", "NAME: VALUE"),
    ],
)
def test_what_may_be_a_secret_is_not_repeated(
    capsys: pytest.CaptureFixture[str], option: str, text: str, allowed: str
) -> None:
    for argv, variables in (
        ([f"--{option}={text}"], {}),
        ([], {"STREAMSERVER_" + option.upper().replace("-", "_"): text}),
    ):
        line = refused(capsys, URL, *argv, **variables)
        assert allowed in line
        assert SECRET not in line


def test_a_password_in_the_url_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert SECRET not in refused(capsys, f"http://user:{SECRET}@host")


def test_a_key_and_a_header_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    argv = URL, "--api-key-env", "KEY", "--header", "Authorization: Basic eDp5"
    assert "may set authorization only once" in refused(capsys, *argv, KEY=SECRET)


def test_a_missing_key_is_exit_status_1() -> None:
    done = call("proxy", URL, "--api-key-env", "NO_SUCH_KEY")
    problem = "--api-key-env: the environment variable NO_SUCH_KEY is not set, or empty"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"streamserver: {problem}\n"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "KEY is not set, or empty"),
        (" \n", "KEY is not set, or empty"),
        (f"{SECRET}\n", "KEY must hold one word of ASCII"),
        (f"{SECRET} x", "KEY must hold one word of ASCII"),
        (f"{SECRET}\N{EURO SIGN}", "KEY must hold one word of ASCII"),
    ],
)
def test_a_key_that_is_none(key: str, why: str) -> None:
    with pytest.raises(CannotServe, match=f"{why}$"):
        proxy.read([URL, "--api-key-env", "KEY"], {"KEY": key})


def test_authorities_that_cannot_be_used(certificate: Certificate, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.pem")
    for path, why in ((absent, "No such file"), (certificate.key, "no certificate")):
        with pytest.raises(CannotServe, match=f"cannot use the authorities in {path}: .*{why}"):
            proxy.read(["HTTPS://host", "--upstream-ca", path], {})


# How many clients it admits


@pytest.fixture
def descriptors() -> Iterator[int]:
    """The number that this process may have for the time being."""
    with file_limit(1000):
        yield 1000


def test_by_default_each_client_can_have_an_upstream(descriptors: int) -> None:
    options, _ = proxy.read([URL], {})
    admitted = proxy.settings(options).max_connections
    assert descriptors / 3 < admitted < descriptors / 2
    assert proxy.settings(options) == Settings(max_connections=admitted)


def test_the_settings_hold_what_was_told() -> None:
    options, _ = proxy.read([URL, "--max-connections", "9", "--keep-alive", "3"], {})
    assert proxy.settings(options) == Settings(max_connections=9, keep_alive=3)
