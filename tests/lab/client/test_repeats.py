"""An event that is said to repeat another is the same JSON but for its text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.client.repeats import Repeats

KNOWN = '{"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}'


@pytest.mark.parametrize(
    ("data", "repeats"),
    [
        (KNOWN, True),
        (KNOWN.replace(" word", ""), True),
        (KNOWN.replace(" word", "ü, \\u00fc: \\n"), True),
        (KNOWN.replace(" word", 'said \\"no\\"'), False),
        (KNOWN.replace(" word", 'x","error":"y'), False),
        (KNOWN.replace(" word", "\\"), False),
        (KNOWN.replace("null", '"stop"'), False),
        (KNOWN.replace('"index":0', '"index":1'), False),
        (KNOWN[:-1], False),
        ("", False),
    ],
)
def test_what_repeats_an_event(data: str, repeats: bool) -> None:
    known = Repeats()
    known.learn(KNOWN, " word")
    assert (data in known) is repeats


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('{"delta":""}', ""),
        ('{"delta":"\\u0061"}', "a"),
        ('{"delta":"a","model":"a"}', "a"),
        ('["a",","]', ","),
        ('{"a":":"}', ":"),
    ],
)
def test_where_the_place_of_the_text_is_not_certain_nothing_is_known(data: str, text: str) -> None:
    known = Repeats()
    known.learn(data, text)
    assert data not in known


def test_what_is_shorter_than_its_surroundings_repeats_nothing() -> None:
    known = Repeats()
    known.learn('["a","text","b"]', "text")
    assert '["a","x","b"]' in known
    assert '["a","b"]' not in known


SHORT = st.text(alphabet='ab ,:"\\{}[]1', max_size=4)
OBJECTS = st.dictionaries(SHORT, SHORT | st.integers() | st.lists(SHORT, max_size=3), max_size=3)


@given(OBJECTS, SHORT, SHORT, st.booleans())
def test_only_the_text_differs(event: dict[str, Any], text: str, other: str, compact: bool) -> None:
    """Whatever stands around and in it: what is said to repeat an event is that event."""
    separators = (",", ":") if compact else None

    def told(text: str) -> str:
        return json.dumps({**event, "delta": {"text": text}}, separators=separators)

    known = Repeats()
    known.learn(told(text), text)
    for data in (told(other), told(text).replace(f'"{text}"', f'"{other}"', 1)):
        if data in known:
            try:
                found = json.loads(data)
            except ValueError:
                continue  # It is no JSON, and so decides nothing.
            assert {**found, "delta": 0} == {**event, "delta": 0}
            assert found["delta"].keys() == {"text"}
