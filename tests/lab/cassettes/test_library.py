"""The files of a replay: broken ones, long ones, and those that change after the start."""

import logging
from pathlib import Path

import pytest

from lab.cassettes.conftest import StartReplay
from streamserver.lab.cassettes.cassette import RequestBody, RequestEntry
from streamserver.lab.cassettes.replay import make_replay
from support.answers import chunks
from support.asking import ask
from support.cassettes import file_of, make_entries
from support.inprocess import Serve
from support.rawsocket import raw
from support.relaying import LAST_CHUNK
from support.requests import GET, get

HOUR = 3600 * 10**9
ONCE = get(b"/", b"Connection: close")


async def test_broken_files_are_reported_and_the_others_are_replayed(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = file_of(make_entries(b"fine"))
    (tmp_path / "1.jsonl").write_bytes(whole[:-9])
    (tmp_path / "2.jsonl").write_bytes(whole.replace(b'"cassette":1', b'"cassette":9'))
    (tmp_path / "3.jsonl").write_bytes(whole)
    (tmp_path / "4.jsonl.part").write_bytes(whole)
    (tmp_path / "5.txt").write_bytes(b"")
    request, *rest = make_entries(sha256=None)
    (tmp_path / "6.jsonl").write_bytes(file_of([request, *rest]))
    (tmp_path / "7.jsonl").mkdir()
    target = await serve(make_replay(tmp_path))
    messages = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert messages == [
        "not replayed: 1.jsonl: the file is torn: there is no end after 1 reads",
        "not replayed: 2.jsonl: line 1: cassette must be version 1, not 9",
        "not replayed: 4.jsonl.part: the recording did not end",
        "not replayed: 6.jsonl: the request is not complete, so no request can match it",
        f"not replayed: 7.jsonl: [Errno 21] Is a directory: '{tmp_path}/7.jsonl'",
    ]
    assert (await ask(target, "/")).body == b"fine"


@pytest.mark.parametrize("names", [[], ["1.txt"], ["1.jsonl"]])
def test_a_directory_without_cassettes_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=f"there is no cassette in {tmp_path}"):
        make_replay(tmp_path)


async def test_a_file_that_changed_is_reported_and_the_response_is_cut(
    play: StartReplay, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = await play(make_entries(b"one", b"two"))
    file = tmp_path / "replayed" / "000000.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"two", b"to"))
    received = await raw(target.port, GET)
    assert chunks(received) == [b"one", b"to"]
    assert not received.endswith(LAST_CHUNK)
    assert (
        "000000.jsonl has changed and is no cassette: line 5: the end counts 2 reads" in caplog.text
    )
    file.write_bytes(whole[:-5])
    assert not (await raw(target.port, GET)).endswith(LAST_CHUNK)
    assert "is no cassette: the file is torn: there is no end after 2 reads" in caplog.text
    file.unlink()
    assert (await ask(target, "/")).status == 502


async def test_a_cassette_of_many_blocks(play: StartReplay) -> None:
    pieces = [bytes([65 + number % 26]) * (number % 999 + 1) for number in range(1000)]
    target = await play(make_entries(*pieces))
    assert chunks(await raw(target.port, ONCE)) == pieces


async def test_a_file_of_exactly_one_block(play: StartReplay) -> None:
    size = 65536 - len(file_of(make_entries(b"")))
    pieces = [b"x" * size]
    while len(file_of(make_entries(*pieces))) > 65536:
        pieces = [pieces[0][1:]]
    assert len(file_of(make_entries(*pieces))) == 65536
    target = await play(make_entries(*pieces))
    assert chunks(await raw(target.port, ONCE)) == pieces


def test_the_text_of_a_request_body_is_in_the_file() -> None:
    request = RequestEntry("now", "POST", "/", [], RequestBody(2, "44", "{}"))
    assert b'"text":"{}"' in file_of([request])
