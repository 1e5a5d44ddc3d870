"""No secret of an exchange is in its cassette, wherever it was."""

import json
import re
from hashlib import sha256

import pytest

from lab.cassettes.conftest import StartRelay
from streamserver.lab.cassettes.cassette import RequestBody
from streamserver.lab.cassettes.redaction import MAX_SECRETS, secret_values
from streamserver.lab.cassettes.replay import make_replay
from support.asking import ask
from support.cassettes import RecordingRelay
from support.cutting import in_pieces
from support.hearing import drip
from support.inprocess import Serve
from support.rawsocket import connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk, ok
from support.requests import get, post

OURS = "sk-ours-0123456789"
THEIRS = b"sk-theirs-abcdefgh"
COOKIE = b"session-cookie-xyz"
ECHO = b"key: " + THEIRS + b", cookie: " + COOKIE + b", ours: " + OURS.encode()


def only_cassette(relay: RecordingRelay) -> str:
    """The text of the one cassette, which contains no secret."""
    (file,) = relay.files()
    text = file.read_text("utf-8")
    for secret in (OURS, THEIRS.decode(), COOKIE.decode()):
        assert secret not in text
        assert secret not in file.name
    return text


async def test_in_fields_and_targets_of_both_directions(record: StartRelay) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        fields = [
            b"Authorization: Bearer " + THEIRS,
            b"Proxy-Authorization: Basic " + THEIRS,
            b"X-Api-Key: " + THEIRS,
            b"api-key: " + THEIRS,
            b"Cookie: a=" + COOKIE,
            b"Referer: http://a/?token=" + THEIRS,
            b"Connection: close",
        ]
        await client.send(get(b"/v1?api_key=" + THEIRS + b"&b=2", *fields))
        peer = await relay.upstream.asked()
        await peer.send(
            ok(
                b"fine",
                b"Set-Cookie: a=" + COOKIE + b"; HttpOnly",
                b"Location: /next?token=" + THEIRS,
                b"X-Auth-Token: " + THEIRS,
            )
        )
        assert b"token=" + THEIRS in await client.read_until(b"fine"), "the relay does not redact"
    await relay.cassettes()
    text = only_cassette(relay)
    assert '"target":"/v1?api_key=REDACTED&b=2"' in text
    assert '["location","/next?token=REDACTED"]' in text
    assert '"text":"fine"' in text


async def test_in_bodies_that_repeat_them(record: StartRelay) -> None:
    """Those of the client, the upstream and the relay, whatever reads cut them."""
    relay = await record(secrets=[OURS.encode()])
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=%b\r\nTransfer-Encoding: chunked\r\n\r\n" % COOKIE
    pieces = [ECHO[at : at + 7] for at in range(0, len(ECHO), 7)]
    async with connect(relay.server.port) as client:
        sent = post(b'{"key":"%b"}' % THEIRS, fields=[b"Authorization: Bearer " + THEIRS])
        await client.send(sent)
        peer = await relay.upstream.asked()
        await drip(peer, [head, *map(chunk, pieces), LAST_CHUNK])
        await client.read_until(LAST_CHUNK)
    (cassette,) = await relay.cassettes()
    only_cassette(relay)
    body = b"".join(cassette.pieces)
    assert body == re.sub(rb"s[^ ,]{17}", b"*" * 18, ECHO)
    assert cassette.request.body.text == '{"key":"%s"}' % ("*" * 18)


LOGIN = b"grant_type=password&password=" + THEIRS + b"&client_secret=" + COOKIE
GRANTED = b'{"access_token":"%b","user":"%b","expires_in":3600}' % (OURS.encode(), THEIRS)


async def test_in_a_login(record: StartRelay) -> None:
    """In the form of the request and the JSON of the response, which repeats one from the form."""
    relay = await record()
    async with connect(relay.server.port) as client:
        form = b"Content-Type: application/x-www-form-urlencoded"
        await client.send(post(LOGIN, fields=[form, b"Connection: close"]))
        peer = await relay.upstream.asked()
        await peer.send(ok(GRANTED, b"Content-Type: application/json"))
        assert GRANTED in await client.read_until(GRANTED), "the relay does not redact"
    (cassette,) = await relay.cassettes()
    only_cassette(relay)
    expected = LOGIN.replace(THEIRS, b"*" * len(THEIRS)).replace(COOKIE, b"*" * len(COOKIE))
    body = cassette.request.body
    assert body == RequestBody(len(LOGIN), sha256(expected).hexdigest(), expected.decode())
    (answer,) = cassette.pieces
    assert cassette.head is not None
    assert dict(cassette.head.fields)["content-length"] == str(len(answer))
    assert json.loads(answer) == {
        "access_token": "*" * len(OURS),
        "user": "*" * len(THEIRS),
        "expires_in": 3600,
    }


