"""The parser compared with the standard, and with the encoder."""

import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.wire.sse import Event, Parser, encode
from support.cutting import cut
from support.sse import BOM, feed


def interpret(stream: bytes) -> tuple[list[Event], str | None, int | None]:
    """Section 9.2.6, step by step, for a complete stream."""
    text = stream.decode(errors="replace").removeprefix("\ufeff")
    events: list[Event] = []
    data, event_type, last_id_buffer = "", "", None
    last_event_id, retry = None, None
    for line in re.split("\r\n|\r|\n", text)[:-1]:
        if line == "":
            last_event_id = last_id_buffer
            if data != "":
                events.append(Event(data.removesuffix("\n"), event_type or None, last_event_id))
            data, event_type = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                event_type = value
            case "data":
                data += value + "\n"
            case "id" if "\0" not in value:
                last_id_buffer = value
            case "retry" if re.fullmatch("[0-9]+", value):
                retry = int(value)
    return events, last_event_id, retry


WORDS = (b"data", b"event", b"id", b"retry", b": ", b":", b" ", b"x", b"12", b"\0", b"\n\n")
MARKS = (b"\r", b"\n", b"\r\n", BOM, "é".encode(), "\u2028".encode(), b"\x85", b"\v", b"\xf0\x9f")


@given(
    stream=st.lists(st.sampled_from(WORDS + MARKS) | st.binary(max_size=3)).map(b"".join),
    places=st.sets(st.integers(0, 60)),
)
@example(stream=BOM + b"id: 1\rdata: \xf0\x9f\r\n\r\n", places={1, 2, 14, 16, 17, 18, 19})
def test_any_bytes_mean_what_the_standard_says(stream: bytes, places: set[int]) -> None:
    parser = Parser()
    events = feed(parser, cut(stream, places))
    assert (events, parser.last_event_id, parser.retry) == interpret(stream)


TEXT = st.text("x :é\u2028\x85\0\r\n")
NAMES = st.none() | st.text("x :é\u2028\x85", min_size=1)
NUMBERS = st.none() | st.integers(0, 10**6)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=4)


@given(
    events=st.lists(
        st.builds(Event, data=TEXT, event=NAMES, id=NAMES, retry=NUMBERS, comment=TEXT)
        | st.builds(lambda data, id: Event(data.encode(), id=id), TEXT, st.integers())
        | st.builds(lambda data: Event(data), st.lists(JSON))
        | st.builds(lambda comment: Event(comment=comment), TEXT)
    ),
    places=st.sets(st.integers(0, 300)),
)
def test_what_is_encoded_is_parsed(events: list[Event], places: set[int]) -> None:
    """Line ends in data become LF, and an id stays until the next."""
    wanted: list[tuple[Any, str | None, str | None]] = []
    last_id: str | None = None
    for event in events:
        if event.id is not None:
            last_id = str(event.id)
        if event.data is not None:
            wanted.append((plain(event.data), event.event, last_id))
    parsed = feed(Parser(), cut(b"".join(map(encode, events)), places))
    got = [
        (json.loads(event.data) if isinstance(want, list) else event.data, event.event, event.id)
        for event, (want, _, _) in zip(parsed, wanted, strict=True)
    ]
    assert got == wanted


def plain(data: Any) -> Any:
    """Data as it is parsed: text with LF for every line end; JSON as its value."""
    text = data.decode() if isinstance(data, bytes) else data
    return re.sub("\r\n?", "\n", text) if isinstance(text, str) else data
