"""A configuration file: the precedence of its values, and the errors in it."""

import json
import os
import signal
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Curl
from streamserver.cli import proxy, serve, target
from streamserver.cli.config_file import MAX_BYTES
from streamserver.cli.launch import log_format
from support.calling import Called, call
from support.process import RunServer, workers_of

SECRET = "sk-do-not-show"
Write = Callable[[str | bytes], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a configuration file in the working directory; its name."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        Path("site.toml").write_bytes(data)
        return "site.toml"

    return write


def read(command: str, *argv: str, **variables: str) -> Namespace:
    """The options of a command."""
    if command == "proxy":
        return proxy.read(argv, variables)[0]
    return serve.read(argv, variables) if command == "serve" else target.read(argv, variables)


# A key, as it is written, and the value for a command.
VALUES = [
    ("serve", 'host = "::1"', "host", "::1"),
    ("serve", "port = 0", "port", 0),
    ("serve", 'port = "81"', "port", 81),
    ("serve", "port = 0x51", "port", 81),
    ("serve", "workers = 1_0", "workers", 10),
    ("serve", "head-timeout = 2", "head_timeout", 2.0),
    ("serve", "head-timeout = 2.5", "head_timeout", 2.5),
    ("serve", "head_timeout = 1_0.5", "head_timeout", 10.5),
    ("serve", 'head_timeout = "500ms"', "head_timeout", 0.5),
    ("serve", "max-body = 1000", "max_body", 1000),
    ("serve", 'max-body = "64KiB"', "max_body", 65536),
    ("serve", 'max-connections = "auto"', "max_connections", 0),
    ("serve", "access-log = false", "access_log", False),
    ("serve", 'access_log = "off"', "access_log", False),
    ("serve", 'app = "hello:app"', "app", "hello:app"),
    ("serve", 'allow-host = "a"', "allow_host", ["a"]),
    ("serve", 'allow-hosts = ["a", "b"]', "allow_host", ["a", "b"]),
    ("serve", "allow-host = []", "allow_host", []),
    ("serve", 'files = ""', "files", None),
    ("proxy", 'url = "http://a"', "urls", ["http://a"]),
    ("proxy", 'urls = ["http://a"]', "urls", ["http://a"]),
    ("proxy", 'header = "X-One: 1"', "header", [("x-one", "1")]),
    ("proxy", 'header = ["X-One: 1", "X-Two: 2"]', "header", [("x-one", "1"), ("x-two", "2")]),
    ("proxy", 'headers = { X-One = "a: b" }', "header", [("x-one", "a: b")]),
    ("proxy", 'max-body = "unlimited"', "max_body", None),
    ("proxy", "gap-timeout = 0", "gap_timeout", 0.0),
    ("target", "models = 'a,b'", "models", ("a", "b")),
    ("target", "models = ['a', 'b']", "models", ("a", "b")),
    ("target", "replay = 'tapes'\nspeed = 0.5", "speed", 0.5),
]


@pytest.mark.parametrize(("command", "line", "key", "value"), VALUES, ids=[v[1] for v in VALUES])
def test_a_value(write: Write, command: str, line: str, key: str, value: object) -> None:
    argv = [] if key in ("app", "urls") or command != "proxy" else ["http://a"]
    section = write(f"[{command}]\n{line}\n")
    assert getattr(read(command, *argv, "--config", section), key) == value
    above = write(f"\ufeff# for all\r\n{line}\r\n")
    options = read(command, *argv, STREAMSERVER_CONFIG=above)
    assert getattr(options, key) == value
    assert options.sources[key] == "file"


def test_the_order_of_the_sources(write: Write) -> None:
    file = write("port = 1\ngrace = 1\n[serve]\nport = 2\n[target]\nport = 3\n")
    assert read("proxy", "http://a", "--config", file).port == 1
    assert read("serve", "--config", file).port == 2
    assert read("target", "--config", file).port == 3
    assert read("serve", "--config", file, STREAMSERVER_PORT="4").port == 4
    assert read("serve", "--config", file, "--port", "5", STREAMSERVER_PORT="4").port == 5
    assert read("serve", "--config", file, STREAMSERVER_PORT="").port == 2
    assert read("serve", "--config", file).grace == 1.0
    assert read("serve", "--config", file, STREAMSERVER_CONFIG="absent").port == 2


def test_a_positional_argument_goes_before_its_variable_and_the_file(write: Write) -> None:
    file = write('app = "a:a"\nurl = "http://a"')
    assert read("serve", "b:b", "--config", file, STREAMSERVER_APP="c:c").app == "b:b"
    assert read("serve", "--config", file, STREAMSERVER_APP="c:c").app == "c:c"
    assert read("proxy", "http://b", "--config", file).urls == ["http://b"]
    assert read("proxy", "--config", file).urls == ["http://a"]


def test_a_section_resets_what_is_above_it(write: Write) -> None:
    file = write('redis = "redis://a"\n[serve]\nredis = ""\napp = "a:a"')
    assert read("serve", "--config", file).redis is None
    assert read("proxy", "http://a", "--config", file).redis == "redis://a"


def test_a_key_of_another_command_may_stand_above_the_sections(write: Write) -> None:
    file = write('strip = "/v1"\nslots = 1\nport = 9')
    assert read("serve", "--config", file).port == 9


# A whole file, the command, and the error behind "streamserver: error: site.toml".
WRONG = [
    ("[serve]\nhead-timeot = 1", ", [serve]: there is no option 'head-timeot' (did you mean"),
    ("[serve]\nhead_timeot = 1", "'head_timeot' (did you mean 'head-timeout'?)"),
    ("heat_timeout = 1", ": there is no option 'heat_timeout' (did you mean 'head-timeout'?)"),
    ("slot = 1", "(did you mean 'slots'?)"),
    ("x-y-z = 1", ": there is no option 'x-y-z'"),
    ('"a\\nb" = 1', r": there is no option 'a\nb'"),
    ("[serve]\nstrip = '/a'", ", [serve]: 'strip' is an option of proxy, and not allowed here"),
    ("[serve]\nslots = 1", ", [serve]: 'slots' is an option of target, and not allowed here"),
    ("[serve]\nrate = 1", ", [serve]: 'rate' is an option of bench, which reads no file"),
    ("rate = 1", ": 'rate' is an option of bench, which reads no file"),
    ("config = 'x'", ": 'config' is allowed on the command line only"),
    ("[serve]\ncheck_config = true", ", [serve]: 'check_config' is allowed on the command line"),
    ("[prxy]\n", ": there is no section 'prxy'; sections: serve, proxy, target (did you mean 'pr"),
    ("[[serve]]\nport = 1", ": 'serve' is a section, as in [serve]"),
    ("proxy = 1", ": 'proxy' is a section, as in [proxy]"),
    ("[serve]\nhead-timeout = 1\nhead_timeout = 1", "head-timeout and head_timeout are the same"),
    ("allow-host = []\nallow-hosts = []", "allow-host and allow-hosts are the same option"),
    ("[serve]\nport = 65536", ", [serve]: port: '65536' is not a whole number from 0 to 65535"),
    ("port = -1", ": port: '-1' is not a whole number from 0 to 65535"),
    ("port = true", ": port: 'true' is not a whole number from 0 to 65535"),
    ("port = 80.0", ": port: '80.0' is not a whole number from 0 to 65535"),
    ("port = [80]", ": port: 'an array' is not a whole number from 0 to 65535"),
    ("port = {}", ": port: 'a table' is not a whole number from 0 to 65535"),
    ("port = 2026-11-22", ": port: 'a date or time' is not a whole number from 0 to 65535"),
    (f"port = {'9' * 4000}", ": port: 'a number of many digits' is not a whole number"),
    (f"port = {'9' * 5000}", " is not TOML: Exceeds the limit (4300 digits)"),
    ("grace = nan", ": grace: 'nan' is not a duration of 0 s or more"),
    ("grace = 1e9999", ": grace: '1e9999' is not a duration of 0 s or more"),
    ("log-level = 'loud'", ": log-level: 'loud' is not one of debug, info, warning, error"),
    ("log-level = 5", ": log-level: '5' is not one of debug, info, warning, error"),
    ("access-log = 1", ": access-log: a number is not allowed: the value is true or false"),
    ("host = 5", ": host: a number is not allowed: the value is a text in quotes"),
    ("host = false", ": host: a boolean is not allowed: the value is a text in quotes"),
    ("host = ['a']", ": host: an array is not allowed: the value is a text in quotes"),
    ("allow-host = ['a', 5]", ": allow-host: a number is not allowed: the value is a text in quo"),
    ("app = 'hello.py'", ": app: 'hello.py' is neither a command"),
    ("port = 1\nport = 2", " is not TOML: Cannot overwrite a value (at line 2, the last one)"),
    ("[serve]\nport 1", " is not TOML: Expected '=' after a key"),
    ("port = 1\nport = 2\n", " is not TOML: Cannot overwrite a value (at line 2, column 9)"),
    ("port = 1\nhost = 'a\n", ' is not TOML: Expected "\'" (at line 2, the last one)'),
    ("port = " + "[" * 2000, " is nested too deeply"),
]


@pytest.mark.parametrize(("content", "problem"), WRONG, ids=[part[1][:40] for part in WRONG])
def test_an_error_in_the_file(write: Write, content: str, problem: str) -> None:
    done = call("serve", "--check-config", "--config", write(content), cwd=Path())
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("streamserver: error: site.toml")
    assert problem in line


SECRETS = [
    f"api-key-env = '{SECRET}'",
    f"header = 'Authorization {SECRET}'",
    f"header = ['{SECRET}:']",
    f"headers = {{ X-One = '{SECRET}', X-Two = 2 }}",
    f"headers = {{ 'a b' = '{SECRET}' }}",
    f"headers = {{ X-One = '{SECRET}\\u007f' }}".replace("'", '"'),
    f"url = 'http://user:{SECRET}@host'",
    f"header = 'X-One: {SECRET}",
    f"route = '/v1:http://user:{SECRET}@host'",
    f"[[proxy.route]]\nprefix = '/'\nto = 'http://user:{SECRET}@host'",
    f"[[proxy.route]]\nprefix = '/'\nto = 'http://a'\napi_key_env = '{SECRET}'",
]


@pytest.mark.parametrize("line", SECRETS)
def test_an_error_does_not_repeat_a_secret(write: Write, line: str) -> None:
    done = call("proxy", "http://a", "--config", write(f"[proxy]\n{line}"), cwd=Path())
    assert done.returncode == 2
    assert "site.toml" in done.stderr
    assert SECRET not in done.stderr


def test_an_error_about_several_options_names_the_file_too(write: Write) -> None:
    done = call("serve", "--config", write("tls-cert = 'cert.pem'"), cwd=Path())
    together = "--tls-cert and --tls-key go together (options are also read from site.toml)"
    assert done.stderr == f"streamserver: error: {together}\n"


def test_a_file_that_cannot_be_read(write: Write, tmp_path: Path) -> None:
    os.mkfifo("pipe")
    (tmp_path / "text").write_bytes(b"port = 1\n# caf\xe9\n")
    (tmp_path / "huge").write_bytes(b"#" * (MAX_BYTES + 1))
    for path, why in {
        "absent": "No such file or directory",
        ".": "Is a directory",
        "pipe": "not a regular file",
        "text": "line 2 is not UTF-8",
        "huge": f"the file is longer than {MAX_BYTES} bytes",
    }.items():
        done = call("serve", "--config", path, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, f"streamserver: --config {path}: {why}\n")
    done = call("serve", "--config=a\0b", cwd=tmp_path)
    assert (done.returncode, "null byte" in done.stderr) == (1, True)


def test_an_error_in_the_file_has_the_log_format_of_the_file(write: Write) -> None:
    file = write("log_format = 'json'\n[serve]\nport = 'x'")
    done = call("serve", "--config", file, cwd=Path())
    assert "port: 'x' is not" in json.loads(done.stderr)["message"]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("log-format = 'json'", "json"),
        ("log-format = 'json'\n[proxy]\nlog_format = 'text'", "json"),
        ("log-format = 'text'\n[serve]\nlog_format = 'json'", "json"),
        ("log-format = 'json'\n[serve]\nlog_format = 'text'", "text"),
        ("log-format = ['json']\nserve = 1", "text"),
        ("log-format = 'json'\n]", "text"),
    ],
)
def test_the_log_format_is_found_before_the_options_are_read(
    write: Write, content: str, form: str
) -> None:
    argv = ["--config", write(content)]
    assert log_format("serve", argv, {}) == form
    assert log_format("serve", [*argv, "--log-format=json"], {}) == "json"
    assert log_format("serve", argv, {"STREAMSERVER_LOG_FORMAT": "text"}) == "text"


def test_a_new_worker_reads_the_file_anew(
    write: Write, run_server: RunServer, curl: Curl, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        body = f"async def app(request): return Response({name!r})"
        Path(f"app_{name}.py").write_text(f"from streamserver import Response\n{body}\n")
    content = "[serve]\napp = 'app_one:app'\nworkers = 2"
    file = str(tmp_path / write(content))
    server = run_server("serve", "--config", file, env={"PYTHONPATH": str(tmp_path)})
    assert curl(server.url) == "one"
    old = workers_of(server)
    write(content.replace("one", "two"))
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    assert curl(server.url) == "two"
    assert len(old) == 2


def warned(done: Called) -> list[str]:
    """The variables that no option reads."""
    return [line.split()[-1] for line in done.stderr.splitlines() if "no option reads" in line]


def test_a_variable_that_the_file_names_is_read(write: Write) -> None:
    file = write("url = 'http://a'\napi-key-env = 'STREAMSERVER_MY_KEY'")
    variables = {"STREAMSERVER_MY_KEY": "k", "STREAMSERVER_XYZ": "k", "STREAMSERVER_CONFIG": file}
    assert warned(call("proxy", "--check-config", cwd=Path(), **variables)) == ["STREAMSERVER_XYZ"]
