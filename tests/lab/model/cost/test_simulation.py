"""A target with a profile: what a client measures follows the formula."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from time import monotonic_ns
from typing import Any

import pytest

from streamserver.lab.model.cost.capacity import capacity
from streamserver.lab.model.cost.profile import Profile
from streamserver.lab.stamps import Stamp, read_stamp
from streamserver.lab.target.app import make_target
from streamserver.lab.target.events import SECOND
from support.asking import ask
from support.inprocess import Serve, Served
from support.model import TARGET, question
from support.rawsocket import RawClient, connect
from support.requests import post

MS = 1_000_000
PROFILE = Profile(4 * MS, MS // 2, MS // 10, max_sequences=16)
SLOW = Profile(50 * MS, max_sequences=2)
PROMPT = " ".join(["word"] * 50)
"""50 tokens."""


def asked(prompt: str = PROMPT, query: str = "stamps=1", **members: Any) -> bytes:
    """A request for a stream, at the pace of the engine."""
    body = question(prompt, **{"stream": True, "tokens_per_second": None, **members})
    return post(json.dumps(body).encode(), target=f"{TARGET}?{query}".encode())


@dataclass(frozen=True)
class Streamed:
    """The stamps of a stream and when the client had each, in ns of the same clock."""

    stamps: Sequence[Stamp]
    arrived: Sequence[int]
    text: str

    @property
    def due(self) -> list[int]:
        """When the opening and each token were due."""
        return [stamp.due for stamp in self.stamps[:-1]]


async def streamed(server: Served, sent: bytes) -> Streamed:
    """A whole stream."""
    arrived = list[int]()
    async with connect(server.port) as client:
        await client.send(sent)

        def note_arrivals(received: bytes) -> bool:
            arrived.extend([monotonic_ns()] * (received.count(b"data: {") - len(arrived)))
            return b"[DONE]" in received

        await client.read_until(note_arrivals)
        text = client.received.decode()
    stamps = [stamp for line in text.splitlines() if (stamp := read_stamp(line))]
    return Streamed(stamps, arrived, text)


async def state(server: Served, query: str = "") -> dict[str, Any]:
    """What the target says of its profile."""
    shown: dict[str, Any] = json.loads((await ask(server, f"/lab/profile{query}")).body)
    return shown


async def has(server: Served, running: int, waiting: int) -> None:
    """Return once so many sequences run and wait."""
    async with asyncio.timeout(10):
        while True:
            shown = await state(server)
            if (shown["running"], shown["waiting"]) == (running, waiting):
                return


# Times


@pytest.mark.parametrize("count", [1, 4, 16])
async def test_what_is_measured_follows_the_formula(serve: Serve, count: int) -> None:
    """Each step is found from the stamps. What the client measures differs by what is late."""
    server = await serve(make_target(profile=PROFILE))
    requests = [asked(max_tokens=12) for _ in range(count)]
    streams = await asyncio.gather(*[streamed(server, one) for one in requests])
    for begin, end in {pair for one in streams for pair in pairwise(one.due)}:
        running = [one for one in streams if one.due[0] <= begin < one.due[-1]]
        admitted = [one for one in running if one.due[0] == begin]
        assert end - begin == PROFILE.step_time(len(running), 50 * len(admitted))
    lateness = json.loads((await ask(server, "/lab/lateness")).body)
    assert lateness["count"] == sum([len(one.due) for one in streams])
    late = max([stamp.late for one in streams for stamp in one.stamps])
    assert lateness["max_ms"] == pytest.approx(late / MS)
    for one in streams:
        expected = (one.due[-1] - one.due[1]) / 11
        measured = (one.arrived[12] - one.arrived[1]) / 11
        behind = max([at - stamp.due for at, stamp in zip(one.arrived, one.stamps, strict=True)])
        assert abs(measured - expected) <= behind / 11


async def test_a_request_alone_takes_what_the_capacity_says(serve: Serve) -> None:
    server = await serve(make_target(profile=PROFILE))
    due = (await streamed(server, asked(max_tokens=5))).due
    implied = capacity(PROFILE, 50, 5)
    assert (due[1] - due[0]) / SECOND == pytest.approx(implied.unloaded_ttft, rel=1e-12)
    assert (due[-1] - due[1]) / 4 / SECOND == pytest.approx(implied.unloaded_tpot, rel=1e-12)


async def test_a_whole_answer_takes_as_long_as_its_stream(serve: Serve) -> None:
    server = await serve(make_target(profile=PROFILE))
    begin = monotonic_ns()
    body = question(PROMPT, tokens_per_second=None, max_tokens=10)
    answer = await ask(server, TARGET, "POST", body=json.dumps(body).encode())
    assert answer.status == 200
    assert monotonic_ns() - begin >= PROFILE.step_time(1, 50) + 9 * PROFILE.step_time(1)
    await has(server, 0, 0)


async def test_choices_are_sequences(serve: Serve) -> None:
    server = await serve(make_target(profile=PROFILE))
    due = (await streamed(server, asked(n=3, max_tokens=2))).due
    opening, first, second = due[0], due[3], due[6]
    assert first - opening == PROFILE.step_time(3, 3 * 50)
    assert second - first == PROFILE.step_time(3)


@pytest.mark.parametrize(
    ("query", "members"),
    [
        ("stamps=1&tokens_per_second=500", {}),
        ("stamps=1", {"tokens_per_second": 500}),
        ("stamps=1&first_token_delay=0.002&tokens_per_second=500", {}),
    ],
)
async def test_a_commanded_pace_precedes_the_engine(
    serve: Serve, query: str, members: dict[str, Any]
) -> None:
    server = await serve(make_target(profile=Profile(60 * SECOND)))
    due = (await streamed(server, asked(query=query, max_tokens=4, **members))).due
    assert [after - due[0] for after in due] == [0, 2 * MS, 4 * MS, 6 * MS, 8 * MS]


async def test_batches_and_a_late_head_keep_the_times_of_the_engine(serve: Serve) -> None:
    server = await serve(make_target(profile=PROFILE))
    query = "stamps=1&chunk_events=3&head_delay=0.02"
    one = await streamed(server, asked(query=query, max_tokens=8))
    # The head comes when the first tokens are there; the next three leave with the last of them.
    assert len({*one.due[:3]}) == 1
    assert len({*one.due[3:6]}) == 1
    first, step = PROFILE.step_time(1, 50), PROFILE.step_time(1)
    assert one.due[5] - one.due[0] == first + 4 * step - 20 * MS
    assert one.due[8] - one.due[5] == 3 * step


# The cache


async def test_a_cached_prefix_shortens_the_first_token(serve: Serve) -> None:
    profile = Profile(MS, 0, MS // 10, cache_tokens=1000)
    server = await serve(make_target(profile=profile))
    usage: dict[str, Any] = {"stream_options": {"include_usage": True}}
    for prompt, cached in [(PROMPT, 0), (PROMPT, 48), (f"{PROMPT} more", 48), ("other", 0)]:
        one = await streamed(server, asked(prompt, max_tokens=1, **usage))
        tokens = len(prompt.split())
        assert one.due[1] - one.due[0] == profile.step_time(1, tokens - cached)
        assert f'"prompt_tokens_details":{{"cached_tokens":{cached}}}' in one.text
    assert (await state(server))["cached_tokens"] == 48


async def test_the_choices_of_a_prompt_share_it(serve: Serve) -> None:
    profile = Profile(MS, 0, MS // 10, cache_tokens=1000)
    server = await serve(make_target(profile=profile))
    due = (await streamed(server, asked(n=3, max_tokens=1))).due
    assert due[3] - due[0] == profile.step_time(3, 50 + 2 + 2)


@pytest.mark.parametrize(("cache", "processed"), [(1000, 2 + 2 + 50 + 2), (0, 2 + 2 + 50 + 50)])
async def test_each_prompt_of_a_request_costs_its_own_tokens(
    serve: Serve, cache: int, processed: int
) -> None:
    """The last 2 of 50 tokens are in no whole block."""
    profile = Profile(MS, prefill_chunk=8, cache_tokens=cache)
    server = await serve(make_target(profile=profile))
    body = json.dumps({"model": "m", "prompt": ["one two", PROMPT], "max_tokens": 1, "n": 2})
    await ask(server, "/v1/completions", "POST", body=body.encode())
    assert (await state(server))["steps"] == processed / 8


# The queue


async def test_beyond_the_limit_a_request_waits_for_a_place(serve: Serve) -> None:
    """It is admitted at the end of the step in which the client before it has left."""
    profile = Profile(10 * MS, max_sequences=1)
    server = await serve(make_target(profile=profile))
    async with connect(server.port) as first:
        await first.send(asked(query="stamps=1&tokens=10000"))
        await has(server, 1, 0)
        second = asyncio.create_task(streamed(server, asked(max_tokens=1)))
        await has(server, 1, 1)
        await first.read_until(lambda received: received.count(b"data: {") > 2)
    lines = first.received.decode().splitlines()
    before = [stamp.due for line in lines if (stamp := read_stamp(line))]
    admitted = (await second).due[0]
    assert admitted > before[-1]
    assert (admitted - before[1]) % profile.step_time(1) == 0


async def test_a_full_queue_refuses_with_503(serve: Serve) -> None:
    """The clients leave within a step of 20 seconds, which nothing waits for then."""
    profile = Profile(20 * SECOND, max_sequences=1, max_waiting=1)
    server = await serve(make_target(profile=profile))
    async with connect(server.port) as running, connect(server.port) as waiting:
        for client in (running, waiting):
            await client.send(asked())
        await has(server, 1, 1)
        body = json.dumps(question(tokens_per_second=None)).encode()
        refused = await ask(server, TARGET, "POST", body=body)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        detail = "the engine is full: 1 sequences run and 1 wait at most"
        assert json.loads(refused.body)["error"]["message"] == detail
        body = json.dumps(question(tokens_per_second=None, n=3)).encode()
        assert (await ask(server, TARGET, "POST", body=body)).status == 400


async def test_a_client_that_leaves_frees_its_place(serve: Serve) -> None:
    server = await serve(make_target(profile=SLOW))
    async with connect(server.port) as last:
        async with connect(server.port) as one, connect(server.port) as two:
            await begin(server, [one, two], running=2, waiting=0)
            async with connect(server.port) as gone:
                await begin(server, [gone, last], running=2, waiting=2)
            await has(server, 2, 1)
        await has(server, 1, 0)
        await last.read_until(b"data: ")
    await has(server, 0, 0)


async def begin(server: Served, clients: Sequence[RawClient], running: int, waiting: int) -> None:
    """Send a request of each client, and return once so many run and wait."""
    for client in clients:
        await client.send(asked())
    await has(server, running, waiting)


# What is shown


async def test_the_profile_is_shown_with_its_capacity(serve: Serve) -> None:
    server = await serve(make_target(profile=PROFILE))
    shown = await state(server, "?input_tokens=50&output_tokens=100")
    assert shown["profile"] == PROFILE.members()
    values = {**shown["profile"], "running": 3, "processed": 50}
    assert eval(shown["step"], values) * SECOND == pytest.approx(PROFILE.step_time(3, 50))
    implied = capacity(PROFILE, 50, 100)
    assert shown["capacity"] == pytest.approx(asdict(implied), abs=1e-6)
    assert "capacity" not in await state(server)
    for wrong in ("input_tokens=5", "output_tokens=0", "output=5"):
        assert (await ask(server, f"/lab/profile?{wrong}")).status == 400


async def test_without_a_profile_there_is_none(serve: Serve) -> None:
    server = await serve(make_target())
    assert (await state(server, "?output_tokens=100"))["profile"] is None
