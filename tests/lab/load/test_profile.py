"""How much load at which time."""

from math import inf

import pytest

from streamserver.lab.load.profile import Profile, Stage, parse


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("100", [Stage(100, 100)]),
        ("0.5", [Stage(0.5, 0.5)]),
        ("10@30,20@30,40", [Stage(10, 10, 30), Stage(20, 20, 30), Stage(40, 40)]),
        ("0..100@60, 100@60", [Stage(0, 100, 60), Stage(100, 100, 60)]),
        ("9..1@2.5", [Stage(9, 1, 2.5)]),
        ("0@1,5", [Stage(0, 0, 1), Stage(5, 5)]),
        ("0..9@500ms,9@2m", [Stage(0, 9, 0.5), Stage(9, 9, 120)]),
    ],
)
def test_a_profile_is_read(text: str, stages: list[Stage]) -> None:
    assert parse(text) == Profile(tuple(stages))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "'' is no stage"),
        ("fast", "'fast' is no stage"),
        ("-1", "'-1' is no stage"),
        ("1..2..3@4", "'1..2..3@4' is no stage"),
        ("10@5,,10", "'' is no stage"),
        ("1e9", "'1e9' is no stage"),
        ("1000001", "'1000001' is out of bounds"),
        ("5@0", "'5@0' is out of bounds"),
        ("5@2678401", "'5@2678401' is out of bounds"),
        ("5@32d", "'5@32d' is out of bounds"),
        ("5@soon", "'5@soon' is no stage, since 'soon' is no duration"),
        ("5@", "'5@' is no stage"),
        ("1..2", "'1..2' needs its duration"),
        ("1..2@3,4,5", "'4' needs its duration"),
        ("0", "'0' is no load at all"),
        ("0@5,0@3", "'0@5,0@3' is no load at all"),
    ],
)
def test_what_is_wrong_is_named_and_what_is_allowed(text: str, named: str) -> None:
    with pytest.raises(ValueError, match="N@DURATION is a step") as told:
        parse(text)
    assert str(told.value).startswith(named)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("7", {0: 7, 1000: 7}),
        ("1@10,2@10", {0: 1, 9.99: 1, 10: 2, 19.99: 2, 20: 0}),
        ("0..10@10,10@5", {0: 0, 5: 5, 10: 10, 14: 10, 15: 0}),
        ("10..0@10", {0: 10, 2.5: 7.5, 10: 0}),
    ],
)
def test_the_level_at_a_time(text: str, levels: dict[float, float]) -> None:
    profile = parse(text)
    assert {at: profile.level(at) for at in levels} == pytest.approx(levels)


@pytest.mark.parametrize(
    ("text", "seconds", "most"),
    [("3", inf, 3), ("3@4,5", inf, 5), ("3@4,1..9@2,2@1", 7, 9)],
)
def test_its_length_and_its_height(text: str, seconds: float, most: float) -> None:
    profile = parse(text)
    assert (profile.seconds, profile.most) == (seconds, most)
