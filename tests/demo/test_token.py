"""Requests for which the demo requires a token: those that others receive, or that use a paid
key."""

import pytest

from streamserver.demo.app import make_app
from support.asking import ask
from support.inprocess import Serve

ID = "5f0c2a2e-0c3c-4b7e-8a53-0f2f3c1f2d11"
WRITING = [
    ("POST", "/api/notifications"),
    ("POST", "/api/notifications/cut"),
    ("POST", "/api/jobs"),
    ("DELETE", f"/api/jobs/{ID}"),
    ("POST", "/api/chat"),
    ("DELETE", "/api/chat/1"),
]
OPEN = [
    ("GET", "/"),
    ("GET", f"/api/jobs/{ID}"),
    ("GET", "/api/export?rows=1"),
    ("POST", "/api/type"),
    ("PUT", "/api/upload"),
    ("POST", "/v1/chat/completions"),
]


async def test_requests_that_write_need_a_token(serve: Serve) -> None:
    server = await serve(make_app(tokens=["token"]))
    for method, path in WRITING:
        assert (await ask(server, path, method)).status == 401, path
        authorized = {"Authorization": "Bearer token"}
        assert (await ask(server, path, method, authorized)).status in (400, 404), path
    for method, path in OPEN:
        assert (await ask(server, path, method)).status in (200, 400, 404), path


async def test_without_the_option_no_request_needs_a_token(serve: Serve) -> None:
    server = await serve(make_app())
    for method, path in WRITING:
        assert (await ask(server, path, method)).status in (400, 404), path


def test_a_wrong_token() -> None:
    with pytest.raises(ValueError, match="a bearer token is "):
        make_app(tokens=["k\xe4se"])
