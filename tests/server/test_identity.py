"""Who sent a request, and its id: in handlers, in answers, and in the log."""

import asyncio
import json
import random
import re
import socket
from pathlib import Path
from typing import Any

import pytest

import streamserver
from server.conftest import Contexts
from streamserver import EventStream, Request, Response, StreamController
from streamserver.wire.forwarded import TrustedPeers
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, connect, raw
from support.requests import LAST, get
from support.waiting import wait_until

PROXY, CLIENT = "127.0.0.9", "127.0.0.5"
TRUSTED = TrustedPeers(PROXY)
CLOSE = b"Connection: close"
FORGED = (
    b"X-Forwarded-For: 203.0.113.7",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: a.example",
)


async def who(request: Request) -> Response:
    client = request.client
    return Response.json(
        {
            "client": [client.address, client.port, client.scheme, client.host],
            "id": request.id,
            "log": request.exchange.client,
        }
    )


def head_of(answer: bytes) -> tuple[str, list[str]]:
    """The status line, and the values of X-Request-ID."""
    line, *fields = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = [field.partition(": ") for field in fields]
    return line, [value for name, _, value in pairs if name.lower() == "x-request-id"]


async def asked(server: Served, *fields: bytes, source: str = PROXY) -> Any:
    answer = await raw(server.port, get(b"/", *fields, CLOSE), source=source)
    return json.loads(answer.partition(b"\r\n\r\n")[2])


# The client


async def test_a_trusted_proxy_names_the_client(serve: Serve) -> None:
    seen = await asked(await serve(who, trusted=TRUSTED), *FORGED)
    assert seen["client"] == ["203.0.113.7", 0, "https", "a.example"]
    assert seen["log"] == "203.0.113.7"


async def test_the_fields_of_other_peers_are_ignored(serve: Serve) -> None:
    seen = await asked(await serve(who, trusted=TRUSTED), *FORGED, source=CLIENT)
    address, port, *origin = seen["client"]
    assert (address, origin, seen["log"]) == (CLIENT, ["http", "a"], f"{CLIENT}:{port}")


async def test_no_peer_is_trusted_without_the_option(serve: Serve) -> None:
    seen = await asked(await serve(who), *FORGED)
    address, port, *origin = seen["client"]
    assert (address, origin, seen["log"]) == (PROXY, ["http", "a"], f"{PROXY}:{port}")


async def test_each_request_of_a_connection_has_its_client(serve: Serve) -> None:
    server = await serve(who, trusted=TRUSTED)
    async with connect(server.port, source=PROXY) as client:
        await client.send(get(b"/", b"X-Forwarded-For: 1.1.1.1"))
        await client.read_until(b"}")
        await client.send(get(b"/", b"X-Forwarded-For: 2.2.2.2", CLOSE))
        await client.read_until()
    assert [exchange.client for exchange in server.ended] == ["1.1.1.1", "2.2.2.2"]


async def test_the_fields_of_forwarded(serve: Serve) -> None:
    server = await serve(who, trusted=TrustedPeers(PROXY, "forwarded"))
    forwarded = b'Forwarded: for="[2001:db8::1]:4711";proto=https;host="a:81"'
    seen = await asked(server, *FORGED, forwarded)
    assert seen["client"] == ["2001:db8::1", 4711, "https", "a:81"]
    assert seen["log"] == "[2001:db8::1]:4711"


@pytest.mark.parametrize(("trusted", "address"), [("unix", "203.0.113.7"), ("::1", "unix")])
async def test_a_peer_of_a_unix_socket(tmp_path: Path, trusted: str, address: str) -> None:
    path = str(tmp_path / "s")
    async with streamserver.serve(who, uds=path, trusted_proxies=trusted):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)
            sock.connect(path)
            await RawClient(sock).send(get(b"/", *FORGED, CLOSE))
            answer = await RawClient(sock).read_until()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["client"][:2] == [address, 0]


