"""What holds in every interface of the model: one schedule, the same faults, one pool of slots.

A new interface is tested here as soon as it has a question in ``support/interfaces``.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from streamserver.kit.request import Query
from streamserver.lab.cassettes.recorder import RecordingProxy
from streamserver.lab.cassettes.replay import make_replay
from streamserver.lab.model.generation import generate
from streamserver.lab.model.interface import ENDING, Interface
from streamserver.lab.model.pace import CommandedPace
from streamserver.lab.model.routes import INTERFACES
from streamserver.lab.target.parameters import make_options
from streamserver.proxy.proxy import Proxy
from streamserver.wire.chunked import LAST_CHUNK
from support.answers import chunks, content
from support.asking import ask
from support.inprocess import Served, running
from support.interfaces import ask_in, question, read_events, split_events, text_of
from support.rawsocket import connect, raw
from support.requests import post

MS = 1_000_000
FAST = "tokens=4&tokens_per_second=1000"
MESSAGE = b"this error was requested"


@pytest.fixture(params=INTERFACES, ids=[one.path.replace("/", "_") for one in INTERFACES])
def interface(request: pytest.FixtureRequest) -> Interface:
    found: Interface = request.param
    return found


def sent(interface: Interface, query: str) -> bytes:
    """The bytes of the question with this query."""
    body = json.dumps(question(interface)).encode()
    return post(body, fields=[b"Connection: close"], target=f"{interface.path}?{query}".encode())


# One schedule


SCHEDULES = {
    "steady": ("", [0, 5, 10, 15, 20, 25]),
    "in bursts": ("burst=2", [0, 0, 10, 10, 20, 20]),
    "random": ("jitter=exponential&seed=7", None),
}
"""Parameters, and when they command tokens, in ms from the first one."""


@pytest.mark.parametrize(("knobs", "expected"), SCHEDULES.values(), ids=[*SCHEDULES])
async def test_tokens_are_due_at_the_same_times(
    target: Served, interface: Interface, knobs: str, expected: list[int] | None
) -> None:
    query = f"stamps=1&tokens=6&tokens_per_second=200&{knobs}"
    events = read_events(interface, (await ask_in(target, interface, query)).body)
    stamps = [event["lab"] for event in events]
    assert [stamp["seq"] for stamp in stamps] == [*range(len(events))]
    assert all(stamp["due"] <= stamp["sent"] for stamp in stamps)
    due = [event["lab"]["due"] for event in events if text_of(interface, event)]
    found = [one - due[0] for one in due]
    assert found == ([ms * MS for ms in expected] if expected else await commanded(query))


async def commanded(query: str) -> list[int]:
    """Nanoseconds from the first token to each, with the first interface."""
    asked = INTERFACES[0].read(question(INTERFACES[0]))
    options = make_options(Query(query))
    pace = CommandedPace(asked, generate(asked, options.tokens), options)
    offsets = [await pace.offset(step) or 0 for step in range(options.tokens)]
    return [offset - offsets[0] for offset in offsets]


@pytest.mark.parametrize("delay", [0.0, 0.03])
async def test_the_first_token_has_a_delay_of_its_own(
    target: Served, interface: Interface, delay: float
) -> None:
    """It counts from the first event, where that is not a token."""
    query = f"stamps=1&tokens=2&tokens_per_second=100&first_token_delay={delay}"
    events = read_events(interface, (await ask_in(target, interface, query)).body)
    (token, *_) = [event for event in events if text_of(interface, event)]
    opening = events[0]
    if opening is not token:
        waited = token["lab"]["due"] - opening["lab"]["due"]
        assert waited == (30 if delay else 10) * MS


async def test_the_text_is_the_same(target: Served, interface: Interface) -> None:
    texts = []
    for one in (INTERFACES[0], interface):
        events = read_events(one, (await ask_in(target, one, FAST)).body)
        texts.append("".join([text_of(one, event) for event in events]))
    assert texts[0] == texts[1] != ""


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_no_answer_is_early(target: Served, interface: Interface, stream: bool) -> None:
    begin = time.monotonic()
    query = "head_delay=0.02&first_byte_delay=0.01&tokens=3&tokens_per_second=200"
    answer = await ask_in(target, interface, query, stream=stream)
    assert time.monotonic() - begin >= 0.02 + 0.01 + 3 / 200 - 0.001
    assert answer.status == 200
    expected = interface.media_type if stream else "application/json"
    assert answer.headers["content-type"].partition(";")[0] == expected


async def test_fields_command_as_the_query_does(target: Served, interface: Interface) -> None:
    fields = {"X-Lab-Tokens": "2", "X-Lab-Tokens-Per-Second": "1000", "X-Lab-Stamps": "1"}
    events = read_events(interface, (await ask_in(target, interface, "", fields)).body)
    assert len([event for event in events if text_of(interface, event)]) == 2
    assert all("lab" in event for event in events)


async def test_lateness_counts_all_that_has_a_time(target: Served, interface: Interface) -> None:
    await ask(target, "/lab/lateness", "DELETE")
    await ask_in(target, interface, FAST)
    asked = interface.read(question(interface))
    frames = interface.writer(asked, generate(asked, 4)).frames()
    expected = len([step for step, _ in frames if step != ENDING])
    figures = json.loads((await ask(target, "/lab/lateness")).body)
    assert figures["count"] == expected >= 4


# Chunks and writes


async def test_events_share_a_chunk(target: Served, interface: Interface) -> None:
    received = await raw(target.port, sent(interface, f"{FAST}&chunk_events=3"))
    counts = [len(split_events(interface, chunk)) for chunk in chunks(received)]
    assert counts[:-1] == [3] * (len(counts) - 1)
    assert 1 <= counts[-1] <= 3


async def test_events_are_cut(target: Served, interface: Interface) -> None:
    answer = generate(interface.read(question(interface)), 4)
    knobs = ("chunk_split=event", "write_split=event", "write_split=framing", "chunk_size=7")
    parts = {}
    for knob in knobs:
        received = await raw(target.port, sent(interface, f"{FAST}&{knob}"))
        tokens = [text_of(interface, one) for one in read_events(interface, content(received))]
        assert "".join(tokens) == answer.choices[0].parts[0].text
        parts[knob] = chunks(received)
    assert len(parts["chunk_split=event"]) == 2 * len(parts["write_split=event"])
    assert max(map(len, parts["chunk_size=7"])) == 7


# Slots


async def test_all_interfaces_share_a_pool(target: Served, interface: Interface) -> None:
    async with connect(target.port) as client:
        slots = "slots=1&queue=0&pool=one"
        await client.send(sent(INTERFACES[0], f"{slots}&tokens_per_second=1"))
        await client.read_until(b"\n\n")
        refused = await ask_in(target, interface, f"{slots}&{FAST}")
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    check_error(json.loads(refused.body), "all 1 slots are taken")


def check_error(body: dict[str, object], text: str) -> None:
    """The error has the form of an AI service, not that of a problem document."""
    error = body["error"]
    assert text in (error["message"] if isinstance(error, dict) else str(error))


async def test_an_error_names_what_is_wrong(target: Served, interface: Interface) -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("tokens=x", {}, "tokens"),
        ("", {"temprature": 1}, "temprature"),
        ("", {"model": 1}, "model"),
        ("fault=error@event:1:unknown", {}, "SERVICE"),
    ]
    for query, members, named in wrong:
        answer = await ask_in(target, interface, query, **members)
        assert answer.status == 400
        check_error(json.loads(answer.body), named)


# Faults


async def test_a_truncated_stream(target: Served, interface: Interface) -> None:
    received = await raw(target.port, sent(interface, f"{FAST}&fault=truncate@event:3"))
    assert len(split_events(interface, content(received))) == 3
    assert not received.endswith(LAST_CHUNK)


async def test_a_reset_stream(target: Served, interface: Interface) -> None:
    async with connect(target.port) as client:
        await client.send(sent(interface, f"{FAST}&fault=rst@event:3"))
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert len(split_events(interface, content(client.received))) == 3


async def test_a_stalled_stream(target: Served, interface: Interface) -> None:
    async with connect(target.port) as client:
        await client.send(sent(interface, f"{FAST}&fault=stall@event:2"))
        await client.read_until(lambda got: len(split_events(interface, content(got))) == 2)
        with pytest.raises(TimeoutError):
            await client.read_until(timeout=0.05)
    assert len(split_events(interface, content(client.received))) == 2


async def test_garbage_in_a_stream(target: Served, interface: Interface) -> None:
    received = await raw(target.port, sent(interface, f"{FAST}&fault=garbage@event:2"))
    before, _, after = content(received).partition(b"\xff")
    assert len(split_events(interface, before)) == 2
    assert after.partition(b"\n\n")[2].endswith(b"\n")
    assert received.endswith(LAST_CHUNK)


async def test_an_error_in_band(target: Served, interface: Interface) -> None:
    for service in ("", *interface.services):
        query = f"{FAST}&fault=error@event:3" + (f":{service}" if service else "")
        received = await raw(target.port, sent(interface, query))
        *events, last = split_events(interface, content(received).replace(b"data: [DONE]\n\n", b""))
        assert len(events) >= 3
        assert MESSAGE in last
        assert not any(MESSAGE in event for event in events[:3])
        assert received.endswith(LAST_CHUNK)


async def test_an_error_within_an_event(target: Served, interface: Interface) -> None:
    received = await raw(target.port, sent(interface, f"{FAST}&fault=error@byte:10"))
    first, second, *_ = split_events(interface, content(received))
    assert len(first) <= 12
    assert MESSAGE in second


# Cassettes


@pytest.fixture
async def recorded(target: Served, tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """Cassettes of a stream of each interface, and the bodies."""
    bodies = {}
    async with running(RecordingProxy(Proxy(target.url), tmp_path)) as relay:
        for interface in INTERFACES:
            answer = await ask_in(relay, interface, f"{FAST}&stamps=1")
            bodies[interface.path] = answer.body
    return tmp_path, bodies


async def test_a_cassette_replays_each(recorded: tuple[Path, dict[str, bytes]]) -> None:
    directory, bodies = recorded
    async with running(make_replay(directory)) as replay:
        answers = [ask_in(replay, one, f"{FAST}&stamps=1") for one in INTERFACES]
        for interface, answer in zip(INTERFACES, await asyncio.gather(*answers), strict=True):
            assert answer.body == bodies[interface.path]
            assert read_events(interface, answer.body)
