"""The limits and deadlines: their defaults, and what they may be."""

from dataclasses import FrozenInstanceError, asdict

import pytest

from streamserver.server.settings import Settings

DEFAULTS = {
    "head_timeout": 10.0,
    "body_timeout": 30.0,
    "write_timeout": 30.0,
    "keep_alive": 75.0,
    "linger": 2.0,
    "max_stream": 0.0,
    "grace": 10.0,
    "heartbeat": 15.0,
    "max_head": 16 * 1024,
    "max_target": 8 * 1024,
    "max_body": 1024 * 1024,
    "max_pipelined": 64 * 1024,
    "max_connections": 0,
}
MAY_BE_ZERO = {
    *("max_stream", "grace", "heartbeat", "linger"),
    *("max_body", "max_pipelined", "max_connections"),
}


def test_the_defaults() -> None:
    assert asdict(Settings()) == DEFAULTS


@pytest.mark.parametrize("name", sorted(MAY_BE_ZERO))
def test_zero_where_it_has_a_meaning(name: str) -> None:
    assert asdict(Settings(**{name: 0})) == {**DEFAULTS, name: 0}


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - MAY_BE_ZERO))
@pytest.mark.parametrize("value", [0, 0.0, -1, float("nan")])
def test_more_than_zero_elsewhere(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be more than 0, not {value}"):
        Settings(**{name: value})  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("name", sorted(MAY_BE_ZERO))
@pytest.mark.parametrize("value", [-1, -0.001, float("nan")])
def test_never_less_than_zero(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be 0 or more, not {value}"):
        Settings(**{name: value})  # type: ignore[arg-type]  # by name


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.grace = 1.0  # type: ignore[misc]  # the point of the test
