"""Secrets in variables and files, which no list of processes shows."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Curl
from streamserver.cli import bench, proxy, request_options, serve
from streamserver.cli.keys import MAX_FILE, secret_of
from streamserver.cli.problem import CannotServe
from support.calling import call
from support.process import RunServer, workers_of
from support.redis import RedisServer, redis_server

URL = "http://x"
SECRET = "sk-do-not-tell"


def injected(*argv: str, **variables: str) -> dict[str, str]:
    """The fields that a proxy adds to each request."""
    options, _ = proxy.read([URL, *argv], variables)
    fields: dict[str, str] = options.injected
    return fields


def sent(*argv: str, **variables: str) -> dict[str, str]:
    """The fields that `bench` sends."""
    return dict(request_options.make_request(bench.read([URL, *argv], variables), variables).fields)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    (tmp_path / "key").write_text(f"{SECRET}\r\n")
    return str(tmp_path / "key")


@pytest.fixture
def header_file(tmp_path: Path) -> str:
    (tmp_path / "fields").write_text(f"X-One: 1\n\nX-Secret: {SECRET}\n")
    return str(tmp_path / "fields")


def test_a_key_in_a_file(key_file: str) -> None:
    bearer = {"authorization": f"Bearer {SECRET}"}
    assert injected("--api-key-file", key_file) == bearer
    assert injected(STREAMSERVER_API_KEY_FILE=key_file) == bearer
    assert sent("--bearer-file", key_file) == bearer
    assert sent(STREAMSERVER_BEARER_FILE=key_file) == bearer


def test_fields_in_a_file(header_file: str) -> None:
    fields = {"x-zero": "0", "x-one": "1", "x-secret": SECRET}
    argv = "--header", "X-Zero: 0", "--header-file", header_file
    assert injected(*argv) == fields
    assert sent(*argv) == fields
    from_variables = injected(STREAMSERVER_HEADER="X-Zero: 0", STREAMSERVER_HEADER_FILE=header_file)
    assert from_variables == fields


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"\n", "the file is empty"),
        (b"\xff", "the file is not UTF-8"),
        (b"x" * (MAX_FILE + 1), f"the file is longer than {MAX_FILE} bytes"),
        (f"{SECRET} x".encode(), " must hold one word of ASCII"),
    ],
)
def test_a_file_that_holds_no_key(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    for flag, read in (("--api-key-file", injected), ("--bearer-file", sent)):
        with pytest.raises(CannotServe) as error:
            read(flag, str(path))
        assert str(error.value).startswith(f"{flag} {path}")
        assert str(error.value).endswith(why)
        assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f"X-One: 1\n{SECRET}\n", ", line 2: the value is not a field, NAME: VALUE"),
        (f"X-One: 1\n\n{SECRET}:\n", ", line 3: the value is not a field, NAME: VALUE"),
    ],
)
def test_a_file_with_a_line_that_is_no_field(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "fields"
    path.write_text(content)
    for read in (injected, sent):
        with pytest.raises(CannotServe) as error:
            read("--header-file", str(path))
        assert str(error.value) == f"--header-file {path}{why}"


def serving(argv: list[str]) -> Namespace:
    return serve.read(argv, {})


def proxying(argv: list[str]) -> Namespace:
    return proxy.read([URL, *argv], {})[0]


def benching(argv: list[str]) -> Namespace:
    return bench.read([URL, *argv], {})


@pytest.mark.parametrize(
    ("read", "one", "other"),
    [
        (serving, "redis", "redis-env"),
        (serving, "redis-env", "redis-file"),
        (serving, "redis", "redis-file"),
        (serving, "api-key-env", "api-key-file"),
        (serving, "publish-token-env", "publish-token-file"),
        (proxying, "api-key-env", "api-key-file"),
        (benching, "bearer-env", "bearer-file"),
    ],
)
def test_sources_exclude_each_other(
    capsys: pytest.CaptureFixture[str], read: object, one: str, other: str
) -> None:
    assert callable(read)
    with pytest.raises(SystemExit) as end:
        read([f"--{one}", "X", f"--{other}", "X"])
    assert end.value.code == 2
    assert f"--{one} and --{other} exclude each other" in capsys.readouterr().err


def test_a_field_is_set_once(capsys: pytest.CaptureFixture[str], header_file: str) -> None:
    with pytest.raises(SystemExit):
        injected("--header-file", header_file, "--header", "X-Secret: 1")
    assert "may set x-secret only once" in capsys.readouterr().err


def test_a_wrong_publish_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("good b\N{DEGREE SIGN}d\n")
    done = call("--publish-token-file", str(tmp_path / "token"))
    assert done.returncode == 1
    assert done.stderr.startswith("streamserver: the publish token: a bearer token is one or more ")
    assert "good" not in done.stderr


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_publish_token_is_not_the_same_as_none(value: str) -> None:
    options = serving(["--publish-token-env", "TOKEN"])
    with pytest.raises(CannotServe, match=r"^--publish-token-env: .* TOKEN is not set, or empty$"):
        secret_of(options, "publish-token", {"TOKEN": value})


# The URL of a Redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that requires a password."""
    with redis_server(tmp_path) as server:
        assert server.ask("CONFIG", "SET", "requirepass", SECRET) == b"+OK\r\n"
        yield server


@pytest.mark.parametrize("source", ["env", "file"])
def test_a_password_of_redis_is_in_no_list_of_processes(
    run_server: RunServer, redis: RedisServer, curl: Curl, tmp_path: Path, source: str
) -> None:
    """Each worker reads it again."""
    url = redis.url.replace("//", f"//:{SECRET}@")
    (tmp_path / "url").write_text(f"{url}\n")
    given = {"env": ("--redis-env", "REDIS_URL"), "file": ("--redis-file", str(tmp_path / "url"))}
    variables = {"REDIS_URL": url} if source == "env" else {}
    server = run_server("--workers", "2", *given[source], env=variables)
    for pid in (server.process.pid, *workers_of(server)):
        assert SECRET.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert '"id":' in curl("-d", '{"text": "hello"}', f"{server.url}/api/notifications")
    assert "each worker has its own feed" not in server.output()
    assert SECRET not in server.output()


def test_an_absent_or_wrong_url(tmp_path: Path) -> None:
    done = call("--redis-env", "NO_SUCH")
    expected = "streamserver: --redis-env: the environment variable NO_SUCH is not set, or empty\n"
    assert (done.returncode, done.stderr) == (1, expected)
    (tmp_path / "url").write_text(f"redis://:{SECRET}@127.0.0.1:port\n")
    done = call("--redis-file", str(tmp_path / "url"))
    expected = "streamserver: --redis: the port of a Redis URL must be a number from 1 to 65535\n"
    assert (done.returncode, done.stderr) == (1, expected)
