"""A secret is nowhere in the directory, wherever it stood in the exchange."""

import json
import re
from hashlib import sha256

import pytest

from lab.cassettes.conftest import StartDeck
from streamserver.lab.cassettes.form import Body
from streamserver.lab.cassettes.redaction import secrets_of
from streamserver.lab.cassettes.replay import make_replay
from support.asking import ask
from support.cassettes import Deck
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


def nowhere(deck: Deck) -> str:
    """The one cassette, in which no secret is."""
    (file,) = deck.files()
    told = file.read_text("utf-8")
    for secret in (OURS, THEIRS.decode(), COOKIE.decode()):
        assert secret not in told
        assert secret not in file.name
    return told


async def test_in_fields_and_targets_of_both_directions(record: StartDeck) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
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
        peer = await deck.upstream.asked()
        await peer.send(
            ok(
                b"fine",
                b"Set-Cookie: a=" + COOKIE + b"; HttpOnly",
                b"Location: /next?token=" + THEIRS,
                b"X-Auth-Token: " + THEIRS,
            )
        )
        assert b"token=" + THEIRS in await client.read_until(b"fine"), "it is relayed as it was"
    await deck.cassettes()
    told = nowhere(deck)
    assert '"target":"/v1?api_key=REDACTED&b=2"' in told
    assert '["location","/next?token=REDACTED"]' in told
    assert '"text":"fine"' in told


async def test_in_bodies_that_repeat_them(record: StartDeck) -> None:
    """The client's, the upstream's and ours; whatever reads they are cut into."""
    deck = await record(secrets=[OURS])
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=%b\r\nTransfer-Encoding: chunked\r\n\r\n" % COOKIE
    pieces = [ECHO[at : at + 7] for at in range(0, len(ECHO), 7)]
    async with connect(deck.server.port) as client:
        sent = post(b'{"key":"%b"}' % THEIRS, fields=[b"Authorization: Bearer " + THEIRS])
        await client.send(sent)
        peer = await deck.upstream.asked()
        await drip(peer, [head, *map(chunk, pieces), LAST_CHUNK])
        await client.read_until(LAST_CHUNK)
    (cassette,) = await deck.cassettes()
    nowhere(deck)
    body = b"".join(cassette.pieces)
    assert body == re.sub(rb"s[^ ,]{17}", b"*" * 18, ECHO)
    assert cassette.asked.body.text == '{"key":"%s"}' % ("*" * 18)


LOGIN = b"grant_type=password&password=" + THEIRS + b"&client_secret=" + COOKIE
GRANTED = b'{"access_token":"%b","user":"%b","expires_in":3600}' % (OURS.encode(), THEIRS)


async def test_of_a_login_by_name(record: StartDeck) -> None:
    """The form of the request, the JSON of the response, and what this repeats of the form."""
    deck = await record()
    async with connect(deck.server.port) as client:
        form = b"Content-Type: application/x-www-form-urlencoded"
        await client.send(post(LOGIN, fields=[form, b"Connection: close"]))
        peer = await deck.upstream.asked()
        await peer.send(ok(GRANTED, b"Content-Type: application/json"))
        assert GRANTED in await client.read_until(GRANTED), "it is relayed as it was"
    (cassette,) = await deck.cassettes()
    nowhere(deck)
    expected = LOGIN.replace(THEIRS, b"*" * len(THEIRS)).replace(COOKIE, b"*" * len(COOKIE))
    asked = cassette.asked.body
    assert asked == Body(len(LOGIN), sha256(expected).hexdigest(), expected.decode())
    (answer,) = cassette.pieces
    assert cassette.head is not None
    assert dict(cassette.head.fields)["content-length"] == str(len(answer))
    assert json.loads(answer) == {
        "access_token": "*" * len(OURS),
        "user": "*" * len(THEIRS),
        "expires_in": 3600,
    }


@pytest.mark.parametrize("size", [1, 5, 64])
async def test_in_events_however_they_are_cut(record: StartDeck, size: int) -> None:
    """Reads, chunks and events keep their sizes."""
    deck = await record()
    events = b'data: {"a":1}\n\nid: 2\ndata: {"refreshToken": "%b"}\n\ndata: [DONE]\n\n' % THEIRS
    pieces = in_pieces(events, size)
    async with connect(deck.server.port) as client:
        await client.send(get(b"/", b"Connection: close"))
        peer = await deck.upstream.asked()
        await drip(peer, [EVENTS_HEAD, *map(chunk, pieces), LAST_CHUNK])
        await client.read_until(LAST_CHUNK)
    (cassette,) = await deck.cassettes()
    nowhere(deck)
    assert b"".join(cassette.pieces) == events.replace(THEIRS, b"*" * len(THEIRS))
    assert cassette.end.bytes == len(events)


async def test_not_even_a_part_in_what_is_told_of_a_broken_answer(record: StartDeck) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        await client.send(get(b"/", b"Authorization: Bearer " + THEIRS))
        peer = await deck.upstream.asked()
        await peer.send(b"HTTP/1.1 " + THEIRS + b"\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
    (cassette,) = await deck.cassettes()
    assert cassette.end.detail.endswith("a status from 100 to 999, not with ...")
    nowhere(deck)


async def test_what_is_redacted_is_found_again(record: StartDeck, serve: Serve) -> None:
    deck = await record()
    async with connect(deck.server.port) as client:
        asked = get(b"/v1?key=" + THEIRS, b"Authorization: Bearer " + THEIRS, b"Connection: close")
        await client.send(asked)
        await (await deck.upstream.asked()).send(ok(b"found"))
        await until_end(client)
    await deck.cassettes()
    target = await serve(make_replay(deck.directory))
    assert (await ask(target, f"/v1?key={THEIRS.decode()}")).body == b"found"
    assert (await ask(target, "/v1?key=another")).body == b"found"


async def test_a_request_is_found_with_another_password(record: StartDeck, serve: Serve) -> None:
    """Of the same length, since lengths are all that is known of what was overwritten."""
    deck = await record()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with connect(deck.server.port) as client:
        field = b"Content-Type: " + form["Content-Type"].encode()
        await client.send(post(LOGIN, fields=[field, b"Connection: close"]))
        await (await deck.upstream.asked()).send(ok(b"found"))
        await until_end(client)
    await deck.cassettes()
    target = await serve(make_replay(deck.directory))
    for body, status in (
        (LOGIN, 200),
        (LOGIN.replace(THEIRS, THEIRS[::-1]), 200),
        (LOGIN.replace(THEIRS, b"short"), 404),
        (LOGIN.replace(b"=password&", b"=anything&"), 404),
    ):
        assert (await ask(target, "/", "POST", form, body)).status == status


async def test_a_request_made_to_be_searched_for_long(record: StartDeck) -> None:
    """What a client can send is searched in linear time, and for so many secrets."""
    deck = await record()
    long = b"X-Long: " + b"a" * 5000 + b"://" + b"a" * 1000 + b"@"
    target = b"/?" + b"&".join(b"key=0123456%03d" % number for number in range(500))
    async with connect(deck.server.port) as client:
        await client.send(get(target, long, b"Connection: close"))
        await (await deck.upstream.asked()).send(ok(b"0123456499"))
        await until_end(client)
    (cassette,) = await deck.cassettes()
    assert cassette.asked.target == "/?" + "&".join(["key=REDACTED"] * 500)
    assert dict(cassette.asked.fields)["x-long"] == "a" * 5000 + "://REDACTED@"
    assert len(secrets_of([], target.decode())) == 500
