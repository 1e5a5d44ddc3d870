"""An event that matches the template is the JSON of the learned one, but for its text."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.lab.client.template import MOST_LEARNED, Template

KNOWN = '{"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}'


@pytest.mark.parametrize(
    ("data", "matches"),
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
def test_an_event_that_differs_in_its_text_only(data: str, matches: bool) -> None:
    known = Template()
    known.learn(KNOWN, " word")
    assert (known.text_in(data) is not None) is matches


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
def test_an_event_whose_text_has_no_certain_place_is_not_learned(data: str, text: str) -> None:
    known = Template()
    known.learn(data, text)
    assert known.text_in(data) is None


@pytest.mark.parametrize(
    ("numbers", "matches"),
    [
        ('"sequence_number":18,"obfuscation":"b"', True),
        ('"sequence_number": 7,"obfuscation":""', True),
        ('"sequence_number":18.5,"obfuscation":"b"', False),
        ('"sequence_number":18,"obfuscation":"b\\"c"', False),
        ('"sequence_number":18,"obfuscation":0', False),
        ('"sequence_number":18,"error":"b"', False),
        ('"sequence_number":18', False),
    ],
)
def test_the_number_and_padding_of_an_event_may_differ(numbers: str, matches: bool) -> None:
    event = '{"type":"response.output_text.delta",%s,"delta":"%s"}'
    known = Template()
    known.learn(event % ('"sequence_number":9,"obfuscation":"a"', "Hi"), "Hi")
    assert (known.text_in(event % (numbers, "there")) == "there") is matches


def test_an_event_shorter_than_the_template_does_not_match() -> None:
    known = Template()
    known.learn('["a","text","b"]', "text")
    assert known.text_in('["a","x","b"]') == "x"
    assert known.text_in('["a","b"]') is None


SHORT = st.text(alphabet='ab ,:"\\{}[]1', max_size=4)
OBJECTS = st.dictionaries(SHORT, SHORT | st.integers() | st.lists(SHORT, max_size=3), max_size=3)


NUMBERED = st.none() | st.fixed_dictionaries(
    {"sequence_number": st.integers() | SHORT, "obfuscation": SHORT}
)


@example(
    {},
    "1",
    "",
    {"sequence_number": 0, "obfuscation": ""},
    {"sequence_number": 0, "obfuscation": "1"},
    False,
)
@given(OBJECTS, SHORT, SHORT, NUMBERED, NUMBERED, st.booleans())
def test_only_the_text_differs(
    event: dict[str, Any], text: str, other: str, first: Any, second: Any, compact: bool
) -> None:
    """An event that matches is the learned one, but for its text, its number and its padding."""
    separators = (",", ":") if compact else None

    def encoded(text: str, numbers: dict[str, Any] | None) -> str:
        whole = {**event, **(numbers or {}), "delta": {"text": text}}
        return json.dumps(whole, separators=separators)

    known = Template()
    known.learn(encoded(text, first), text)
    for data in (encoded(other, second), encoded(text, second).replace(f'"{text}"', f'"{other}"')):
        if known.text_in(data) is not None:
            try:
                found = json.loads(data)
            except ValueError:
                continue  # Invalid JSON decides nothing.
            # The text may occur in the padding too, where `replace` changes it.
            free = {"delta": 0, **({"obfuscation": 0} if second else {})}
            assert {**found, **free} == {**event, **(second or {}), **free}
            assert isinstance(found.get("obfuscation", ""), str)
            assert (first is None) is (second is None)
            assert found["delta"].keys() == {"text"}


def test_events_that_always_differ_are_not_learned_for_ever() -> None:
    """The last one that was learned is still recognized."""
    known = Template()
    for n in range(MOST_LEARNED + 9):
        known.learn(f'{{"created":{n},"response":"Hi"}}', "Hi")
    assert known.text_in(f'{{"created":{MOST_LEARNED - 1},"response":"Ho"}}') == "Ho"
    assert known.text_in(f'{{"created":{MOST_LEARNED},"response":"Ho"}}') is None
