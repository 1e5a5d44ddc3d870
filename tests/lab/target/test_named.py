"""Streams with httpbin's names."""

import json

import pytest

from support.asking import ask
from support.inprocess import Served


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_a_stream_has_so_many_numbered_lines(target: Served, count: int) -> None:
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


async def test_a_drip_lasts_as_long_as_it_shall(target: Served) -> None:
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
        ("/stream/100000?gap=1", b"gap: seconds of the whole stream, count times gap, may be 3600"),
        ("/stream/1?gpa=1", b"'gpa' is no knob of this endpoint"),
        ("/drip?numbytes=0", b"numbytes must be"),
        ("/drip?duration=61", b"duration must be"),
        ("/drip?code=199", b"code must be"),
        ("/drip?gap=1", b"'gap' is no knob"),
    ],
)
async def test_a_wrong_knob_is_refused_by_name(target: Served, path: str, named: bytes) -> None:
    answer = await ask(target, path)
    assert answer.status == 400
    assert named in answer.body
