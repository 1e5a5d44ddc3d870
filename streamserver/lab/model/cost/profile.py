"""A model of cost: how long an inference engine needs for a prompt and for tokens.

An engine with continuous batching computes in steps. In a step each running sequence gets one
token, and the prompts that were admitted are processed, up to ``prefill_chunk`` tokens of them. The
step takes the time of ``STEP_TIME``, where ``running`` counts its sequences, and ``processed`` the
tokens of prompts.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

from streamserver.kit.hints import did_you_mean
from streamserver.kit.params import Parameter, duration, whole
from streamserver.lab.target.events import SECOND
from streamserver.wire.problem import HTTPError

STEP_TIME = "decode_step + decode_step_per_sequence * running + prefill_per_token * processed"
N = TypeVar("N", int, float)
_DURATIONS = (
    duration("decode_step", 0.0001, 60),
    duration("decode_step_per_sequence", 0, 1, default=0),
    duration("prefill_per_token", 0, 1, default=0),
)
_COUNTS = (
    whole("prefill_chunk", 1, 1_000_000, default=8192),
    whole("max_sequences", 1, 10_000, default=256),
    whole("max_waiting", 0, 100_000, default=1000),
    whole("cache_tokens", 0, 4_000_000, default=0),
)
SETTINGS = tuple(one.name for one in (*_DURATIONS, *_COUNTS))


@dataclass(frozen=True, slots=True)
class Profile:
    """The cost of an engine; times in ns."""

    decode_step: int
    """The time that every step takes."""
    decode_step_per_sequence: int = 0
    prefill_per_token: int = 0
    prefill_chunk: int = 8192
    """The most tokens of prompts that a step processes."""
    max_sequences: int = 256
    """The most sequences that run at once."""
    max_waiting: int = 1000
    """The most sequences that wait for a place; others are refused."""
    cache_tokens: int = 0
    """The most tokens of prompts that are kept and not processed again; 0 for no cache."""

    def step_time(self, running: int, processed: int = 0) -> int:
        """Nanoseconds of a step with ``running`` sequences and ``processed`` tokens of prompts."""
        return (
            self.decode_step
            + self.decode_step_per_sequence * running
            + self.prefill_per_token * processed
        )

    def members(self) -> dict[str, float]:
        """The settings as ``read_profile`` reads them; times in seconds."""
        members: dict[str, float] = asdict(self)
        return members | {one.name: members[one.name] / SECOND for one in _DURATIONS}


def read_profile(members: Mapping[str, object]) -> Profile:
    """The profile with these settings: texts as in a query, or numbers; a time is in seconds if it
    has no unit. HTTPError 400 that names a wrong or unknown setting."""
    for name in members:
        if name not in SETTINGS:
            hint = did_you_mean(name, SETTINGS)
            allowed = ", ".join(SETTINGS)
            raise HTTPError(400, f"unknown setting {name[:40]!a}{hint}; settings: {allowed}")
    times = {one.name: round(_read(one, members) * SECOND) for one in _DURATIONS}
    return Profile(**times, **{one.name: _read(one, members) for one in _COUNTS})


def _read(setting: Parameter[N], members: Mapping[str, object]) -> N:
    value = members.get(setting.name)
    return setting.read(value) if isinstance(value, str) else setting.of(members)
