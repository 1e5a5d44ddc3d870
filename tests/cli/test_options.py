"""The options of `serve` and `proxy`, as flags and as variables, and what is refused."""

from argparse import Namespace
from itertools import chain
from typing import NamedTuple

import pytest

from streamserver.cli import proxy, serve
from streamserver.cli.engine_options import settings
from streamserver.cli.options import Option
from streamserver.cli.resumable import RESUMABLE
from streamserver.cli.routes import RouteOptions
from streamserver.cli.serve import read
from streamserver.cli.values import switch
from streamserver.server.settings import Settings


class Case(NamedTuple):
    """An option of a command."""

    command: str
    option: Option

    def read(self, *argv: str, **variables: str) -> Namespace:
        """The values that the command reads."""
        if self.command == "serve":
            return serve.read(argv, variables)
        return proxy.read(["http://x", *argv], variables)[0]

    @property
    def needed(self) -> dict[str, str]:
        """Variables without which the option is not allowed."""
        return NEEDED.get(self.option.name, {})


PAIR = {"STREAMSERVER_TLS_CERT": "cert.pem", "STREAMSERVER_TLS_KEY": "key.pem"}
NEEDED = (
    {"tls-cert": PAIR, "tls-key": PAIR, "api-key-env": {"SOME_KEY": "key"}}
    | {
        "trusted-fields": {"STREAMSERVER_TRUSTED_PROXIES": "::1"},
    }
    | {
        option.name: {"STREAMSERVER_RESUMABLE": "1"}
        for option in RESUMABLE
        if option.name != "resumable"
    }
)
CASES = [
    Case(command, option)
    for command, table in (("serve", serve.TABLE), ("proxy", proxy.TABLE))
    for option in chain.from_iterable(table.values())
    if not option.positional
]

# For each option a text that fits, and the value it stands for.
EXAMPLES: dict[str, tuple[str, object]] = {
    "host": ("::1", "::1"),
    "port": ("0", 0),
    "uds": ("/run/s", "/run/s"),
    "fd": ("3", 3),
    "trusted-proxies": ("10.0.0.0/8,unix", "10.0.0.0/8,unix"),
    "trusted-fields": ("forwarded", "forwarded"),
    "tls-cert": ("cert.pem", "cert.pem"),
    "tls-key": ("key.pem", "key.pem"),
    "files": ("/srv", "/srv"),
    "allow-host": ("demo.example", ["demo.example"]),
    "redis": ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
    "publish-token-env": ("SOME_KEY", "SOME_KEY"),
    "publish-token-file": ("/run/secrets/token", "/run/secrets/token"),
    "redis-env": ("REDIS_URL", "REDIS_URL"),
    "redis-file": ("/run/secrets/redis", "/run/secrets/redis"),
    "api-key-file": ("/run/secrets/key", "/run/secrets/key"),
    "upstream": ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
    "chat-model": ("small", "small"),
    "workers": ("4", 4),
    "metrics": ("on", True),
    "loop": ("asyncio", "asyncio"),
    "log-format": ("json", "json"),
    "log-level": ("debug", "debug"),
    "max-connections": ("100", 100),
    "max-body": ("10MB", 10_000_000),
    "head-timeout": ("500ms", 0.5),
    "body-timeout": ("7", 7.0),
    "write-timeout": ("007.50", 7.5),
    "keep-alive": ("1", 1.0),
    "heartbeat": ("0", 0.0),
    "max-stream": ("1h", 3600.0),
    "grace": ("0.0", 0.0),
    "route": ("/v1=http://a", [RouteOptions("/v1", ["http://a"])]),
    "strip": ("/v1", "/v1"),
    "header": ("X-One: 1: 2 ", [("x-one", "1: 2")]),
    "api-key-env": ("SOME_KEY", "SOME_KEY"),
    "forwarded": ("off", "off"),
    "relay-heartbeat": ("15", 15.0),
    "on-break": ("event", "event"),
    "connect-timeout": ("0", 0.0),
    "first-byte-timeout": ("0.5", 0.5),
    "gap-timeout": ("0", 0.0),
    "total-timeout": ("1.5m", 90.0),
    "pool-open": ("10", 10),
    "pool-idle": ("0", 0),
    "pool-idle-timeout": ("0", 0.0),
    "pool-wait": ("0", 0.0),
    "max-streams": ("8", 8),
    "queue": ("0", 0),
    "queue-timeout": ("0", 0.0),
    "backoff": ("500ms", 0.5),
    "max-backoff": ("1m", 60.0),
    "resume-window": ("2m", 120.0),
    "resume-keep": ("1h", 3600.0),
    "resume-answers": ("10", 10),
    "resume-events": ("1", 1),
    "resume-bytes": ("1", 1),
    "resume-total": ("1GiB", 2**30),
    "resume-cookie": ("session", ["session"]),
    "record": ("/tapes", "/tapes"),
    "record-bytes": ("64KiB", 65536),
    "record-count": ("1", 1),
}
OPENED = {"config", "upstream-ca", "header-file", ("proxy", "api-key-file")}
"""Files that are read at once: `test_config.py`, `test_keys.py` and the tests of TLS have them."""
VALUED = [
    case
    for case in CASES
    if case.option.read is not switch
    and not {case.option.name, (case.command, case.option.name)} & OPENED
]


