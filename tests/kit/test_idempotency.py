"""The field Idempotency-Key: which keys are read, and which values are refused."""

import pytest

from streamserver.kit.params import KEYS, idempotency_key
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.inprocess import Serve
from support.rawsocket import raw
from support.requests import get


async def key_of(serve: Serve, *fields: bytes) -> bytes:
    """The response of a handler that answers with the key."""

    async def handler(request: Request) -> Response:
        return Response(f"<{idempotency_key(request)}>")

    server = await serve(handler)
    return await raw(server.port, get(b"/", b"Connection: close", *fields))


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'"8e03978e-40d5-43e8-bc93-6894a57f9324"', b"8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (b"8e03978e-40d5-43e8-bc93-6894a57f9324", b"8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (b'"with a space, and ;more"', b"with a space, and ;more"),
        (b'"\\"\\\\"', b'"\\'),
        (b'"' + b"x" * 255 + b'"', b"x" * 255),
        (b'  "spaces around"  ', b"spaces around"),
    ],
)
async def test_keys(serve: Serve, value: bytes, key: bytes) -> None:
    answer = await key_of(serve, b"Idempotency-Key: " + value)
    assert answer.endswith(b"\r\n\r\n<" + key + b">")


async def test_without_one(serve: Serve) -> None:
    assert (await key_of(serve)).endswith(b"<None>")


@pytest.mark.parametrize(
    "fields",
    [
        [b""],
        [b'""'],
        [b'"open'],
        [b'"a"b"'],
        [b'"\\n"'],
        [b'"\xe9"'],
        [b"two words"],
        [b'"a"; b=1'],
        [b'"a"', b'"b"'],
        [b"a", b"b"],
        [b"x" * 256],
        [b'"' + b"x" * 256 + b'"'],
    ],
)
async def test_what_is_no_key(serve: Serve, fields: list[bytes]) -> None:
    answer = await key_of(serve, *(b"Idempotency-Key: " + value for value in fields))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert f"Idempotency-Key must be {KEYS}".replace('"', '\\"').encode() in answer
