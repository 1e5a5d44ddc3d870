"""The files that a target plays: broken ones, long ones, and those that change meanwhile."""

import logging
from pathlib import Path

import pytest

from lab.cassettes.conftest import Play
from streamserver.lab.cassettes.form import Asked, Body
from streamserver.lab.cassettes.replay import make_replay
from support.answers import chunks
from support.asking import ask
from support.cassettes import made, text
from support.inprocess import Serve
from support.rawsocket import raw
from support.relaying import LAST_CHUNK
from support.requests import GET, get

HOUR = 3600 * 10**9
ONCE = get(b"/", b"Connection: close")


async def test_what_is_broken_is_told_by_name_and_the_others_are_played(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = text(made(b"fine"))
    (tmp_path / "1.jsonl").write_bytes(whole[:-9])
    (tmp_path / "2.jsonl").write_bytes(whole.replace(b'"cassette":1', b'"cassette":9'))
    (tmp_path / "3.jsonl").write_bytes(whole)
    (tmp_path / "4.jsonl.part").write_bytes(whole)
    (tmp_path / "5.txt").write_bytes(b"")
    asked, *rest = made(sha256=None)
    (tmp_path / "6.jsonl").write_bytes(text([asked, *rest]))
    (tmp_path / "7.jsonl").mkdir()
    target = await serve(make_replay(tmp_path))
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [
        "not played: 1.jsonl: it is torn: it has no end, and 1 reads are whole",
        "not played: 2.jsonl: line 1: it is a cassette of version 9, and only 1 can be read",
        "not played: 4.jsonl.part: it was never finished",
        "not played: 6.jsonl: the request was never whole, so nobody can ask the same",
        f"not played: 7.jsonl: [Errno 21] Is a directory: '{tmp_path}/7.jsonl'",
    ]
    assert (await ask(target, "/")).body == b"fine"


@pytest.mark.parametrize("names", [[], ["1.txt"], ["1.jsonl"]])
def test_a_directory_without_any_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=f"there is no cassette in {tmp_path}"):
        make_replay(tmp_path)


async def test_a_file_that_was_changed_since_is_told_and_cut(
    play: Play, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = await play(made(b"one", b"two"))
    file = tmp_path / "played" / "000000.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"two", b"to"))
    received = await raw(target.port, GET)
    assert chunks(received) == [b"one", b"to"]
    assert not received.endswith(LAST_CHUNK)
    assert "000000.jsonl is no cassette any more: line 5: it should be the end of 2" in caplog.text
    file.write_bytes(whole[:-5])
    assert not (await raw(target.port, GET)).endswith(LAST_CHUNK)
    assert "any more: it is torn: it has no end, and 2 reads are whole" in caplog.text
    file.unlink()
    assert (await ask(target, "/")).status == 502


async def test_a_cassette_of_many_blocks(play: Play) -> None:
    pieces = [bytes([65 + number % 26]) * (number % 999 + 1) for number in range(1000)]
    target = await play(made(*pieces))
    assert chunks(await raw(target.port, ONCE)) == pieces


async def test_a_file_of_exactly_one_block(play: Play) -> None:
    size = 65536 - len(text(made(b"")))
    pieces = [b"x" * size]
    while len(text(made(*pieces))) > 65536:
        pieces = [pieces[0][1:]]
    assert len(text(made(*pieces))) == 65536
    target = await play(made(*pieces))
    assert chunks(await raw(target.port, ONCE)) == pieces


def test_the_body_of_a_request_is_shown() -> None:
    asked = Asked("now", "POST", "/", [], Body(2, "44", "{}"))
    assert b'"text":"{}"' in text([asked])
