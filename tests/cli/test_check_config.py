"""`--check-config` reads everything that a start reads, and does not listen."""

import json
from pathlib import Path

import pytest

from support.calling import Called, call
from support.certificates import Certificate

SECRET = "sk-do-not-show"
APP = "async def app(request): ...\n"


def check(directory: Path, content: str, command: str = "serve", *argv: str, **env: str) -> Called:
    """The report about a file for a command."""
    (directory / "site.toml").write_text(content)
    return call(command, "--config", "site.toml", "--check-config", *argv, cwd=directory, **env)


def test_what_would_be_served_and_the_source_of_each_option(tmp_path: Path) -> None:
    (tmp_path / "checked_app.py").write_text(APP)
    content = "log-level = 'warning'\n[serve]\napp = 'checked_app:app'\nhead_timeout = 2.5\n"
    done = check(
        tmp_path, content, "serve", "--port=1", "--no-access-log", STREAMSERVER_MAX_BODY="64KiB"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "the configuration is valid: checked_app:app on http://127.0.0.1:1",
        "app           checked_app:app  file",
        "config        site.toml        command line",
        "port          1                command line",
        "access-log    off              command line",
        "log-level     warning          file",
        "head-timeout  2.5s             file",
        "max-body      64KiB            environment",
    ]


@pytest.mark.parametrize(
    ("command", "content", "served"),
    [
        ("serve", "", "the demo on http://127.0.0.1:8000"),
        ("serve", "host = '::1'", "the demo on http://[::1]:8000"),
        ("target", "uds = '/run/s'\nreplay = ''", "the target on unix:/run/s"),
        ("target", "fd = 3", "the target on descriptor 3"),
        ("target", "[proxy]\nurl = 'http://a'", "the target on http://127.0.0.1:8000"),
        ("proxy", "url = 'http://a'", "a relay of / to http://a on http://127.0.0.1:8000"),
        ("proxy", "route = '/a=http://a'", "a relay of /a to http://a on http://127.0.0.1:8000"),
    ],
)
def test_what_is_served_where(tmp_path: Path, command: str, content: str, served: str) -> None:
    done = check(tmp_path, content, command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"the configuration is valid: {served}"


def test_a_report_for_programs(tmp_path: Path) -> None:
    done = check(tmp_path, "log-format = 'json'\nport = 1\n", "target")
    report = json.loads(done.stdout)
    assert report["message"] == "the configuration is valid: the target on http://127.0.0.1:1"
    assert report["options"]["port"] == {"value": "1", "source": "file"}


def test_no_secret_is_shown(tmp_path: Path) -> None:
    content = f"""
        url = "http://a"
        redis = "redis://:{SECRET}@127.0.0.1"
        headers = {{ X-One = "{SECRET}" }}
        api-key-env = "KEY"
        max-body = ""
    """
    done = check(tmp_path, content, "proxy", KEY=SECRET)
    assert done.returncode == 0
    assert SECRET not in done.stdout + done.stderr
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert {"header (not shown) file", "redis (not shown) file", "api-key-env KEY file"} <= {*shown}
    assert "max-body unlimited, for POST with --resumable 8MiB file" in shown


def test_errors_of_a_start_are_errors_of_the_check(
    tmp_path: Path, certificate: Certificate
) -> None:
    (tmp_path / "broken_app.py").write_text("1 / 0")
    pair = f"tls-cert = '{certificate.cert}'\ntls-key = '{tmp_path}/absent'"
    for command, content, status, problem in (
        ("serve", "app = 'broken_app:app'", 1, "cannot load broken_app:app: ZeroDivisionError"),
        ("serve", pair, 1, "cannot read the TLS key"),
        ("serve", "redis = 'http://x'", 1, "--redis: "),
        ("serve", "files = 'absent'", 1, "cannot serve files: "),
        ("target", "replay = 'absent'", 1, "--replay: "),
        ("proxy", "", 2, "the following arguments are required: URL, or --route PREFIX=URL"),
        ("proxy", "url = 'http://a'\napi-key-env = 'NO_SUCH'", 1, "NO_SUCH is not set, or empty"),
        ("proxy", "url = 'https://a'\nupstream-ca = 'absent'", 1, "cannot use the authorities"),
        ("proxy", "url = 'http://a'\nrecord = 'site.toml'", 1, "--record: "),
        # What is in the other sections is not read by a start, but by a check.
        ("serve", "[proxy]\nstip = 1", 2, "site.toml, [proxy]: there is no option 'stip'"),
    ):
        done = check(tmp_path, content, command)
        assert (done.returncode, done.stdout) == (status, "")
        assert problem in done.stderr.splitlines()[-1]


def test_a_check_without_a_file_and_by_a_variable(tmp_path: Path) -> None:
    done = call("target", cwd=tmp_path, STREAMSERVER_CHECK_CONFIG="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("the configuration is valid: the target on ")
