"""The routes of `proxy`: which upstream gets a request, with which options, fields and keys."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from streamserver import Request, Response
from streamserver.cli import proxy
from streamserver.cli.proxy import wrapped
from streamserver.cli.routes import combined, shared_key
from streamserver.kit.service import Handler
from support.asking import ask
from support.calling import call
from support.certificates import Certificate
from support.inprocess import Serve, Served

KEYS = {"MAIN": "sk-main", "V1": "sk-v1"}


async def echo(request: Request) -> Response:
    """What this upstream received."""
    return Response.json({"target": request.target, **dict(request.headers.items())})


@pytest.fixture
async def upstreams(serve: Serve) -> list[Served]:
    return [await serve(echo) for _ in range(3)]


def read(tmp_path: Path, content: str, *argv: str) -> tuple[Any, Handler]:
    """The options and the handler of a command with this file."""
    (tmp_path / "site.toml").write_text(content)
    return proxy.read(["--config", str(tmp_path / "site.toml"), *argv], KEYS)


async def received(server: Served, target: str) -> dict[str, Any]:
    """What the upstream of this target received, and which one it is, by its Host."""
    answer = await ask(server, target)
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_routes_of_the_command_line(serve: Serve, upstreams: list[Served]) -> None:
    main, v1, img = [each.url for each in upstreams]
    routes = "--route", f"/v1={v1}", "--route", f"/img={img}/base"
    options, handler = proxy.read([main, *routes], {})
    server = await serve(handler)
    for target, url, sent in (
        ("/", main, "/"),
        ("/v1x", main, "/v1x"),
        ("/v1", v1, "/v1"),
        ("/v1/x?y", v1, "/v1/x?y"),
        ("/img/x", img, "/base/img/x"),
    ):
        found = await received(server, target)
        assert (f"http://{found['host']}", found["target"]) == (url, sent)
    assert [exchange.route for exchange in server.ended] == ["/", "/", "/v1", "/v1", "/img"]
    assert [relay.route.prefix for relay in options.relays] == ["/", "/v1", "/img"]
    server = await serve(proxy.read([main, *routes, "--strip", "/a"], {})[1])
    assert (await received(server, "/a/x"))["target"] == "/x"
    assert (await received(server, "/v1/x"))["target"] == "/v1/x"
    server = await serve(proxy.read(list(routes), {})[1])
    assert (await ask(server, "/")).status == 404
    assert (await received(server, "/v1"))["target"] == "/v1"


OWN_KEYS = """
    [proxy]
    urls = "{main}"
    api-key-env = "MAIN"
    headers = {{ X-All = "1" }}
    [[proxy.route]]
    prefix = "/v1"
    to = "{v1}"
    api_key_env = "V1"
    headers = {{ X-One = "2" }}
    [[proxy.route]]
    prefix = "/img"
    to = ["{img}"]
    api_key_env = ""
    header_file = "{directory}/fields"
    [[proxy.route]]
    prefix = "/file"
    to = ["{v1}"]
    api_key_file = "{directory}/key"
    [[proxy.route]]
    prefix = "/shared"
    to = "{img}"
