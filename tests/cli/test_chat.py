"""The demo's chat, pointed at a service by the command line."""

import json

import pytest

from support.calling import call
from support.hearing import hear_request, hear_response
from support.process import RunServer
from support.rawserver import raw_server
from support.rawsocket import connect
from support.relaying import ok
from support.requests import post

SECRET = "sk-do-not-tell"


@pytest.mark.parametrize(
    ("options", "variables", "key"),
    [
        ((), {"OPENAI_API_KEY": SECRET}, f"Bearer {SECRET}"),
        (("--api-key-env", "MINE"), {"MINE": SECRET, "OPENAI_API_KEY": "x"}, f"Bearer {SECRET}"),
        ((), {"OPENAI_API_KEY": ""}, None),
    ],
    ids=["the usual variable", "another one", "no key"],
)
async def test_it_asks_the_upstream_with_the_key(
    run_server: RunServer, options: tuple[str, ...], variables: dict[str, str], key: str | None
) -> None:
    async with raw_server() as upstream:
        base = ("--upstream", upstream.url + "/v1", "--chat-model", "small", "--log-level", "debug")
        server = run_server(*base, *options, env=variables)
        async with connect(server.port) as client:
            await client.send(post(b'{"prompt": "Hello?"}', target=b"/api/chat"))
            peer = await upstream.accept(timeout=20.0)
            asked = await hear_request(peer)
            await peer.send(ok(b"answer"))
            assert (await hear_response(client)).content == b"answer"
    assert asked.method == "POST"
    assert asked.headers.get("authorization") == key
    assert json.loads(asked.content)["model"] == "small"
    assert SECRET not in server.output()


def test_a_key_that_is_named_must_be_there() -> None:
    done = call("--upstream", "http://127.0.0.1:9/v1", "--api-key-env", "NOT_THERE")
    assert done.returncode == 1
    assert "the environment variable NOT_THERE is not set" in done.stderr


def test_an_upstream_is_a_url() -> None:
    done = call("--upstream", "127.0.0.1")
    assert done.returncode == 1
    assert "--upstream: '127.0.0.1' is no upstream" in done.stderr