def by_name(case: Case) -> str:
    return f"{case.command} --{case.option.name}"


def refused(capsys: pytest.CaptureFixture[str], *argv: str, **variables: str) -> str:
    """The last line of the error for this wrong usage."""
    with pytest.raises(SystemExit) as end:
        read(argv, variables)
    assert end.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    return said.err.splitlines()[-1]


@pytest.mark.parametrize("case", VALUED, ids=by_name)
def test_an_option_is_a_flag_and_a_variable(case: Case) -> None:
    option = case.option
    text, value = EXAMPLES[option.name]
    assert option.variable == "STREAMSERVER_" + option.name.upper().replace("-", "_")
    options = case.read(f"--{option.name}", text, **case.needed)
    assert getattr(options, option.key) == value
    options = case.read(**case.needed | {option.variable: text})
    assert getattr(options, option.key) == value
    assert getattr(case.read(), option.key) == option.default


@pytest.mark.parametrize("case", VALUED, ids=by_name)
def test_a_flag_goes_before_its_variable(case: Case) -> None:
    option = case.option
    text, value = EXAMPLES[option.name]
    variables = case.needed | {option.variable: "\0 not even valid"}
    assert getattr(case.read(f"--{option.name}", text, **variables), option.key) == value


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_an_empty_variable_is_none(case: Case) -> None:
    assert getattr(case.read(**{case.option.variable: ""}), case.option.key) == case.option.default


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_help_shows_every_option(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        case.read("--help")
    assert end.value.code == 0
    assert f"  --{case.option.name}" in capsys.readouterr().out


def test_what_may_be_repeated_is_repeated() -> None:
    one, two = ("x-one", "1"), ("x-two", "2")
    options, _ = proxy.read(["http://x", "--header", "X-One:1", "--header=X-Two:  2"], {})
    assert options.header == [one, two]
    options, _ = proxy.read(["http://x"], {"STREAMSERVER_HEADER": "X-One: 1\n\nX-Two: 2\n"})
    assert options.header == [one, two]


@pytest.mark.parametrize(
    ("argv", "variable", "on"),
    [
        ([], None, True),
        (["--no-access-log"], None, False),
        (["--access-log"], "0", True),
        ([], "0", False),
        ([], "FALSE", False),
        ([], "off", False),
        ([], "no", False),
        ([], "1", True),
        ([], "True", True),
    ],
)
def test_a_switch(argv: list[str], variable: str | None, on: bool) -> None:
    variables = {} if variable is None else {"STREAMSERVER_ACCESS_LOG": variable}
    assert read(argv, variables).access_log is on


def test_without_options_the_settings_are_the_engines_own() -> None:
    assert settings(read([], {})) == Settings()


def test_auto_is_a_number_of_connections_too() -> None:
    assert settings(read(["--max-connections", "auto"], {})) == Settings()


def test_options_select_the_settings() -> None:
    argv = ["--keep-alive", "3", "--max-body", "10", "--max-connections", "9"]
    chosen = settings(read(argv, {"STREAMSERVER_HEARTBEAT": "0"}))
    assert chosen == Settings(keep_alive=3, max_body=10, max_connections=9, heartbeat=0)


@pytest.mark.parametrize(
    ("name", "texts", "allowed"),
    [
        ("port", ["-1", "65536", "http", "+1", "1_0", " 1", "1.0", "٣"], "number from 0 to 65535"),
        ("workers", ["0", "1e2", "9" * 5000], "a whole number from 1 to"),
        ("max-connections", ["0", "none"], "auto or a whole number from 1 to"),
        ("max-body", ["-1", "1M", "0.5"], "size from 0 to 1024TiB, as in 1000 (bytes), 64KiB or"),
        ("head-timeout", ["0", "0.0", "-1", "nan", "inf", "1e1", "1_0", "5x"], "more than 0 s"),
        ("keep-alive", ["0", "0ms", "11575d"], "a duration of more than 0 s, as in 1.5, 500ms, 2m"),
        ("grace", ["-1", ".", "", "forever"], "a duration of 0 s or more, as in 1.5, 500ms, 2m"),
        ("loop", ["trio", "AUTO"], "one of auto, asyncio, uvloop"),
        ("loop", ["uvlop"], "(did you mean 'uvloop'?)"),
        ("log-format", ["xml"], "one of text, json"),
        ("log-level", ["loud"], "one of debug, info, warning, error"),
        ("host", [""], "at least one character"),
        ("trusted-proxies", ["", "proxy.example", "*"], "a network or address, as in 10.0.0.0/8"),
        ("trusted-proxies", ["10.0.0.1/8"], "10.0.0.0/8 for the network, or 10.0.0.1 for one"),
        ("trusted-fields", ["x-real-ip"], "one of x-forwarded, forwarded"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_named(
    capsys: pytest.CaptureFixture[str], name: str, texts: list[str], allowed: str
) -> None:
    variable = "STREAMSERVER_" + name.upper().replace("-", "_")
    for text in texts:
        line = refused(capsys, f"--{name}={text}")
        assert f"--{name}: {text!r} is not " in line
        assert allowed in line
        if text:
            line = refused(capsys, **{variable: text})
            assert f"{variable}: {text!r} is not " in line


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--colour"], "there is no option --colour"),
        (["--max", "1"], "there is no option --max (did you mean '--max-body'?)"),
        (["hello"], "'hello' is neither a command"),
        (["hello:"], "MODULE:APP"),
        ([":app"], "MODULE:APP"),
        (["hello.py:app:x"], "MODULE:APP"),
        (["no/path:app"], "MODULE:APP"),
        (["hello:app", "hello:app"], "unexpected argument 'hello:app'"),
        (["--tls-cert", "c"], "--tls-cert and --tls-key go together"),
        (["--fd", "3", "--uds", "s"], "--fd and --uds exclude each other: both select"),
        (["--tls-key", "k"], "--tls-cert and --tls-key go together"),
        (["--trusted-fields", "forwarded"], "--trusted-fields needs --trusted-proxies"),
        (["--trusted-proxies", "::1,10.0.0.0/8,::1/8"], "'::1/8' is not a network: write ::/8"),
        (["--proxy-protocol"], "--proxy-protocol needs --trusted-proxies"),
        (["hello:app", "--publish-token-file", "t"], "--publish-token-file is for the demo"),
        (["--reload", "--workers", "2"], "--reload and --workers exclude each other"),
        (["--port"], "--port"),
        (["hello:app", "--files", "/srv"], "--files is for the demo"),
        (["hello:app", "--allow-host", "*"], "--allow-host is for the demo"),
        (["hello:app", "--redis", "redis://127.0.0.1"], "--redis is for the demo"),
        ([""], "MODULE:APP"),
    ],
)
def test_other_wrong_usage(capsys: pytest.CaptureFixture[str], argv: list[str], named: str) -> None:
    assert named in refused(capsys, *argv)


def test_a_switch_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, STREAMSERVER_ACCESS_LOG="maybe")
    assert "STREAMSERVER_ACCESS_LOG: 'maybe' is not one of 1, true" in line


def test_help_shows_defaults_and_variables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["--help"], {})
    shown = " ".join(capsys.readouterr().out.split())
    assert "(default: 75s)" in shown
    assert "(default: 1MiB)" in shown
    assert "A DURATION is in seconds or has a unit: 500ms, 30s, 2m, 1h." in shown
    assert "STREAMSERVER_NAME" in shown
    for command in ("proxy URL [URL ...]", "target", "bench URL", "calibrate"):
        assert f"streamserver {command} [options]" in shown