@pytest.mark.parametrize("size", [1, 5, 64])
async def test_in_events_however_they_are_cut(record: StartRelay, size: int) -> None:
    """Reads, chunks and events keep their sizes."""
    relay = await record()
    events = b'data: {"a":1}\n\nid: 2\ndata: {"refreshToken": "%b"}\n\ndata: [DONE]\n\n' % THEIRS
    pieces = in_pieces(events, size)
    async with connect(relay.server.port) as client:
        await client.send(get(b"/", b"Connection: close"))
        peer = await relay.upstream.asked()
        await drip(peer, [EVENTS_HEAD, *map(chunk, pieces), LAST_CHUNK])
        await client.read_until(LAST_CHUNK)
    (cassette,) = await relay.cassettes()
    only_cassette(relay)
    assert b"".join(cassette.pieces) == events.replace(THEIRS, b"*" * len(THEIRS))
    assert cassette.end.bytes == len(events)


async def test_in_the_error_about_a_malformed_response(record: StartRelay) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        await client.send(get(b"/", b"Authorization: Bearer " + THEIRS))
        peer = await relay.upstream.asked()
        await peer.send(b"HTTP/1.1 " + THEIRS + b"\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
    (cassette,) = await relay.cassettes()
    assert cassette.end.detail.endswith("a status from 100 to 999, not with ...")
    only_cassette(relay)


async def test_a_replay_finds_a_redacted_request(record: StartRelay, serve: Serve) -> None:
    relay = await record()
    async with connect(relay.server.port) as client:
        sent = get(b"/v1?key=" + THEIRS, b"Authorization: Bearer " + THEIRS, b"Connection: close")
        await client.send(sent)
        await (await relay.upstream.asked()).send(ok(b"found"))
        await until_end(client)
    await relay.cassettes()
    target = await serve(make_replay(relay.directory))
    assert (await ask(target, f"/v1?key={THEIRS.decode()}")).body == b"found"
    assert (await ask(target, "/v1?key=another")).body == b"found"


async def test_a_replay_finds_a_request_with_another_password(
    record: StartRelay, serve: Serve
) -> None:
    """Of the same length, which redaction keeps."""
    relay = await record()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with connect(relay.server.port) as client:
        field = b"Content-Type: " + form["Content-Type"].encode()
        await client.send(post(LOGIN, fields=[field, b"Connection: close"]))
        await (await relay.upstream.asked()).send(ok(b"found"))
        await until_end(client)
    await relay.cassettes()
    target = await serve(make_replay(relay.directory))
    for body, status in (
        (LOGIN, 200),
        (LOGIN.replace(THEIRS, THEIRS[::-1]), 200),
        (LOGIN.replace(THEIRS, b"short"), 404),
        (LOGIN.replace(b"=password&", b"=anything&"), 404),
    ):
        assert (await ask(target, "/", "POST", form, body)).status == status


async def test_a_hostile_request_is_redacted_in_linear_time(record: StartRelay) -> None:
    """And the number of secrets is limited."""
    relay = await record()
    long = b"X-Long: " + b"a" * 5000 + b"://" + b"a" * 1000 + b"@"
    target = b"/?" + b"&".join(b"key=0123456%03d" % number for number in range(500))
    async with connect(relay.server.port) as client:
        await client.send(get(target, long, b"Connection: close"))
        await (await relay.upstream.asked()).send(ok(b"0123456499"))
        await until_end(client)
    (cassette,) = await relay.cassettes()
    assert cassette.request.target == "/?" + "&".join(["key=REDACTED"] * 500)
    assert dict(cassette.request.fields)["x-long"] == "a" * 5000 + "://REDACTED@"
    assert len(secret_values([], target.decode())) == MAX_SECRETS
