"""The endpoints of httpbin: its names and members, its bytes, and its streams."""

import json
from typing import Any

import pytest

from support.asking import ask
from support.growth import MOST_IN_LOOP, growth_in_loop
from support.inprocess import Served
from support.rawsocket import raw
from support.requests import get

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def answer_of(target: Served, *args: Any, **kwargs: Any) -> dict[str, Any]:
    answer = await ask(target, *args, **kwargs)
    assert answer.status == 200, answer.body
    parsed: dict[str, Any] = json.loads(answer.body)
    return parsed


async def test_a_get_is_described(target: Served) -> None:
    found = await answer_of(target, "/get?a=1&b=%C3%BC&b=", fields={"X-Two-Words": "x"})
    assert found["args"] == {"a": "1", "b": ["ü", ""]}
    assert found["headers"]["X-Two-Words"] == "x"
    assert (found["method"], found["origin"]) == ("GET", "127.0.0.1")
    assert found["url"] == "http://test/get?a=1&b=%C3%BC&b="


@pytest.mark.parametrize(
    ("fields", "body", "data", "form", "value"),
    [
        ({}, b"plain", "plain", {}, None),
        ({}, b'{"a": [1]}', '{"a": [1]}', {}, {"a": [1]}),
        (FORM, b"a=1&b=2&b=3", "", {"a": "1", "b": ["2", "3"]}, None),
        ({}, b"\xff", "\ufffd", {}, None),
        # What Python alone calls JSON, and lone surrogates, cannot be returned as JSON.
        ({}, b"NaN", "NaN", {}, None),
        ({}, b'"\\ud800"', '"\\ud800"', {}, None),
        ({}, b"[" * 100_000, "[" * 100_000, {}, None),
    ],
)
async def test_a_body_is_returned_as_text_form_and_json(
    target: Served, fields: dict[str, str], body: bytes, data: str, form: object, value: object
) -> None:
    found = await answer_of(target, "/post?a=1", "POST", fields, body)
    assert (found["data"], found["form"], found["json"]) == (data, form, value)
    assert found["args"] == {"a": "1"}


async def test_a_form_of_too_many_members_is_refused(target: Served) -> None:
    answer = await ask(target, "/post", "POST", FORM, b"&".join([b"a=1"] * 1001))
    assert (answer.status, b"1000 members" in answer.body) == (400, True)


async def test_fields_have_their_usual_spelling(target: Served) -> None:
    found = await answer_of(target, "/headers", fields={"x-odd-name": "1"})
    assert found == {
        "headers": {"Host": "test", "Connection": "close", "Content-Length": "0", "X-Odd-Name": "1"}
    }


SIZE = b"n must be a size from 0 to 1073741824 bytes, as in 1000 or 64KiB, not "


@pytest.mark.parametrize(("code", "answered"), [(200, 200), (204, 204), (404, 404), (599, 599)])
async def test_the_status_is_the_requested_one(target: Served, code: int, answered: int) -> None:
    answer = await ask(target, f"/status/{code}")
    assert (answer.status, answer.body) == (answered, b"")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/status/199", b"code must be a whole number from 200 to 599, not 199"),
        ("/status/600", b"code must be a whole number from 200 to 599, not 600"),
        ("/status/teapot", b"code must be a whole number from 200 to 599, not 'teapot'"),
        ("/delay/60.5", b"a duration from 0 to 60 seconds, as in 0.5 or 500ms, not 60.5"),
        ("/delay/2m", b"delay must be a duration from 0 to 60 seconds"),
        ("/bytes/1073741825", SIZE + b"1073741825"),
        ("/bytes/-1", SIZE + b"'-1'"),
        ("/stream-bytes/x", SIZE + b"'x'"),
        ("/bytes/1?chunk_size=5", b"unknown parameter 'chunk_size'; allowed here: seed"),
        ("/stream-bytes/1?sed=5", b"unknown parameter 'sed' (did you mean 'seed'?)"),
        ("/stream-bytes/1?chunk_size=0", b"chunk_size must be"),
        ("/bytes/1?seed=x", b"seed must be"),
    ],
)
async def test_a_value_out_of_range_is_refused(target: Served, path: str, named: bytes) -> None:
    answer = await ask(target, path)
    assert answer.status == 400
    assert named in answer.body


async def test_a_delayed_answer_is_the_same_as_of_get(target: Served) -> None:
    found = await answer_of(target, "/delay/0.01?a=1")
    assert found["args"] == {"a": "1"}


