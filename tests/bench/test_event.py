"""The event of the readers, in each coding as a feed sends it."""

import json

import pytest

from benchmarks.event import decoded, event
from streamserver.feed.coded_blocks import block_coder
from streamserver.feed.log import make_entry


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_its_chunk_is_decoded_alone_and_only_when_it_is_whole(coding: str) -> None:
    entry = make_entry("7-1", "7-0", b"data: %b\n\n" % event(1_000, coding))
    chunk = entry.coded(block_coder(coding)).chunk
    assert {decoded(chunk[:size], coding) for size in range(len(chunk))} == {b""}
    assert decoded(chunk, coding) == entry.data


def test_it_has_its_time_in_fifty_digits() -> None:
    assert event(1_000, "") == b"%050d" % 1_000
    assert int(json.loads(event(1_000, "identity"))["time"]) == 1_000
    assert decoded(b"any", "identity") == decoded(b"any", "") == b"any"
