"""The probes: which requests reach the server, in which order, and how long they take."""

import asyncio
import contextlib

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect import probes
from streamserver.lab.inspect.probes import probe
from streamserver.lab.inspect.record import Limits
from streamserver.proxy.origin import client_context
from streamserver.serving.tls import server_context
from support.asked import Origin, probed
from support.certificates import Certificate
from support.inprocess import Serve
from support.judging import verdict
from support.rawserver import RawServer
from support.upstreams import refusing_port
from support.waiting import wait_until

ORIGIN = "https://app.example"


async def test_only_a_coded_response_is_requested_without_a_coding(serve: Serve) -> None:
    origin = Origin(gzip=True)
    evidence = await probed(await serve(origin))
    assert origin.values("accept-encoding")[-2] == "identity"
    assert evidence.identity is not None
    assert len(evidence.identity.events) >= 8
    assert dict(evidence.main.fields)["content-encoding"] == "gzip"
    assert evidence.main.events


async def test_the_users_own_codings_are_kept(serve: Serve) -> None:
    origin = Origin()
    await probed(await serve(origin), fields=(("Accept-Encoding", "br"),))
    assert set(origin.values("accept-encoding")) == {"br"}


# What may cost money


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_an_unsafe_request_is_sent_once(serve: Serve, method: str) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin), method)
    assert [request.method for request in origin.requests] == [method]
    assert not evidence.may_repeat


async def test_an_unsafe_request_is_repeated_if_the_user_permits_it(serve: Serve) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin), "POST", may_repeat=True)
    assert [request.method for request in origin.requests] == ["POST"] * 4
    assert evidence.resumption is not None


# Other origins


async def test_a_simple_request_needs_no_preflight(serve: Serve) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin), origin=ORIGIN)
    assert origin.values("origin") == [None] * 4 + [ORIGIN]
    assert evidence.cross_origin is not None
    assert evidence.cross_origin.recording.end == "stopped"
    assert evidence.preflight is None


async def test_an_unsafe_request_has_the_origin_itself_and_a_preflight(serve: Serve) -> None:
    origin = Origin()
    fields = (("Content-Type", "application/json"), ("Authorization", "Bearer x"))
    evidence = await probed(await serve(origin), "POST", origin=ORIGIN, fields=fields)
    post, options = origin.requests
    assert (post.method, post.headers.get("origin")) == ("POST", ORIGIN)
    assert evidence.cross_origin is evidence.main
    assert options.method == "OPTIONS"
    assert options.headers.get("access-control-request-method") == "POST"
    assert options.headers.get("access-control-request-headers") == "authorization,content-type"
    assert "authorization" not in options.headers
    assert evidence.preflight is not None
    assert evidence.preflight.status == 204


# Servers that fail


async def test_an_error_is_not_repeated(serve: Serve) -> None:
    origin = Origin(status=503)
    evidence = await probed(await serve(origin), origin=ORIGIN)
    assert evidence.main.status == 503
    assert origin.values("origin") == [None, ORIGIN]


async def test_no_server() -> None:
    with refusing_port() as port:
        spec = RequestSpec(f"http://127.0.0.1:{port}")
        evidence = await probe(spec, server_of(spec), limits=Limits(), origin=ORIGIN)
    assert evidence.main.recording.end == "failed"
    assert evidence.cross_origin is None


@pytest.mark.parametrize(("type", "requests"), [("application/json", 1), ("text/event-stream", 2)])
async def test_a_response_of_one_piece_has_no_middle(
    serve: Serve, type: str, requests: int
) -> None:
    async def document(request: Request) -> Response:
        return Response(b"{}", headers={"content-type": type})

    server = await serve(document)
    evidence = await probed(server)
    assert evidence.repeated is None
    await wait_until(lambda: len(server.ended) == requests)  # a stream also in HTTP/1.0


async def test_a_cancelled_inspection_leaves_nothing(serve: Serve) -> None:
    origin = Origin()
    task = asyncio.create_task(probed(await serve(origin)))
    await wait_until(lambda: len(origin.requests) == 2)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_handshake_that_stalls_is_given_up(
    upstream: RawServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "HANDSHAKE", 0.05)
    context = client_context(certificate.cert)
    server = server_of(RequestSpec(upstream.url.replace("http:", "https:")), context)
    assert not await probes.accepts(server, context, "h2")


# TLS


@pytest.mark.parametrize(
    ("offered", "versions"),
    [
        (["h2", "http/1.1"], ("h2", "http/1.1")),
        (["http/1.1"], ("http/1.1",)),
        ([], ()),
    ],
)
async def test_the_protocols_of_alpn(
    serve: Serve, certificate: Certificate, offered: list[str], versions: tuple[str, ...]
) -> None:
    tls = server_context(*certificate)
    tls.set_alpn_protocols(offered)
    server = await serve(Origin(has_ids=False), tls=tls)
    spec = RequestSpec(server.url.replace("http:", "https:"), "POST")
    trusting = server_of(spec, client_context(certificate.cert))
    evidence = await probe(spec, trusting, limits=Limits(seconds=0.1))
    assert evidence.main.status == 200
    assert evidence.versions == versions


async def test_a_server_of_h2_alone(certificate: Certificate) -> None:
    tls = server_context(*certificate)
    tls.set_alpn_protocols(["h2"])

    async def settings(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\0\4\0\0\0\0\0")
        writer.close()

    async with await asyncio.start_server(settings, "127.0.0.1", 0, ssl=tls) as server:
        spec = RequestSpec(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        trusting = server_of(spec, client_context(certificate.cert))
        evidence = await probe(spec, trusting, limits=Limits())
    found = verdict("versions", evidence)
    assert (found.status, "h2, and the inspector" in found.evidence) == ("not seen", True)
