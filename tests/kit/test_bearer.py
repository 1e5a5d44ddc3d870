"""Requests that need a bearer token."""

import json
import sys
from hmac import compare_digest
from pathlib import Path

import pytest

from streamserver import Feed, Request, Response, Router, bearer, cors
from streamserver.cli.apps import load_app
from streamserver.kit import bearer as module
from support.asking import ask
from support.inprocess import Serve, Served
from support.readme import blocks, written

TOKENS = ["old-token", "new.token~+/9=="]
PROBLEM = 'Bearer realm="news"'
WRONG = f'{PROBLEM}, error="invalid_token"'


@pytest.fixture
async def server(serve: Serve) -> Served:
    """A feed that everyone may read, and in which only clients with a token may publish."""
    app, feed = Router(), Feed("news")

    async def publish(request: Request) -> Response:
        return Response(await feed.publish(await request.text()), status=201)

    async def read(request: Request) -> Response:
        return Response(str(await feed.newest() is not None))

    app.post("/news")(bearer(publish, TOKENS, realm="news"))
    app.get("/news")(read)
    return await serve(app)


@pytest.mark.parametrize(
    "value", ["Bearer old-token", "bearer new.token~+/9==", "BEARER   old-token"]
)
async def test_a_token_is_accepted(server: Served, value: str) -> None:
    answer = await ask(server, "/news", "POST", {"Authorization": value}, b"hello")
    assert answer.status == 201
    assert (await ask(server, "/news")).body == b"True"


async def test_each_token_is_compared_in_constant_time(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind one that is equal, so that the time shows neither a token nor which it was."""
    compared: list[bytes] = []

    def compare(presented: bytes, token: bytes) -> bool:
        compared.append(token)
        return compare_digest(presented, token)

    monkeypatch.setattr(module, "compare_digest", compare)
    for token in (*TOKENS, "none"):
        await ask(server, "/news", "POST", {"Authorization": f"Bearer {token}"}, b"hello")
    assert compared == 3 * [each.encode() for each in TOKENS]


@pytest.mark.parametrize(
    ("value", "challenge"),
    [
        (None, PROBLEM),
        ("Basic b2xkLXRva2Vu", PROBLEM),
        ("old-token", PROBLEM),
        ("Bearer", WRONG),
        ("Bearer old-toke", WRONG),
        ("Bearer old-token2", WRONG),
        ("Bearer OLD-TOKEN", WRONG),
        ("Bearer old-token new.token~+/9==", WRONG),
        ("Bearer old-token, Bearer old-token", WRONG),
    ],
)
async def test_a_request_without_a_valid_token_is_refused(
    server: Served, value: str | None, challenge: str
) -> None:
    fields = {} if value is None else {"Authorization": value}
    answer = await ask(server, "/news", "POST", fields, b"hello")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, challenge)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert (problem["title"], problem["status"]) == ("Unauthorized", 401)
    assert "old" not in problem["detail"]
    assert (await ask(server, "/news")).body == b"False"


async def test_two_fields_are_ambiguous(server: Served) -> None:
    fields = {"Authorization": "Bearer old-token", "authorization": "Bearer old-token"}
    assert (await ask(server, "/news", "POST", fields)).status == 401


async def test_the_program_of_the_readme(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [block] = [block for block in blocks() if "NEWS_TOKENS" in block.text]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWS_TOKENS", "one two")
    monkeypatch.setattr(sys, "path", [*sys.path])
    server = await serve(load_app(written(block, tmp_path)))
    assert (await ask(server, "/news", "POST", {}, b"x")).status == 401
    assert (await ask(server, "/news", "POST", {"Authorization": "Bearer two"}, b"x")).status == 201


async def test_a_preflight_needs_no_token(serve: Serve) -> None:
    """A page of another origin is asked for the token in the response itself."""
    allowed = cors(bearer(deed, "token"), origins="https://a.example", headers="authorization")
    server = await serve(allowed)
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = await ask(server, "/", "OPTIONS", asked)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-headers"] == "authorization"
    for value, status in (("Bearer token", 200), ("Bearer other", 401)):
        fields = {"Origin": "https://a.example", "Authorization": value}
        answer = await ask(server, "/", "POST", fields, b"x")
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == "https://a.example"


async def deed(request: Request) -> Response:
    return Response("done")


@pytest.mark.parametrize("tokens", ["", [], [""], ["good", "a b"], "käse", "a\n", [b"bytes"]])
def test_an_invalid_token_of_the_server_is_an_error(tokens: str | list[str]) -> None:
    with pytest.raises(ValueError, match=r"^a bearer token is one or more characters of ") as error:
        bearer(deed, tokens)
    assert "good" not in str(error.value)


def test_a_wrong_realm_and_no_handler() -> None:
    with pytest.raises(ValueError, match="a realm is printable ASCII"):
        bearer(deed, "token", realm='a"b')
    with pytest.raises(TypeError):
        bearer("no handler", "token")  # type: ignore[arg-type]  # it is refused
