"""The settings of a model of cost: read, refused, shown."""

from typing import Any

import pytest

from streamserver.lab.model.cost.profile import Profile, read_profile
from streamserver.wire.problem import HTTPError

MS = 1_000_000


@pytest.mark.parametrize(
    ("members", "profile"),
    [
        ({"decode_step": "10ms"}, Profile(10 * MS)),
        ({"decode_step": 0.01}, Profile(10 * MS)),
        ({"decode_step": "2.5"}, Profile(2500 * MS)),
        (
            {"decode_step": "1ms", "decode_step_per_sequence": "0.1ms", "prefill_per_token": "1us"},
            Profile(MS, MS // 10, 1000),
        ),
        (
            {"decode_step": "1ms", "prefill_chunk": "512", "max_sequences": 8, "max_waiting": "0"},
            Profile(MS, prefill_chunk=512, max_sequences=8, max_waiting=0),
        ),
        ({"decode_step": "1ms", "cache_tokens": 100}, Profile(MS, cache_tokens=100)),
    ],
)
def test_settings(members: dict[str, Any], profile: Profile) -> None:
    assert read_profile(members) == profile
    assert read_profile(profile.members()) == profile


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({}, "decode_step is missing: it must be a duration from 0.0001 to 60 seconds"),
        ({"decode_step": "0"}, "decode_step must be a duration"),
        ({"decode_step": "10MS"}, "decode_step must be a duration"),
        ({"decode_step": True}, "decode_step must be a duration"),
        ({"decode_step": {"a": 1}}, "decode_step must be a duration"),
        ({"decode_step": 1, "max_sequences": "0"}, "max_sequences must be a whole number from 1"),
        ({"decode_step": 1, "max_sequences": 1.5}, "max_sequences must be a whole number from 1"),
        ({"decode_steps": "10ms"}, "unknown setting 'decode_steps' (did you mean 'decode_step'?)"),
        ({"x": 1}, "unknown setting 'x'; settings: decode_step, decode_step_per_sequence, prefill"),
    ],
)
def test_a_wrong_setting_is_named(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(HTTPError) as error:
        read_profile(members)
    assert error.value.detail.startswith(problem)


def test_the_time_of_a_step() -> None:
    assert Profile(100, 7, 3).step_time(2) == 114
    assert Profile(100, 7, 3).step_time(2, 10) == 144
