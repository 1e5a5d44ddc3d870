"""Words that there are not: the message names the wrong one and the nearest right one."""

import subprocess
import sys
from itertools import chain

import pytest

from cli.conftest import run
from streamserver.cli import bench, calibrate, proxy, serve, target
from streamserver.cli.commands import command
from streamserver.cli.naming import COMMANDS, is_app_name
from streamserver.cli.variables import unread
from streamserver.serving.worker import VARIABLE
from support.process import ROOT

NEITHER = (
    f" is neither a command ({', '.join(COMMANDS)}) nor MODULE:APP, as in hello:app for app in"
)
URL = "http://127.0.0.1:9/"


TABLES = {name: command(name).TABLE for name in COMMANDS}

READ = {
    "serve": serve.read,
    "proxy": proxy.read,
    "target": target.read,
    "bench": bench.read,
    "calibrate": calibrate.read,
}


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What is wrong with this command line."""
    read = READ.get(argv[0])
    with pytest.raises(SystemExit) as end:
        read(argv[1:], {}) if read else serve.read(argv, {})
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1].removeprefix("streamserver: error: ")


IMPORTED = """
import contextlib, sys
from streamserver.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):
    main(sys.argv[1:])
print(*[name for name in sys.modules if name.startswith("streamserver.cli.")])
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_only_the_module_of_the_command_is_imported(name: str) -> None:
    script = [sys.executable, "-c", IMPORTED, name, "--help"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {module.rpartition(".")[2] for module in done.stdout.split()}
    # `bench` reads what `calibrate` found.
    assert imported & {*COMMANDS} == {name} | ({"calibrate"} if name == "bench" else set())


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("serv", "serve"),
        ("Bench", "bench"),
        ("calibrat", "calibrate"),
        ("hello.py:app", "hello:app"),
        ("hello.py", "hello:app"),
        ("./hello.py", "hello:app"),
        ("apps/hello.py:main", "apps.hello:main"),
        ("target.py", "target:app"),
        ("hello.app", "hello:app"),
        ("apps/hello:app", "apps.hello:app"),
        ("hello:", "hello:app"),
        ("hello:app()", "hello:app"),
        ("hello.py:make.app()", "hello:make.app"),
    ],
)
@pytest.mark.parametrize("rest", [(), ("hello:app",), ("--port", "0")])
def test_the_first_word(
    capsys: pytest.CaptureFixture[str], text: str, nearest: str, rest: tuple[str, ...]
) -> None:
    problem = refused(capsys, text, *rest)
    assert problem.startswith(f"argument MODULE:APP: {text!r}{NEITHER}")
    assert problem.endswith(f"(did you mean {nearest!r}?)")
    assert nearest in COMMANDS or is_app_name(nearest)


@pytest.mark.parametrize("text", ["hello", "", ":app", "hello.py:app:x", "/srv/hello.py", "a b:c"])
def test_a_first_word_that_is_near_nothing(capsys: pytest.CaptureFixture[str], text: str) -> None:
    problem = refused(capsys, text)
    assert problem.startswith(f"argument MODULE:APP: {text!r}{NEITHER}")
    assert "did you mean" not in problem


def test_a_command_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    problem = refused(capsys, "--port", "0", "target")
    assert problem.endswith("'target' is a command: it must be the first argument")


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["--prot", "1", "hello:app"], "--prot (did you mean '--port'?)"),
        (["--prot=1"], "--prot (did you mean '--port'?)"),
        (["-port", "1"], "-port (did you mean '--port'?)"),
        (["serve", "--no-acces-log"], "--no-acces-log (did you mean '--no-access-log'?)"),
        (["hello:app", "--relod"], "--relod (did you mean '--reload'?)"),
        (["proxy", "--relay-heatbeat", "3", URL], "--relay-heatbeat (did you mean '--relay-hear"),
        (["proxy", "--on-brake=cut"], "--on-brake (did you mean '--on-break'?)"),
        (["target", "--slot", "3"], "--slot (did you mean '--slots'?)"),
        (["target", "-n", "3"], "-n"),
        (["bench", URL, "--concurency", "3"], "--concurency (did you mean '--concurrency'?)"),
        (["bench", "--sol", "errors=1%"], "--sol (did you mean '--slo'?)"),
        (["bench", URL, "-d", "3"], "-d"),
        (["calibrate", "--second", "3"], "--second (did you mean '--seconds'?)"),
    ],
)
def test_an_option(capsys: pytest.CaptureFixture[str], argv: list[str], problem: str) -> None:
    assert refused(capsys, *argv).startswith(f"there is no option {problem}")


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["target", "hello:app"], "unexpected argument 'hello:app'"),
        (["bench", URL, URL], f"unexpected argument {URL!r}"),
        (["bench", URL, "-n20", "-c", "-1"], "argument -c/--concurrency: '-1' is no stage"),
        (["bench", URL, "--prompt", "--what is it?"], "--prompt needs --chat or --api"),
        (["bench", URL, "--header", "-: x", "--data", "-x y", "--body", "-"], "--body and --data"),
        (["target", "--", "--prot"], "unexpected argument '--prot'"),
    ],
)
def test_what_is_no_option_is_not_taken_for_one(
    capsys: pytest.CaptureFixture[str], argv: list[str], problem: str
) -> None:
    assert refused(capsys, *argv).startswith(problem)