@pytest.mark.parametrize("name", ["a", "a%d"])
async def test_the_work_is_linear_in_the_parameters(target: Served, name: str) -> None:
    async def work(count: int) -> None:
        names = (name % number if "%" in name else name for number in range(count))
        query = "&".join(f"{each}=" for each in names)
        assert len((await answer_of(target, f"/get?{query}"))["args"]) == (
            count if "%" in name else 1
        )

    assert await growth_in_loop(work, 125) < MOST_IN_LOOP


# Random bytes


@pytest.mark.parametrize("count", [0, 1, 10_240, 65_536, 65_537, 300_001])
async def test_the_body_has_the_requested_size(target: Served, count: int) -> None:
    fixed = await ask(target, f"/bytes/{count}?seed=7")
    assert fixed.headers["content-length"] == str(count)
    chunked = await ask(target, f"/stream-bytes/{count}?seed=7")
    assert chunked.headers["transfer-encoding"] == "chunked"
    assert len(fixed.body) == count
    assert fixed.body == chunked.body


async def test_the_seed_selects_the_bytes_whatever_their_number(target: Served) -> None:
    one, longer, other = [
        (await ask(target, path)).body
        for path in ("/bytes/100?seed=1", "/bytes/200?seed=1", "/bytes/100?seed=2")
    ]
    assert longer.startswith(one)
    assert one != other


async def test_parameters_may_be_fields(target: Served) -> None:
    fields = {"X-Lab-Seed": "7", "X-Lab-Chunk-Size": "3"}
    received = await ask(target, "/stream-bytes/100", fields=fields)
    assert received.body == (await ask(target, "/bytes/100?seed=7")).body


async def test_without_a_seed_each_body_differs(target: Served) -> None:
    bodies = {(await ask(target, "/bytes/100")).body for _ in range(5)}
    assert len(bodies) == 5


async def test_chunks_have_the_requested_size(target: Served) -> None:
    received = await raw(target.port, get(b"/stream-bytes/25?chunk_size=10", b"Connection: close"))
    body = received.partition(b"\r\n\r\n")[2]
    sizes = [10, 10, 5]
    at = 0
    for size in sizes:
        assert body[at : at + 3] == b"%x\r\n" % size
        at += 3 + size + 2
    assert body[at:] == b"0\r\n\r\n"


# Streams


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_a_stream_has_numbered_lines(target: Served, count: int) -> None:
    answer = await ask(target, f"/stream/{count}", fields={"X-Mine": "1"})
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [line["id"] for line in lines] == [*range(count)]
    assert all(line["headers"]["X-Mine"] == "1" for line in lines)
    assert all(line["url"] == f"http://test/stream/{count}" for line in lines)


async def test_its_lines_can_be_paced(target: Served) -> None:
    answer = await ask(target, "/stream/3?gap=0.01&chunk_events=3")
    assert len(answer.body.splitlines()) == 3


async def test_a_drip_has_its_length_and_its_status(target: Served) -> None:
    answer = await ask(target, "/drip?duration=0.05&numbytes=5&code=201")
    assert (answer.status, answer.body) == (201, b"*****")
    assert answer.headers["content-length"] == "5"


async def test_a_drip_lasts_for_its_duration(target: Served) -> None:
    """Its last byte is due a fifth of the duration before the end, and none is early."""
    await ask(target, "/drip?duration=0.1&numbytes=5&delay=0.02")
    [exchange] = target.ended
    assert exchange.ended - exchange.started >= 0.02 + 0.08


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/stream/100001", b"n must be a whole number from 0 to 100000, not 100001"),
        ("/stream/x", b"n must be a whole number"),
        ("/stream/1?gap=61", b"gap must be"),
        ("/stream/100000?gap=1", b"gap: seconds of the stream, count times gap, must be at most"),
        ("/stream/1?gpa=1", b"unknown parameter 'gpa'"),
        ("/drip?numbytes=0", b"numbytes must be"),
        ("/drip?duration=61", b"duration must be"),
        ("/drip?code=199", b"code must be"),
        ("/drip?gap=1", b"unknown parameter 'gap'"),
    ],
)
async def test_a_wrong_parameter_is_named(target: Served, path: str, named: bytes) -> None:
    answer = await ask(target, path)
    assert answer.status == 400
    assert named in answer.body
