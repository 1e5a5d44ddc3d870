"""Durations and sizes with and without units."""

from decimal import Decimal

import pytest

from streamserver.kit.hints import did_you_mean
from streamserver.kit.units import format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", "0"),
        ("75", "75"),
        ("007.50", "7.5"),
        ("5s", "5"),
        ("500ms", "0.5"),
        ("0.5ms", "0.0005"),
        ("4.35ms", "0.00435"),
        ("200us", "0.0002"),
        ("7ns", "0.000000007"),
        ("2m", "120"),
        ("1.5h", "5400"),
        ("1d", "86400"),
    ],
)
def test_durations(text: str, seconds: str) -> None:
    assert parse_duration(text) == Decimal(seconds)


@pytest.mark.parametrize("text", ["0", "75"])
def test_a_unit_may_be_needed(text: str) -> None:
    assert parse_duration(text, bare=False) is None
    assert parse_duration(text + "s", bare=False) == int(text)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("0", 0),
        ("1000", 1000),
        ("10B", 10),
        ("1kB", 1000),
        ("1KB", 1000),
        ("10MB", 10_000_000),
        ("1.5GB", 1_500_000_000),
        ("1TB", 10**12),
        ("64KiB", 65536),
        ("0.5MiB", 524_288),
        ("2GiB", 2**31),
        ("1TiB", 2**40),
    ],
)
def test_sizes(text: str, octets: int) -> None:
    assert parse_size(text) == octets


NEITHER = [
    *(
        "",
        " ",
        "s",
        "B",
        "-1",
        "+1",
        "1e3",
        "1_0",
        " 1",
        "1 ",
        "1 s",
        "1\n",
        "nan",
        "inf",
        ".5",
        "1.",
    ),
    *("1M", "1k", "10Mb", "1mib", "1min", "1sec", "1S", "٣", "1,5", "0x1", "1s1", "9" * 5000),
]


@pytest.mark.parametrize("text", NEITHER, ids=ascii)
def test_what_is_neither(text: str) -> None:
    assert parse_duration(text) is None
    assert parse_size(text) is None


@pytest.mark.parametrize("text", ["1.5", "0.0001KiB", "1ms"])
def test_a_size_is_a_whole_number_of_bytes(text: str) -> None:
    assert parse_size(text) is None


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (0, "0"),
        (1000, "1000"),
        (1024, "1KiB"),
        (1536, "1536"),
        (2**24, "16MiB"),
        (2**50, "1024TiB"),
    ],
)
def test_a_size_is_shown_as_it_may_be_written(octets: int, shown: str) -> None:
    assert format_size(octets) == shown
    assert parse_size(shown) == octets


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("serv", " (did you mean 'serve'?)"),
        ("BENCH", " (did you mean 'bench'?)"),
        ("hello", ""),
        ("", ""),
        ("x" * 100_000, ""),
    ],
    ids=lambda text: text[:20],
)
def test_the_nearest_word(word: str, hint: str) -> None:
    assert did_you_mean(word, ("serve", "bench", "target")) == hint