@pytest.mark.parametrize("command", ["bench", "proxy"])
@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("127.0.0.1:9/v1", " (did you mean 'http://127.0.0.1:9/v1'?)"),
        ("localhost", " (did you mean 'http://localhost'?)"),
        ("htp://localhost", " (did you mean 'http'?)"),
        ("http:/localhost", ""),
        ("http://", ""),
        ("me:secret@localhost", ""),
        ("/srv/app", ""),
    ],
)
def test_a_url(capsys: pytest.CaptureFixture[str], command: str, url: str, hint: str) -> None:
    problem = refused(capsys, command, url)
    assert problem.startswith("argument URL: ")
    assert problem.endswith(hint)
    assert bool(hint) is ("did you mean" in problem)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("PROT", "STREAMSERVER_PROT (did you mean 'STREAMSERVER_PORT'?)"),
        ("HEADTIMEOUT", "STREAMSERVER_HEADTIMEOUT (did you mean 'STREAMSERVER_HEAD_TIMEOUT'?)"),
        ("POOL_IDEL", "STREAMSERVER_POOL_IDEL (did you mean 'STREAMSERVER_POOL_IDLE'?)"),
        ("", "STREAMSERVER_"),
    ],
)
def test_a_variable_that_no_option_reads(name: str, problem: str) -> None:
    (warning,) = unread([], {f"STREAMSERVER_{name}": "1"}, TABLES["serve"], TABLES.values())
    assert warning.startswith(f"no option reads the environment variable {problem}")


def test_variables_that_are_read_or_not_ours() -> None:
    rows = chain.from_iterable(table.values() for table in TABLES.values())
    options = [option.variable for option in chain.from_iterable(rows)]
    pods = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP")
    more = ("PORT_80_TCP_PROTO", "PORT_80_TCP_PORT", "PORT_80_TCP_ADDR")
    services = [f"STREAMSERVER_{name}{pod}" for name in ("", "REDIS_") for pod in (*pods, *more)]
    silent = dict.fromkeys([*options, *services, VARIABLE, "STREAMSERVE"], "1")
    silent["STREAMSERVER_PROT"] = ""
    assert unread([], silent, TABLES["bench"], TABLES.values()) == []


@pytest.mark.parametrize(
    ("argv", "more"),
    [
        (["--redis-env", "STREAMSERVER_URL"], {}),
        (["--redis-env=STREAMSERVER_URL"], {}),
        ([], {"STREAMSERVER_REDIS_ENV": "STREAMSERVER_URL"}),
    ],
)
def test_a_variable_that_an_option_names(argv: list[str], more: dict[str, str]) -> None:
    environment = {"STREAMSERVER_URL": "redis://127.0.0.1", **more}
    assert unread(argv, environment, TABLES["serve"], TABLES.values()) == []
    assert unread([], {"STREAMSERVER_URL": "x"}, TABLES["serve"], TABLES.values())


def test_bench_warns_on_standard_error() -> None:
    done = run("bench", URL, "-n", "1", "--no-progress", STREAMSERVER_CUONT="3")
    warning, *_ = done.stderr.splitlines()
    problem = "no option reads the environment variable STREAMSERVER_CUONT"
    assert warning == f"warning: {problem} (did you mean 'STREAMSERVER_COUNT'?)"
