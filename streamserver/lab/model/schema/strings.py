"""Texts for the keywords of strings."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

MAX_LENGTH = 10_000
"""Characters of a text that ``minLength`` may demand."""
_WORDS = (
    *("amber", "river", "stone", "cloud", "maple", "north", "delta", "ember", "harbor", "lemon"),
    *("meadow", "orbit", "pebble", "quartz", "summit", "willow", "flow", "Zürich", "流れ", "🦦"),
)
_PLAIN = _WORDS[:17]


def _moment(random: Random) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(31_536_000))


def _ipv4(random: Random) -> str:
    return f"192.0.2.{random.randrange(1, 255)}"


def _plain(random: Random) -> str:
    return random.choice(_PLAIN)


FORMATS: dict[str, Callable[[Random], str]] = {
    "date-time": lambda random: _moment(random).isoformat().replace("+00:00", "Z"),
    "date": lambda random: _moment(random).date().isoformat(),
    "time": lambda random: _moment(random).time().isoformat() + "Z",
    "duration": lambda random: f"PT{random.randrange(1, 60)}M",
    "email": lambda random: f"{_plain(random)}@example.com",
    "idn-email": lambda random: f"{_plain(random)}@example.com",
    "hostname": lambda random: f"{_plain(random)}.example.com",
    "idn-hostname": lambda random: f"{_plain(random)}.example.com",
    "ipv4": _ipv4,
    "ipv6": lambda random: f"2001:db8::{random.randrange(1, 65536):x}",
    "uuid": lambda random: str(UUID(int=random.getrandbits(128), version=4)),
    "uri": lambda random: f"https://example.com/{_plain(random)}",
    "iri": lambda random: f"https://example.com/{_plain(random)}",
    "uri-reference": lambda random: f"/{_plain(random)}",
    "iri-reference": lambda random: f"/{_plain(random)}",
    "uri-template": lambda random: f"/{_plain(random)}/{{id}}",
    "json-pointer": lambda random: f"/{_plain(random)}",
    "relative-json-pointer": lambda random: f"{random.randrange(9)}/{_plain(random)}",
    "regex": lambda random: f"^{_plain(random)}$",
}
"""Texts of the formats that JSON Schema defines. Others only annotate."""


def words(random: Random, least: int, most: int) -> str:
    """A text of ``least`` to ``most`` characters."""
    found = random.choice(_WORDS)
    while len(found) < least:
        found += " " + random.choice(_WORDS)
    return found[: max(least, most)] if len(found) > most else found