"""


async def test_a_key_is_sent_to_the_upstreams_of_its_route_alone(
    serve: Serve, upstreams: list[Served], tmp_path: Path
) -> None:
    main, v1, img = [each.url for each in upstreams]
    (tmp_path / "fields").write_text("X-File: secret\n")
    (tmp_path / "key").write_text("sk-file\n")
    content = OWN_KEYS.format(main=main, v1=v1, img=img, directory=tmp_path)
    options, handler = read(tmp_path, content)
    server = await serve(handler)
    for target, expected in {
        "/": ("Bearer sk-main", "1", None, None),
        "/v1": ("Bearer sk-v1", None, "2", None),
        "/img": (None, "1", None, "secret"),
        "/file": ("Bearer sk-file", "1", None, None),
        "/shared": ("Bearer sk-main", "1", None, None),
    }.items():
        names = ("authorization", "x-all", "x-one", "x-file")
        fields = await received(server, target)
        assert tuple([fields.get(name) for name in names]) == expected
    hosts = ", ".join(url.removeprefix("http://") for url in (main, img))
    [warning] = shared_key(options)
    assert warning.startswith(f"the key of --api-key-env is sent to {hosts}: ")


def test_authorities_are_for_the_routes_with_tls(tmp_path: Path, certificate: Certificate) -> None:
    routes = "--route", "/v1=http://a", "--route", "/img=https://b"
    options, _ = proxy.read([*routes, "--upstream-ca", certificate.cert], {})
    used = [relay.options.upstream_ca for relay in options.relays]
    assert used == [None, certificate.cert]


def test_options_of_a_route_and_their_defaults(tmp_path: Path) -> None:
    content = """
        gap-timeout = 7
        [proxy]
        keep-host = true
        connect_timeout = "1s"
        [[proxy.route]]
        prefix = "/v1"
        to = "http://a"
        gap_timeout = "2m"
        first_byte_timeout = 1.5
        total-timeout = 9
        max_body = "1MiB"
        on-break = "event"
        keep_host = false
        strip = true
        [[proxy.route]]
        prefix = "/img/small"
        to = "http://b"
        strip = "/img"
        resumable = true
    """
    options, _ = read(tmp_path, content, "--pool-idle", "3", "--gap-timeout", "8")
    v1, img = options.relays
    keys = ["gap_timeout", "first_byte_timeout", "total_timeout", "connect_timeout", "max_body"]
    keys += ["on_break", "keep_host", "pool_idle", "resumable"]
    values = [[getattr(relay.options, key) for key in keys] for relay in (v1, img)]
    assert values == [
        [120.0, 1.5, 9.0, 1.0, 2**20, "event", False, 3, False],
        [8.0, 60.0, 0.0, 1.0, None, "cut", True, 3, True],
    ]
    assert (v1.route.strip, img.route.strip) == (True, "/img")
    assert options.gap_timeout == 8.0


ROUTE = "[[proxy.route]]\nprefix = '/v1'\nto = 'http://a'\n"
WRONG = [
    ("[[proxy.route]]\nto = 'http://a'", ": route 1: a route needs the keys prefix and to"),
    ("[[proxy.route]]\nprefix = '/'", ": route 1: a route needs the keys prefix and to"),
    ("[[proxy.route]]\nprefix = '/'\nto = []", ": route 1: a route needs the keys prefix and to"),
    ("[[proxy.route]]\nprefix = '/'\nto = 'a'", ": route 1: to: 'a' is no upstream"),
    (f"{ROUTE}connect_timeout = 'x'", ": route 1: connect_timeout: 'x' is not a duration of 0 s"),
    (f"{ROUTE}conect_timeout = 1", ": route 1: there is no option 'conect_timeout' (did you mean"),
    (f"{ROUTE}port = 1", ": route 1: 'port' is an option of serve, proxy, target, and not"),
    (f"{ROUTE}max_stream = 1", ", and not allowed here (did you mean 'max-streams'?)"),
    (f"{ROUTE}strip = 5", ": route 1: strip: a number is not allowed"),
    (f"{ROUTE}strip = '/v2'", ": route 1: /v1 does not begin with '/v2', which is stripped"),
    (f"{ROUTE}api_key_env = 'V1'\napi_key_file = 'k'", ": route 1: api_key_env and api_key_file e"),
    (f"{ROUTE}headers = {{ Host = 'a' }}", ": route 1: 'host' cannot be injected"),
    (f"{ROUTE}{ROUTE}", ": there are two routes for /v1"),
    (f"{ROUTE}[[proxy.route]]\nprefix = 'v1'\nto = 'http://a'", ": route 2: 'v1' is no prefix"),
    ("[proxy]\nroute = 'v1'", ": route: 'v1' is not PREFIX=URL[,URL...], as in"),
    ("[proxy]\nroute = 5", ": route: '5' is not PREFIX=URL[,URL...], as in"),
    (f"[proxy]\nstrip = '/a'\n{ROUTE}", "--strip needs URL: it does not apply to routes"),
    (f"{ROUTE}upstream_ca = 'ca.pem'", ": route 1: --upstream-ca is for "),
]


@pytest.mark.parametrize(("content", "problem"), WRONG, ids=[part[1][:40] for part in WRONG])
def test_a_wrong_route(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "site.toml").write_text(content)
    done = call("proxy", "--config", "site.toml", "--check-config", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "site.toml" in line
    assert problem in line


def test_a_missing_key_of_a_route(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(f"{ROUTE}api_key_env = 'NO_SUCH'")
    done = call("proxy", "--config", "site.toml", "--check-config", cwd=tmp_path)
    problem = "--api-key-env: the environment variable NO_SUCH is not set, or empty"
    assert done.stderr == f"streamserver: site.toml, [proxy]: route 1: {problem}\n"
    assert done.returncode == 1


async def test_recordings_and_kept_answers_of_a_route(
    serve: Serve, upstreams: list[Served], tmp_path: Path
) -> None:
    async def answer(request: Request) -> Response:
        return Response(b"data: 1\n\n", headers={"Content-Type": "text/event-stream"})

    upstream = await serve(answer)
    content = f"""
        record = "{tmp_path / "tapes"}"
        [[proxy.route]]
        prefix = "/v1"
        to = "{upstream.url}"
        resumable = true
        [[proxy.route]]
        prefix = "/short"
        to = "{upstream.url}"
        resumable = true
        strip = true
        [[proxy.route]]
        prefix = "/img"
        to = "{upstreams[0].url}"
    """
    options, _ = read(tmp_path, content)
    server = await serve(combined(options, wrapped))
    for prefix, rest in itertools.product(("/v1", "/short"), ("/chat?x=/y", "?x=/y", "/?x", "")):
        asked = await ask(server, prefix + rest, "POST")
        location = asked.headers.get("location") or ""
        assert re.fullmatch(f"{prefix}/resumable/[^/]+", location)
        assert b"data: 1\n\n" in (await ask(server, location)).body
    assert (await received(server, "/img/x"))["target"] == "/img/x"
    await server.stop()
    assert len(list((tmp_path / "tapes").iterdir())) == 9