async def test_over_tls_the_scheme_is_https(serve: Serve, contexts: Contexts) -> None:
    server = await serve(who, tls=contexts.server, trusted=TRUSTED)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=contexts.client, local_addr=(PROXY, 0)
    )
    writer.write(LAST)
    answer = await reader.read()
    writer.close()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["client"][2:] == ["https", "a"]


async def test_a_stream_has_its_client_at_its_end(serve: Serve) -> None:
    """A push stream frees the memory of its fields when it begins."""

    async def handler(request: Request) -> Response:
        stream = StreamController()
        asyncio.get_running_loop().call_soon(stream.close)
        return EventStream(stream)

    server = await serve(handler, trusted=TRUSTED)
    await raw(server.port, get(b"/", *FORGED, CLOSE), source=PROXY)
    (ended,) = await wait_until(lambda: server.ended)
    assert ended.head.fields == []
    assert ended.client == "203.0.113.7"


# The id


async def test_a_request_has_an_id(serve: Serve) -> None:
    """In the handler, in the answer, and for the log."""
    server = await serve(who, identifies=True)
    answers = [await raw(server.port, LAST) for _ in range(2)]
    ids = [json.loads(answer.partition(b"\r\n\r\n")[2])["id"] for answer in answers]
    assert len({*ids}) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", id) for id in ids)
    assert [head_of(answer)[1] for answer in answers] == [[id] for id in ids]
    assert [exchange.id for exchange in server.ended] == ids


async def test_by_default_a_request_has_no_id(serve: Serve) -> None:
    server = await serve(who)
    answer = await raw(server.port, get(b"/", b"X-Request-ID: a", CLOSE))
    assert head_of(answer)[1] == []
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["id"] == ""


TAKEN = ["a", "7f9c2b1e-0000-4000-8000-5a4d2c1b0a99", '!"~\\', "x" * 128]


@pytest.mark.parametrize("id", TAKEN, ids=["short", "uuid", "signs", "long"])
async def test_the_id_of_a_trusted_proxy_is_taken(serve: Serve, id: str) -> None:
    server = await serve(who, trusted=TRUSTED, identifies=True)
    field = b"X-Request-ID: %b" % id.encode()
    assert (await asked(server, field))["id"] == id
    assert (await asked(server, field, source=CLIENT))["id"] != id


async def test_ids_do_not_repeat_where_an_app_seeds_its_random_numbers(serve: Serve) -> None:
    async def seeding(request: Request) -> Response:
        random.seed(1)
        return await who(request)

    server = await serve(seeding, identifies=True)
    assert len({(await asked(server))["id"] for _ in range(3)}) == 3


@pytest.mark.parametrize("id", [b"", b"x" * 129, b"a b", b"a\tb", b"\xe4", b"a\r\nX-Request-ID: a"])
async def test_an_id_that_is_malformed_is_replaced(serve: Serve, id: bytes) -> None:
    server = await serve(who, trusted=TRUSTED, identifies=True)
    seen = await asked(server, b"X-Request-ID: " + id)
    assert re.fullmatch("[0-9a-f]{32}", seen["id"])


async def test_a_handlers_own_id_is_the_one_in_the_answer(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return Response("", headers={"X-Request-ID": "own", "Content-Length": "0"})

    server = await serve(handler, identifies=True)
    assert head_of(await raw(server.port, LAST))[1] == ["own"]


async def test_a_failed_handler_is_logged_with_the_id(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: Request) -> Response:
        raise RuntimeError("broken")

    server = await serve(handler, identifies=True)
    line, (id,) = head_of(await raw(server.port, LAST))
    assert line.split()[1] == "500"
    assert [record.message for record in caplog.records] == [f"GET /last (request_id={id}) failed"]


async def test_a_request_without_a_head_has_no_id(serve: Serve) -> None:
    """Its head could not be read, so nothing is known of it."""
    server = await serve(who, identifies=True)
    line, ids = head_of(await raw(server.port, b"GET / HTTP/1.1\r\n\r\n"))
    assert (line.split()[1], ids) == ("400", [])
    assert [exchange.id for exchange in server.ended] == [""]
